/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/moduledwarf.h"

#include <errno.h>
#include <stdlib.h>

#include "analyst/debugfile.h"
#include "analyst/inflate.h"
#include "cleanup.h"
#include "unwinder.h"

static void file_close(struct dwarf_file *file)
{
    dwarf_end(file->dwarf);
    elf_end(file->elf);
    free(file->bytes);
}

/* Takes an open file; closes it in any case. */
static int file_open(int fd, struct dwarf_file *ret_file)
{
    CLEANUP(file_close) struct dwarf_file file = {};
    int r = image_open(fd, &file.elf);

    if (!r)
        r = inflate_sections(file.elf, &file.bytes);
    if (r)
        return r;
    file.dwarf = dwarf_begin_elf(file.elf, DWARF_C_READ, NULL);
    if (!file.dwarf)
        return -ENODATA;
    *ret_file = file;
    file = (struct dwarf_file){};
    return 0;
}

/* Without it names are missing that it has, and nothing else. */
static void open_alternate(struct unwinder *unwinder, const char *path, struct module_dwarf *dwarf)
{
    AUTO_FREE char *alternate_path = NULL;
    int fd = debugfile_find_alternate(unwinder, dwarf->file.dwarf, path, &alternate_path);

    if (fd >= 0 && !file_open(fd, &dwarf->alternate))
        dwarf_setalt(dwarf->file.dwarf, dwarf->alternate.dwarf);
}

static int open_separate(const struct module_context *context, Elf *elf, struct module_dwarf *dwarf,
                         char **ret_path)
{
    int fd = debugfile_find_separate(context, elf, ret_path);
    int r = fd < 0 ? -ENODATA : file_open(fd, &dwarf->file);

    if (r || image_apart(elf, dwarf->file.elf, &dwarf->bias))
        return r;
    file_close(&dwarf->file);
    return -ENODATA;
}

static const struct module_context *context_of(Dwfl_Module *dwfl)
{
    void **userdata;

    dwfl_module_info(dwfl, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
    return *userdata;
}

int module_dwarf_open(Dwfl_Module *dwfl, struct module_dwarf *ret_dwarf)
{
    const struct module_context *context = context_of(dwfl);
    AUTO_FREE char *path = NULL;
    struct module_dwarf dwarf = {};
    Elf *elf = dwfl_module_getelf(dwfl, &dwarf.bias);
    int r = 0;

    if (!elf)
        return -ENODATA;
    dwarf.file.dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
    if (!dwarf.file.dwarf)
        r = open_separate(context, elf, &dwarf, &path);
    if (r)
        return r;
    open_alternate(context->unwinder, path ? path : context->module->mapping.path, &dwarf);
    *ret_dwarf = dwarf;
    return 0;
}

void module_dwarf_close(struct module_dwarf *dwarf)
{
    file_close(&dwarf->file);
    file_close(&dwarf->alternate);
}
