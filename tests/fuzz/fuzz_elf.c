/* SPDX-License-Identifier: Apache-2.0 */
/* Any file as an object file: refused, or placed, unwound and named. An input begins with where it
 * is mapped from. */
#include "fuzz.h"

#include "analyst/elffile.h"
#include "analyst/inflate.h"
#include "fence.h"

/* As of a file of separate debug information: what comes out of it is read to its end. */
static void inflate_all(struct elffile *file)
{
    Elf *elf = elf_memory((char *)file->bytes, sizeof(file->bytes));
    Elf_Scn *section = NULL;
    void *bytes = NULL;
    uint8_t sum = 0;

    if (!elf)
        return;
    if (inflate_sections(elf, &bytes) == 0)
        while ((section = elf_nextscn(elf, section))) {
            const Elf_Data *data = elf_getdata(section, NULL);

            for (size_t i = 0; data && data->d_buf && i < data->d_size; i++)
                sum ^= ((const uint8_t *)data->d_buf)[i];
        }
    elf_end(elf);
    free(bytes);
    (void)sum;
}

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
        inflate_all(file);
        elffile_free(file);
    }
    return 0;
}
