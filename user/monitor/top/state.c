/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and what they do. */
#include "state.h"

#include <string.h>

#include "utf8.h"

static void select_row(struct state *state, const struct state_scene *scene, size_t row)
{
    if (scene->rows->n == 0)
        return;
    state->cursor = row < scene->rows->n ? row : scene->rows->n - 1;
    state->selected = state->cursor ? scene->rows->ids[state->cursor] : 0;
}

static void select_first(struct state *state)
{
    state->selected = 0;
    state->cursor = state->first = 0;
}

static size_t minus(size_t a, size_t b)
{
    return a > b ? a - b : 0;
}

/* Where a key that moves leads from `from`, of `n` places of which `page` show. */
static bool moves(const struct input *input, size_t from, size_t n, size_t page, size_t *ret_to)
{
    switch (input->kind) {
    case INPUT_UP:
        *ret_to = minus(from, 1);
        return true;
    case INPUT_DOWN:
        *ret_to = from + 1;
        return true;
    case INPUT_PAGE_UP:
        *ret_to = minus(from, page);
        return true;
    case INPUT_PAGE_DOWN:
        *ret_to = from + page;
        return true;
    case INPUT_HOME:
        *ret_to = 0;
        return true;
    case INPUT_END:
        *ret_to = minus(n, 1);
        return true;
    default:
        return false;
    }
}

/* As vi and less have them. */
static struct input plain_move(const struct input *input)
{
    struct input move = *input;

    if (input->kind == INPUT_CHARACTER && input->character == 'k')
        move.kind = INPUT_UP;
    if (input->kind == INPUT_CHARACTER && input->character == 'j')
        move.kind = INPUT_DOWN;
    return move;
}

static void sort_by(struct state *state, enum rows_sort sort)
{
    state->order.sort = sort;
    state->order.reverse = false;
    select_first(state);
}

static void show_target(struct state *state, const struct state_scene *scene, size_t step)
{
    if (scene->n_targets < 2)
        return;
    state->target = (state->target + step) % scene->n_targets;
    state->view = VIEW_LIST;
    select_first(state);
}

static void open_view(struct state *state, enum state_view view)
{
    state->view = state->view == view ? VIEW_LIST : view;
    state->scroll = 0;
}

static void open_stack(struct state *state, const struct state_scene *scene)
{
    if (state->cursor >= scene->rows->n)
        return;
    state->opened = scene->rows->ids[state->cursor];
    open_view(state, VIEW_STACK);
}

/* What can be typed wherever one is, but for the filter. */
static bool take_common(struct state *state, const struct input *input,
                        const struct state_scene *scene)
{
    if (input->kind == INPUT_NEXT) {
        show_target(state, scene, 1);
        return true;
    }
    if (input->kind == INPUT_PREVIOUS) {
        show_target(state, scene, minus(scene->n_targets, 1));
        return true;
    }
    if (input->kind != INPUT_CHARACTER)
        return false;
    switch (input->character) {
    case 'q':
        state->quit = true;
        return true;
    case 'p':
    case ' ':
        state->paused = !state->paused;
        return true;
    case '?':
    case 'h':
        open_view(state, VIEW_HELP);
        return true;
    case 'd':
        open_view(state, VIEW_DEADLOCKS);
        return true;
    case 'l':
        open_view(state, VIEW_LOSSES);
        return true;
    default:
        return false;
    }
}

static void take_list_character(struct state *state, uint32_t character)
{
    switch (character) {
    case 'c':
        sort_by(state, SORT_COUNT);
        break;
    case 'a':
        sort_by(state, SORT_AGE);
        break;
    case 'g':
        sort_by(state, SORT_GROWTH);
        break;
    case 'm':
        sort_by(state, SORT_MEMORY);
        break;
    case 's':
        sort_by(state, (state->order.sort + 1) % SORT_MAX);
        break;
    case 'r':
        state->order.reverse = !state->order.reverse;
        select_first(state);
        break;
    case 'i':
        state->order.hide_idle = !state->order.hide_idle;
        break;
    case '/':
        state->editing = true;
        break;
    default:
        break;
    }
}

static void take_list(struct state *state, const struct input *input,
                      const struct state_scene *scene)
{
    size_t to;

    if (moves(input, state->cursor, scene->rows->n, scene->list_rows, &to)) {
        select_row(state, scene, to);
        return;
    }
    switch (input->kind) {
    case INPUT_ENTER:
        open_stack(state, scene);
        break;
    case INPUT_ESCAPE:
        state->order.filter[0] = '\0';
        break;
    case INPUT_RIGHT:
        sort_by(state, (state->order.sort + 1) % SORT_MAX);
        break;
    case INPUT_LEFT:
        sort_by(state, (state->order.sort + SORT_MAX - 1) % SORT_MAX);
        break;
    case INPUT_CHARACTER:
        take_list_character(state, input->character);
        break;
    default:
        break;
    }
}

static void take_page(struct state *state, const struct input *input,
                      const struct state_scene *scene)
{
    size_t last = minus(scene->n_lines, scene->page_rows);
    size_t to;

    if (moves(input, state->scroll, scene->n_lines, scene->page_rows, &to))
        state->scroll = to < last ? to : last;
    else if (input->kind == INPUT_ESCAPE || input->kind == INPUT_ENTER ||
             input->kind == INPUT_BACKSPACE || input->kind == INPUT_LEFT)
        state->view = VIEW_LIST;
}

static void append(char filter[static ROWS_FILTER_SIZE], uint32_t character)
{
    char encoded[UTF8_CHAR_MAX];
    size_t n = utf8_encode(character, encoded);
    size_t used = strlen(filter);

    if (used + n >= ROWS_FILTER_SIZE)
        return;
    memcpy(filter + used, encoded, n);
    filter[used + n] = '\0';
}

/* The last character: bytes of it that go on have 10 as their upper bits. */
static void take_back(char *filter)
{
    size_t used = strlen(filter);

    while (used > 0 && ((unsigned char)filter[used - 1] & 0xc0) == 0x80)
        used--;
    filter[minus(used, 1)] = '\0';
}

static void edit_filter(struct state *state, const struct input *input)
{
    switch (input->kind) {
    case INPUT_CHARACTER:
        append(state->order.filter, input->character);
        break;
    case INPUT_BACKSPACE:
        take_back(state->order.filter);
        break;
    case INPUT_CLEAR:
        state->order.filter[0] = '\0';
        break;
    case INPUT_ESCAPE:
        state->order.filter[0] = '\0';
        state->editing = false;
        break;
    case INPUT_ENTER:
        state->editing = false;
        break;
    default:
        return;
    }
    select_first(state);
}

void state_input(struct state *state, const struct input *input, const struct state_scene *scene)
{
    struct input move = plain_move(input);

    if (state->editing)
        edit_filter(state, input);
    else if (take_common(state, input, scene))
        return;
    else if (state->view == VIEW_LIST)
        take_list(state, &move, scene);
    else
        take_page(state, &move, scene);
}

void state_follow(struct state *state, const struct state_scene *scene)
{
    size_t found = state->selected ? rows_find(scene->rows, state->selected) : 0;
    size_t last = minus(scene->n_lines, scene->page_rows);

    if (found < scene->rows->n)
        state->cursor = found;
    else
        select_row(state, scene, state->cursor);
    if (scene->rows->n == 0)
        state->cursor = 0;
    if (state->cursor < state->first)
        state->first = state->cursor;
    if (scene->list_rows > 0 && state->cursor >= state->first + scene->list_rows)
        state->first = state->cursor + 1 - scene->list_rows;
    if (state->first > minus(scene->rows->n, scene->list_rows))
        state->first = minus(scene->rows->n, scene->list_rows);
    if (state->scroll > last)
        state->scroll = last;
}
