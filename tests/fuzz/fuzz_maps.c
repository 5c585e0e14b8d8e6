/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as /proc/PID/maps: mappings come out ascending, with their paths within the strings. */
#include "fuzz.h"

#include "analyst/maps.h"

static void check_mapping(const struct maps *maps, size_t i, size_t length)
{
    const struct mapping *mapping = &maps->mappings[i];

    check(mapping->start < mapping->end);
    check(i == 0 || mapping[-1].end <= mapping->start);
    check(mapping->path >= maps->strings && mapping->path <= maps->strings + length);
    check(strlen(mapping->path) <= (size_t)(maps->strings + length - mapping->path));
    check(maps_find(maps, mapping->start) == mapping);
    check(maps_find(maps, mapping->end - 1) == mapping);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    char *text = take_text(&input);
    struct maps maps;

    if (!maps_parse(text, size, &maps)) {
        for (size_t i = 0; i < maps.n; i++)
            check_mapping(&maps, i, size);
        maps_free(&maps);
    }
    free(text);
    return 0;
}
