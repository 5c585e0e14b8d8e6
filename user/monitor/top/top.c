/* SPDX-License-Identifier: Apache-2.0 */
/* The live view: keys and reports in, screens out. */
#include "top.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backlog.h"
#include "canvas.h"
#include "cleanup.h"
#include "screen.h"
#include "state.h"
#include "trail.h"
#include "view.h"

static_assert(TOP_FDS == 2, "as screen_fds() has it");

/* What was shown of a target: anything else is new. */
struct shown {
    uint64_t scan_ns;
    uint64_t resources_ns;
    bool up;
};

struct top {
    struct screen *screen;
    struct canvas canvas;
    struct state state;
    struct view view;
    bool messages;
    char message[BACKLOG_LINE_MAX];
    bool dismissed; /* the message: a key was pressed since */
    bool frozen;    /* `reports` are those of the pause */
    bool stale;     /* ... which is over */
    size_t n_reports;
    struct target_report *reports; /* as shown */
    struct shown shown[RECORD_TARGETS_MAX];
    struct trail *trails[RECORD_TARGETS_MAX];
};

int top_new(bool messages, struct top **ret_top)
{
    CLEANUP(top_free) struct top *top = calloc(1, sizeof(*top));
    int r;

    if (!top)
        return -ENOMEM;
    top->messages = messages;
    view_init(&top->view);
    top->reports = calloc(RECORD_TARGETS_MAX, sizeof(*top->reports));
    if (!top->reports)
        return -ENOMEM;
    r = screen_new(&top->screen);
    if (r)
        return r;
    *ret_top = TAKE_PTR(top);
    return 0;
}

void top_free(struct top **top)
{
    if (!*top)
        return;
    screen_free(&(*top)->screen);
    canvas_free(&(*top)->canvas);
    view_free(&(*top)->view);
    for (size_t i = 0; i < RECORD_TARGETS_MAX; i++)
        free((*top)->trails[i]);
    free((*top)->reports);
    free(*top);
    *top = NULL;
}

void top_fds(const struct top *top, int ret_fds[static TOP_FDS])
{
    screen_fds(top->screen, ret_fds);
}

bool top_is_paused(const struct top *top)
{
    return top->state.paused;
}

/* Charts stand still, too, during a pause. */
static int note_point(struct top *top, size_t index, const struct target_report *target)
{
    struct trail_point point;

    if (!top->trails[index])
        top->trails[index] = calloc(1, sizeof(struct trail));
    if (!top->trails[index])
        return -ENOMEM;
    if (!target->up || !target->scanned || top->frozen)
        return 0;
    trail_measure(target, &point);
    trail_add(top->trails[index], &point);
    return 0;
}

/* Takes note of what is new; 1: there was something. */
static int note_report(struct top *top, const struct report *report)
{
    int changed = report->n_targets != top->n_reports;

    for (size_t i = 0; i < report->n_targets; i++) {
        const struct target_report *target = &report->targets[i];
        struct shown shown = {.scan_ns = target->scan.time_ns,
                              .resources_ns = target->resources.time_ns,
                              .up = target->up};
        struct shown *before = &top->shown[i];
        int r = 0;

        if (shown.scan_ns != before->scan_ns || !top->trails[i])
            r = note_point(top, i, target);
        if (r)
            return r;
        changed |= shown.scan_ns != before->scan_ns || shown.resources_ns != before->resources_ns ||
                   shown.up != before->up;
        *before = shown;
    }
    return changed;
}

/* The newest line of the backlog. 1: it is another one. */
static int note_message(struct top *top)
{
    char line[BACKLOG_LINE_MAX] = "";

    if (!top->messages || backlog_newest(line) || !strcmp(line, top->message))
        return 0;
    memcpy(top->message, line, sizeof(line));
    top->dismissed = false;
    return 1;
}

/* 1: there were keys. */
static int take_keys(struct top *top, bool *ret_anew)
{
    struct input input;
    int any = 0;

    while (!top->state.quit && screen_read(top->screen, &input)) {
        *ret_anew |= input.kind == INPUT_REDRAW;
        state_input(&top->state, &input, &top->view.scene);
        top->dismissed = true;
        any = 1;
    }
    return any;
}

/* Keeps what is shown while it is paused. */
static void take_reports(struct top *top, const struct report *report)
{
    if (!top->frozen || report->n_targets != top->n_reports)
        memcpy(top->reports, report->targets, report->n_targets * sizeof(*top->reports));
    top->n_reports = report->n_targets;
    top->stale = top->frozen && !top->state.paused;
    top->frozen = top->state.paused;
    for (size_t i = 0; i < report->n_targets && top->stale; i++)
        trail_interrupt(top->trails[i]);
}

static int show(struct top *top, const struct report *report, bool anew)
{
    struct report shown = *report;
    unsigned rows, columns;
    int r;

    screen_size(top->screen, &rows, &columns);
    r = canvas_resize(&top->canvas, rows, columns);
    if (r)
        return r;
    shown.targets = top->reports;
    r = view_draw(&top->view, &top->canvas, &top->state, &shown,
                  (const struct trail *const *)top->trails, top->dismissed ? "" : top->message);
    if (r)
        return r;
    screen_show(top->screen, &top->canvas, anew);
    return 0;
}

int top_run(struct top *top, const struct report *report)
{
    bool anew = false;
    int changed, r;

    r = screen_signals(top->screen, &anew);
    if (r)
        return r;
    changed = note_report(top, report);
    if (changed < 0)
        return changed;
    changed |= note_message(top) | top->stale;
    /* Keys are pressed on what is seen: the report that came since is shown after them. */
    changed |= take_keys(top, &anew);
    if (top->state.quit)
        return 1;
    if (!changed && !anew && top->canvas.cells)
        return 0;
    take_reports(top, report);
    return show(top, report, anew);
}
