/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The upper part of the screen, in this order, as far as there is room.
 *
 *   recommendd · pid 4121 · go1.19.8 · up 3h12m · observed for 1m20s                 PAUSED  1/2
 *   RSS 1.9 GiB   cgroup 2.1 GiB   CPU 0.4 %   15,318 goroutines   14 threads
 *   14,259 waiters parked for 1s or more, in 9 stacks; 1,012 more are idle by design
 *   DEADLOCK: 2 threads wait for each other's locks
 *   waiters 14,259        RSS 1.9 GiB           CPU 0.4 %             net 2.1 kB/s
 *   ▁▂▃▄▅▆▇█              ████████              ▁█▁▁▁▁▁▁              ▁▁▁▁▁▁▁▁
 */
#include "summary.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "chart.h"
#include "cleanup.h"
#include "human.h"
#include "loss.h"
#include "monitor/text.h"
#include "pane.h"

#define ALARM_ROWS_MAX    10 /* of deadlocks; all of them are a key away */
#define ALARM_MORE        "  … all: d"
#define CHART_ROWS_MIN    2 /* without the title */
#define CHART_ROWS_MAX    5
#define CHART_COLUMNS_MIN 18
#define CHART_GAP         3
#define TEXT_SIZE         256

/* How many rows each part gets. */
struct share {
    unsigned resources;
    unsigned state;
    unsigned alarm;
    unsigned charts; /* title and bars; 0: none */
    unsigned notes;
};

struct parts {
    struct pane heading;
    struct pane resources;
    struct pane state;
    struct pane alarm;
    struct pane notes;
};

static void free_parts(struct parts *parts)
{
    pane_free(&parts->heading);
    pane_free(&parts->resources);
    pane_free(&parts->state);
    pane_free(&parts->alarm);
    pane_free(&parts->notes);
}

/* The heading is never wrapped: what does not fit is cut. */
static int write_heading(const struct summary *summary, struct pane *pane)
{
    int r = pane_begin(pane, PAGE_WIDTH_MAX);

    if (r)
        return r;
    text_heading_write(&pane->page, summary->target);
    return pane_end(pane);
}

static int write_resources(const struct summary *summary, unsigned columns, struct pane *pane)
{
    int r = pane_begin(pane, columns);

    if (r)
        return r;
    text_resources_write(&pane->page, summary->target);
    return pane_end(pane);
}

static int write_state(const struct summary *summary, unsigned columns, struct pane *pane)
{
    int r = pane_begin(pane, columns);

    if (r)
        return r;
    text_state_write(&pane->page, summary->threshold_ns, summary->target);
    return pane_end(pane);
}

static int write_alarm(const struct summary *summary, unsigned columns, struct pane *pane)
{
    const struct target_report *target = summary->target;
    int r = pane_begin(pane, columns);

    if (r)
        return r;
    for (size_t i = 0; i < target->n_deadlocks; i++)
        text_deadlock_write(&pane->page, target, &target->deadlocks[i]);
    return pane_end(pane);
}

static void note_filter(const struct summary *summary, struct pane *pane)
{
    struct line line = {.used = 0};

    if (summary->order->filter[0])
        line_add(&line, "only stacks with \"%s\"; %zu %s not shown", summary->order->filter,
                 summary->rows->n_filtered, summary->rows->n_filtered == 1 ? "is" : "are");
    if (summary->rows->n_idle > 0)
        line_add(&line, "%s%zu idle by design %s hidden (i)", line.used ? "; " : "",
                 summary->rows->n_idle, summary->rows->n_idle == 1 ? "is" : "are");
    if (line.used > 0)
        page_line(&pane->page, 0, &line);
}

static void note_losses(const struct losses *losses, struct pane *pane)
{
    struct line line = {.used = 0};

    for (int i = 0; i < LOSS_MAX; i++)
        if (losses->count[i] > 0)
            line_add(&line, "%s%s %s",
                     line.used ? ", " : "incomplete (l): ", human_count(losses->count[i]).text,
                     loss_name((enum loss)i));
    if (line.used > 0)
        page_line(&pane->page, 0, &line);
}

static int write_notes(const struct summary *summary, unsigned columns, struct pane *pane)
{
    int r = pane_begin(pane, columns);

    if (r)
        return r;
    note_filter(summary, pane);
    note_losses(&summary->target->losses, pane);
    return pane_end(pane);
}

static int write_parts(const struct summary *summary, unsigned columns, struct parts *parts)
{
    int r = write_heading(summary, &parts->heading);

    if (!r)
        r = write_resources(summary, columns, &parts->resources);
    if (!r)
        r = write_state(summary, columns, &parts->state);
    if (!r)
        r = write_alarm(summary, columns, &parts->alarm);
    if (!r)
        r = write_notes(summary, columns, &parts->notes);
    return r;
}

/* As many of `wanted` rows as are left, at most. */
static unsigned take(unsigned *left, size_t wanted)
{
    unsigned taken = wanted < *left ? (unsigned)wanted : *left;

    *left -= taken;
    return taken;
}

static unsigned take_charts(unsigned *left)
{
    unsigned rows = *left;

    if (rows < 1 + CHART_ROWS_MIN)
        return 0;
    return take(left, rows < 1 + CHART_ROWS_MAX ? rows : 1 + CHART_ROWS_MAX);
}

/* An alarm comes first, if only its first line. */
static struct share divide(const struct parts *parts, unsigned left)
{
    struct share share = {0};
    size_t alarm = parts->alarm.n < ALARM_ROWS_MAX ? parts->alarm.n : ALARM_ROWS_MAX;

    share.alarm = take(&left, alarm > 0);
    share.state = take(&left, parts->state.n);
    share.notes = take(&left, parts->notes.n);
    if (parts->resources.n <= left)
        share.resources = take(&left, parts->resources.n);
    share.alarm += take(&left, alarm - share.alarm);
    share.charts = take_charts(&left);
    return share;
}

/* Says what is special about the screen at the right end of its first row. Returns the columns that
 * are left. */
static unsigned draw_status(struct canvas *canvas, const struct summary *summary)
{
    unsigned end = canvas->columns;
    char text[TEXT_SIZE];

    if (summary->n_targets > 1) {
        int n = snprintf(text, sizeof(text), " %zu/%zu", summary->index + 1, summary->n_targets);

        canvas_put_right(canvas, 0, 0, end, STYLE_BOLD, text);
        end -= (unsigned)n < end ? (unsigned)n : end;
    }
    if (summary->paused) {
        canvas_put_right(canvas, 0, 0, end, STYLE_NOTICE, " PAUSED ");
        end -= end < 8 ? end : 8;
    }
    return end;
}

static void draw_heading(struct canvas *canvas, const struct summary *summary,
                         const struct pane *heading)
{
    enum canvas_style style = summary->target->up ? STYLE_BOLD : STYLE_ALARM;
    unsigned end = draw_status(canvas, summary);

    pane_draw(heading, 0, canvas, 0, 1, end, style);
}

static void format_value(enum trail_value value, double number, char ret_text[static TEXT_SIZE])
{
    if (isnan(number))
        snprintf(ret_text, TEXT_SIZE, "?");
    else if (value == TRAIL_RESIDENT)
        snprintf(ret_text, TEXT_SIZE, "%s", human_bytes((uint64_t)number).text);
    else if (value == TRAIL_CPU)
        snprintf(ret_text, TEXT_SIZE, "%.1f %%", number * 100);
    else if (value == TRAIL_NETWORK)
        snprintf(ret_text, TEXT_SIZE, "%s", human_rate(number).text);
    else
        snprintf(ret_text, TEXT_SIZE, "%s", human_count((uint64_t)number).text);
}

static const struct {
    const char *name;
    enum canvas_style style;
} series[TRAIL_VALUE_MAX] = {
    [TRAIL_WAITERS] = {"waiters", STYLE_WAITERS},
    [TRAIL_RESIDENT] = {"RSS", STYLE_RESIDENT},
    [TRAIL_CPU] = {"CPU", STYLE_CPU},
    [TRAIL_NETWORK] = {"net", STYLE_NETWORK},
};

static void draw_chart(struct canvas *canvas, unsigned row, unsigned column, unsigned rows,
                       unsigned columns, const struct trail *trail, enum trail_value value)
{
    uint64_t span = trail_span_ns(trail);
    double values[CANVAS_COLUMNS_MAX];
    char title[2 * TEXT_SIZE];
    char most[2 * TEXT_SIZE];
    char text[TEXT_SIZE];
    struct human window = human_exact((int64_t)span);
    struct chart chart = {.title = title,
                          .most = most,
                          .span = window.text,
                          .style = series[value].style,
                          .n = columns,
                          .values = values};

    trail_sample(trail, value, span, columns, values);
    format_value(value, trail->n ? trail->points[trail->n - 1].values[value] : NAN, text);
    snprintf(title, sizeof(title), "%s %s", series[value].name, text);
    format_value(value, chart_most(values, columns), text);
    snprintf(most, sizeof(most), "max %s in %s", text, window.text);
    chart_draw(canvas, row, column, rows, columns, &chart);
}

/* Side by side as many as fit. */
static void draw_charts(struct canvas *canvas, unsigned row, unsigned rows,
                        const struct trail *trail)
{
    unsigned n = (canvas->columns + CHART_GAP) / (CHART_COLUMNS_MIN + CHART_GAP);
    unsigned columns;

    if (n > TRAIL_VALUE_MAX)
        n = TRAIL_VALUE_MAX;
    if (n == 0)
        return;
    columns = (canvas->columns + CHART_GAP) / n - CHART_GAP;
    for (unsigned i = 0; i < n; i++)
        draw_chart(canvas, row, i * (columns + CHART_GAP), rows - 1, columns, trail,
                   (enum trail_value)i);
}

int summary_draw(struct canvas *canvas, unsigned most, const struct summary *summary)
{
    CLEANUP(free_parts) struct parts parts = {0};
    struct share share;
    unsigned row = 1;
    int r;

    r = write_parts(summary, canvas->columns, &parts);
    if (r)
        return r;
    share = divide(&parts, most - 1);
    draw_heading(canvas, summary, &parts.heading);
    row +=
        pane_draw(&parts.resources, 0, canvas, row, share.resources, canvas->columns, STYLE_PLAIN);
    row += pane_draw(&parts.state, 0, canvas, row, share.state, canvas->columns, STYLE_PLAIN);
    row += pane_draw(&parts.alarm, 0, canvas, row, share.alarm, canvas->columns, STYLE_ALARM);
    if (share.alarm > 0 && share.alarm < parts.alarm.n)
        canvas_put_right(canvas, row - 1, 0, canvas->columns, STYLE_ALARM, ALARM_MORE);
    row += pane_draw(&parts.notes, 0, canvas, row, share.notes, canvas->columns, STYLE_NOTICE);
    if (share.charts > 0)
        draw_charts(canvas, row, share.charts, summary->trail);
    return (int)(row + share.charts);
}
