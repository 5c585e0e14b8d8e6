/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/runtime.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/go/allgs.h"
#include "analyst/go/proof.h"
#include "cleanup.h"
#include "clock.h"

#define VARIABLES_MAX 64 /* of all modules */
#define READ_TRIES    4  /* of an array that is replaced while it is read */

struct go_runtime {
    const struct go_memory *memory;
    struct g_layout layout;
    uint64_t places[ALLGS_PLACES_MAX]; /* of slices that may be runtime.allgs */
    size_t n_places;
};

static int find(struct go_runtime *runtime, struct go_code *code, char ret_why[static GO_WHY_MAX])
{
    struct rpc_range ranges[VARIABLES_MAX];
    size_t n = go_code_variables(code, ranges, VARIABLES_MAX);
    int r;

    r = allgs_find(runtime->memory, ranges, n, runtime->places);
    if (r < 0)
        return r;
    runtime->n_places = r;
    if (r > 0)
        return 0;
    snprintf(ret_why, GO_WHY_MAX, "its list of goroutines (runtime.allgs) was not found");
    return -ENOTSUP;
}

/* Goroutines from both ends of the list: the runtime's own are among the first. */
static int read_proof_gs(struct go_runtime *runtime, uint64_t *ret_gs, size_t *ret_n)
{
    uint64_t total;
    size_t n;
    int r;

    r = go_runtime_gs(runtime, 0, PROOF_GS_MAX / 2, ret_gs, &n, &total);
    if (r || total <= n) {
        *ret_n = n;
        return r;
    }
    *ret_n = n;
    r = go_runtime_gs(runtime, total - n < n ? n : total - n, PROOF_GS_MAX - n, ret_gs + n, &n,
                      &total);
    *ret_n += n;
    return r;
}

int go_runtime_prove(struct go_runtime *runtime, struct go_code *code,
                     char ret_why[static GO_WHY_MAX])
{
    AUTO_FREE uint64_t *gs = calloc(PROOF_GS_MAX, sizeof(*gs));
    uint64_t named;
    size_t n = 0;
    int r;

    if (!gs)
        return -ENOMEM;
    r = read_proof_gs(runtime, gs, &n);
    if (r) {
        snprintf(ret_why, GO_WHY_MAX, "its list of goroutines could not be read");
        return r;
    }
    r = proof_check(&runtime->layout, code, runtime->memory, gs, n, clock_now(), &named, ret_why);
    if (!r)
        runtime->layout.named |= named;
    return r;
}

int go_runtime_new(struct go_code *code, const struct go_memory *memory,
                   char ret_why[static GO_WHY_MAX], struct go_runtime **ret_runtime)
{
    CLEANUP(go_runtime_free) struct go_runtime *runtime = calloc(1, sizeof(*runtime));
    int r;

    ret_why[0] = '\0';
    if (!runtime)
        return -ENOMEM;
    if (go_code_minor(code) < GO_MINOR_FIRST) {
        snprintf(ret_why, GO_WHY_MAX, "%s is older than 1.17", go_code_version(code));
        return -ENOTSUP;
    }
    runtime->memory = memory;
    runtime->layout =
        go_code_minor(code) > GO_MINOR_LAST ? g_layout_guess() : *g_layout_of(go_code_minor(code));
    r = find(runtime, code, ret_why);
    if (!r)
        r = go_runtime_prove(runtime, code, ret_why);
    if (r)
        return r;
    *ret_runtime = TAKE_PTR(runtime);
    return 0;
}

void go_runtime_free(struct go_runtime **runtime)
{
    free(*runtime);
    *runtime = NULL;
}

const struct g_layout *go_runtime_layout(const struct go_runtime *runtime)
{
    return &runtime->layout;
}

/* The longest of the slices, as it is now. */
static int read_slice(struct go_runtime *runtime, struct go_slice *ret_slice)
{
    struct go_slice longest = {0};

    for (size_t i = 0; i < runtime->n_places; i++) {
        struct go_slice slice;
        int r = runtime->memory->read(runtime->memory->context, runtime->places[i], &slice,
                                      sizeof(slice));

        if (r)
            return r;
        if (slice.array && slice.length > longest.length && slice.length <= slice.capacity &&
            slice.capacity <= GO_GS_MAX)
            longest = slice;
    }
    *ret_slice = longest;
    return 0;
}

/* The runtime stores a new entry after the length that covers it: until then it is 0. */
static size_t count_published(const uint64_t *gs, size_t n)
{
    size_t published = 0;

    while (published < n && gs[published])
        published++;
    return published;
}

/* An array that grew was copied, and may be something else by now. */
static int try_gs(struct go_runtime *runtime, uint64_t from, size_t max, uint64_t *ret_gs,
                  size_t *ret_n, uint64_t *ret_total)
{
    struct go_slice before, after;
    size_t n;
    int r;

    r = read_slice(runtime, &before);
    if (r)
        return r;
    n = before.length > from ? before.length - from : 0;
    if (n > max)
        n = max;
    if (n)
        r = runtime->memory->read(runtime->memory->context, before.array + from * sizeof(*ret_gs),
                                  ret_gs, n * sizeof(*ret_gs));
    if (!r)
        r = read_slice(runtime, &after);
    if (r)
        return r == -EFAULT ? -EAGAIN : r;
    if (before.array != after.array)
        return -EAGAIN;
    *ret_n = count_published(ret_gs, n);
    *ret_total = before.length;
    return 0;
}

int go_runtime_gs(struct go_runtime *runtime, uint64_t from, size_t max, uint64_t *ret_gs,
                  size_t *ret_n, uint64_t *ret_total)
{
    int r = -EAGAIN;

    for (int i = 0; i < READ_TRIES && r == -EAGAIN; i++)
        r = try_gs(runtime, from, max, ret_gs, ret_n, ret_total);
    return r;
}
