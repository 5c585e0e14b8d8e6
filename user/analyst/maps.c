/* SPDX-License-Identifier: Apache-2.0 */
/* Parses the text of /proc/PID/maps, as fs/proc/task_mmu.c:show_map_vma() writes it:
 * "START-END PERM OFFSET MAJOR:MINOR INODE   PATH\n", numbers in hexadecimal but the inode. */
#include "maps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "hash.h"

/* What is left of one line. */
struct cursor {
    const char *at;
    const char *end;
};

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/* A number in `base` and the character behind it. */
static bool take_number(struct cursor *cursor, unsigned int base, char behind, uint64_t *ret_value)
{
    const char *start = cursor->at;
    uint64_t value = 0;

    for (; cursor->at < cursor->end; cursor->at++) {
        int digit = digit_of(*cursor->at);

        if (digit < 0 || digit >= (int)base)
            break;
        if (value > (UINT64_MAX - (uint64_t)digit) / base)
            return false;
        value = value * base + (uint64_t)digit;
    }
    if (cursor->at == start || cursor->at == cursor->end || *cursor->at != behind)
        return false;
    cursor->at++;
    *ret_value = value;
    return true;
}

static bool take_permissions(struct cursor *cursor, struct mapping *mapping)
{
    if (cursor->end - cursor->at < 5 || cursor->at[4] != ' ')
        return false;
    mapping->readable = cursor->at[0] == 'r';
    mapping->writable = cursor->at[1] == 'w';
    mapping->executable = cursor->at[2] == 'x';
    cursor->at += 5;
    return true;
}

/* The inode is the last number; a mapping without a path may end right behind it. */
static bool take_inode(struct cursor *cursor, uint64_t *ret_inode)
{
    uint64_t inode = 0;
    const char *start = cursor->at;

    for (; cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9'; cursor->at++) {
        uint64_t digit = (uint64_t)(*cursor->at - '0');

        if (inode > (UINT64_MAX - digit) / 10)
            return false;
        inode = inode * 10 + digit;
    }
    if (cursor->at == start || (cursor->at < cursor->end && *cursor->at != ' '))
        return false;
    while (cursor->at < cursor->end && *cursor->at == ' ')
        cursor->at++;
    *ret_inode = inode;
    return true;
}

static bool take_fields(struct cursor *cursor, struct mapping *mapping)
{
    uint64_t major, minor;

    if (!take_number(cursor, 16, '-', &mapping->start) ||
        !take_number(cursor, 16, ' ', &mapping->end) || !take_permissions(cursor, mapping) ||
        !take_number(cursor, 16, ' ', &mapping->offset) || !take_number(cursor, 16, ':', &major) ||
        !take_number(cursor, 16, ' ', &minor) || !take_inode(cursor, &mapping->inode))
        return false;
    if (major > UINT32_MAX || minor > UINT32_MAX || mapping->start >= mapping->end)
        return false;
    mapping->device = major << 32 | minor;
    return true;
}

/*
 * Copies what is left of the line, newlines restored: seq_file_path() writes them as "\012" and
 * leaves backslashes as they are, so a path that holds those four characters reads as another one.
 * Returns the length.
 */
static size_t copy_path(const struct cursor *cursor, char *path)
{
    size_t length = 0;

    for (const char *at = cursor->at; at < cursor->end; length++) {
        if (cursor->end - at >= 4 && memcmp(at, "\\012", 4) == 0) {
            path[length] = '\n';
            at += 4;
        } else {
            path[length] = *at++;
        }
    }
    path[length] = '\0';
    return length;
}

static bool cut_deleted(char *path, size_t *length)
{
    static const char suffix[] = " (deleted)";
    size_t n = sizeof(suffix) - 1;

    if (*length < n || memcmp(path + *length - n, suffix, n) != 0)
        return false;
    *length -= n;
    path[*length] = '\0';
    return true;
}

/* Parses one line into the next mapping, whose path is put at `*strings`, which moves on. */
static void parse_line(struct cursor line, struct maps *maps, char **strings)
{
    struct mapping *mapping = &maps->mappings[maps->n];
    size_t length;

    *mapping = (struct mapping){0};
    if (!take_fields(&line, mapping))
        return;
    if (maps->n > 0 && mapping->start < mapping[-1].end)
        return;
    length = copy_path(&line, *strings);
    mapping->deleted = cut_deleted(*strings, &length);
    mapping->path = *strings;
    *strings += length + 1;
    maps->n++;
}

static size_t count_lines(const char *text, size_t length)
{
    size_t n = 0;
    const char *end = text + length;

    for (const char *at = text; at < end && (at = memchr(at, '\n', (size_t)(end - at))); at++)
        n++;
    return n;
}

int maps_parse(const char *text, size_t length, struct maps *ret_maps)
{
    AUTO_FREE struct mapping *mappings = NULL;
    AUTO_FREE char *strings = NULL;
    struct maps maps = {0};
    size_t lines = count_lines(text, length);
    const char *end = text + length, *newline;
    char *next_string;

    if (lines > MAPS_MAX)
        return -E2BIG;
    /* Each line's newline makes room for the NUL of its path. */
    mappings = calloc(lines + 1, sizeof(*mappings));
    strings = malloc(length + 1);
    if (!mappings || !strings)
        return -ENOMEM;

    maps.mappings = mappings;
    next_string = strings;
    /* What has no newline was cut off, and so may be its path. */
    for (const char *at = text; at < end && (newline = memchr(at, '\n', (size_t)(end - at)));
         at = newline + 1)
        parse_line((struct cursor){at, newline}, &maps, &next_string);

    maps.strings = TAKE_PTR(strings);
    TAKE_PTR(mappings);
    *ret_maps = maps;
    return 0;
}

void maps_free(struct maps *maps)
{
    free(maps->mappings);
    free(maps->strings);
    *maps = (struct maps){0};
}

uint64_t maps_hash_code(const struct maps *maps)
{
    uint64_t hash = HASH_START;

    for (size_t i = 0; i < maps->n; i++) {
        const struct mapping *mapping = &maps->mappings[i];

        if (!mapping->executable)
            continue;
        hash = hash_u64(hash_u64(hash, mapping->start), mapping->end);
        hash = hash_u64(hash_u64(hash, mapping->offset), mapping->inode);
        hash = hash_u64(hash, mapping->device);
    }
    return hash;
}

const struct mapping *maps_find(const struct maps *maps, uint64_t address)
{
    size_t low = 0, high = maps->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (address >= maps->mappings[middle].end)
            low = middle + 1;
        else
            high = middle;
    }
    return low < maps->n && address >= maps->mappings[low].start ? &maps->mappings[low] : NULL;
}

const char *mapping_name(const struct mapping *mapping)
{
    const char *slash = mapping->path[0] == '/' ? strrchr(mapping->path, '/') : NULL;

    return slash ? slash + 1 : mapping->path;
}
