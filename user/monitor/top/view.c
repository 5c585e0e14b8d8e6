/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The screen from top to bottom: the summary; the table, or what was opened; the last message, if
 * there is one; the keys.
 */
#include "view.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "help.h"
#include "list.h"
#include "monitor/text.h"
#include "monitor/text_groups.h"
#include "summary.h"

#define LIST_ROWS_MIN 3 /* of groups, before the summary gets more than its first row */
#define TEXT_SIZE     512

struct keys {
    const char *key;
    const char *text;
};

static const struct keys list_keys[] = {
    {"q", "quit"},  {"?", "help"}, {"Enter", "stack"}, {"c a g m", "sort"}, {"/", "filter"},
    {"p", "pause"}, {"i", "idle"}, {"d", "deadlocks"}, {"l", "losses"},     {"Tab", "target"},
};

static const struct keys page_keys[] = {
    {"q", "quit"},
    {"Esc", "back"},
    {"Up Down PgUp PgDn", "scroll"},
    {"p", "pause"},
};

static const struct keys filter_keys[] = {{"Enter", "keep"}, {"Esc", "drop"}};

/* Whole ones, as many as fit. */
static void draw_keys(struct canvas *canvas, unsigned row, unsigned column, const struct keys *keys,
                      size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned columns = (unsigned)(strlen(keys[i].key) + 1 + strlen(keys[i].text));

        if (column + columns > canvas->columns)
            return;
        column += canvas_put(canvas, row, column, canvas->columns, STYLE_KEY, keys[i].key);
        column +=
            1 + canvas_put(canvas, row, column + 1, canvas->columns, STYLE_PLAIN, keys[i].text);
        column += 2;
    }
}

/* Where there is one target, there is no other one to go to. */
static void draw_footer(struct canvas *canvas, const struct state *state, size_t n_targets)
{
    unsigned row = canvas->rows - 1;
    char text[TEXT_SIZE];
    unsigned column;

    if (state->editing) {
        snprintf(text, sizeof(text), "/%s_", state->order.filter);
        column = canvas_put(canvas, row, 0, canvas->columns, STYLE_BOLD, text) + 3;
        draw_keys(canvas, row, column, filter_keys, sizeof(filter_keys) / sizeof(filter_keys[0]));
    } else if (state->view == VIEW_LIST) {
        draw_keys(canvas, row, 0, list_keys,
                  sizeof(list_keys) / sizeof(list_keys[0]) - (n_targets < 2));
    } else {
        draw_keys(canvas, row, 0, page_keys, sizeof(page_keys) / sizeof(page_keys[0]));
    }
}

/* A group that is gone keeps what was shown of it last. */
static int write_stack(struct view *view, size_t columns, const struct state *state,
                       const struct target_report *target)
{
    size_t i = 0;
    int r;

    while (i < target->n_groups && target->groups[i].stack->id != state->opened)
        i++;
    if (i == target->n_groups && view->kept == state->opened)
        return 0;
    r = pane_begin(&view->pane, columns);
    if (r)
        return r;
    if (i < target->n_groups)
        text_group_write(&view->pane.page, &target->groups[i]);
    view->kept = state->opened;
    return pane_end(&view->pane);
}

static void write_deadlocks(const struct page *page, const struct target_report *target)
{
    if (target->n_deadlocks == 0)
        fputs("No deadlock: no cycle of lock owners stood unchanged in two scans.\n", page->out);
    for (size_t i = 0; i < target->n_deadlocks; i++) {
        if (i > 0)
            putc('\n', page->out);
        text_deadlock_write(page, target, &target->deadlocks[i]);
    }
}

static void write_losses(const struct page *page, const struct target_report *target)
{
    long before = ftell(page->out);

    text_losses_write(page, &target->losses);
    if (ftell(page->out) == before)
        fputs("Nothing was lost.\n", page->out);
}

static int write_pane(struct view *view, size_t columns, const struct state *state,
                      const struct target_report *target)
{
    int r;

    if (state->view == VIEW_STACK)
        return write_stack(view, columns, state, target);
    view->kept = 0;
    r = pane_begin(&view->pane, columns);
    if (r)
        return r;
    if (state->view == VIEW_DEADLOCKS)
        write_deadlocks(&view->pane.page, target);
    if (state->view == VIEW_LOSSES)
        write_losses(&view->pane.page, target);
    if (state->view == VIEW_HELP)
        fputs("Keys\n\n" HELP_TOP_KEYS, view->pane.page.out);
    return pane_end(&view->pane);
}

static bool is_gone(const struct target_report *target, uint64_t stack_id)
{
    for (size_t i = 0; i < target->n_groups; i++)
        if (target->groups[i].stack->id == stack_id)
            return false;
    return true;
}

static void format_title(const struct state *state, const struct target_report *target,
                         const struct view *view, char ret_text[static TEXT_SIZE])
{
    static const char *const titles[] = {
        [VIEW_LIST] = "",         [VIEW_STACK] = "STACK", [VIEW_DEADLOCKS] = "DEADLOCKS",
        [VIEW_LOSSES] = "LOSSES", [VIEW_HELP] = "HELP",
    };
    int n = snprintf(ret_text, TEXT_SIZE, "%s", titles[state->view]);

    if (state->view == VIEW_STACK && is_gone(target, state->opened))
        n += snprintf(ret_text + n, TEXT_SIZE - (size_t)n,
                      " · no waiter stands here now; this is what was seen last");
    if (view->scene.n_lines > view->scene.page_rows)
        snprintf(ret_text + n, TEXT_SIZE - (size_t)n, " · lines %zu to %zu of %zu",
                 state->scroll + 1, state->scroll + view->scene.page_rows, view->scene.n_lines);
}

static int draw_body(struct view *view, struct canvas *canvas, unsigned row, unsigned rows,
                     struct state *state, const struct target_report *target)
{
    struct list list = {.rows = &view->rows, .order = &state->order};
    unsigned inside = rows > 0 ? rows - 1 : 0;
    char title[TEXT_SIZE];
    int r = 0;

    if (state->view != VIEW_LIST)
        r = write_pane(view, canvas->columns, state, target);
    if (r)
        return r;
    view->scene.list_rows = view->scene.page_rows = inside;
    view->scene.n_lines = view->pane.n;
    state_follow(state, &view->scene);
    if (rows == 0)
        return 0;
    if (state->view == VIEW_LIST) {
        list.first = state->first;
        list.cursor = state->cursor;
        list_draw(canvas, row, inside, &list);
        return 0;
    }
    format_title(state, target, view, title);
    canvas_put(canvas, row, 0, canvas->columns, STYLE_HEAD, title);
    canvas_restyle(canvas, row, 0, canvas->columns, STYLE_HEAD);
    pane_draw(&view->pane, state->scroll, canvas, row + 1, inside, canvas->columns, STYLE_PLAIN);
    return 0;
}

/* What is left of `rows` once the table has its least, but one row in any case. */
static unsigned summary_rows(unsigned rows, const struct state *state, size_t n_groups)
{
    unsigned least = 1 + LIST_ROWS_MIN;
    unsigned wanted = state->view == VIEW_LIST ? rows / 2 : rows * 2 / 3;

    if (state->view == VIEW_LIST && n_groups < wanted)
        wanted = (unsigned)n_groups + 1;
    if (wanted > least)
        least = wanted;
    return rows > least + 1 ? rows - least : 1;
}

static int draw_target(struct view *view, struct canvas *canvas, unsigned rows, struct state *state,
                       const struct report *report, const struct trail *trail)
{
    const struct target_report *target = &report->targets[state->target];
    struct summary summary = {
        .threshold_ns = report->threshold_ns,
        .target = target,
        .trail = trail,
        .order = &state->order,
        .rows = &view->rows,
        .n_targets = report->n_targets,
        .index = state->target,
        .paused = state->paused,
    };
    int r = rows_make(target, &state->order, &view->rows);

    if (!r)
        r = summary_draw(canvas, summary_rows(rows, state, target->n_groups), &summary);
    if (r < 0)
        return r;
    return draw_body(view, canvas, (unsigned)r, rows > (unsigned)r ? rows - (unsigned)r : 0, state,
                     target);
}

void view_init(struct view *view)
{
    *view = (struct view){.scene = {.rows = &view->rows}};
}

int view_draw(struct view *view, struct canvas *canvas, struct state *state,
              const struct report *report, const struct trail *const *trails, const char *message)
{
    unsigned rows = canvas->rows > 2 ? canvas->rows - 1 : canvas->rows;

    canvas_clear(canvas);
    view->scene = (struct state_scene){.n_targets = report->n_targets, .rows = &view->rows};
    if (canvas->rows == 0 || canvas->columns == 0)
        return 0;
    if (*message && rows > 3)
        canvas_put(canvas, --rows, 0, canvas->columns, STYLE_NOTICE, message);
    if (canvas->rows > 2)
        draw_footer(canvas, state, report->n_targets);
    if (report->n_targets == 0) {
        canvas_put(canvas, 0, 0, canvas->columns, STYLE_BOLD, "attaching…");
        return 0;
    }
    if (state->target >= report->n_targets)
        state->target = 0;
    return draw_target(view, canvas, rows, state, report, trails[state->target]);
}

void view_free(struct view *view)
{
    rows_free(&view->rows);
    pane_free(&view->pane);
}
