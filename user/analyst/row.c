/* SPDX-License-Identifier: Apache-2.0 */
#include "row.h"

/* One row at one frame. */
struct step {
    const struct row *row;
    const struct expression_context *context;
    const struct registers *frame;
    uint64_t cfa;
};

static bool find_cfa(struct step *step)
{
    const struct row *row = step->row;

    if (row->cfa_is_expression)
        return expression_evaluate(step->context, (uint32_t)row->cfa_offset, NULL, step->frame,
                                   &step->cfa);
    if (!register_is_known(step->frame, row->cfa_register))
        return false;
    step->cfa = step->frame->words[row->cfa_register] + (uint64_t)(int64_t)row->cfa_offset;
    return true;
}

static bool evaluate(const struct step *step, int32_t offset, uint64_t *ret_value)
{
    return expression_evaluate(step->context, (uint32_t)offset, &step->cfa, step->frame, ret_value);
}

static bool read_word(const struct step *step, uint64_t address, uint64_t *ret_word)
{
    return step->context->read_word(step->context->context, address, ret_word);
}

static bool copy(const struct registers *frame, unsigned int from, uint64_t *ret_word)
{
    *ret_word = frame->words[from];
    return register_is_known(frame, from);
}

/* False: it is not known. */
static bool find_register(const struct step *step, unsigned int number, uint64_t *ret_word)
{
    int32_t offset = step->row->offsets[number];
    uint64_t at = step->cfa + (uint64_t)(int64_t)offset;

    switch ((enum row_rule)step->row->rules[number]) {
    case ROW_UNDEFINED:
        return false;
    case ROW_SAME:
        return copy(step->frame, number, ret_word);
    case ROW_SAVED:
        return read_word(step, at, ret_word);
    case ROW_VALUE:
        *ret_word = at;
        return true;
    case ROW_REGISTER:
        return copy(step->frame, (unsigned int)offset, ret_word);
    case ROW_EXPRESSION:
        return evaluate(step, offset, &at) && read_word(step, at, ret_word);
    case ROW_VALUE_EXPRESSION:
        return evaluate(step, offset, ret_word);
    }
    return false;
}

bool row_apply(const struct row *row, const struct expression_context *context,
               struct registers *registers)
{
    struct step step = {.row = row, .context = context, .frame = registers};
    struct registers caller = {.known = 0};

    if (!find_cfa(&step))
        return false;
    for (uint32_t left = row->defined; left; left &= left - 1) {
        unsigned int i = (unsigned int)__builtin_ctz(left);

        caller.known |= (uint32_t)find_register(&step, i, &caller.words[i]) << i;
    }
    *registers = caller;
    return true;
}
