/* SPDX-License-Identifier: Apache-2.0 */
/* The source of goroutine samples on a made-up process that changes while it is looked at. */
#include "analyst/goroutines.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyst/go/describe.h"
#include "analyst/go/process.h"
#include "analyst/go/program.h"
#include "analyst/gomemory.h"
#include "clock.h"

/* The target, and the program in it: what goroutines.c links with in place of the real one. */
static struct process *target;

struct program {
    uint64_t exec_id;
    struct go_runtime *runtime;
};

struct go_memory gomemory_of(struct remote *remote)
{
    (void)remote;
    return target->memory;
}

int program_update(struct program *program, uint64_t scan, uint64_t exec_id)
{
    char why[GO_WHY_MAX];

    (void)scan;
    if (program->exec_id != exec_id)
        go_runtime_free(&program->runtime);
    program->exec_id = exec_id;
    if (program->runtime)
        return 0;
    return go_runtime_new((struct go_code *)target, &target->memory, why, &program->runtime);
}

uint64_t program_generation(const struct program *program)
{
    return program->exec_id;
}

struct go_code *program_code(struct program *program)
{
    (void)program;
    return (struct go_code *)target;
}

struct go_runtime *program_runtime(struct program *program)
{
    return program->runtime;
}

void program_describe(const struct program *program, struct outbox *outbox,
                      struct wire_scan *ret_scan)
{
    (void)program, (void)outbox;
    strcpy(ret_scan->runtime, "go");
}

bool program_is_system(struct program *program, uint64_t startpc)
{
    (void)program;
    return startpc != START_OWN && startpc != START_MAIN;
}

/* A goroutine with a stack that is not copied whole, and what the target does before its rest is
 * read. */
#define DEEP      5
#define DEEP_AT   (STACKS_AT + 300 * STACK_SIZE)
#define DEEP_SIZE (8 * STACK_SIZE)
#define DEEP_WORD (DEEP_SIZE - 1024) /* from its top on */
static void (*before_deep_read)(void);

static uint64_t read_deep(uint64_t sp)
{
    uint64_t word = 0;

    if (before_deep_read)
        before_deep_read();
    assert_int_equal(target->memory.read(target, sp + DEEP_WORD, &word, sizeof(word)), 0);
    return word;
}

/* One frame: the value that lies on top of the stack; of a deep one with that at its other end. */
enum unwind_end go_code_unwind(struct go_code *code, uint64_t pc, uint64_t sp,
                               const struct stack_copy *copy, struct raw_frame *ret_frames,
                               size_t max, size_t *ret_n)
{
    (void)code, (void)pc;
    assert_true(max > 0);
    assert_true(copy->size >= 8);
    ret_frames[0] = (struct raw_frame){.pc = 0};
    memcpy(&ret_frames[0].pc, copy->bytes, 8);
    if (copy->size > STACK_SIZE)
        ret_frames[0].pc += read_deep(sp);
    *ret_n = 1;
    return UNWIND_WHOLE;
}

size_t go_code_symbolize(struct go_code *code, const struct raw_frame *raw,
                         struct frame ret_frames[static SYMBOL_INLINE_MAX])
{
    (void)code;
    ret_frames[0] = (struct frame){.function = "main.work", .address = raw->pc};
    return 1;
}

/* What the monitor has got. */
struct received {
    size_t n_puts, n_drops, n_samples;
    struct sample samples[PROCESS_GS];
    uint64_t frame[PROCESS_GS]; /* the address of the only frame of each one's stack */
    uint64_t look_ns;           /* 0: what was put stands until it is dropped */
    struct wire_scan scan;
};

struct test {
    struct program program;
    struct goroutines *goroutines;
    struct outbox *outbox;
    struct losses losses;
    int sockets[2];
    uint64_t n_scans;
    uint64_t exec_id;
    struct received got;
    uint64_t stacks[PROCESS_GS][2]; /* id, address */
    size_t n_stacks;
};

static void open_test(struct test *test, int minor, size_t n, struct goroutines_options options)
{
    int size = 8 * 1024 * 1024;

    memset(test, 0, sizeof(*test));
    target = process_new(minor, n);
    test->exec_id = 1;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, test->sockets), 0);
    setsockopt(test->sockets[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    assert_int_equal(outbox_new(test->sockets[0], &test->losses, &test->outbox), 0);
    options.samples = true;
    assert_int_equal(goroutines_new(&options, &test->program, NULL, test->outbox, &test->losses,
                                    &test->goroutines),
                     0);
}

static void close_test(struct test *test)
{
    goroutines_free(&test->goroutines);
    go_runtime_free(&test->program.runtime);
    outbox_free(&test->outbox);
    close(test->sockets[0]);
    close(test->sockets[1]);
    free(target);
}

static struct sample *find(struct received *got, uint64_t goid)
{
    for (size_t i = 0; i < got->n_samples; i++)
        if (got->samples[i].id == goid)
            return &got->samples[i];
    return NULL;
}

static void take_put(struct received *got, const struct sample *sample)
{
    struct sample *known = find(got, sample->id);

    got->n_puts++;
    if (!known)
        known = &got->samples[got->n_samples++];
    *known = *sample;
}

static void take_drop(struct received *got, uint64_t goid)
{
    struct sample *known = find(got, goid);

    got->n_drops++;
    assert_non_null(known);
    *known = got->samples[--got->n_samples];
}

static void take_message(struct test *test, const struct wire_header *header, const char *payload)
{
    if (header->type == WIRE_LOOK) {
        test->got.n_samples = 0;
        memcpy(&test->got.look_ns, payload, sizeof(test->got.look_ns));
    }
    if (header->type == WIRE_PUT)
        for (size_t at = 0; at < header->length; at += sizeof(struct sample))
            take_put(&test->got, (const struct sample *)(const void *)(payload + at));
    if (header->type == WIRE_DROP)
        for (size_t at = 0; at < header->length; at += sizeof(struct wire_key))
            take_drop(&test->got, ((const struct wire_key *)(const void *)(payload + at))->id);
    if (header->type == WIRE_STACK) {
        memcpy(&test->stacks[test->n_stacks][0], payload, 8);
        memcpy(&test->stacks[test->n_stacks++][1], payload + sizeof(struct wire_stack), 8);
    }
}

/* One scan, and what it tells the monitor. */
static void scan(struct test *test)
{
    struct wire_scan result = {.number = ++test->n_scans, .time_ns = clock_now()};
    struct wire_header header = {.type = WIRE_TYPE_MAX};
    static char payload[WIRE_PAYLOAD_MAX] __attribute__((aligned(8)));

    test->got.n_puts = test->got.n_drops = 0;
    assert_int_equal(goroutines_scan(test->goroutines, test->exec_id, &result), 0);
    assert_int_equal(outbox_scan(test->outbox, &result), 0);
    while (header.type != WIRE_SCAN) {
        assert_int_equal(recv(test->sockets[1], &header, sizeof(header), MSG_WAITALL),
                         sizeof(header));
        if (header.length)
            assert_int_equal(recv(test->sockets[1], payload, header.length, MSG_WAITALL),
                             header.length);
        take_message(test, &header, payload);
    }
    test->got.scan = result;
}

static uint64_t frame_of(struct test *test, uint64_t goid)
{
    const struct sample *sample = find(&test->got, goid);

    assert_non_null(sample);
    for (size_t i = 0; i < test->n_stacks; i++)
        if (test->stacks[i][0] == sample->stack_id)
            return test->stacks[i][1];
    fail();
    return 0;
}

static void repark(size_t index)
{
    uint64_t at = g_of(index) + target->offsets->sequence;

    put8(target, at, *process_at(target, at, 1) + 1);
}

#define ALL ((struct goroutines_options){.threshold_ns = 0})

static void set_waitsince(size_t index, uint64_t ns)
{
    put64(target, g_of(index) + target->offsets->waitsince, ns);
}

/* Those that were sent before another told of a collection, which bounds their age. */
static void what_is_learned_late_is_told_of_all(void **state)
{
    const size_t late = SUBJECTS_MAX + 100;
    struct test test;

    (void)state;
    open_test(&test, 127, PROCESS_GS - 4, ALL);
    set_waitsince(50, 1000);
    set_waitsince(late - 1, 1000);
    set_waitsince(late, 900);
    scan(&test);
    assert_int_equal(test.got.n_samples, PROCESS_GS);
    assert_int_equal(test.got.n_puts, PROCESS_GS + SUBJECTS_MAX);
    assert_int_equal(find(&test.got, 51)->not_before_ns, 900);
    assert_int_equal(find(&test.got, late)->not_before_ns, 900);
    assert_int_equal(find(&test.got, late + 1)->not_before_ns, 0);
    scan(&test);
    assert_int_equal(test.got.n_puts, 0);
    close_test(&test);
}

/* Each once, when all that is learned is known; a scan thereafter knows of none. */
static void one_look_is_told_at_its_end(void **state)
{
    const size_t late = SUBJECTS_MAX + 100;
    struct test test;

    (void)state;
    open_test(&test, 127, PROCESS_GS - 4, (struct goroutines_options){.one_look = true});
    set_waitsince(50, 1000);
    set_waitsince(late, 900);
    process_set_status(target, 10, GO_RUNNING, 0);
    scan(&test);
    assert_int_equal(test.got.look_ns, test.got.scan.time_ns);
    assert_int_equal(test.got.n_samples, PROCESS_GS - 1);
    assert_int_equal(test.got.n_puts, PROCESS_GS - 1);
    assert_int_equal(find(&test.got, 51)->not_before_ns, 900);
    assert_null(find(&test.got, 11));
    process_set_status(target, 11, GO_RUNNING, 0);
    scan(&test);
    assert_int_equal(test.got.look_ns, test.got.scan.time_ns);
    assert_int_equal(test.got.n_puts, PROCESS_GS - 2);
    assert_int_equal(test.got.n_drops, 0);
    assert_null(find(&test.got, 12));
    close_test(&test);
}

static void all_that_are_parked_are_sent_once(void **state)
{
    struct test test;

    (void)state;
    for (size_t i = 0; i < VERSIONS; i++) {
        open_test(&test, versions[i].minor, 100, ALL);
        process_set_status(target, 10, GO_RUNNING, 0);
        process_set_status(target, 11, GO_RUNNABLE, 0);
        process_set_status(target, 12, GO_DEAD, 0);
        scan(&test);
        assert_int_equal(test.got.n_samples, 101);
        assert_int_equal(test.got.n_puts, 101);
        assert_int_equal(test.got.scan.has_goroutines, 1);
        /* Without the runtime's own, and without the dead. */
        assert_int_equal(test.got.scan.goroutines[GOROUTINE_WAITING], 98);
        assert_int_equal(test.got.scan.goroutines[GOROUTINE_RUNNING], 1);
        assert_int_equal(test.got.scan.goroutines[GOROUTINE_RUNNABLE], 1);
        scan(&test);
        assert_int_equal(test.got.n_puts + test.got.n_drops, 0);
        close_test(&test);
    }
}

/* One that is just being made is none of them. */
static void those_that_make_no_sense_are_counted(void **state)
{
    struct test test;

    (void)state;
    for (size_t i = 0; i < VERSIONS; i++) {
        open_test(&test, versions[i].minor, 10, ALL);
        scan(&test);
        put64(target, g_of(5) + 72, 0);
        process_set_status(target, 5, GO_DEAD, 0);
        scan(&test);
        assert_int_equal(test.losses.count[LOSS_goroutine_unreadable], 0);
        put64(target, g_of(6) + 72, 0x10);
        process_set_status(target, 7, 99, 0);
        put64(target, ARRAY_AT + 14 * 8, HEAP_BASE + HEAP_SIZE - 64); /* read in part */
        process_set_allgs(target, ARRAY_AT, 15, PROCESS_GS);
        scan(&test);
        assert_int_equal(test.losses.count[LOSS_goroutine_unreadable], 3);
        assert_null(find(&test.got, 6));
        assert_null(find(&test.got, 7));
        assert_null(find(&test.got, 8));
        assert_int_equal(test.got.n_samples, 11);
        close_test(&test);
    }
}

static void only_what_is_past_the_threshold_is_sent(void **state)
{
    struct test test;

    (void)state;
    open_test(&test, 124, 10,
              (struct goroutines_options){.threshold_ns = 50000000, .proven = true});
    scan(&test);
    assert_int_equal(test.got.n_samples, 0);
    poll(NULL, 0, 60);
    repark(5);
    scan(&test);
    assert_int_equal(test.got.n_samples, 13);
    assert_null(find(&test.got, 6));
    close_test(&test);
}

/* A daemon waits for proof; a single look takes who may have been parked for long enough. */
static void without_proof_the_upper_bound_decides(void **state)
{
    struct test test;

    (void)state;
    open_test(&test, 124, 10, (struct goroutines_options){.threshold_ns = 60000000000});
    scan(&test);
    assert_int_equal(test.got.n_samples, 14);
    repark(5);
    scan(&test);
    assert_int_equal(test.got.n_samples, 13);
    close_test(&test);
}

static void who_parks_again_starts_anew(void **state)
{
    struct test test;
    uint64_t first, other;

    (void)state;
    open_test(&test, 124, 10, ALL);
    scan(&test);
    first = find(&test.got, 6)->seen_ns;
    other = find(&test.got, 7)->seen_ns;
    for (int i = 0; i < 300; i++) {
        repark(5);
        scan(&test);
        assert_true(find(&test.got, 6)->seen_ns > first);
        assert_int_not_equal(find(&test.got, 6)->not_before_ns, 0);
        first = find(&test.got, 6)->seen_ns;
    }
    assert_int_equal(find(&test.got, 7)->seen_ns, other);
    close_test(&test);
}

/* Nothing proves that a coroutine's park went on, and nothing that it did not. */
static void what_may_be_the_same_park_is_not_bounded_from_above(void **state)
{
    struct test test;
    uint64_t first;

    (void)state;
    open_test(&test, 124, 10, ALL);
    process_set_status(target, 5, GO_WAITING, target->offsets->coroutine);
    scan(&test);
    first = find(&test.got, 6)->seen_ns;
    scan(&test);
    assert_true(find(&test.got, 6)->seen_ns > first);
    assert_int_equal(find(&test.got, 6)->not_before_ns, 0);
    close_test(&test);
}

/* Exactly 256 parks between two looks; the second look finds it moving. */
static void repark_by_reads(struct process *process)
{
    if (process->n_reads % 4 == 3)
        repark(5);
}

static void a_sequence_that_came_round_is_found_out(void **state)
{
    struct test test;
    uint64_t first;

    (void)state;
    open_test(&test, 124, 10, ALL);
    scan(&test);
    first = find(&test.got, 6)->seen_ns;
    /* The first reads of the next scan show the same number, those behind them another one. */
    target->n_reads = 0;
    target->before_read = repark_by_reads;
    put8(target, g_of(5) + target->offsets->sequence, 7);
    scan(&test);
    target->before_read = NULL;
    scan(&test);
    assert_true(find(&test.got, 6)->seen_ns > first);
    close_test(&test);
}

static void a_goroutine_that_ended_is_dropped(void **state)
{
    struct test test;

    (void)state;
    open_test(&test, 124, 10, ALL);
    scan(&test);
    process_set_status(target, 5, GO_DEAD, 0);
    scan(&test);
    assert_int_equal(test.got.n_drops, 1);
    assert_null(find(&test.got, 6));
    /* Its g is another goroutine's now. */
    process_set_status(target, 5, GO_WAITING, target->offsets->send);
    put64(target, g_of(5) + target->offsets->goid, 99);
    scan(&test);
    assert_non_null(find(&test.got, 99));
    /* And of yet another one, without a scan in between. */
    put64(target, g_of(5) + target->offsets->goid, 100);
    scan(&test);
    assert_null(find(&test.got, 99));
    assert_non_null(find(&test.got, 100));
    close_test(&test);
}

static void new_goroutines_are_found(void **state)
{
    struct test test;

    (void)state;
    open_test(&test, 124, 10, ALL);
    scan(&test);
    for (int i = 0; i < 50; i++)
        process_add(target, target->offsets->send, START_OWN);
    scan(&test);
    assert_int_equal(test.got.n_samples, 64);
    assert_int_not_equal(find(&test.got, 64)->not_before_ns, 0);
    close_test(&test);
}

/* Each read of a stack is followed by a look at the g; here it has moved by then, always. */
static void keep_moving(struct process *process)
{
    (void)process;
    repark(5);
    put64(target, STACKS_AT + 5 * STACK_SIZE + STACK_SIZE - 256, 0xbad);
}

static void torn_reads_are_thrown_away(void **state)
{
    struct test test;

    (void)state;
    open_test(&test, 124, 10, ALL);
    target->before_read = keep_moving;
    scan(&test);
    target->before_read = NULL;
    assert_null(find(&test.got, 6));
    assert_int_equal(test.got.n_samples, 13);
    assert_int_equal(test.losses.count[LOSS_goroutine_moved], 1);
    scan(&test);
    assert_non_null(find(&test.got, 6));
    close_test(&test);
}

/* The collector moves a stack between the look at the g and the read of the stack, once. */
static void move_stack(struct process *process)
{
    uint64_t to = STACKS_AT + 300 * STACK_SIZE;
    uint64_t from = STACKS_AT + 5 * STACK_SIZE + STACK_SIZE - 256;

    if (process->n_reads != 8)
        return;
    put64(target, to + STACK_SIZE - 256, 0x405005);
    put64(target, from, 0xbad);
    put64(target, g_of(5), to);
    put64(target, g_of(5) + 8, to + STACK_SIZE);
    put64(target, g_of(5) + 56, to + STACK_SIZE - 256);
}

static void a_stack_that_moves_meanwhile_is_read_again(void **state)
{
    (void)state;
    /* At whatever read it happens. */
    for (unsigned at = 1; at < 30; at++) {
        struct test test;

        open_test(&test, 124, 10, ALL);
        put64(target, STACKS_AT + 5 * STACK_SIZE + STACK_SIZE - 256, 0x405005);
        target->n_reads = 8 - at;
        target->before_read = move_stack;
        scan(&test);
        assert_int_equal(frame_of(&test, 6), 0x405005);
        assert_int_equal(test.losses.count[LOSS_goroutine_moved], 0);
        close_test(&test);
    }
}

static void put_deep_stack(uint64_t at, uint64_t top, uint64_t bottom)
{
    put64(target, g_of(DEEP), at);
    put64(target, g_of(DEEP) + 8, at + DEEP_SIZE);
    put64(target, g_of(DEEP) + 56, at + 256);
    put64(target, at + 256, top);
    put64(target, at + 256 + DEEP_WORD, bottom);
}

static unsigned moves_left;

/* The collector moves it, and its old memory is another's. */
static void move_deep_stack(void)
{
    if (!moves_left)
        return;
    put64(target, DEEP_AT + 256 + DEEP_WORD, 0xbad);
    put_deep_stack(DEEP_AT + DEEP_SIZE, 0x4000, 0x30);
    moves_left--;
}

/* It runs, and parks at the same place in another call. */
static void run_deep_stack(void)
{
    if (!moves_left)
        return;
    repark(DEEP);
    put_deep_stack(DEEP_AT, 0x5000, 0x60);
    moves_left--;
}

static void the_rest_of_a_deep_stack_is_of_the_same_park(void **state)
{
    static void (*const happens[])(void) = {NULL, move_deep_stack, run_deep_stack};
    static const uint64_t expected[] = {0x4030, 0x4030, 0x5060};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct test test;

        open_test(&test, 124, 10, ALL);
        put_deep_stack(DEEP_AT, 0x4000, 0x30);
        before_deep_read = happens[i];
        moves_left = 1;
        scan(&test);
        assert_int_equal(frame_of(&test, DEEP + 1), expected[i]);
        assert_int_equal(test.losses.count[LOSS_goroutine_moved], 0);
        assert_int_equal(test.n_stacks, 6); /* the others' five, and one that is true */
        close_test(&test);
    }
}

static void a_deep_stack_that_never_stands_is_thrown_away(void **state)
{
    struct test test;

    (void)state;
    open_test(&test, 124, 10, ALL);
    put_deep_stack(DEEP_AT, 0x4000, 0x30);
    before_deep_read = run_deep_stack;
    moves_left = 100;
    scan(&test);
    assert_null(find(&test.got, DEEP + 1));
    assert_int_equal(test.got.n_samples, 13);
    assert_int_equal(test.losses.count[LOSS_goroutine_moved], 1);
    before_deep_read = NULL;
    scan(&test);
    assert_int_equal(frame_of(&test, DEEP + 1), 0x5060);
    close_test(&test);
}

/* As copystack() does: gp.stack first, gp.sched.sp later. */
#define MOVED_TO (STACKS_AT + 300 * STACK_SIZE)

static void begin_to_move(size_t index)
{
    put64(target, g_of(index), MOVED_TO);
    put64(target, g_of(index) + 8, MOVED_TO + STACK_SIZE);
}

static void end_the_move(struct process *process)
{
    if (process->n_reads < 20)
        return;
    put64(target, g_of(5) + 56, MOVED_TO + STACK_SIZE - 256);
}

static void a_stack_that_moves_during_a_look_ends_no_park(void **state)
{
    (void)state;
    /* At whatever read it is there, or not at all. */
    for (unsigned at = 1; at <= 20; at++) {
        struct test test;
        uint64_t first;

        open_test(&test, 124, 10, ALL);
        scan(&test);
        first = find(&test.got, 6)->seen_ns;
        begin_to_move(5);
        target->n_reads = 20 - at;
        target->before_read = end_the_move;
        scan(&test);
        target->n_reads = 20;
        scan(&test);
        assert_int_equal(find(&test.got, 6)->seen_ns, first);
        assert_int_equal(find(&test.got, 6)->not_before_ns, 0);
        close_test(&test);
    }
}

/* The move ends right after the g was looked at. */
static int read_in_the_middle(void *context, const struct rpc_range *ranges, size_t n,
                              const uint8_t **ret_bytes, const uint32_t **ret_lengths)
{
    int r = process_read_ranges(context, ranges, n, ret_bytes, ret_lengths);

    for (size_t i = 0; i < n; i++)
        if (ranges[i].address <= g_of(5) && g_of(5) - ranges[i].address < ranges[i].length)
            put64(target, g_of(5) + 56, MOVED_TO + STACK_SIZE - 256);
    return r;
}

static void a_look_at_half_a_move_is_taken_again(void **state)
{
    struct test test;

    (void)state;
    open_test(&test, 124, 10, ALL);
    scan(&test);
    begin_to_move(5);
    target->memory.read_ranges = read_in_the_middle;
    scan(&test);
    assert_int_equal(test.got.n_drops, 0);
    assert_int_equal(test.losses.count[LOSS_goroutine_unreadable], 0);
    assert_int_equal(test.got.scan.goroutines[GOROUTINE_WAITING], 11);
    close_test(&test);
}

/* Nobody knows when its park began, if nothing was to be seen of it before. */
static void who_was_not_seen_has_no_upper_bound(void **state)
{
    struct test test;
    uint64_t first;

    (void)state;
    open_test(&test, 124, 10, ALL);
    put64(target, g_of(7) + 56, 0x10); /* never seen well */
    scan(&test);
    assert_null(find(&test.got, 8));
    first = find(&test.got, 6)->seen_ns;
    put64(target, g_of(5) + 72, 0x10);
    put64(target, g_of(6) + 56, 0x10);
    put64(target, g_of(9) + 72, 0x10);
    scan(&test);
    assert_int_equal(test.got.n_drops, 3);
    for (size_t i = 5; i < 8; i++) {
        put64(target, g_of(i) + 72, g_of(i));
        put64(target, g_of(i) + 56, STACKS_AT + i * STACK_SIZE + STACK_SIZE - 256);
    }
    put64(target, g_of(9) + 72, g_of(9));
    repark(6);
    put64(target, g_of(9) + target->offsets->goid, 99); /* the g is another goroutine's */
    scan(&test);
    assert_int_equal(find(&test.got, 6)->seen_ns, first);
    for (uint64_t goid = 6; goid <= 8; goid++)
        assert_int_equal(find(&test.got, goid)->not_before_ns, 0);
    assert_int_equal(find(&test.got, 99)->not_before_ns, 0);
    repark(6);
    scan(&test);
    assert_int_not_equal(find(&test.got, 7)->not_before_ns, 0);
    close_test(&test);
}

/* The list is somewhere else each time. */
static void move_list(struct process *process)
{
    uint64_t to = process->n_reads / 2 % 2 ? ARRAY_AT : ARRAY_AT + 0x20000;

    memcpy(process_at(process, ARRAY_AT + 0x20000, 8 * PROCESS_GS),
           process_at(process, ARRAY_AT, 8 * PROCESS_GS), 8 * PROCESS_GS);
    process_set_allgs(process, to, process->n_gs, PROCESS_GS);
}

static void who_was_not_listed_may_have_been_there(void **state)
{
    struct test test;
    uint64_t between;

    (void)state;
    open_test(&test, 124, 10, ALL);
    scan(&test);
    between = clock_now();
    process_add(target, target->offsets->send, START_OWN);
    target->n_reads = 0;
    target->before_read = move_list;
    scan(&test);
    assert_int_equal(test.got.n_samples, 14);
    target->before_read = NULL;
    process_set_allgs(target, ARRAY_AT, target->n_gs, PROCESS_GS);
    scan(&test);
    assert_int_equal(test.got.n_samples, 15);
    assert_int_not_equal(find(&test.got, 15)->not_before_ns, 0);
    assert_true(find(&test.got, 15)->not_before_ns < between);
    /* Who is listed has the bound of the scan before again. */
    repark(14);
    scan(&test);
    assert_true(find(&test.got, 15)->not_before_ns > between);
    close_test(&test);
}

static void channels_are_the_objects(void **state)
{
    struct test test;

    (void)state;
    open_test(&test, 126, 10, ALL);
    put64(target, g_of(5) + target->offsets->waiting, THINGS_AT);
    put64(target, THINGS_AT + target->offsets->sudog_channel, THINGS_AT + 512);
    scan(&test);
    assert_int_equal(find(&test.got, 6)->object_kind, OBJECT_CHANNEL);
    assert_int_equal(find(&test.got, 6)->object, THINGS_AT + 512);
    assert_int_not_equal(find(&test.got, 6)->detail, 0);
    assert_int_equal(find(&test.got, 7)->object_kind, OBJECT_NONE);
    close_test(&test);
}

/* A sudog of the channel at THINGS_AT + 512, of goroutine `index`, the one behind it. */
static void put_sudog(size_t index, uint64_t at, uint64_t behind)
{
    put64(target, g_of(index) + target->offsets->waiting, at);
    put64(target, at + 8, behind);
    put64(target, at + target->offsets->sudog_channel, THINGS_AT + 512);
}

static void put_senders(uint64_t first, uint64_t last)
{
    put64(target, THINGS_AT + 512 + target->offsets->recvq + 16, first);
    put64(target, THINGS_AT + 512 + target->offsets->recvq + 24, last);
}

static void who_else_waits_is_looked_at_anew(void **state)
{
    const uint64_t a = THINGS_AT, b = THINGS_AT + 256;
    uint32_t two, alone;
    struct test test;

    (void)state;
    open_test(&test, 126, 10, ALL);
    put_sudog(5, a, b);
    put_sudog(6, b, 0);
    put_senders(a, b);
    scan(&test);
    two = find(&test.got, 6)->detail;
    assert_int_equal(find(&test.got, 7)->detail, two);
    /* The first is served, and goes its way. */
    put64(target, g_of(5) + target->offsets->waiting, 0);
    put_senders(b, b);
    scan(&test);
    alone = find(&test.got, 7)->detail;
    assert_int_not_equal(alone, two);
    scan(&test);
    assert_int_equal(test.got.n_puts, 0);
    /* Another one comes. */
    put_sudog(8, a, 0);
    put64(target, b + 8, a);
    put_senders(b, a);
    scan(&test);
    assert_int_equal(find(&test.got, 7)->detail, two);
    assert_int_equal(find(&test.got, 9)->detail, two);
    close_test(&test);
}

static void hostile_lists_end(void **state)
{
    struct test test;

    (void)state;
    open_test(&test, 124, 10, ALL);
    /* A select whose cases go round in a circle. */
    process_set_status(target, 5, GO_WAITING, target->offsets->select);
    put64(target, g_of(5) + target->offsets->waiting, THINGS_AT);
    put64(target, THINGS_AT + target->offsets->sudog_link, THINGS_AT);
    put64(target, THINGS_AT + target->offsets->sudog_channel, THINGS_AT + 512);
    /* Pointers to nowhere. */
    put64(target, g_of(6) + target->offsets->waiting, 1);
    put64(target, g_of(7) + target->offsets->waiting, UINT64_MAX - 3);
    put64(target, g_of(8) + target->offsets->waiting, THINGS_AT + 1024);
    put64(target, THINGS_AT + 1024 + target->offsets->sudog_channel, UINT64_MAX - 3);
    /* A stack as large as all memory, at its end. */
    put64(target, g_of(9), 8);
    put64(target, g_of(9) + 8, UINT64_MAX);
    put64(target, g_of(9) + 56, HEAP_BASE + HEAP_SIZE - 16);
    target->n_reads = 0;
    scan(&test);
    assert_in_range(target->n_reads, 64, 300);
    assert_int_equal(find(&test.got, 6)->object, THINGS_AT + 512);
    assert_int_equal(test.got.n_samples, 14);
    close_test(&test);
}

static void another_program_starts_anew(void **state)
{
    struct test test;

    (void)state;
    open_test(&test, 124, 10, ALL);
    scan(&test);
    test.exec_id++;
    scan(&test);
    assert_int_equal(test.got.n_drops, 14);
    assert_int_equal(test.got.n_puts, 14);
    assert_int_equal(test.got.n_samples, 14);
    close_test(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_learned_late_is_told_of_all),
        cmocka_unit_test(one_look_is_told_at_its_end),
        cmocka_unit_test(all_that_are_parked_are_sent_once),
        cmocka_unit_test(those_that_make_no_sense_are_counted),
        cmocka_unit_test(only_what_is_past_the_threshold_is_sent),
        cmocka_unit_test(without_proof_the_upper_bound_decides),
        cmocka_unit_test(who_parks_again_starts_anew),
        cmocka_unit_test(what_may_be_the_same_park_is_not_bounded_from_above),
        cmocka_unit_test(a_sequence_that_came_round_is_found_out),
        cmocka_unit_test(a_goroutine_that_ended_is_dropped),
        cmocka_unit_test(new_goroutines_are_found),
        cmocka_unit_test(torn_reads_are_thrown_away),
        cmocka_unit_test(a_stack_that_moves_meanwhile_is_read_again),
        cmocka_unit_test(the_rest_of_a_deep_stack_is_of_the_same_park),
        cmocka_unit_test(a_deep_stack_that_never_stands_is_thrown_away),
        cmocka_unit_test(a_stack_that_moves_during_a_look_ends_no_park),
        cmocka_unit_test(a_look_at_half_a_move_is_taken_again),
        cmocka_unit_test(who_was_not_seen_has_no_upper_bound),
        cmocka_unit_test(who_was_not_listed_may_have_been_there),
        cmocka_unit_test(channels_are_the_objects),
        cmocka_unit_test(who_else_waits_is_looked_at_anew),
        cmocka_unit_test(hostile_lists_end),
        cmocka_unit_test(another_program_starts_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
