/* SPDX-License-Identifier: Apache-2.0 */
/* Any symbol name: it always gets a name, within the bound, and in no time. */
#include "fuzz.h"

#include "analyst/demangle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    char *symbol = take_text(&input);
    char *name = demangle(symbol);

    check(name);
    check(strlen(name) <= DEMANGLED_MAX || strlen(name) <= strlen(symbol));
    free(name);
    free(symbol);
    return 0;
}
