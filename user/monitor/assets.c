/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The assembler takes the files in as they are. assets.inc, which make writes, has a line
 * "X(NUMBER, NAME)" for each.
 */
#include "monitor/assets.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hash.h"

#define PREFIX "/assets/"

/* Bytes between the symbols `symbol` and `symbol`_end. The include paths are the compiler's. */
#define EMBED(symbol, file)                                                                        \
    __asm__(".pushsection .rodata.assets, \"a\"\n" #symbol ":\n.incbin \"" file "\"\n" #symbol     \
            "_end:\n.popsection\n");                                                               \
    extern const char symbol[];                                                                    \
    extern const char symbol##_end[];

#define X(number, name)                                                                            \
    EMBED(asset_##number, "monitor/assets/" name)                                                  \
    EMBED(asset_gz_##number, "assets/" name ".gz")
#include "assets.inc"
#undef X

static const struct asset assets[] = {
#define X(number, name)                                                                            \
    {name, asset_##number, asset_##number##_end, asset_gz_##number, asset_gz_##number##_end},
#include "assets.inc"
#undef X
};

#define ASSETS (sizeof(assets) / sizeof(assets[0]))

const struct asset *asset_find(const char *path)
{
    const char *name = NULL;

    if (!strcmp(path, "/"))
        name = "index.html";
    else if (!strncmp(path, PREFIX, strlen(PREFIX)))
        name = path + strlen(PREFIX);
    if (!name)
        return NULL;
    for (size_t i = 0; i < ASSETS; i++)
        if (!strcmp(name, assets[i].name))
            return &assets[i];
    return NULL;
}

const char *asset_type(const struct asset *asset)
{
    static const struct {
        const char *ending;
        const char *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".svg", "image/svg+xml"},
    };
    const char *ending = strrchr(asset->name, '.');

    for (size_t i = 0; ending && i < sizeof(types) / sizeof(types[0]); i++)
        if (!strcmp(ending, types[i].ending))
            return types[i].type;
    return "text/plain; charset=utf-8";
}

void asset_etag(const struct asset *asset, bool packed, char ret_etag[static ASSET_ETAG_SIZE])
{
    uint64_t hash = hash_bytes(HASH_START, asset->bytes, (size_t)(asset->end - asset->bytes));

    snprintf(ret_etag, ASSET_ETAG_SIZE, "\"%016" PRIx64 "%s\"", hash, packed ? "-gzip" : "");
}
