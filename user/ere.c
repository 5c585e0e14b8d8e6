/* SPDX-License-Identifier: Apache-2.0 */
#include "ere.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "ere_program.h"

int ere_new(const char *pattern, struct ere **ret_ere)
{
    CLEANUP(ere_free) struct ere *ere = calloc(1, sizeof(*ere));
    int r;

    if (!ere)
        return -ENOMEM;
    r = ere_parse(pattern, ere);
    if (!r)
        *ret_ere = TAKE_PTR(ere);
    return r;
}

void ere_free(struct ere **ere)
{
    free(*ere);
    *ere = NULL;
}

/* The states that a run is in before a byte of the text. */
struct run {
    const struct ere *ere;
    const char *start;
    const char *at;
    uint64_t steps;
    uint64_t place;                 /* which byte it is, from 1 on */
    uint64_t seen[ERE_PROGRAM_MAX]; /* at which place a state was entered last */
    size_t n;
    uint16_t states[ERE_PROGRAM_MAX];  /* of OP_BYTES */
    uint16_t waiting[ERE_PROGRAM_MAX]; /* states to be entered */
};

static bool has_byte(const uint64_t set[static 4], unsigned char byte)
{
    return set[byte / 64] >> byte % 64 & 1;
}

static bool is_word(unsigned char c)
{
    return c == '_' || (c < 0x80 && isalnum(c));
}

static bool holds(const struct run *run, enum assertion assertion)
{
    const bool before = run->at > run->start && is_word((unsigned char)run->at[-1]);
    const bool after = is_word((unsigned char)run->at[0]);

    switch (assertion) {
    case AT_START:
        return run->at == run->start;
    case AT_END:
        return !*run->at;
    case AT_WORD_START:
        return !before && after;
    case AT_WORD_END:
        return before && !after;
    case AT_WORD_EDGE:
        return before != after;
    default:
        return before == after;
    }
}

static void want(struct run *run, size_t *n_waiting, size_t state)
{
    if (run->seen[state] == run->place)
        return;
    run->seen[state] = run->place;
    run->waiting[(*n_waiting)++] = (uint16_t)state;
}

/* Enters a state and all that it leads to without a byte. True: the end is among them. */
static bool enter(struct run *run, size_t first)
{
    size_t n_waiting = 0;

    want(run, &n_waiting, first);
    while (n_waiting) {
        const size_t state = run->waiting[--n_waiting];
        const struct step *step = &run->ere->program[state];

        run->steps++;
        if (step->op == OP_MATCH)
            return true;
        if (step->op == OP_BYTES)
            run->states[run->n++] = (uint16_t)state;
        else if (step->op == OP_ASSERT && holds(run, step->assertion))
            want(run, &n_waiting, state + 1);
        else if (step->op != OP_ASSERT)
            want(run, &n_waiting, state + (size_t)step->to[0]);
        if (step->op == OP_FORK)
            want(run, &n_waiting, state + (size_t)step->to[1]);
    }
    return false;
}

/* Takes the byte at hand: into the states behind those that take it, and, as a match may begin
 * anywhere, into the first. */
static bool advance(struct run *run)
{
    uint16_t before[ERE_PROGRAM_MAX];
    const unsigned char byte = (unsigned char)*run->at++;
    const size_t n = run->n;

    memcpy(before, run->states, n * sizeof(before[0]));
    run->n = 0;
    run->place++;
    run->steps += n;
    for (size_t i = 0; i < n; i++)
        if (has_byte(run->ere->program[before[i]].set, byte) && enter(run, before[i] + 1u))
            return true;
    return enter(run, 0);
}

bool ere_matches(const struct ere *ere, const char *text, uint64_t *ret_steps)
{
    struct run run = {.ere = ere, .start = text, .at = text, .place = 1};
    bool found = enter(&run, 0);

    while (!found && *run.at)
        found = advance(&run);
    if (ret_steps)
        *ret_steps = run.steps;
    return found;
}
