/* SPDX-License-Identifier: Apache-2.0 */
/* Filtering and sorting of groups. */
#include "rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int64_t rows_growth(const struct group *group)
{
    return group->first_count ? (int64_t)(group->count - group->first_count) : 0;
}

static bool has(const char *text, const char *part)
{
    return text && strcasestr(text, part);
}

static bool frame_has(const struct frame *frame, const char *part)
{
    return has(frame->function, part) || has(frame->file, part) || has(frame->module, part);
}

static bool matches(const struct group *group, const char *part)
{
    const struct stack *stack = group->stack;

    if (!*part || has(group->site, part) || has(stack->reason, part) ||
        has(group->idle_rule, part) || (stack->creator && frame_has(stack->creator, part)))
        return true;
    for (uint32_t i = 0; i < stack->n_frames; i++)
        if (frame_has(&stack->frames[i], part))
            return true;
    for (uint32_t i = 0; i < stack->n_labels; i++)
        if (has(stack->labels[i].key, part) || has(stack->labels[i].value, part))
            return true;
    return false;
}

static int compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_by(enum rows_sort sort, const struct group *a, const struct group *b)
{
    switch (sort) {
    case SORT_AGE:
        return compare(a->oldest_ns, b->oldest_ns);
    case SORT_GROWTH:
        return compare(rows_growth(a), rows_growth(b));
    case SORT_MEMORY:
        return compare((int64_t)a->memory_bytes, (int64_t)b->memory_bytes);
    default:
        return compare((int64_t)a->count, (int64_t)b->count);
    }
}

/* For qsort_r(). What is equal stays in the report's order, which that of the array is. */
static int by_order(const void *first, const void *second, void *context)
{
    const struct group *a = *(const struct group *const *)first;
    const struct group *b = *(const struct group *const *)second;
    const struct rows_order *order = context;
    int r = compare(a->idle_rule != NULL, b->idle_rule != NULL);

    if (!r)
        r = order->reverse ? compare_by(order->sort, a, b) : compare_by(order->sort, b, a);
    return r ? r : (a > b) - (a < b);
}

int rows_make(const struct target_report *target, const struct rows_order *order, struct rows *rows)
{
    struct rows_order with = *order;

    rows_free(rows);
    rows->list = calloc(target->n_groups + 1, sizeof(const struct group *));
    rows->ids = calloc(target->n_groups + 1, sizeof(*rows->ids));
    if (!rows->list || !rows->ids)
        return -ENOMEM;
    for (size_t i = 0; i < target->n_groups; i++) {
        const struct group *group = &target->groups[i];

        if (order->hide_idle && group->idle_rule)
            rows->n_idle++;
        else if (!matches(group, order->filter))
            rows->n_filtered++;
        else
            rows->list[rows->n++] = group;
    }
    qsort_r(rows->list, rows->n, sizeof(rows->list[0]), by_order, &with);
    for (size_t i = 0; i < rows->n; i++)
        rows->ids[i] = rows->list[i]->stack->id;
    return 0;
}

void rows_free(struct rows *rows)
{
    free(rows->list);
    free(rows->ids);
    *rows = (struct rows){0};
}

size_t rows_find(const struct rows *rows, uint64_t stack_id)
{
    size_t i = 0;

    while (i < rows->n && rows->ids[i] != stack_id)
        i++;
    return i;
}
