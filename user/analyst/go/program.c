/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/gomemory.h"
#include "cleanup.h"
#include "table.h"

#define STARTS_MAX 65536 /* functions that goroutines began in */

/* A function that goroutines begin in. */
struct start {
    uint64_t pc;
    bool system;
};

struct program {
    struct go_memory memory;
    struct losses *losses;
    uint64_t scan; /* the last one that looked */
    uint64_t exec_id;
    uint64_t generation;
    uint64_t n_updates; /* since it runs, or has this code */
    struct mappings *mappings;
    uint64_t opened_code; /* mappings_code() when Go was last looked for */
    bool prepared;        /* all below is from before the first scan */
    bool is_go;
    char why[GO_WHY_MAX];       /* its goroutines can't be read, or not in full; "": they can */
    struct go_code *code;       /* NULL: none */
    struct go_runtime *runtime; /* NULL: not readable */
    struct table starts;
    uint32_t last_start; /* among them, that was asked for */
};

static struct table_key start_key(const void *element)
{
    return (struct table_key){.low = ((const struct start *)element)->pc};
}

static const struct table_type starts_type = {sizeof(struct start), STARTS_MAX, start_key};

int program_new(struct remote *remote, struct losses *losses, struct program **ret_program)
{
    CLEANUP(program_free) struct program *program = calloc(1, sizeof(*program));
    int r;

    if (!program)
        return -ENOMEM;
    table_init(&program->starts, &starts_type);
    r = mappings_new(remote, &program->mappings);
    if (r)
        return r;
    program->memory = gomemory_of(remote);
    program->losses = losses;
    *ret_program = TAKE_PTR(program);
    return 0;
}

static void close_program(struct program *program)
{
    program->generation++;
    table_clear(&program->starts);
    go_runtime_free(&program->runtime);
    go_code_free(&program->code);
    program->is_go = false;
    program->why[0] = '\0';
}

void program_free(struct program **program)
{
    if (!*program)
        return;
    close_program(*program);
    mappings_free(&(*program)->mappings);
    free(*program);
    *program = NULL;
}

struct mappings *program_mappings(struct program *program)
{
    return program->mappings;
}

static int open_code(struct program *program)
{
    const struct maps *maps;
    int r;

    r = mappings_all(program->mappings, &maps);
    program->opened_code = mappings_code(program->mappings);
    return r ? r : go_code_new(&program->memory, maps, program->why, &program->code);
}

/* Goroutines that began in a plugin before it was known are none of the runtime's own either way.
 */
static int take_up_plugins(struct program *program)
{
    const struct maps *maps;
    int r;

    if (!go_code_has_grown(program->code))
        return 0;
    r = mappings_all(program->mappings, &maps);
    return r ? r : go_code_update(program->code, maps);
}

/* What it takes to read a version that is newer than any known is said, not only that it failed. */
static void tell_guess(struct program *program)
{
    snprintf(program->why, sizeof(program->why),
             "%.40s is not known yet: read as go1.%d, which proves itself; no labels, no locks, "
             "proven ages from a collection on",
             go_code_version(program->code), GO_MINOR_LAST - 100);
}

static bool is_guess(const struct program *program)
{
    return program->runtime && go_runtime_layout(program->runtime)->is_guess;
}

static void refuse(struct program *program)
{
    program->generation++;
    go_runtime_free(&program->runtime);
    program->losses->count[LOSS_go_refused]++;
}

/* A guess at the layout has to stand up to each scan. */
static int prove_guess(struct program *program)
{
    int r;

    if (!is_guess(program))
        return 0;
    r = go_runtime_prove(program->runtime, program->code, program->why);
    if (r == -ENOTSUP) {
        refuse(program);
        program->n_updates = 0; /* it may have been a moment's: it is tried again soon */
        return 0;
    }
    tell_guess(program);
    return r == -EAGAIN ? 0 : r; /* its list is growing: what was proven of it stays so */
}

/* What is wrong with the program is no error. */
static int open_program(struct program *program)
{
    int r;

    close_program(program);
    r = open_code(program);
    if (r == -ENOENT)
        return 0;
    program->is_go = !r || r == -ENOTSUP;
    if (!r)
        r = go_runtime_new(program->code, &program->memory, program->why, &program->runtime);
    if (r == -ENOTSUP || r == -EAGAIN) {
        refuse(program);
        return 0;
    }
    if (is_guess(program))
        tell_guess(program);
    return r;
}

/* At the first, second, fourth, eighth ... scan. */
static bool is_time(uint64_t n)
{
    return !(n & (n - 1));
}

int program_prepare(struct program *program)
{
    int r = open_program(program);

    program->prepared = !r;
    return r == -ECONNRESET || r == -ENOMEM ? r : 0;
}

/* Whether what was prepared holds: the same files at the same places, [vdso] among them, which is
 * elsewhere after an exec. Where addresses are not random it may be another run of that program, of
 * which nothing else was found out. */
static int check_prepared(struct program *program, bool *ret_holds)
{
    const struct maps *maps;
    int r;

    *ret_holds = program->prepared;
    if (!program->prepared)
        return 0;
    program->prepared = false;
    r = mappings_all(program->mappings, &maps);
    *ret_holds = !r && mappings_code(program->mappings) == program->opened_code;
    return r;
}

/* The first scan of a program. */
static int begin_program(struct program *program, uint64_t exec_id)
{
    bool holds;
    int r = check_prepared(program, &holds);

    program->exec_id = exec_id;
    program->n_updates = 1;
    if (holds)
        return 0;
    close_program(program);
    return r ? r : open_program(program);
}

int program_update(struct program *program, uint64_t scan, uint64_t exec_id)
{
    bool is_new = program->exec_id != exec_id, has_new_code;
    int r;

    if (program->scan == scan && !is_new)
        return 0;
    program->scan = scan;
    mappings_begin(program->mappings);
    if (is_new || program->prepared)
        return begin_program(program, exec_id);
    has_new_code = mappings_code(program->mappings) != program->opened_code;
    if (has_new_code)
        program->n_updates = 0; /* what it loaded may be a runtime, which takes a moment to start */
    program->n_updates++;
    if (program->runtime) {
        r = take_up_plugins(program);
        return r ? r : prove_guess(program);
    }
    if (!is_time(program->n_updates) && !has_new_code)
        return 0;
    return open_program(program);
}

uint64_t program_generation(const struct program *program)
{
    return program->generation;
}

struct go_code *program_code(struct program *program)
{
    return program->code;
}

struct go_runtime *program_runtime(struct program *program)
{
    return program->runtime;
}

void program_describe(const struct program *program, struct outbox *outbox,
                      struct wire_scan *ret_scan)
{
    snprintf(ret_scan->runtime, sizeof(ret_scan->runtime), "%s", program->is_go ? "go" : "native");
    if (program->code)
        snprintf(ret_scan->runtime_version, sizeof(ret_scan->runtime_version), "%s",
                 go_code_version(program->code));
    if (program->is_go && program->why[0])
        ret_scan->note = outbox_string(outbox, program->why);
}

/* isSystemGoroutine() in runtime/traceback.go. */
static bool is_system_function(const char *name)
{
    static const char *const exceptions[] = {"runtime.main", "runtime.handleAsyncEvent",
                                             "runtime.corostart"};

    for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++)
        if (!strcmp(name, exceptions[i]))
            return false;
    return !strncmp(name, "runtime.", strlen("runtime."));
}

bool program_is_system(struct program *program, uint64_t startpc)
{
    struct start new = {.pc = startpc};
    const struct start *known =
        table_find_run(&program->starts, start_key(&new), &program->last_start);
    const char *name;
    uint64_t entry;

    if (known)
        return known->system;
    name = go_code_function(program->code, startpc, &entry);
    new.system = name &&is_system_function(name);
    if (table_add(&program->starts, &new, NULL) == -ENOSPC)
        table_clear(&program->starts);
    return new.system;
}
