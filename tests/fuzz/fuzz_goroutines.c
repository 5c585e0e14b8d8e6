/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Go process of any version whose variables and heap are overwritten anywhere: allgs, g's,
 * sudogs, channels, labels. It is proven and walked as a scan does, until it ends.
 *
 * An input is the version and patches: a place, a length, bytes. A second half of the patches is
 * made after the runtime was proven, as a target may.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"

#include "analyst/go/describe.h"
#include "analyst/go/memos.h"
#include "analyst/go/process.h"
#include "analyst/go/runtime.h"

#define GS       8
#define PATCHES  32
#define SUBJECTS 64

/* With process.h the parts of code.h that describe.c needs. */
enum unwind_end go_code_unwind(struct go_code *code, uint64_t pc, uint64_t sp,
                               const struct stack_copy *copy, struct raw_frame *ret_frames,
                               size_t max, size_t *ret_n)
{
    (void)code, (void)sp;
    *ret_n = copy->size / 8 < max ? copy->size / 8 : max;
    for (size_t i = 0; i < *ret_n; i++)
        ret_frames[i] = (struct raw_frame){.pc = pc + copy->bytes[i * 8]};
    return *ret_n == max ? UNWIND_CAPPED : UNWIND_WHOLE;
}

size_t go_code_symbolize(struct go_code *code, const struct raw_frame *raw,
                         struct frame ret_frames[static SYMBOL_INLINE_MAX])
{
    (void)code;
    ret_frames[0] = (struct frame){.function = "main.work", .address = raw->pc};
    return 1;
}

static void patch(struct process *process, struct input *input)
{
    static const uint64_t places[] = {ALLGS_AT, ARRAY_AT, GS_AT, THINGS_AT, STACKS_AT};
    uint64_t address = places[take_u8(input) % 5] + take_u16(input) % 0x1000;
    uint8_t bytes[64];
    size_t size = take_u8(input) % sizeof(bytes);

    take(input, bytes, size);
    if (process_at(process, address, size))
        memcpy(process_at(process, address, size), bytes, size);
}

static void patch_all(struct process *process, struct input *input)
{
    for (uint8_t n = take_u8(input) % PATCHES; n && input->left; n--)
        patch(process, input);
}

/* All that are parked, as far as there is room. */
static size_t find_subjects(struct process *process, struct go_runtime *runtime,
                            const struct memos *memos, struct subject *subjects)
{
    const struct g_layout *layout = go_runtime_layout(runtime);
    size_t n = 0;

    for (size_t i = 0; i < memos->n && n < SUBJECTS; i++) {
        const uint8_t *bytes = process_at(process, memos->all[i].g, layout->size);
        struct goroutine *goroutine = &subjects[n].goroutine;

        if (bytes && goroutine_decode(layout, memos->all[i].g, bytes, goroutine) &&
            goroutine_is_parked(layout, goroutine))
            n++;
    }
    return n;
}

static int read_subjects(struct subject_reader *reader, struct subject *subjects, size_t n)
{
    int r;

    subjects_begin(reader, 0, subjects, n);
    r = subjects_go_on(reader, 0);
    return r ? r : subjects_finish(reader, 0);
}

static void describe(struct process *process, struct go_runtime *runtime, int socket)
{
    const struct g_layout *layout = go_runtime_layout(runtime);
    static struct subject subjects[SUBJECTS];
    struct losses losses = {0};
    struct describer *describer = NULL;
    struct subject_reader *reader = NULL;
    struct outbox *outbox = NULL;
    struct gatherer gatherer;
    struct memos memos = {0};
    size_t n;

    gatherer_init(&gatherer, &process->memory);
    check(!outbox_new(socket, &losses, &outbox));
    check(!subject_reader_new(layout, &gatherer, &losses, &reader));
    check(!describer_new((struct go_code *)process, layout, outbox, &losses, &describer));
    memos_grow(&memos, runtime);
    n = find_subjects(process, runtime, &memos, subjects);
    if (!read_subjects(reader, subjects, n))
        for (size_t i = 0; i < n; i++) {
            check(subjects[i].n_cases <= SUBJECT_CASES_MAX);
            check(subjects[i].n_labels <= STACK_LABELS_MAX);
            check(subjects[i].copy_size <= 8192);
            describe_unwind(describer, &subjects[i]);
            describe_name(describer, &subjects[i]);
        }
    gatherer_clear(&gatherer);
    memos_clear(&memos);
    describer_free(&describer);
    subject_reader_free(&reader);
    outbox_free(&outbox);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct process *process = process_new(versions[take_u8(&input) % VERSIONS].minor, GS);
    struct go_runtime *runtime = NULL;
    char why[GO_WHY_MAX];
    int sockets[2];

    check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets));
    patch_all(process, &input);
    if (!go_runtime_new((struct go_code *)process, &process->memory, why, &runtime)) {
        patch_all(process, &input);
        describe(process, runtime, sockets[0]);
    }
    go_runtime_free(&runtime);
    close(sockets[0]);
    close(sockets[1]);
    free(process);
    return 0;
}
