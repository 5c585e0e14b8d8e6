/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the file of separate debug information of a module, in gdb's order: by build ID, then by
 * the name in .gnu_debuglink beside the file, in .debug/ there, and below /usr/lib/debug. A file is
 * only used when its build ID (or, without one, its CRC) is the right one.
 */
#include <elfutils/libdwelf.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "analyst/debugfile.h"
#include "cleanup.h"
#include "unwinder.h"

#define DEBUG_ROOT         "/usr/lib/debug"
#define DEBUG_PATH_MAX     4096
#define DEBUG_CRC_MAX      (1ull << 30) /* bytes read to check a CRC */
#define DEBUG_BUILD_ID_MAX 64
#define DEBUG_CHUNK        (64 * 1024)

/* What a file of debug information must be: the first of these that is there decides. */
struct identity {
    const uint8_t *build_id;
    size_t build_id_size; /* 0: none */
    uint32_t crc;         /* 0: none */
};

static void cleanup_elf(Elf **elf)
{
    elf_end(*elf);
}

static bool has_build_id(int fd, const struct identity *identity)
{
    CLEANUP(cleanup_elf) Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    const void *build_id;
    ssize_t size = elf ? dwelf_elf_gnu_build_id(elf, &build_id) : -1;

    return size > 0 && (size_t)size == identity->build_id_size &&
           memcmp(build_id, identity->build_id, (size_t)size) == 0;
}

/* The checksum of .gnu_debuglink is zlib's CRC-32 over the whole file. */
static bool has_crc(int fd, uint32_t crc)
{
    AUTO_FREE uint8_t *chunk = malloc(DEBUG_CHUNK);
    uLong sum = crc32(0, NULL, 0);
    uint64_t offset = 0;
    ssize_t n;

    if (!chunk)
        return false;
    while ((n = pread(fd, chunk, DEBUG_CHUNK, (off_t)offset)) > 0) {
        sum = crc32(sum, chunk, (uInt)n);
        offset += (uint64_t)n;
        if (offset > DEBUG_CRC_MAX)
            return false;
    }
    return n == 0 && sum == crc;
}

static bool is_right(int fd, const struct identity *identity)
{
    if (identity->build_id_size > 0)
        return has_build_id(fd, identity);
    return identity->crc != 0 && has_crc(fd, identity->crc);
}

/* Opens `path` if it is the right file. Returns the descriptor and a copy of the path, or -1. */
static int try_path(struct unwinder *unwinder, const struct identity *identity, const char *path,
                    char **ret_path)
{
    const struct unwind_target *target = &unwinder->target;
    AUTO_CLOSE int fd = -1;
    AUTO_FREE char *copy = NULL;

    if (target->open_debug(target->context, path, &fd) < 0) {
        fd = -1;
        return -1;
    }
    if (!is_right(fd, identity))
        return -1;
    copy = strdup(path);
    if (!copy)
        return -1;
    *ret_path = TAKE_PTR(copy);
    return TAKE_FD(fd);
}

static int try_build_id(struct unwinder *unwinder, const struct identity *identity, char **ret_path)
{
    char path[sizeof(DEBUG_ROOT "/.build-id//.debug") + 2 * DEBUG_BUILD_ID_MAX];
    size_t n;

    if (identity->build_id_size < 2 || identity->build_id_size > DEBUG_BUILD_ID_MAX)
        return -1;
    n = (size_t)sprintf(path, DEBUG_ROOT "/.build-id/%02x/", identity->build_id[0]);
    for (size_t i = 1; i < identity->build_id_size; i++)
        n += (size_t)sprintf(path + n, "%02x", identity->build_id[i]);
    memcpy(path + n, ".debug", sizeof(".debug"));
    return try_path(unwinder, identity, path, ret_path);
}

/* `link` is named in `file`, an absolute path: first beside it, then in .debug there, then below
 * DEBUG_ROOT. */
static int try_link(struct unwinder *unwinder, const struct identity *identity, const char *file,
                    const char *link, char **ret_path)
{
    static const struct {
        const char *root, *below;
    } places[] = {{"", ""}, {"", "/.debug"}, {DEBUG_ROOT, ""}};
    const char *slash = strrchr(file, '/');
    char path[DEBUG_PATH_MAX];
    int fd = -1;

    if (file[0] != '/' || link[0] == '\0' || link[0] == '/')
        return -1;
    for (size_t i = 0; fd < 0 && i < sizeof(places) / sizeof(places[0]); i++) {
        int length = snprintf(path, sizeof(path), "%s%.*s%s/%s", places[i].root,
                              (int)(slash - file), file, places[i].below, link);

        if (length > 0 && (size_t)length < sizeof(path))
            fd = try_path(unwinder, identity, path, ret_path);
    }
    return fd;
}

int debugfile_find_alternate(struct unwinder *unwinder, Dwarf *dwarf, const char *file,
                             char **ret_path)
{
    const char *link;
    const void *build_id;
    ssize_t size = dwelf_dwarf_gnu_debugaltlink(dwarf, &link, &build_id);
    struct identity identity = {.build_id = build_id};
    int fd;

    if (size <= 0)
        return -1;
    identity.build_id_size = (size_t)size;
    fd = try_build_id(unwinder, &identity, ret_path);
    if (fd >= 0)
        return fd;
    if (link[0] == '/')
        return try_path(unwinder, &identity, link, ret_path);
    return try_link(unwinder, &identity, file, link, ret_path);
}

int debugfile_find_separate(const struct module_context *context, Elf *elf, char **ret_path)
{
    struct identity identity = {};
    const char *link = dwelf_elf_gnu_debuglink(elf, &identity.crc);
    const void *build_id;
    ssize_t size = dwelf_elf_gnu_build_id(elf, &build_id);
    int fd;

    if (size > 0) {
        identity.build_id = build_id;
        identity.build_id_size = (size_t)size;
    }
    fd = try_build_id(context->unwinder, &identity, ret_path);
    if (fd >= 0 || !link)
        return fd;
    return try_link(context->unwinder, &identity, context->module->mapping.path, link, ret_path);
}

/* For symbol tables. Called again for what was sought in vain. */
int debugfile_find(Dwfl_Module *dwfl, void **userdata, const char *name, Dwarf_Addr base,
                   const char *file, const char *link, GElf_Word crc, char **ret_path)
{
    struct module_context *context = *userdata;
    struct module *module = context->module;
    GElf_Addr bias;

    (void)name;
    (void)base;
    (void)file;
    (void)link;
    (void)crc;
    if (context->unwinder->target.careful || module->debug_sought)
        return -1;
    module->debug_sought = true;
    return debugfile_find_separate(context, dwfl_module_getelf(dwfl, &bias), ret_path);
}
