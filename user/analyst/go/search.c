/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds modules of Go code in a target by the shape of their moduledata, and the build information
 * beside it. Both lie in the data of a program or a library, behind its code; that is small, while
 * the tables that the moduledata leads to may be anywhere in it and large.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/go/arch.h"
#include "analyst/go/buildversion.h"
#include "analyst/go/gocode.h"
#include "analyst/go/object.h"
#include "cleanup.h"

#define CHUNK_SIZE   (1024 * 1024)
#define CHUNK_STEP   (CHUNK_SIZE - GO_MODULEDATA_PREFIX) /* what begins in one chunk ends in it */
#define SEARCH_MAX   (512ull * 1024 * 1024)              /* bytes */
#define FINDINGS_MAX 256

static_assert(CHUNK_STEP % GO_BUILDINFO_ALIGN == 0 && CHUNK_SIZE <= RPC_DATA_SIZE,
              "chunks begin where anything may begin");

/* An object file, as the mappings name it. */
struct object {
    uint64_t device, inode;
};

struct finding {
    uint64_t address;
    struct object object;
    bool is_module; /* else build information */
};

struct search {
    struct go_code *code;
    const struct maps *maps;
    struct finding findings[FINDINGS_MAX];
    size_t n;
    uint64_t searched; /* bytes */
};

static bool same_object(const struct object *a, const struct mapping *b)
{
    return b->inode != 0 && a->inode == b->inode && a->device == b->device;
}

static void add(struct search *search, uint64_t address, const struct mapping *mapping,
                bool is_module)
{
    if (search->n < FINDINGS_MAX)
        search->findings[search->n++] =
            (struct finding){address, {mapping->device, mapping->inode}, is_module};
}

static void search_chunk(struct search *search, const struct mapping *mapping, uint64_t address,
                         const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at + GO_BUILDINFO_SIZE <= size && at < CHUNK_STEP; at += GO_POINTER_SIZE) {
        if (at % GO_BUILDINFO_ALIGN == 0 && go_buildinfo_is(bytes + at))
            add(search, address + at, mapping, false);
        if (at + GO_MODULEDATA_PREFIX <= size && go_module_looks_like(bytes + at))
            add(search, address + at, mapping, true);
    }
}

static void search_mapping(struct search *search, const struct mapping *mapping)
{
    const struct go_memory *memory = search->code->memory;

    for (uint64_t at = mapping->start; at < mapping->end && search->searched < SEARCH_MAX;) {
        uint64_t rest = mapping->end - at;
        struct rpc_range range = {at, rest < CHUNK_SIZE ? rest : CHUNK_SIZE};
        const uint32_t *lengths;
        const uint8_t *bytes;

        if (memory->read_ranges(memory->context, &range, 1, &bytes, &lengths))
            return;
        search->searched += range.length;
        search_chunk(search, mapping, at, bytes,
                     lengths[0] < range.length ? lengths[0] : range.length);
        at += CHUNK_STEP;
    }
}

/* Data of a program or a library: what is mapped from a file behind the code in it, as linkers lay
 * it out. Part of it may have been made read-only once it was relocated (RELRO). */
static void search_all(struct search *search)
{
    struct object code = {0};

    for (size_t i = 0; i < search->maps->n; i++) {
        const struct mapping *mapping = &search->maps->mappings[i];

        if (mapping->executable)
            code = (struct object){mapping->device, mapping->inode};
        else if (mapping->writable && mapping->readable && same_object(&code, mapping))
            search_mapping(search, mapping);
    }
}

/* The first finding that leads to function tables of a kind that we know, or NULL. */
static const struct finding *first_module(const struct search *search)
{
    uint32_t magic;

    for (size_t i = 0; i < search->n; i++)
        if (search->findings[i].is_module &&
            !go_module_magic(search->code->windows, search->findings[i].address, &magic) &&
            go_layout_knows(magic))
            return &search->findings[i];
    return NULL;
}

/* The version that an object's build information records, or else that of any object: a plugin has
 * none of its own, and must have been built by the same Go as its program. */
static bool find_version(const struct search *search, const struct object *object,
                         char ret_version[static GO_VERSION_MAX])
{
    char version[GO_VERSION_MAX];
    bool found = false;

    for (size_t i = 0; i < search->n; i++) {
        const struct finding *finding = &search->findings[i];
        bool own = object && finding->object.inode == object->inode &&
                   finding->object.device == object->device;

        if (finding->is_module || (found && !own) ||
            go_buildinfo_version(search->code->windows, finding->address, version))
            continue;
        memcpy(ret_version, version, sizeof(version));
        found = true;
        if (own)
            break;
    }
    return found;
}

/* The version of the Go that built the module which decides it. */
static bool find_module_version(const struct search *search, const struct finding *module,
                                char ret_version[static GO_VERSION_MAX])
{
    struct go_windows *windows = search->code->windows;
    struct rpc_range data;
    uint32_t magic;

    return find_version(search, &module->object, ret_version) ||
           (!go_module_magic(windows, module->address, &magic) &&
            !go_module_data(windows, module->address, &data) &&
            !go_buildversion_find(windows, &data, magic, ret_version));
}

static bool overlaps(const struct go_code *code, const struct go_module *module)
{
    for (size_t i = 0; i < code->n_modules; i++)
        if (module->minpc < code->modules[i].maxpc && code->modules[i].minpc < module->maxpc)
            return true;
    return false;
}

/* Takes up a module that validates; the first one decides which Go it is. */
static int add_module(struct search *search, const struct finding *finding, const char **ret_check)
{
    struct go_code *code = search->code;
    char build_id[BUILD_ID_TEXT_MAX];
    const struct mapping *mapping;
    struct go_module module;
    int r;

    if (code->n_modules == GO_MODULES_MAX)
        return -ENOBUFS;
    r = go_module_load(code->windows, search->maps, finding->address, go_layout_of(code->minor),
                       &module, ret_check);
    if (r)
        return r;
    *ret_check = "its code overlaps that of another";
    if (overlaps(code, &module))
        return -EILSEQ;
    mapping = maps_find(search->maps, module.minpc);
    module.name = interns_keep(code->interns, mapping_name(mapping));
    module.bias = go_object_bias(code->windows, search->maps, mapping);
    if (go_object_build_id(code->windows, search->maps, mapping, build_id))
        module.build_id = interns_keep(code->interns, build_id);
    code->modules[code->n_modules++] = module;
    return 0;
}

static int refuse(char *why, const char *version, const char *check)
{
    snprintf(why, GO_WHY_MAX, "%.60s: %s", version[0] ? version : "Go of unknown version", check);
    return -ENOTSUP;
}

/* Whether there is build information of Go, whatever it says. */
static bool has_header(const struct search *search)
{
    for (size_t i = 0; i < search->n; i++)
        if (!search->findings[i].is_module)
            return true;
    return false;
}

/* Nothing that we can read: is there Go at all? Its header alone says so: obfuscators (garble) have
 * the linker record "unknown" as the version. */
static int no_module(const struct search *search, char *why)
{
    char version[GO_VERSION_MAX] = "";
    bool has_version = find_version(search, NULL, version);

    if (has_version && !go_layout_of(go_version_minor(version)))
        return refuse(why, version, "older than 1.17");
    if (has_header(search))
        return refuse(why, version, "no function table of a known kind, it may be obfuscated");
    if (search->searched >= SEARCH_MAX)
        return refuse(why, "", "more data than is searched for it");
    return -ENOENT;
}

static int add_modules(struct search *search, char *why)
{
    const char *check = "too many modules";
    int r = 0;

    for (size_t i = 0; i < search->n && r != -ENOBUFS; i++)
        if (search->findings[i].is_module)
            r = add_module(search, &search->findings[i], &check);
    if (search->code->n_modules == 0)
        return refuse(why, search->code->version, check);
    return 0;
}

static int search_new(struct go_code *code, const struct maps *maps, struct search **ret_search)
{
    struct search *search = calloc(1, sizeof(*search));

    if (!search)
        return -ENOMEM;
    search->code = code;
    search->maps = maps;
    search_all(search);
    code->searched_code = maps_hash_code(maps);
    *ret_search = search;
    return 0;
}

int go_search(struct go_code *code, const struct maps *maps, char ret_why[static GO_WHY_MAX])
{
    AUTO_FREE struct search *search = NULL;
    const struct finding *module;
    int r = search_new(code, maps, &search);

    if (r)
        return r;
    module = first_module(search);
    if (!module)
        return no_module(search, ret_why);
    if (!find_module_version(search, module, code->version))
        return refuse(ret_why, "", "its version is recorded nowhere");
    code->minor = go_version_minor(code->version);
    if (!go_layout_of(code->minor))
        return refuse(ret_why, code->version, "older than 1.17");
    return add_modules(search, ret_why);
}

int go_search_again(struct go_code *code, const struct maps *maps)
{
    AUTO_FREE struct search *search = NULL;
    char why[GO_WHY_MAX];
    int r;

    if (maps_hash_code(maps) == code->searched_code)
        return 0;
    go_windows_clear(code->windows);
    r = search_new(code, maps, &search);
    if (!r)
        add_modules(search, why); /* those that are known overlap themselves */
    return r;
}
