/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups as text.
 *
 *    14,235 goroutines   chan send    2h51m (at most 2h53m)   27.8 MiB
 *           main.fetchScores            recommend.go:153
 *           created by main.recommend   recommend.go:141
 *           on 14,235 channels, each unbuffered, open, with 1 sender and no receiver
 *
 *        11 threads      futex lock   2h50m                     88 KiB
 *           __lll_lock_wait             libc.so.6
 */
#include "monitor/text_groups.h"

#include <inttypes.h>
#include <string.h>

#include "human.h"
#include "monitor/site.h"
#include "utf8.h"

#define GAP                3 /* columns between columns */
#define COUNT_COLUMNS_MIN  6 /* so that targets with few waiters line up, too */
#define REASON_COLUMNS_MIN 8
#define FRAMES_SHOWN       40 /* longer stacks lose their middle */
#define FRAMES_TAIL        6  /* outermost frames of those */
#define WAITS_SHOWN        3
#define DETAIL_SHOWN       200 /* bytes */

/* What the lines of a section have in common. */
struct columns {
    size_t count;
    size_t kind;
    size_t reason;
    size_t age;
    size_t memory;
};

static size_t max(size_t a, size_t b)
{
    return a > b ? a : b;
}

static const char *kind_name(const struct group *group)
{
    if (group->stack->kind == SAMPLE_GOROUTINE)
        return group->count == 1 ? "goroutine" : "goroutines";
    return group->count == 1 ? "thread" : "threads";
}

/* Whether b is more than a by what a reader of a would care for: a displayed digit, and 1 %. */
static bool is_clearly_more(int64_t a, int64_t b)
{
    int64_t step = human_duration_step(a);

    return b > a && b - a >= step && b - a >= a / 100;
}

/* The age of the oldest: the estimate, with a bound only where it says something else. An upper
 * bound that agrees vouches for the estimate; without one, what is proven has to. */
static void format_age(const struct group *group, struct line *line)
{
    struct human age = human_duration(group->oldest_ns);

    if (group->at_most_ns >= 0 && is_clearly_more(group->oldest_ns, group->at_most_ns))
        line_add(line, "%s (at most %s)", age.text, human_duration_up(group->at_most_ns).text);
    else if (group->at_most_ns >= 0)
        line_add(line, "%s", age.text);
    else if (is_clearly_more(group->at_least_ns, group->oldest_ns))
        line_add(line, "%s (at least %s)", age.text, human_duration(group->at_least_ns).text);
    else
        line_add(line, "at least %s", age.text);
}

static struct columns measure(const struct page *page, const struct target_report *target,
                              bool idle)
{
    struct columns columns = {.count = COUNT_COLUMNS_MIN};
    size_t others;
    size_t room;

    for (size_t i = 0; i < target->n_groups; i++) {
        const struct group *group = &target->groups[i];
        struct line age = {.used = 0};

        if (!group->idle_rule == idle)
            continue;
        format_age(group, &age);
        columns.count = max(columns.count, strlen(human_count(group->count).text));
        columns.kind = max(columns.kind, strlen(kind_name(group)));
        columns.reason = max(columns.reason, utf8_columns(group->stack->reason));
        columns.age = max(columns.age, utf8_columns(age.text));
        columns.memory = max(columns.memory, strlen(human_bytes(group->memory_bytes).text));
    }
    others = columns.count + 1 + columns.kind + columns.age + columns.memory + 3 * GAP;
    room =
        page->width > others ? max(page->width - others, REASON_COLUMNS_MIN) : REASON_COLUMNS_MIN;
    if (columns.reason > room)
        columns.reason = room;
    return columns;
}

static void write_group_columns(const struct page *page, const struct columns *columns,
                                const struct group *group)
{
    struct line age = {.used = 0};

    format_age(group, &age);
    page_right(page, columns->count, human_count(group->count).text);
    page_spaces(page, 1);
    page_left(page, columns->kind, kind_name(group));
    page_spaces(page, GAP);
    page_left(page, columns->reason, group->stack->reason);
    page_spaces(page, GAP);
    page_left(page, columns->age, age.text);
}

/* One frame as its two columns. */
struct row {
    struct line name;
    struct line place;
};

static void format_frame(const struct frame *frame, const char *prefix, struct row *row)
{
    const char *file = frame->file ? site_file(frame->file) : NULL;
    char name[LINE_SIZE];

    row->name.used = row->place.used = 0;
    row->place.text[0] = '\0';
    site_frame(frame, name, sizeof(name));
    line_add(&row->name, "%s%s", prefix, name);
    if (file && frame->line)
        line_add(&row->place, "%s:%" PRIu32, file, frame->line);
    else if (file)
        line_add(&row->place, "%s", file);
    else if (frame->function && frame->module)
        line_add(&row->place, "%s", frame->module);
    if (frame->inlined)
        line_add(&row->place, "%s(inlined)", row->place.used ? " " : "");
}

/* How many frames to leave off after the first FRAMES_SHOWN - FRAMES_TAIL. */
static uint32_t skipped_frames(const struct page *page, const struct stack *stack)
{
    return stack->n_frames > FRAMES_SHOWN && !page->whole ? stack->n_frames - FRAMES_SHOWN : 0;
}

static bool is_skipped(const struct page *page, const struct stack *stack, uint32_t index)
{
    return index >= FRAMES_SHOWN - FRAMES_TAIL &&
           index < FRAMES_SHOWN - FRAMES_TAIL + skipped_frames(page, stack);
}

static void measure_frame(const struct frame *frame, const char *prefix, size_t *name,
                          size_t *place)
{
    struct row row;

    format_frame(frame, prefix, &row);
    *name = max(*name, utf8_columns(row.name.text));
    *place = max(*place, utf8_columns(row.place.text));
}

/* Columns for the frames' names, of `width` in all: places come first, as far as half of it. */
static size_t measure_names(const struct page *page, const struct stack *stack, size_t width)
{
    size_t name = 0;
    size_t place = 0;

    for (uint32_t i = 0; i < stack->n_frames; i++)
        if (!is_skipped(page, stack, i))
            measure_frame(&stack->frames[i], "", &name, &place);
    if (stack->creator)
        measure_frame(stack->creator, "created by ", &name, &place);
    if (place > width / 2)
        place = width / 2;
    return name > width - place - GAP ? width - place - GAP : name;
}

static void write_frame(const struct page *page, size_t indent, size_t names,
                        const struct frame *frame, const char *prefix)
{
    struct row row;

    format_frame(frame, prefix, &row);
    page_spaces(page, indent);
    if (row.place.used == 0) {
        page_text(page, page->width - indent, row.name.text);
    } else {
        page_left(page, names, row.name.text);
        page_spaces(page, GAP);
        page_text(page, page->width - indent - names - GAP, row.place.text);
    }
}

static void write_frames(const struct page *page, size_t indent, const struct stack *stack)
{
    size_t names = measure_names(page, stack, page->width - indent);

    if (stack->n_frames == 0) {
        page_spaces(page, indent);
        fputs("no frames\n", page->out);
    }
    for (uint32_t i = 0; i < stack->n_frames; i++) {
        if (is_skipped(page, stack, i)) {
            page_spaces(page, indent);
            fprintf(page->out, "… %" PRIu32 " more frames\n", skipped_frames(page, stack));
            i += skipped_frames(page, stack) - 1;
            continue;
        }
        if (i == stack->site)
            page_style(page, PAGE_BOLD);
        write_frame(page, indent, names, &stack->frames[i], "");
        if (i == stack->site)
            page_style(page, PAGE_PLAIN);
        putc('\n', page->out);
    }
    if (stack->creator) {
        write_frame(page, indent, names, stack->creator, "created by ");
        putc('\n', page->out);
    }
}

struct noun {
    const char *one;
    const char *many;
};

/* What the analyst found a futex or a semaphore to be part of (waits.c and semaphore.c there): its
 * detail is the noun. */
static const struct noun detail_nouns[] = {
    {"mutex", "mutexes"},
    {"priority-inheriting mutex", "priority-inheriting mutexes"},
    {"rwlock", "rwlocks"},
    {"condition variable", "condition variables"},
    {"semaphore", "semaphores"},
    {"barrier", "barriers"},
    {"end of a thread", "ends of threads"},
    {"sync.Mutex", "sync.Mutexes"},
    {"sync.RWMutex", "sync.RWMutexes"},
    {"sync.WaitGroup", "sync.WaitGroups"},
    {"sync.Cond", "sync.Conds"},
};

static const struct noun *detail_noun(const struct waited_on *wait)
{
    if ((wait->kind != OBJECT_FUTEX && wait->kind != OBJECT_SEMAPHORE) || !wait->detail)
        return NULL;
    for (size_t i = 0; i < sizeof(detail_nouns) / sizeof(detail_nouns[0]); i++)
        if (!strcmp(wait->detail, detail_nouns[i].one))
            return &detail_nouns[i];
    return NULL;
}

static struct noun object_noun(const struct group *group, const struct waited_on *wait)
{
    const char *reason = group->stack->reason;

    if (detail_noun(wait))
        return *detail_noun(wait);
    if (wait->kind == OBJECT_FILE)
        return (struct noun){"fd", "files"};
    if (wait->kind == OBJECT_CHANNEL)
        return (struct noun){"channel", "channels"};
    if (wait->owner || strcasestr(reason, "lock") || strcasestr(reason, "mutex"))
        return (struct noun){"mutex", "mutexes"};
    if (wait->kind == OBJECT_SEMAPHORE)
        return (struct noun){"semaphore", "semaphores"};
    return (struct noun){"futex", "futexes"};
}

/* The thread that is joined is no holder. */
static bool is_join(const struct waited_on *wait)
{
    return wait->detail && !strcmp(wait->detail, "end of a thread");
}

/* The address is a futex somewhere inside the object; mutexes and semaphores begin with theirs. */
static bool has_inner_futex(const struct waited_on *wait)
{
    const struct noun *noun = detail_noun(wait);

    return wait->kind == OBJECT_FUTEX && noun && strcmp(noun->one, "semaphore") &&
           !strstr(noun->one, "mutex");
}

static void write_wait(const struct page *page, size_t indent, const struct group *group,
                       const struct waited_on *wait)
{
    struct noun noun = object_noun(group, wait);
    struct line line = {.used = 0};

    if (wait->kind == OBJECT_FILE)
        line_add(&line, "on fd %" PRIu64, wait->object);
    else if (is_join(wait) && wait->owner)
        line_add(&line, "on the end of thread %" PRIu32, wait->owner);
    else
        line_add(&line, "on the %s %s0x%" PRIx64, noun.one,
                 has_inner_futex(wait) ? "with futex " : "", wait->object);
    if (wait->detail && !detail_noun(wait))
        line_add(&line, wait->kind == OBJECT_FILE ? " (%.*s)" : ", %.*s", DETAIL_SHOWN,
                 wait->detail);
    if (wait->count != group->count)
        line_add(&line, ", %s waiter%s", human_count(wait->count).text,
                 wait->count == 1 ? "" : "s");
    if (wait->owner && !is_join(wait))
        line_add(&line, ", held by thread %" PRIu32, wait->owner);
    if (wait->owner && wait->owner_text)
        line_add(&line, " (%.*s)", DETAIL_SHOWN, wait->owner_text);
    page_line(page, indent, &line);
}

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Whether one line says all there is: each has one waiter, no owner and the same detail. */
static bool is_uniform(const struct group *group)
{
    const struct waited_on *first = &group->waits[0];

    if (group->n_objects > group->n_waits && !group->same_detail)
        return false;
    for (size_t i = 0; i < group->n_waits; i++) {
        const struct waited_on *wait = &group->waits[i];

        if (wait->owner || wait->count != 1 || wait->kind != first->kind ||
            !is_same(wait->detail, first->detail))
            return false;
    }
    return true;
}

static void write_waits(const struct page *page, size_t indent, const struct group *group)
{
    size_t shown = group->n_waits < WAITS_SHOWN || page->whole ? group->n_waits : WAITS_SHOWN;
    struct line line = {.used = 0};

    if (shown == 0 || group->waits[0].kind == OBJECT_NONE)
        return;
    if (group->n_objects > WAITS_SHOWN && is_uniform(group)) {
        line_add(&line, "on %s %s", human_count(group->n_objects).text,
                 object_noun(group, &group->waits[0]).many);
        if (group->waits[0].detail && !detail_noun(&group->waits[0]))
            line_add(&line, ", each %.*s", DETAIL_SHOWN, group->waits[0].detail);
        else
            line_add(&line, ", one waiter each");
        page_line(page, indent, &line);
        return;
    }
    for (size_t i = 0; i < shown; i++)
        write_wait(page, indent, group, &group->waits[i]);
    if (group->n_objects > shown) {
        line_add(&line, "and on %s more", human_count(group->n_objects - shown).text);
        page_line(page, indent, &line);
    }
}

static void write_labels(const struct page *page, size_t indent, const struct stack *stack)
{
    struct line line = {.used = 0};

    for (uint32_t i = 0; i < stack->n_labels; i++)
        line_add(&line, "%s%s=%s", i ? ", " : "labels ", stack->labels[i].key,
                 stack->labels[i].value);
    if (line.used > 0)
        page_line(page, indent, &line);
}

/* How the group moves: its newest waiter, re-waits, growth. */
static void write_motion(const struct page *page, size_t indent, const struct group *group)
{
    struct line line = {.used = 0};

    if (group->count > 1 && group->newest_ns < group->oldest_ns / 2)
        line_add(&line, "newest %s", human_duration(group->newest_ns).text);
    if (group->rewaits > 0)
        line_add(&line, "%sre-waited %s time%s after timeouts", line.used ? ", " : "",
                 human_count(group->rewaits).text, group->rewaits == 1 ? "" : "s");
    if (group->growing && group->count > group->first_count)
        line_add(&line, "%sgrowing: +%s in %s", line.used ? ", " : "",
                 human_count(group->count - group->first_count).text,
                 human_duration(group->observed_ns).text);
    if (line.used > 0)
        page_line(page, indent, &line);
}

static void write_group(const struct page *page, const struct columns *columns,
                        const struct group *group)
{
    size_t indent = columns->count + 1;

    page_style(page, PAGE_BOLD);
    write_group_columns(page, columns, group);
    page_style(page, PAGE_PLAIN);
    if (group->memory_bytes > 0) {
        page_spaces(page, GAP);
        page_right(page, columns->memory, human_bytes(group->memory_bytes).text);
    }
    putc('\n', page->out);
    write_frames(page, indent, group->stack);
    write_labels(page, indent, group->stack);
    write_waits(page, indent, group);
    write_motion(page, indent, group);
}

static void write_idle_group(const struct page *page, const struct columns *columns,
                             const struct group *group)
{
    size_t used = columns->count + 1 + columns->kind + columns->reason + columns->age + 3 * GAP;
    struct line line = {.used = 0};

    write_group_columns(page, columns, group);
    line_add(&line, "%s (%s)", group->site, group->idle_rule);
    if (used < page->width) {
        page_spaces(page, GAP);
        page_text(page, page->width - used, line.text);
    }
    putc('\n', page->out);
}

static void write_idle(const struct page *page, const struct target_report *target)
{
    struct columns columns = measure(page, target, true);

    if (columns.kind == 0)
        return;
    page_style(page, PAGE_DIM);
    fputs("\nidle by design\n", page->out);
    for (size_t i = 0; i < target->n_groups; i++)
        if (target->groups[i].idle_rule)
            write_idle_group(page, &columns, &target->groups[i]);
    page_style(page, PAGE_PLAIN);
}

void text_groups_write(const struct page *page, const struct target_report *target)
{
    struct columns columns = measure(page, target, false);

    for (size_t i = 0; i < target->n_groups; i++)
        if (!target->groups[i].idle_rule) {
            putc('\n', page->out);
            write_group(page, &columns, &target->groups[i]);
        }
    write_idle(page, target);
}

void text_group_write(const struct page *page, const struct group *group)
{
    const struct target_report alone = {.n_groups = 1, .groups = group};
    struct columns columns = measure(page, &alone, group->idle_rule != NULL);

    write_group(page, &columns, group);
}
