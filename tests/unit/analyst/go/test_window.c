/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analyst/go/binary.h"
#include "analyst/go/window.h"

struct fixture {
    struct binary *binary;
    struct go_windows *windows;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    fixture->binary = binary_new(&binary_layouts[0]);
    *state = fixture;
    return go_windows_new(&fixture->binary->memory, &fixture->windows);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    go_windows_free(&fixture->windows);
    binary_free(fixture->binary);
    free(fixture);
    return 0;
}

static void test_edges_of_what_is_mapped(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t end = BINARY_TABLES + BINARY_SEGMENT;
    uint8_t bytes[32];
    size_t size;

    assert_int_equal(go_windows_copy(fixture->windows, BINARY_TABLES, bytes, 32), 0);
    assert_int_equal(go_windows_copy(fixture->windows, BINARY_TABLES - 1, bytes, 2), -EFAULT);
    assert_int_equal(go_windows_copy(fixture->windows, end - 32, bytes, 32), 0);
    assert_int_equal(go_windows_copy(fixture->windows, end - 31, bytes, 32), -EFAULT);
    assert_non_null(go_windows_view(fixture->windows, end - 32, &size));
    assert_int_equal(size, 32);
    assert_null(go_windows_view(fixture->windows, end, &size));
    assert_null(go_windows_view(fixture->windows, UINT64_MAX, &size));
    assert_int_equal(go_windows_copy(fixture->windows, UINT64_MAX - 1, bytes, 32), -EFAULT);
}

static void test_read_once(void **state)
{
    struct fixture *fixture = *state;
    uint8_t byte;

    for (int i = 0; i < 100; i++)
        assert_int_equal(go_windows_copy(fixture->windows, BINARY_DATA + i, &byte, 1), 0);
    assert_int_equal(fixture->binary->n_reads, 1);
    go_windows_clear(fixture->windows);
    assert_int_equal(go_windows_copy(fixture->windows, BINARY_DATA, &byte, 1), 0);
    assert_int_equal(fixture->binary->n_reads, 2);
}

/* More windows than are kept; what was used last stays. */
static void test_windows_make_room(void **state)
{
    struct fixture *fixture = *state;
    uint8_t byte;

    for (uint64_t i = 0; i < 4 * GO_WINDOWS_MAX; i++) {
        go_windows_copy(fixture->windows, 0x10000000 + i * GO_WINDOW_SIZE, &byte, 1);
        assert_int_equal(go_windows_copy(fixture->windows, BINARY_DATA, &byte, 1), 0);
    }
    assert_int_equal(fixture->binary->n_reads, 4 * GO_WINDOWS_MAX + 1);
}

static void test_text(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t edge = BINARY_TABLES + 0x8000; /* of a window */
    char text[16];

    binary_put(fixture->binary, edge - 3, "abcdef", 7);
    assert_int_equal(go_windows_text(fixture->windows, edge - 3, edge + 16, text, 16), 0);
    assert_string_equal(text, "abcdef");
    /* Cut by the end of the table, or of the buffer. */
    assert_int_equal(go_windows_text(fixture->windows, edge - 3, edge + 3, text, 16), -EILSEQ);
    assert_int_equal(go_windows_text(fixture->windows, edge - 3, edge + 16, text, 6), -EILSEQ);
    assert_int_equal(go_windows_text(fixture->windows, edge, edge, text, 16), -EILSEQ);
    assert_int_equal(go_windows_text(fixture->windows, 0x1000, 0x2000, text, 16), -EFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_edges_of_what_is_mapped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_windows_make_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_text, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
