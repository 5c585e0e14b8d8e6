/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/link/internal/ld/data.go, (*Link).buildinfo(): 14 bytes of magic, the size of a pointer,
 * flags, and either (since 1.18) the version in line 32 bytes on, a varint of its length before it,
 * or the address of a Go string 16 bytes on.
 */
#include "analyst/go/buildinfo.h"

#include <errno.h>
#include <string.h>

#include "analyst/go/arch.h"

#define FLAGS_AT      15
#define FLAG_BIG      1
#define FLAG_IN_LINE  2
#define STRING_AT     16
#define TEXT_AT       GO_BUILDINFO_SIZE
#define TEXT_SIZE_MAX (GO_VERSION_MAX - 1) /* below 128: its varint is one byte */
#define MINOR_MAX     99
#define MINORS_TO_ONE 100 /* 1.19 is 119 */

bool go_buildinfo_is(const uint8_t *bytes)
{
    static const uint8_t magic[] = "\xff Go buildinf:\x08";

    return memcmp(bytes, magic, sizeof(magic) - 1) == 0 && !(bytes[FLAGS_AT] & FLAG_BIG);
}

int go_version_minor(const char *version)
{
    const char *at = strstr(version, "go1.");
    int minor = 0;

    if (!at || at[4] < '0' || at[4] > '9')
        return 0;
    for (at += 4; *at >= '0' && *at <= '9'; at++) {
        minor = minor * 10 + (*at - '0');
        if (minor > MINOR_MAX)
            return 0;
    }
    return MINORS_TO_ONE + minor;
}

/* A text that people will read. */
static bool is_printable(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return true;
}

static int find_text(struct go_windows *windows, uint64_t address, uint64_t *ret_address,
                     uint64_t *ret_size)
{
    uint8_t header[GO_BUILDINFO_SIZE + 1], string[2 * GO_POINTER_SIZE];

    if (go_windows_copy(windows, address, header, sizeof(header)))
        return -EFAULT;
    if (!go_buildinfo_is(header))
        return -EILSEQ;
    if (header[FLAGS_AT] & FLAG_IN_LINE) {
        *ret_address = address + TEXT_AT + 1;
        *ret_size = header[TEXT_AT];
        return 0;
    }
    if (go_windows_copy(windows, go_u64(header + STRING_AT), string, sizeof(string)))
        return -EFAULT;
    *ret_address = go_u64(string);
    *ret_size = go_u64(string + GO_POINTER_SIZE);
    return 0;
}

int go_buildinfo_version(struct go_windows *windows, uint64_t address,
                         char ret_version[static GO_VERSION_MAX])
{
    char version[GO_VERSION_MAX] = "";
    uint64_t text, size;
    int r = find_text(windows, address, &text, &size);

    if (r)
        return r;
    if (size == 0 || size > TEXT_SIZE_MAX)
        return -EILSEQ;
    if (go_windows_copy(windows, text, version, size))
        return -EFAULT;
    if (!is_printable(version, size) || !go_version_minor(version))
        return -EILSEQ;
    memcpy(ret_version, version, sizeof(version));
    return 0;
}
