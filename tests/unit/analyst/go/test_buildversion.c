/* SPDX-License-Identifier: Apache-2.0 */
/* The search for the version among the strings of variables that are vast, or are all strings. */
#include "analyst/go/buildversion.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "analyst/go/memory.h"

#define DATA_AT    0x100000000ul
#define DATA_SIZE  (1ul << 40)
#define VERSION_AT 0x500000ul
#define OTHER_AT   0x500010ul
#define LENGTH     8
#define MAGIC      0xfffffff1 /* of the tables of 1.20 and later */

static const char texts[] = "go1.22.3--------chan int--------";

/* Variables that are zero, but for strings. */
static uint64_t version_at; /* offset of the version */
static uint64_t n_others;   /* in front of all others */

static void put_string(uint64_t at, uint64_t text, uint64_t address, uint8_t *bytes, size_t size)
{
    const uint64_t string[] = {text, LENGTH};

    if (at >= address && at + sizeof(string) <= address + size)
        memcpy(bytes + (at - address), string, sizeof(string));
}

/* They are pages that lie one behind the other. */
static int read_ranges(void *context, const struct rpc_range *ranges, size_t n,
                       const uint8_t **ret_bytes, const uint32_t **ret_lengths)
{
    static uint8_t bytes[RPC_DATA_SIZE];
    static uint32_t lengths[RPC_RANGES_MAX];
    const uint64_t address = ranges[0].address;
    size_t length = 0;

    (void)context;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(ranges[i].address, address + length);
        lengths[i] = (uint32_t)ranges[i].length;
        length += lengths[i];
    }
    memset(bytes, 0, length);
    if (address <= VERSION_AT && address + length >= VERSION_AT + sizeof(texts))
        memcpy(bytes + (VERSION_AT - address), texts, sizeof(texts));
    for (uint64_t i = 0; i < n_others; i++)
        put_string(DATA_AT + i * 16, OTHER_AT, address, bytes, length);
    put_string(DATA_AT + version_at, VERSION_AT, address, bytes, length);
    *ret_bytes = bytes;
    *ret_lengths = lengths;
    return 0;
}

static void assert_found(uint64_t at, uint64_t others, int expected)
{
    const struct go_memory memory = {.read_ranges = read_ranges};
    const struct rpc_range data = {DATA_AT, DATA_SIZE};
    char version[GO_VERSION_MAX] = "go1.22.3";
    struct go_windows *windows;

    version_at = at;
    n_others = others;
    assert_int_equal(go_windows_new(&memory, &windows), 0);
    assert_int_equal(go_buildversion_find(windows, &data, MAGIC, version), expected);
    assert_string_equal(version, "go1.22.3");
    go_windows_free(&windows);
}

static void vast_variables_are_not_searched_to_their_end(void **state)
{
    (void)state;
    assert_found(1 << 20, 0, 0);
    assert_found(100 << 20, 0, -ENOENT);
}

static void not_all_of_many_strings_are_read(void **state)
{
    (void)state;
    assert_found(2 << 20, 1000, 0);
    assert_found(2 << 20, 100000, -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vast_variables_are_not_searched_to_their_end),
        cmocka_unit_test(not_all_of_many_strings_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
