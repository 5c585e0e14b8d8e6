/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/labels.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/go/arch.h"

int labels_decode(const uint8_t *bytes, uint64_t *ret_address)
{
    uint64_t n = go_u64(bytes + 8), capacity = go_u64(bytes + 16);

    *ret_address = go_u64(bytes);
    if (n > STACK_LABELS_MAX || n > capacity || (n && !*ret_address))
        return -EILSEQ;
    return (int)n;
}

/* The strings of the list, key by value by key; false: one is too long, or a key empty. */
static bool find_strings(const uint8_t *list, uint32_t n,
                         struct rpc_range ret_ranges[static 2 * STACK_LABELS_MAX])
{
    for (uint32_t i = 0; i < 2 * n; i++) {
        ret_ranges[i] = (struct rpc_range){go_u64(list + LABELS_STRING_SIZE * i),
                                           go_u64(list + LABELS_STRING_SIZE * i + 8)};
        if (ret_ranges[i].length > LABELS_LENGTH_MAX || (i % 2 == 0 && !ret_ranges[i].length))
            return false;
    }
    return true;
}

static const char *keep_text(struct interns *interns, const uint8_t *bytes, size_t length)
{
    char text[LABELS_LENGTH_MAX + 1];

    if (memchr(bytes, '\0', length))
        return NULL;
    memcpy(text, bytes, length);
    text[length] = '\0';
    return interns_keep(interns, text);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct label *)a)->key, ((const struct label *)b)->key);
}

int labels_sort(struct label *labels, uint32_t n)
{
    qsort(labels, n, sizeof(*labels), by_key);
    for (uint32_t i = 1; i < n; i++)
        if (!strcmp(labels[i - 1].key, labels[i].key))
            return -EILSEQ;
    return 0;
}

int labels_read(const struct go_memory *memory, struct interns *interns, const uint8_t *list,
                uint32_t n, struct label ret_labels[static STACK_LABELS_MAX])
{
    struct rpc_range ranges[2 * STACK_LABELS_MAX], asked[2 * STACK_LABELS_MAX] = {{0}};
    const uint32_t *lengths;
    const uint8_t *bytes;
    size_t n_asked = 0, at = 0;
    int r;

    if (!find_strings(list, n, ranges))
        return -EILSEQ;
    for (uint32_t i = 0; i < 2 * n; i++)
        if (ranges[i].length) /* the address of an empty string may be any */
            asked[n_asked++] = ranges[i];
    r = memory->read_ranges(memory->context, asked, n_asked, &bytes, &lengths);
    if (r)
        return r;
    for (uint32_t i = 0; i < 2 * n; i++) {
        const char *text = "";

        if (ranges[i].length) {
            text = lengths[at] == ranges[i].length ? keep_text(interns, bytes, lengths[at]) : NULL;
            bytes += lengths[at++];
        }
        if (!text)
            return -EILSEQ;
        *(i % 2 ? &ret_labels[i / 2].value : &ret_labels[i / 2].key) = text;
    }
    return (int)n;
}
