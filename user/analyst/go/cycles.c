/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/cycles.h"

#include <string.h>

/* How many of them are before `end_ns`. */
static size_t rank(const struct cycles *cycles, uint64_t end_ns)
{
    size_t low = 0, high = cycles->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (cycles->ends[middle] < end_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Forgets the one whose neighbours are closest to each other; never the first or the last. */
static void make_room(struct cycles *cycles)
{
    size_t least = 1;

    for (size_t i = 2; i + 1 < cycles->n; i++)
        if (cycles->ends[i + 1] - cycles->ends[i - 1] <
            cycles->ends[least + 1] - cycles->ends[least - 1])
            least = i;
    cycles->n--;
    memmove(&cycles->ends[least], &cycles->ends[least + 1],
            (cycles->n - least) * sizeof(cycles->ends[0]));
}

void cycles_add(struct cycles *cycles, uint64_t end_ns)
{
    size_t at = rank(cycles, end_ns);

    if (at < cycles->n && cycles->ends[at] == end_ns)
        return;
    if (cycles->n == CYCLES_MAX) {
        make_room(cycles);
        at = rank(cycles, end_ns);
    }
    memmove(&cycles->ends[at + 1], &cycles->ends[at], (cycles->n - at) * sizeof(cycles->ends[0]));
    cycles->ends[at] = end_ns;
    cycles->n++;
    cycles->version++;
}

uint64_t cycles_before(const struct cycles *cycles, uint64_t end_ns)
{
    size_t at = rank(cycles, end_ns);

    return at ? cycles->ends[at - 1] : 0;
}
