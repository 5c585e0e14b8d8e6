/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/proof.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/go/gather.h"
#include "analyst/go/goroutine.h"
#include "analyst/go/sort.h"
#include "analyst/go/witness.h"
#include "cleanup.h"

#define PROOF_TRIES 5   /* goroutines that move are at times in between two states */
#define LOW_GOID    100 /* the runtime's own began with the program, and never end */
#define GAP_MAX     512 /* between two g's that are read together */

/* One in so many may be caught in between. */
#define TOLERATED 64

/*
 * The runtime's own, by the function that they begin in, and what they wait for. From Go 1.17 on a
 * go statement with arguments begins in a wrapper: "runtime.gcenable.func1", later ".gowrap1".
 *
 * They bear out a layout, and never speak against it: forcegchelper begins a collection, runfinq
 * calls the program's finalizers, and both may wait in there for anything. What a goroutine must
 * wait for only the function tells that parked it, see witness.h.
 */
static const struct {
    const char *function; /* how its name begins */
    const char *reasons[3];
} known[] = {
    {"runtime.forcegchelper", {"force gc (idle)"}},
    {"runtime.bgsweep", {"GC sweep wait"}},
    {"runtime.bgscavenge", {"GC scavenge wait", "sleep"}},
    {"runtime.gcenable.", {"GC sweep wait", "GC scavenge wait", "sleep"}},
    {"runtime.runfinq", {"finalizer wait"}},
    {"runtime.runFinalizers", {"finalizer wait"}},
    {"runtime.gcBgMarkWorker", {"GC worker (idle)"}},
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct proof {
    const struct g_layout *layout;
    struct go_code *code;
    char *why; /* GO_WHY_MAX */
    size_t n;  /* asked for */
    size_t n_read;
    size_t n_live;
    uint64_t now_ns;
    uint64_t named; /* bits 1 << reason: of those that were borne out */
    struct goroutine live[PROOF_GS_MAX];
    struct piece pieces[PROOF_GS_MAX];
    struct piece spare[PROOF_GS_MAX];
};

static void take(void *context, const struct piece *piece, const uint8_t *bytes, size_t got)
{
    struct proof *proof = context;
    struct goroutine *goroutine = &proof->live[proof->n_live];

    if (got < piece->size || !goroutine_decode(proof->layout, piece->address, bytes, goroutine))
        return;
    proof->n_read++;
    if (goroutine_is_live(goroutine))
        proof->n_live++;
}

static bool is_too_many(size_t bad, size_t all)
{
    return bad > 1 + all / TOLERATED;
}

static int check_shape(const struct proof *proof)
{
    size_t bad = proof->n - proof->n_read;

    if (proof->n_live && !is_too_many(bad, proof->n))
        return 0;
    if (!proof->n_live)
        snprintf(proof->why, GO_WHY_MAX, "none of its %zu goroutines is alive", proof->n);
    else
        snprintf(proof->why, GO_WHY_MAX,
                 "%zu of %zu goroutines do not point to themselves or have no known status", bad,
                 proof->n);
    return -ENOTSUP;
}

static int check_stacks(const struct proof *proof)
{
    size_t bad = 0;

    for (size_t i = 0; i < proof->n_live; i++) {
        const struct goroutine *goroutine = &proof->live[i];

        bad += goroutine->status == GO_WAITING &&
               (goroutine->sp < goroutine->stack_lo || goroutine->sp >= goroutine->stack_hi);
    }
    if (!is_too_many(bad, proof->n_live))
        return 0;
    snprintf(proof->why, GO_WHY_MAX,
             "the stack pointers of %zu of %zu goroutines lie outside "
             "their stacks",
             bad, proof->n_live);
    return -ENOTSUP;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static int check_goids(const struct proof *proof)
{
    AUTO_FREE uint64_t *goids = calloc(proof->n_live, sizeof(*goids));

    if (!goids)
        return -ENOMEM;
    for (size_t i = 0; i < proof->n_live; i++)
        goids[i] = proof->live[i].goid;
    qsort(goids, proof->n_live, sizeof(*goids), by_number);
    if (goids[0] > LOW_GOID) {
        snprintf(proof->why, GO_WHY_MAX, "the lowest number of a goroutine is %" PRIu64, goids[0]);
        return -ENOTSUP;
    }
    for (size_t i = 1; i < proof->n_live; i++) {
        if (goids[i] != goids[i - 1])
            continue;
        snprintf(proof->why, GO_WHY_MAX, "two goroutines have the number %" PRIu64, goids[i]);
        return -ENOTSUP;
    }
    return 0;
}

static bool is_one_of(const char *reason, const char *const reasons[static 3])
{
    for (size_t i = 0; i < 3 && reasons[i]; i++)
        if (!strcmp(reason, reasons[i]))
            return true;
    return false;
}

/* Whether it is one of the runtime's own, and waits for its known reason. */
static bool bears_out(const struct proof *proof, const struct goroutine *goroutine)
{
    const char *reason = g_layout_reason(proof->layout, goroutine->reason);
    const char *name;
    uint64_t entry;

    if (goroutine->status != GO_WAITING || !goroutine_is_parked(proof->layout, goroutine))
        return false;
    name = go_code_function(proof->code, goroutine->startpc, &entry);
    for (size_t i = 0; name && i < LENGTH(known); i++)
        if (!strncmp(name, known[i].function, strlen(known[i].function)))
            return is_one_of(reason, known[i].reasons);
    return false;
}

/* Their starts and reasons prove the numbers of the reasons, and where all of it is. */
static int check_own(struct proof *proof)
{
    for (size_t i = 0; i < proof->n_live; i++)
        if (bears_out(proof, &proof->live[i]))
            proof->named |= UINT64_C(1) << proof->live[i].reason;
    if (proof->named)
        return 0;
    snprintf(proof->why, GO_WHY_MAX,
             "none of the runtime's own goroutines (forcegchelper, "
             "bgsweep) is waiting for its known reason");
    return -ENOTSUP;
}

/* Those that C code made have no go statement, nor has main. */
static int check_creators(const struct proof *proof)
{
    size_t bad = 0, good = 0;

    for (size_t i = 0; i < proof->n_live; i++) {
        uint64_t gopc = proof->live[i].gopc;
        bool is_code = gopc && go_code_has(proof->code, gopc);

        good += is_code;
        bad += gopc && !is_code;
    }
    if (good && !is_too_many(bad, proof->n_live))
        return 0;
    snprintf(proof->why, GO_WHY_MAX,
             "%zu of %zu goroutines were made by what is no code, %zu by code", bad, proof->n_live,
             good);
    return -ENOTSUP;
}

/* It lies between goid and waitreason, which are proven; beside it is but g.schedlink, a pointer.
 */
static int check_times(const struct proof *proof)
{
    size_t bad = 0;

    for (size_t i = 0; i < proof->n_live; i++)
        bad += proof->live[i].waitsince > proof->now_ns;
    if (!is_too_many(bad, proof->n_live))
        return 0;
    snprintf(proof->why, GO_WHY_MAX, "%zu of %zu goroutines wait since a time to come", bad,
             proof->n_live);
    return -ENOTSUP;
}

/* Of a version that is known it is no question where these fields are; and where a module of code
 * or a time namespace is none of ours, they look wrong. */
static int check_guess(const struct proof *proof)
{
    int r = 0;

    if (proof->layout->is_guess)
        r = check_creators(proof);
    if (!r && proof->layout->is_guess)
        r = check_times(proof);
    return r;
}

static int ask_witnesses(struct proof *proof, const struct go_memory *memory)
{
    uint64_t named;
    int r;

    r = witness_ask(proof->layout, proof->code, memory, proof->live, proof->n_live, &named,
                    proof->why);
    if (!r)
        proof->named |= named;
    return r;
}

static int try_proof(struct proof *proof, const struct go_memory *memory)
{
    int r;

    proof->n_read = proof->n_live = 0;
    proof->named = 0;
    r = gather(memory, proof->pieces, proof->n, GAP_MAX, take, proof);
    if (!r)
        r = check_shape(proof);
    if (!r)
        r = check_stacks(proof);
    if (!r)
        r = check_goids(proof);
    if (!r)
        r = check_own(proof);
    if (!r)
        r = check_guess(proof);
    if (!r)
        r = ask_witnesses(proof, memory);
    return r;
}

int proof_check(const struct g_layout *layout, struct go_code *code, const struct go_memory *memory,
                const uint64_t *gs, size_t n, uint64_t now_ns, uint64_t *ret_named,
                char ret_why[static GO_WHY_MAX])
{
    AUTO_FREE struct proof *proof = calloc(1, sizeof(*proof));
    int r = -ENOTSUP;

    if (!proof)
        return -ENOMEM;
    proof->layout = layout;
    proof->code = code;
    proof->why = ret_why;
    proof->now_ns = now_ns;
    proof->n = n < PROOF_GS_MAX ? n : PROOF_GS_MAX;
    for (size_t i = 0; i < proof->n; i++)
        proof->pieces[i] = (struct piece){gs[i], layout->size, (uint32_t)i};
    sort_pieces(proof->pieces, proof->spare, proof->n);
    for (int i = 0; i < PROOF_TRIES && r == -ENOTSUP; i++)
        r = try_proof(proof, memory);
    if (r)
        return r;
    ret_why[0] = '\0'; /* of a try before */
    *ret_named = proof->named;
    return 0;
}
