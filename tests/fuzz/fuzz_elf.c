/* SPDX-License-Identifier: Apache-2.0 */
/* Any file as an object file: refused, or placed, unwound and named. An input begins with where it
 * is mapped from. */
#include "fuzz.h"

#include "analyst/elffile.h"
#include "fence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct elffile *file = elffile_new();
    struct input input = {data, size};

    take(&input, file->bytes, input.left < ELFFILE_SIZE ? input.left : ELFFILE_SIZE);
    elffile_map(file);
    FENCE
    {
        for (uint64_t at = 0; at < 0x4000; at += 0x200) {
            elffile_name(file, at);
            elffile_unwind(file, at);
        }
        elffile_free(file);
    }
    return 0;
}
