/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of groups.
 *
 *   COUNT▼ KIND       REASON     OLDEST  GROWTH   MEMORY  SITE
 *   1,000  goroutine  chan send    1.5s     +12    2 MiB  main.fetchScores recommendd.go:80
 */
#include "list.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "human.h"
#include "utf8.h"

#define GAP        2  /* columns between columns */
#define REASON_MAX 18 /* columns */
#define SITE_MIN   32 /* columns: for less, others are left out */
#define CELL_SIZE  512
#define MARK_MOST  "▼"
#define MARK_LEAST "▲"
#define AT_LEAST   "≥"

enum column {
    COLUMN_COUNT,
    COLUMN_KIND,
    COLUMN_REASON,
    COLUMN_OLDEST,
    COLUMN_GROWTH,
    COLUMN_MEMORY,
    COLUMN_SITE,
    COLUMN_MAX
};

static const struct {
    const char *title;
    int sort;   /* enum rows_sort; -1: not by this one */
    bool right; /* aligned */
} heads[COLUMN_MAX] = {
    [COLUMN_COUNT] = {"COUNT", SORT_COUNT, true},
    [COLUMN_KIND] = {"KIND", -1, false},
    [COLUMN_REASON] = {"REASON", -1, false},
    [COLUMN_OLDEST] = {"OLDEST", SORT_AGE, true},
    [COLUMN_GROWTH] = {"GROWTH", SORT_GROWTH, true},
    [COLUMN_MEMORY] = {"MEMORY", SORT_MEMORY, true},
    [COLUMN_SITE] = {"SITE", -1, false},
};

/* Columns of each, with the gap before the next; 0: left out. */
struct widths {
    unsigned of[COLUMN_MAX];
};

static void format_growth(const struct group *group, char ret_text[static CELL_SIZE])
{
    int64_t growth = rows_growth(group);

    ret_text[0] = '\0';
    if (growth > 0)
        snprintf(ret_text, CELL_SIZE, "+%s", human_count((uint64_t)growth).text);
    else if (growth < 0)
        snprintf(ret_text, CELL_SIZE, "-%s", human_count((uint64_t)-growth).text);
}

/* As in a report: without an upper bound, the estimate stands only where it is more than what is
 * proven. */
static void format_age(const struct group *group, char ret_text[static CELL_SIZE])
{
    bool proven = group->at_most_ns < 0 && group->oldest_ns <= group->at_least_ns;

    snprintf(ret_text, CELL_SIZE, "%s%s", proven ? AT_LEAST : "",
             human_duration(group->oldest_ns).text);
}

static void format_site(const struct group *group, char ret_text[static CELL_SIZE])
{
    if (group->idle_rule)
        snprintf(ret_text, CELL_SIZE, "%s (%s)", group->site, group->idle_rule);
    else
        snprintf(ret_text, CELL_SIZE, "%s", group->site);
}

static void format_cell(const struct group *group, enum column column,
                        char ret_text[static CELL_SIZE])
{
    switch (column) {
    case COLUMN_COUNT:
        snprintf(ret_text, CELL_SIZE, "%s", human_count(group->count).text);
        break;
    case COLUMN_KIND:
        snprintf(ret_text, CELL_SIZE, "%s",
                 group->stack->kind == SAMPLE_GOROUTINE ? "goroutine" : "thread");
        break;
    case COLUMN_REASON:
        snprintf(ret_text, CELL_SIZE, "%s", group->stack->reason);
        break;
    case COLUMN_OLDEST:
        format_age(group, ret_text);
        break;
    case COLUMN_GROWTH:
        format_growth(group, ret_text);
        break;
    case COLUMN_MEMORY:
        snprintf(ret_text, CELL_SIZE, "%s", human_bytes(group->memory_bytes).text);
        break;
    default:
        format_site(group, ret_text);
    }
}

static void widen(unsigned *width, const char *text)
{
    unsigned columns = (unsigned)utf8_columns(text);

    if (columns > *width)
        *width = columns;
}

static unsigned sum(const struct widths *widths)
{
    unsigned all = 0;

    for (int i = 0; i < COLUMN_MAX; i++)
        if (widths->of[i])
            all += widths->of[i] + GAP;
    return all;
}

/* Leaves out what is least missed until there is room for the site. */
static void make_room(struct widths *widths, unsigned columns, enum rows_sort sort)
{
    static const enum column spared[] = {COLUMN_KIND, COLUMN_GROWTH, COLUMN_MEMORY, COLUMN_REASON,
                                         COLUMN_OLDEST};

    for (size_t i = 0; i < sizeof(spared) / sizeof(spared[0]); i++)
        if (sum(widths) + SITE_MIN > columns && heads[spared[i]].sort != (int)sort)
            widths->of[spared[i]] = 0;
    widths->of[COLUMN_SITE] = columns > sum(widths) ? columns - sum(widths) : 0;
}

/* The mark of the sorted column stands in the gap behind its title, and moves nothing. */
static struct widths measure(const struct rows *rows, unsigned columns, enum rows_sort sort)
{
    struct widths widths = {0};

    for (int i = 0; i < COLUMN_SITE; i++)
        widen(&widths.of[i], heads[i].title);
    for (size_t i = 0; i < rows->n; i++) {
        for (enum column k = 0; k < COLUMN_SITE; k++) {
            char text[CELL_SIZE];

            format_cell(rows->list[i], k, text);
            widen(&widths.of[k], text);
        }
    }
    if (widths.of[COLUMN_REASON] > REASON_MAX)
        widths.of[COLUMN_REASON] = REASON_MAX;
    make_room(&widths, columns, sort);
    return widths;
}

static void draw_head(struct canvas *canvas, unsigned row, const struct widths *widths,
                      const struct rows_order *order)
{
    unsigned column = 0;

    canvas_restyle(canvas, row, 0, canvas->columns, STYLE_HEAD);
    for (int i = 0; i < COLUMN_MAX; i++) {
        bool sorted = heads[i].sort == (int)order->sort;
        enum canvas_style style = sorted ? STYLE_SORTED : STYLE_HEAD;

        if (!widths->of[i])
            continue;
        if (heads[i].right)
            canvas_put_right(canvas, row, column, widths->of[i], style, heads[i].title);
        else
            canvas_put(canvas, row, column, widths->of[i], style, heads[i].title);
        column += widths->of[i];
        if (sorted)
            canvas_put(canvas, row, column, 1, style, order->reverse ? MARK_LEAST : MARK_MOST);
        column += GAP;
    }
}

/* Cut from the end of the function: where it stands, and by which rule it is idle, is behind it. */
static void draw_site(struct canvas *canvas, unsigned row, unsigned column, unsigned width,
                      enum canvas_style style, const struct group *group)
{
    const char *place = strrchr(group->site, ' ');
    size_t length = place ? (size_t)(place - group->site) : strlen(group->site);
    char text[CELL_SIZE];
    char function[CELL_SIZE];
    unsigned columns, used;

    format_site(group, text);
    columns = (unsigned)utf8_columns(text + length);
    if (columns > width * 2 / 3) {
        canvas_put(canvas, row, column, width, style, text);
        return;
    }
    snprintf(function, sizeof(function), "%.*s", (int)length, text);
    used = canvas_put(canvas, row, column, width - columns, style, function);
    canvas_put(canvas, row, column + used, columns, style, text + length);
}

static enum canvas_style cell_style(const struct group *group, enum column column)
{
    if (group->idle_rule)
        return STYLE_DIM;
    if (column == COLUMN_GROWTH && group->growing)
        return STYLE_NOTICE;
    return STYLE_PLAIN;
}

static void draw_row(struct canvas *canvas, unsigned row, const struct widths *widths,
                     const struct group *group)
{
    unsigned column = 0;

    for (enum column i = 0; i < COLUMN_MAX; i++) {
        enum canvas_style style = cell_style(group, i);
        char text[CELL_SIZE];

        if (!widths->of[i])
            continue;
        format_cell(group, i, text);
        if (i == COLUMN_SITE)
            draw_site(canvas, row, column, widths->of[i], style, group);
        else if (heads[i].right)
            canvas_put_right(canvas, row, column, widths->of[i], style, text);
        else
            canvas_put(canvas, row, column, widths->of[i], style, text);
        column += widths->of[i] + GAP;
    }
}

void list_draw(struct canvas *canvas, unsigned row, unsigned n_rows, const struct list *list)
{
    struct widths widths = measure(list->rows, canvas->columns, list->order->sort);

    draw_head(canvas, row, &widths, list->order);
    for (unsigned i = 0; i < n_rows && list->first + i < list->rows->n; i++) {
        draw_row(canvas, row + 1 + i, &widths, list->rows->list[list->first + i]);
        if (list->first + i == list->cursor)
            canvas_restyle(canvas, row + 1 + i, 0, canvas->columns, STYLE_SELECTED);
    }
}
