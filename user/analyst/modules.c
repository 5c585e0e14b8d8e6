/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which file's code is where in the target, and that elfutils gets to know of it: only files in
 * which an address was met are ever opened.
 *
 * libdwfl's own ways to find a file (dwfl_linux_proc_find_elf, dwfl_standard_find_debuginfo) are
 * never used: they open paths of this process' root, and ask debuginfod.
 */
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buildid.h"
#include "cleanup.h"
#include "unwinder.h"

static void count(struct unwinder *unwinder, enum loss loss)
{
    unwinder->losses->count[loss]++;
}

/* Two mappings of one segment are as far from each other in memory as in the file. */
static uint64_t delta_of(const struct mapping *mapping)
{
    return mapping->start - mapping->offset;
}

static bool has_file(const struct mapping *mapping)
{
    return mapping->inode != 0 || strcmp(mapping->path, "[vdso]") == 0;
}

/* Paths are compared too: an inode's number is used again for another file, once it is gone. */
static bool same_segment(const struct mapping *a, const struct mapping *b)
{
    if (has_file(a) != has_file(b) || a->device != b->device || a->inode != b->inode ||
        strcmp(a->path, b->path) != 0)
        return false;
    return !has_file(a) || delta_of(a) == delta_of(b);
}

/* What was made of its files, before elfutils closes them. */
static void forget_contents(struct module *module)
{
    debuginfo_free(&module->debuginfo);
    cfi_forget(module);
}

/* The module's dwfl must not know it any more. */
static void module_free(struct module *module)
{
    if (!module)
        return;
    forget_contents(module);
    elf_end(module->elf);
    free(module->image);
    free((char *)module->mapping.path);
    free(module);
}

static struct module *module_new(struct unwinder *unwinder, const struct mapping *mapping)
{
    struct module *module = calloc(1, sizeof(*module));
    char *path = strdup(mapping->path);

    if (!module || !path) {
        free(module);
        free(path);
        return NULL;
    }
    module->mapping = *mapping;
    module->mapping.path = path;
    module->start = mapping->start;
    module->end = mapping->end;
    module->name = path[0] ? interns_keep(unwinder->interns, mapping_name(mapping)) : NULL;
    module->id = ++unwinder->last_id;
    module->state = has_file(mapping) ? MODULE_MAPPED : MODULE_NO_FILE;
    module->context = (struct module_context){unwinder, module};
    return module;
}

static void list_free(struct module **modules, size_t n)
{
    for (size_t i = 0; i < n; i++)
        module_free(modules[i]);
    free(modules);
}

/* A mapping goes on with a run that ends at `end` when both are of one segment; of anonymous
 * memory, when they touch. */
static bool goes_on(const struct module *module, uint64_t end, const struct mapping *mapping)
{
    return same_segment(&module->mapping, mapping) && (has_file(mapping) || end == mapping->start);
}

static bool starts_as(const struct module *module, const struct mapping *mapping)
{
    return module->start == mapping->start && module->mapping.end == mapping->end &&
           same_segment(&module->mapping, mapping);
}

/* Whether `maps` gives the modules that we have. */
static bool is_unchanged(const struct unwinder *unwinder, const struct maps *maps)
{
    struct module **modules = unwinder->modules;
    uint64_t end = 0;
    size_t n = 0;

    for (size_t i = 0; i < maps->n; i++) {
        const struct mapping *mapping = &maps->mappings[i];

        if (!mapping->executable)
            continue;
        if (n == 0 || !goes_on(modules[n - 1], end, mapping)) {
            if (n > 0 && modules[n - 1]->end != end)
                return false;
            if (n == unwinder->n_modules)
                return n == MODULES_MAX;
            if (!starts_as(modules[n++], mapping))
                return false;
        }
        end = mapping->end;
    }
    return n == unwinder->n_modules && (n == 0 || modules[n - 1]->end == end);
}

/* Lists the runs of executable mappings as fresh modules. */
static int list_modules(struct unwinder *unwinder, const struct maps *maps,
                        struct module ***ret_modules, size_t *ret_n)
{
    struct module **modules = calloc(MODULES_MAX, sizeof(struct module *));
    size_t n = 0;

    if (!modules)
        return -ENOMEM;
    for (size_t i = 0; i < maps->n; i++) {
        const struct mapping *mapping = &maps->mappings[i];

        if (!mapping->executable)
            continue;
        if (n > 0 && goes_on(modules[n - 1], modules[n - 1]->end, mapping)) {
            modules[n - 1]->end = mapping->end;
            continue;
        }
        if (n == MODULES_MAX)
            break;
        modules[n] = module_new(unwinder, mapping);
        if (!modules[n]) {
            list_free(modules, n);
            return -ENOMEM;
        }
        n++;
    }
    *ret_modules = modules;
    *ret_n = n;
    return 0;
}

/* Puts those of `old` that are still there in the place of their equals in `fresh`; what is left in
 * `old` has gone. */
static void keep_known(struct module **fresh, size_t n_fresh, struct module **old, size_t n_old)
{
    size_t o = 0;

    for (size_t f = 0; f < n_fresh; f++) {
        struct module *module = fresh[f];

        while (o < n_old && old[o]->start < module->start)
            o++;
        if (o == n_old)
            break;
        if (old[o]->start != module->start || !same_segment(&old[o]->mapping, &module->mapping))
            continue;
        old[o]->mapping.end = module->mapping.end;
        old[o]->end = module->end;
        fresh[f] = old[o];
        old[o++] = NULL;
        module_free(module);
    }
}

/* A name by which libdwfl tells whether a module that is reported again is the same. */
static void report_name(const struct module *module, char name[static 64])
{
    snprintf(name, 64, "%" PRIx64 ":%" PRIx64, module->mapping.device, module->mapping.inode);
}

/* libdwfl keeps what it has of a module that is reported again with the same place and name. */
static int report(struct module *module, Dwfl *dwfl)
{
    char name[64];
    void **userdata;

    report_name(module, name);
    module->dwfl = dwfl_report_module(dwfl, name, module->low, module->high);
    if (!module->dwfl)
        return -ENOMEM;
    dwfl_module_info(module->dwfl, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
    *userdata = &module->context;
    return 0;
}

/* Makes elfutils forget the modules that are not in the list any more. */
static void report_again(struct unwinder *unwinder)
{
    dwfl_report_begin(unwinder->dwfl);
    for (size_t i = 0; i < unwinder->n_modules; i++) {
        struct module *module = unwinder->modules[i];

        if (module->state == MODULE_LOADED && report(module, unwinder->dwfl) < 0)
            module->state = MODULE_REFUSED;
    }
    dwfl_report_end(unwinder->dwfl, NULL, NULL);
}

int unwinder_set_maps(struct unwinder *unwinder, const struct maps *maps)
{
    struct module **old = unwinder->modules, **fresh;
    size_t n_old = unwinder->n_modules, n_fresh;
    int r;

    if (is_unchanged(unwinder, maps)) {
        unwinder->all_shown = true;
        return 0;
    }
    r = list_modules(unwinder, maps, &fresh, &n_fresh);
    if (r < 0)
        return r;
    keep_known(fresh, n_fresh, old, n_old);
    unwinder->modules = fresh;
    unwinder->n_modules = n_fresh;
    for (size_t i = 0; i < n_old; i++)
        if (old[i])
            forget_contents(old[i]);
    report_again(unwinder);
    list_free(old, n_old);
    unwinder->all_shown = true;
    return 0;
}

void unwinder_doubt(struct unwinder *unwinder)
{
    unwinder->doubts++;
    unwinder->all_shown = false;
}

static void close_module(struct module *module)
{
    forget_contents(module);
    elf_end(TAKE_PTR(module->elf));
    module->debuginfo_tried = false;
    module->debug_sought = false;
    module->dwfl = NULL;
    module->state = MODULE_CLOSED;
}

/* Debug information of one library, inflated, takes more than all else that an analyst has. */
void unwinder_rest(struct unwinder *unwinder, uint64_t now_ns)
{
    if (unwinder->named) {
        unwinder->named = false;
        unwinder->named_ns = now_ns;
    }
    if (!unwinder->named_ns || now_ns - unwinder->named_ns < UNWIND_REST_NS)
        return;
    unwinder->named_ns = 0;
    for (size_t i = 0; i < unwinder->n_modules; i++)
        if (unwinder->modules[i]->state == MODULE_LOADED)
            close_module(unwinder->modules[i]);
    report_again(unwinder);
    for (size_t i = 0; i < unwinder->n_modules; i++)
        free(TAKE_PTR(unwinder->modules[i]->image));
    malloc_trim(0);
}

void modules_free(struct unwinder *unwinder)
{
    list_free(unwinder->modules, unwinder->n_modules);
    unwinder->modules = NULL;
    unwinder->n_modules = 0;
}

struct module *module_find(const struct unwinder *unwinder, uint64_t address)
{
    size_t low = 0, high = unwinder->n_modules;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (address >= unwinder->modules[middle]->end)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == unwinder->n_modules || address < unwinder->modules[low]->start)
        return NULL;
    return unwinder->modules[low];
}

static bool is_shown(const struct unwinder *unwinder, const struct module *module, uint64_t address)
{
    if (unwinder->all_shown)
        return true;
    return module && module->doubts == unwinder->doubts && address >= module->shown.start &&
           address < module->shown.end;
}

/* Whether `mapping` is a part of the module as it is known. Where it is, so is all that was read of
 * the module's file: it is the same, at the same place. */
static bool is_part_of(const struct module *module, const struct mapping *mapping)
{
    return mapping->start >= module->start && mapping->end <= module->end &&
           same_segment(&module->mapping, mapping);
}

int module_show(const struct unwinder *unwinder, struct module *module, uint64_t address)
{
    const struct unwind_target *target = &unwinder->target;
    struct mapping mapping;
    int r;

    if (is_shown(unwinder, module, address))
        return 0;
    r = target->find_mapping(target->context, address, &mapping);
    if (r && r != -ENOENT)
        return r;
    if (r || !mapping.executable)
        return module ? -ESTALE : 0;
    if (!module || !is_part_of(module, &mapping))
        return -ESTALE;
    module->shown = (struct span){mapping.start, mapping.end};
    module->doubts = unwinder->doubts;
    return 0;
}

int modules_renew(struct unwinder *unwinder)
{
    const struct unwind_target *target = &unwinder->target;
    const struct maps *maps;
    int r = target->list_mappings(target->context, &maps);

    if (!r)
        r = unwinder_set_maps(unwinder, maps);
    unwinder->all_shown = false; /* they may have been read a while ago */
    return r;
}

static int open_image(struct unwinder *unwinder, struct module *module)
{
    const struct unwind_target *target = &unwinder->target;
    int fd, r;

    if (module->mapping.inode == 0) {
        r = image_copy(target, &module->mapping, &module->elf, &module->image);
    } else if (target->open_mapping(target->context, &module->mapping, &fd) < 0) {
        count(unwinder, LOSS_file_unreadable);
        return -ENOENT;
    } else {
        r = image_open(fd, &module->elf);
    }
    if (r < 0)
        count(unwinder, LOSS_debug_refused);
    return r;
}

static const char *keep_build_id(struct unwinder *unwinder, Elf *elf)
{
    char text[BUILD_ID_TEXT_MAX];
    const void *build_id;
    ssize_t size = dwelf_elf_gnu_build_id(elf, &build_id);

    if (size <= 0 || !buildid_format(build_id, (size_t)size, text))
        return NULL;
    return interns_keep(unwinder->interns, text);
}

/* Tells elfutils about an opened module, and checks that it places it where it is. */
static int introduce(struct unwinder *unwinder, struct module *module)
{
    struct image_place place;
    GElf_Addr bias;
    int r = image_place(module->elf, &module->mapping, &place);

    if (r < 0)
        return r;
    module->build_id = keep_build_id(unwinder, module->elf);
    module->bias = place.bias;
    module->low = place.low;
    module->high = place.high;
    dwfl_report_begin_add(unwinder->dwfl);
    r = report(module, unwinder->dwfl);
    if (dwfl_report_end(unwinder->dwfl, NULL, NULL) != 0 || r < 0)
        return -ENOMEM;
    if (!dwfl_module_getelf(module->dwfl, &bias) || bias != module->bias)
        return -ENOEXEC;
    return 0;
}

bool module_is_unloaded(const struct module *module)
{
    return module->state == MODULE_MAPPED || module->state == MODULE_CLOSED;
}

bool module_load(struct unwinder *unwinder, struct module *module)
{
    if (!module_is_unloaded(module))
        return module->state == MODULE_LOADED;
    module->state = MODULE_REFUSED;
    if (open_image(unwinder, module) < 0)
        return false;
    if (introduce(unwinder, module) < 0) {
        count(unwinder, LOSS_debug_refused);
        return false;
    }
    module->state = MODULE_LOADED;
    module->openings++;
    return true;
}
