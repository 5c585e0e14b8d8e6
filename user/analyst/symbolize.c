/* SPDX-License-Identifier: Apache-2.0 */
/* Names for addresses: by debug information, else by the symbol table, else the module alone. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "demangle.h"
#include "heap.h"
#include "unwinder.h"

#define SYMBOL_CACHE_SLOTS (64 * 1024) /* a power of two */
#define SYMBOL_CACHE_MAX   (SYMBOL_CACHE_SLOTS / 2)
#define SYMBOL_FRAMES_MAX  (8 * SYMBOL_CACHE_MAX) /* of all symbols in the cache */
#define SYMBOL_DEBUG_SIZE  (16 * 1024 * 1024)     /* of one library; libc6-dbg unpacked has 10 MB */
#define SYMBOL_LABEL_REACH 256 /* bytes of code believed to belong to a symbol without a size */

/* Found frames of one address; address and offset of them are filled in at each look-up. */
struct symbol {
    uint64_t address; /* in the target */
    uint32_t module;  /* id: those of modules that have gone match nothing any more */
    uint32_t n;
    struct frame frames[];
};

struct symbol_cache {
    struct symbol *slots[SYMBOL_CACHE_SLOTS]; /* open addressing */
    size_t n;
    size_t n_frames;
};

int symbol_cache_new(struct symbol_cache **ret_cache)
{
    struct symbol_cache *cache = calloc(1, sizeof(*cache));

    if (!cache)
        return -ENOMEM;
    *ret_cache = cache;
    return 0;
}

static void cache_clear(struct symbol_cache *cache)
{
    for (size_t i = 0; i < SYMBOL_CACHE_SLOTS; i++)
        free(cache->slots[i]);
    memset(cache, 0, sizeof(*cache));
}

void symbol_cache_free(struct symbol_cache **cache)
{
    if (!*cache)
        return;
    cache_clear(*cache);
    free(*cache);
    *cache = NULL;
}

/* The slot of what is known of the address, or the free one where it belongs. */
static struct symbol **cache_slot(struct symbol_cache *cache, uint32_t module, uint64_t address)
{
    /* Multiplied by 2^64 / golden ratio, so that neighbours spread. */
    size_t i = ((address + module) * 0x9e3779b97f4a7c15u) >> 32 & (SYMBOL_CACHE_SLOTS - 1);

    for (; cache->slots[i]; i = (i + 1) & (SYMBOL_CACHE_SLOTS - 1))
        if (cache->slots[i]->address == address && cache->slots[i]->module == module)
            break;
    return &cache->slots[i];
}

/* Without memory nothing is kept, and the next look-up takes as long. */
static void cache_put(struct symbol_cache *cache, uint32_t module, uint64_t address,
                      const struct frame *frames, size_t n)
{
    struct symbol *symbol = malloc(sizeof(*symbol) + n * sizeof(*frames));

    if (!symbol)
        return;
    if (cache->n == SYMBOL_CACHE_MAX || cache->n_frames + n > SYMBOL_FRAMES_MAX)
        cache_clear(cache);
    symbol->address = address;
    symbol->module = module;
    symbol->n = (uint32_t)n;
    memcpy(symbol->frames, frames, n * sizeof(*frames));
    *cache_slot(cache, module, address) = symbol;
    cache->n++;
    cache->n_frames += n;
}

/*
 * The symbol whose code holds the address. libdwfl returns the nearest one below it that has it
 * within its size, or a label without a size that no other symbol lies behind of. In a stripped
 * library such a label may be followed by functions whose names are gone, so it is only believed
 * for a short way: labels are what small assembly stubs have.
 */
static const char *symbol_name(struct unwinder *unwinder, const struct module *module,
                               uint64_t address)
{
    AUTO_FREE char *readable = NULL;
    GElf_Off distance = 0;
    GElf_Sym symbol;
    const char *name =
        dwfl_module_addrinfo(module->dwfl, address, &distance, &symbol, NULL, NULL, NULL);

    if (!name || !name[0] || distance >= (symbol.st_size ? symbol.st_size : SYMBOL_LABEL_REACH))
        return NULL;
    readable = demangle(name);
    return readable ? interns_keep(unwinder->interns, readable) : NULL;
}

static struct debuginfo *module_debuginfo(struct unwinder *unwinder, struct module *module)
{
    int r;

    if (!module->debuginfo_tried && !unwinder->target.careful) {
        module->debuginfo_tried = true;
        heap_begin_bulk(SYMBOL_DEBUG_SIZE);
        r = debuginfo_new(module->dwfl, unwinder->interns, &module->debuginfo);
        heap_end_bulk();
        if (r < 0 && r != -ENODATA)
            unwinder->losses->count[LOSS_debug_refused]++;
    }
    return module->debuginfo;
}

static size_t find_symbol(struct unwinder *unwinder, struct module *module, uint64_t address,
                          struct frame frames[static SYMBOL_INLINE_MAX])
{
    struct debuginfo *debuginfo = module_debuginfo(unwinder, module);
    size_t n = debuginfo ? debuginfo_frames(debuginfo, address, frames) : 0;

    if (n == 0) {
        frames[0] = (struct frame){0};
        n = 1;
    }
    if (!frames[n - 1].function)
        frames[n - 1].function = symbol_name(unwinder, module, address);
    return n;
}

/* What is known needs no file. 0: the module's file can't be read. */
static size_t cached_symbol(struct unwinder *unwinder, struct module *module, uint64_t address,
                            struct frame frames[static SYMBOL_INLINE_MAX])
{
    struct symbol *known = *cache_slot(unwinder->symbols, module->id, address);
    size_t n;

    if (known) {
        memcpy(frames, known->frames, known->n * sizeof(*frames));
        return known->n;
    }
    if (!module_load(unwinder, module))
        return 0;
    unwinder->named = true;
    n = find_symbol(unwinder, module, address, frames);
    cache_put(unwinder->symbols, module->id, address, frames, n);
    return n;
}

void unwinder_prepare(struct unwinder *unwinder, uint64_t pc)
{
    struct module *module = module_find(unwinder, pc);

    if (!module || !module_load(unwinder, module))
        return;
    unwinder->named = true; /* that it is given back if it was in vain */
    module_debuginfo(unwinder, module);
}

/* Where the address is in the module's own addresses; in a file that we can't read, in the file. */
static uint64_t offset_in(const struct module *module, uint64_t address)
{
    if (module->state == MODULE_LOADED || module->state == MODULE_CLOSED)
        return address - module->bias;
    return address - module->mapping.start + module->mapping.offset;
}

size_t unwinder_symbolize(struct unwinder *unwinder, const struct raw_frame *raw,
                          struct frame ret_frames[static SYMBOL_INLINE_MAX])
{
    uint64_t address = raw->pc - !raw->activation;
    struct module *module = module_find(unwinder, address);
    size_t n = 0;

    /* Mostly the unwinding has shown it already. */
    if (module && module_show(unwinder, module, address))
        module = NULL;
    if (module)
        n = cached_symbol(unwinder, module, address, ret_frames);
    if (!n) {
        ret_frames[0] = (struct frame){.address = raw->pc};
        n = 1;
    }
    for (size_t i = 0; i < n && module; i++) {
        ret_frames[i].module = module->name;
        ret_frames[i].build_id = module->build_id;
        ret_frames[i].address = raw->pc;
        ret_frames[i].offset = offset_in(module, raw->pc);
    }
    return n;
}
