/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/sort.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#define DIGIT_BITS 8
#define DIGIT_MASK ((1u << DIGIT_BITS) - 1)

static_assert(offsetof(struct piece, address) == 0, "what is sorted by comes first");

static inline uint64_t address_of(const char *element)
{
    uint64_t address;

    memcpy(&address, element, sizeof(address));
    return address;
}

/* One digit of the addresses, from bit `shift` on. */
static inline void sort_digit(const char *from, char *to, size_t n, size_t size, unsigned shift)
{
    size_t at[1 << DIGIT_BITS] = {0}, sum = 0;

    for (size_t i = 0; i < n; i++)
        at[address_of(from + i * size) >> shift & DIGIT_MASK]++;
    for (size_t i = 0; i <= DIGIT_MASK; i++) {
        size_t count = at[i];

        at[i] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++) {
        size_t digit = address_of(from + i * size) >> shift & DIGIT_MASK;

        memcpy(to + at[digit]++ * size, from + i * size, size);
    }
}

/* `size` is a constant wherever this is expanded. */
static inline void sort(char *elements, char *spare, size_t n, size_t size)
{
    char *from = elements, *to = spare;
    uint64_t differing = 0;
    bool sorted = true;

    for (size_t i = 1; i < n; i++) {
        uint64_t address = address_of(elements + i * size);

        differing |= address ^ address_of(elements);
        sorted &= address_of(elements + (i - 1) * size) <= address;
    }
    for (unsigned shift = 0; shift < 64 && !sorted; shift += DIGIT_BITS) {
        char *swapped = from;

        if (!(differing >> shift & DIGIT_MASK))
            continue;
        sort_digit(from, to, n, size, shift);
        from = to;
        to = swapped;
    }
    if (from != elements)
        memcpy(elements, from, n * size);
}

void sort_pieces(struct piece *pieces, struct piece *spare, size_t n)
{
    sort((char *)pieces, (char *)spare, n, sizeof(*pieces));
}

void sort_addresses(uint64_t *addresses, uint64_t *spare, size_t n)
{
    sort((char *)addresses, (char *)spare, n, sizeof(*addresses));
}
