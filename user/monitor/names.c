/* SPDX-License-Identifier: Apache-2.0 */
/* Strings and stacks of one analyst. */
#include "names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "buildid.h"
#include "cleanup.h"
#include "reason.h"
#include "report.h"
#include "table.h"
#include "utf8.h"

#define STRINGS_MIN 256
#define STRING_COST 24 /* bytes of the allocator for each */

/* utf8_clean() makes at most three bytes of one. */
#define CLEAN_MAX (3 * WIRE_STRING_MAX + 1)

/* What a stack takes besides its frames: itself, and up to two groups that are made of it. */
#define STACK_COST (sizeof(struct named_stack) + 2 * sizeof(struct group))

struct names {
    const struct idle *idle;
    struct budget *budget;
    size_t cost;    /* taken of it */
    char **strings; /* by id; NULL: not sent */
    uint32_t n_strings;
    size_t n_bytes;
    struct table stacks; /* of struct named_stack * */
    size_t n_frames;
    bool stacks_capped;
};

/* Stands for strings that were sent and left out. Told apart by its address. */
static char left_out[1];

static struct table_key stack_key(const void *element)
{
    const struct named_stack *const *stack = element;

    return (struct table_key){.low = (*stack)->stack.id};
}

static const struct table_type stacks_type = {
    .size = sizeof(struct named_stack *),
    .max = WIRE_STACKS_MAX,
    .key = stack_key,
};

int names_new(const struct idle *idle, struct budget *budget, struct names **ret_names)
{
    struct names *names = calloc(1, sizeof(*names));

    if (!names)
        return -ENOMEM;
    names->idle = idle;
    names->budget = budget;
    table_init(&names->stacks, &stacks_type);
    *ret_names = names;
    return 0;
}

void names_free(struct names **names)
{
    struct named_stack **stacks;

    if (!*names)
        return;
    for (uint32_t i = 0; i < (*names)->n_strings; i++)
        if ((*names)->strings[i] != left_out)
            free((*names)->strings[i]);
    free((*names)->strings);
    stacks = (*names)->stacks.elements;
    for (uint32_t i = 0; i < (*names)->stacks.n; i++)
        free(stacks[i]);
    table_clear(&(*names)->stacks);
    budget_give((*names)->budget, (*names)->cost);
    free(*names);
    *names = NULL;
}

static bool take_budget(struct names *names, size_t bytes)
{
    if (!budget_take(names->budget, bytes))
        return false;
    names->cost += bytes;
    return true;
}

static void give_budget(struct names *names, size_t bytes)
{
    budget_give(names->budget, bytes);
    names->cost -= bytes;
}

/* Is not of the budget: WIRE_STRINGS_MAX bounds it to a little. */
static int grow_strings(struct names *names, uint32_t id)
{
    uint32_t n = names->n_strings ? names->n_strings : STRINGS_MIN;
    char **strings;

    if (id < names->n_strings)
        return 0;
    while (n <= id)
        n *= 2;
    strings = reallocarray(names->strings, n, sizeof(*strings));
    if (!strings)
        return -ENOMEM;
    memset(strings + names->n_strings, 0, (n - names->n_strings) * sizeof(*strings));
    names->strings = strings;
    names->n_strings = n;
    return 0;
}

int names_add_string(struct names *names, const void *payload, size_t length, struct losses *losses)
{
    char text[CLEAN_MAX];
    uint32_t id;
    size_t size;

    memcpy(&id, payload, sizeof(id));
    if (names_has_string(names, id))
        return -EBADMSG;
    if (grow_strings(names, id))
        return -ENOMEM;
    size = utf8_clean((const char *)payload + sizeof(id), length - sizeof(id), text, sizeof(text));
    size++;
    if (names->n_bytes + size > NAMES_BYTES_MAX || !take_budget(names, size + STRING_COST)) {
        names->strings[id] = left_out;
        losses->count[LOSS_strings_capped]++;
        return 0;
    }
    names->strings[id] = strdup(text);
    if (!names->strings[id])
        return -ENOMEM;
    names->n_bytes += size;
    return 0;
}

bool names_has_string(const struct names *names, uint32_t id)
{
    return !id || (id < names->n_strings && names->strings[id]);
}

const char *names_string(const struct names *names, uint32_t id)
{
    if (!id || !names_has_string(names, id) || names->strings[id] == left_out)
        return NULL;
    return names->strings[id];
}

static bool has_build_id(const struct names *names, uint32_t id)
{
    const char *text = names_string(names, id);

    return names_has_string(names, id) && (!text || buildid_is(text));
}

static bool read_frame(const struct names *names, const void *bytes, struct frame *ret_frame)
{
    struct wire_frame wire;

    memcpy(&wire, bytes, sizeof(wire));
    if (!names_has_string(names, wire.function) || !names_has_string(names, wire.file) ||
        !names_has_string(names, wire.module) || !has_build_id(names, wire.build_id))
        return false;
    *ret_frame = (struct frame){
        .function = names_string(names, wire.function),
        .file = names_string(names, wire.file),
        .module = names_string(names, wire.module),
        .build_id = names_string(names, wire.build_id),
        .address = wire.address,
        .offset = wire.offset,
        .line = wire.line,
        .inlined = wire.inlined,
    };
    return true;
}

/* Labels with a string that was left out are left out too. */
static bool read_labels(const struct names *names, const struct wire_stack *wire, const char *bytes,
                        struct named_stack *stack)
{
    for (uint32_t i = 0; i < wire->n_labels; i++) {
        struct label *label = &stack->labels[stack->stack.n_labels];
        struct wire_label at;

        memcpy(&at, bytes + i * sizeof(at), sizeof(at));
        if (!names_has_string(names, at.key) || !names_has_string(names, at.value))
            return false;
        *label = (struct label){names_string(names, at.key), names_string(names, at.value)};
        stack->stack.n_labels += label->key && label->value;
    }
    stack->stack.labels = stack->labels;
    return true;
}

static int read_stack(const struct names *names, const struct wire_stack *wire, const char *bytes,
                      struct named_stack **ret_stack)
{
    size_t n = wire->n_frames + wire->has_creator;
    struct named_stack *stack AUTO_FREE = NULL;
    const char *reason;

    if (!names_has_string(names, wire->reason))
        return -EBADMSG;
    stack = calloc(1, sizeof(*stack) + n * sizeof(struct frame));
    if (!stack)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        if (!read_frame(names, bytes + i * sizeof(struct wire_frame), &stack->frames[i]))
            return -EBADMSG;
    reason = names_string(names, wire->reason);
    stack->stack = (struct stack){
        .id = wire->id,
        .kind = wire->kind,
        .reason = reason ? reason : reason_name(PARK_OTHER),
        .n_frames = wire->n_frames,
        .site = wire->site,
        .frames = stack->frames,
        .creator = wire->has_creator ? &stack->frames[wire->n_frames] : NULL,
    };
    if (!read_labels(names, wire, bytes + n * sizeof(struct wire_frame), stack))
        return -EBADMSG;
    stack->idle_rule = idle_rule(names->idle, &stack->stack);
    *ret_stack = TAKE_PTR(stack);
    return 0;
}

int names_add_stack(struct names *names, const void *payload, struct losses *losses)
{
    struct named_stack *stack AUTO_FREE = NULL;
    struct wire_stack wire;
    size_t n, cost;
    int r;

    memcpy(&wire, payload, sizeof(wire));
    if (names_stack(names, wire.id))
        return -EBADMSG;
    n = wire.n_frames + wire.has_creator;
    cost = STACK_COST + n * sizeof(struct frame);
    if (names->stacks.n == WIRE_STACKS_MAX || names->n_frames + n > NAMES_FRAMES_MAX ||
        !take_budget(names, cost)) {
        names->stacks_capped = true;
        losses->count[LOSS_stacks_capped]++;
        return 0;
    }
    r = read_stack(names, &wire, (const char *)payload + sizeof(wire), &stack);
    if (!r)
        r = table_add(&names->stacks, &stack, NULL);
    if (r) {
        give_budget(names, cost);
        return r;
    }
    names->n_frames += n;
    (void)TAKE_PTR(stack);
    return 0;
}

const struct named_stack *names_stack(const struct names *names, uint64_t id)
{
    struct named_stack *const *stack = table_find(&names->stacks, (struct table_key){.low = id});

    return stack ? *stack : NULL;
}

bool names_stacks_capped(const struct names *names)
{
    return names->stacks_capped;
}
