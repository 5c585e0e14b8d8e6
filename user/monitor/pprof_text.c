/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts in the shape of Go's printCountProfile() and printStackRecord() (runtime/pprof/pprof.go)
 * and of goroutineheader() and traceback() (runtime/traceback.go).
 */
#include "monitor/pprof_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "monitor/site.h"

#define NS_PER_MINUTE (60 * INT64_C(1000000000))

#define STACKS_REPEATED_MAX 4096 /* stacks that are printed for further waiters of a group */

static const char *const profile_names[SAMPLE_KIND_MAX] = {
    [SAMPLE_THREAD] = "threads",
    [SAMPLE_GOROUTINE] = "goroutine",
};

static const char *const waiter_names[SAMPLE_KIND_MAX] = {
    [SAMPLE_THREAD] = "thread",
    [SAMPLE_GOROUTINE] = "goroutine",
};

static bool is_runtime(const struct frame *frame)
{
    return frame->function && !strncmp(frame->function, "runtime.", strlen("runtime."));
}

/* The first frame to print. Go leaves out its runtime's functions at the inner end, unless there is
 * nothing else. */
static uint32_t first_frame(const struct stack *stack)
{
    uint32_t i = 0;

    while (stack->kind == SAMPLE_GOROUTINE && i < stack->n_frames && is_runtime(&stack->frames[i]))
        i++;
    return i < stack->n_frames ? i : 0;
}

/* The outer end of every goroutine. */
static bool is_goexit(const struct frame *frame)
{
    return frame->function && !strcmp(frame->function, "runtime.goexit");
}

/* With the quotes that Go's %q puts around it. Names are clean: two characters need an escape. */
static void write_quoted(FILE *out, const char *text)
{
    putc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putc('\\', out);
        putc(*text, out);
    }
    putc('"', out);
}

static void write_addresses(FILE *out, const struct stack *stack)
{
    for (uint32_t i = 0; i < stack->n_frames; i++)
        if (!stack->frames[i].inlined || i + 1 == stack->n_frames)
            fprintf(out, " 0x%" PRIx64, stack->frames[i].address);
    if (!stack->n_frames)
        fputs(" 0x0", out); /* without an address the line could not be read */
}

static void write_count_frame(FILE *out, const struct frame *frame)
{
    char name[WIRE_STRING_MAX + 1];

    site_frame(frame, name, sizeof(name));
    fprintf(out, "#\t0x%" PRIx64 "\t%s", frame->address, name);
    if (frame->file)
        fprintf(out, "\t%s:%" PRIu32, frame->file, frame->line);
    putc('\n', out);
}

static void write_label(FILE *out, const char *key, const char *value)
{
    write_quoted(out, key);
    putc(':', out);
    write_quoted(out, value);
}

/* As Go prints labels, with the reason as one more, which Go does not tell here. */
static void write_labels(FILE *out, const struct stack *stack)
{
    fputs("# labels: {", out);
    write_label(out, "wait_reason", stack->reason);
    for (uint32_t i = 0; i < stack->n_labels; i++) {
        fputs(", ", out);
        write_label(out, stack->labels[i].key, stack->labels[i].value);
    }
    fputs("}\n", out);
}

static void write_count(FILE *out, const struct group *group)
{
    const struct stack *stack = group->stack;

    fprintf(out, "%" PRIu64 " @", group->count);
    write_addresses(out, stack);
    putc('\n', out);
    write_labels(out, stack);
    for (uint32_t i = first_frame(stack); i < stack->n_frames; i++)
        if (!is_goexit(&stack->frames[i]))
            write_count_frame(out, &stack->frames[i]);
    putc('\n', out);
}

static void write_stack_frame(FILE *out, enum sample_kind kind, const struct frame *frame)
{
    char name[WIRE_STRING_MAX + 1];

    site_frame(frame, name, sizeof(name));
    fprintf(out, "%s%s\n", name, kind == SAMPLE_GOROUTINE ? "(...)" : "");
    if (frame->file)
        fprintf(out, "\t%s:%" PRIu32 "\n", frame->file, frame->line);
    else if (frame->module)
        fprintf(out, "\t%s+0x%" PRIx64 "\n", frame->module, frame->offset);
}

static void write_creator(FILE *out, const struct frame *creator)
{
    char name[WIRE_STRING_MAX + 1];

    site_frame(creator, name, sizeof(name));
    fprintf(out, "created by %s\n", name);
    if (creator->file)
        fprintf(out, "\t%s:%" PRIu32 "\n", creator->file, creator->line);
}

static void write_waiter(FILE *out, const struct stack *stack, const struct waiter *waiter)
{
    const int64_t minutes = waiter->age_ns / NS_PER_MINUTE;

    fprintf(out, "%s %" PRIu64 " [%s", waiter_names[stack->kind], waiter->id, stack->reason);
    if (minutes)
        fprintf(out, ", %" PRId64 " minutes", minutes);
    fputs("]:\n", out);
    for (uint32_t i = first_frame(stack); i < stack->n_frames; i++)
        if (!is_goexit(&stack->frames[i]))
            write_stack_frame(out, stack->kind, &stack->frames[i]);
    if (stack->creator)
        write_creator(out, stack->creator);
    putc('\n', out);
}

/* Each that is listed as one of its own, as Go does; the first at least, others as long as there
 * are `*left` to write beyond the first ones. */
static void write_stack(FILE *out, const struct group *group, uint64_t *left)
{
    uint64_t more = group->count;

    for (size_t i = 0; i < group->n_waiters && (!i || *left); i++, more--) {
        write_waiter(out, group->stack, &group->waiters[i]);
        *left -= i > 0;
    }
    if (more)
        fprintf(out, "# and %" PRIu64 " more %s%s, parked no longer, with the stack above\n\n",
                more, waiter_names[group->stack->kind], more > 1 ? "s" : "");
}

static bool is_wanted(const struct target_report *report, const char *target)
{
    return !target || !strcmp(report->name, target);
}

static uint64_t total_of(const struct report *report, const char *target, enum sample_kind kind)
{
    uint64_t total = 0;

    for (size_t i = 0; i < report->n_targets; i++) {
        const struct target_report *from = &report->targets[i];

        for (size_t j = 0; j < from->n_groups && is_wanted(from, target); j++)
            if (from->groups[j].stack->kind == kind)
                total += from->groups[j].count;
    }
    return total;
}

static bool has_target(const struct report *report, const char *target)
{
    for (size_t i = 0; i < report->n_targets; i++)
        if (is_wanted(&report->targets[i], target))
            return true;
    return !target;
}

static void write_target(FILE *out, const struct target_report *target, enum sample_kind kind,
                         enum pprof_text text, uint64_t *left)
{
    for (size_t i = 0; i < target->n_groups && !ferror(out); i++) {
        if (target->groups[i].stack->kind != kind)
            continue;
        if (text == PPROF_TEXT_COUNTS)
            write_count(out, &target->groups[i]);
        else
            write_stack(out, &target->groups[i], left);
    }
}

int pprof_text_write(const struct report *report, const char *target, enum sample_kind kind,
                     enum pprof_text text, FILE *out)
{
    uint64_t left = STACKS_REPEATED_MAX;

    if (!has_target(report, target))
        return -ENOENT;
    if (text == PPROF_TEXT_COUNTS)
        fprintf(out, "%s profile: total %" PRIu64 "\n", profile_names[kind],
                total_of(report, target, kind));
    for (size_t i = 0; i < report->n_targets; i++)
        if (is_wanted(&report->targets[i], target))
            write_target(out, &report->targets[i], kind, text, &left);
    return ferror(out) ? -EIO : 0;
}
