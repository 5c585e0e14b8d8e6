/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of /proc, the malformed and hostile ones among them. */
#include "user/probe/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#define STAT_TAIL                                                                                  \
    " S 1 2 3 0 -1 4194560 10 0 0 0 71 29 0 0 20 0 1 0 123456 2134016 97 18446744073709551615 0"

static int text_fd(const char *text, size_t length)
{
    int fd = memfd_create("text", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, length), length);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static void test_stat_survives_comm(void **state)
{
    const char *const comms[] = {"a", ") R 1 2", "x) S 9 9 9", "new\nline", "((", "", ")"};
    struct procfs_stat stat;
    char text[512];

    (void)state;
    for (size_t i = 0; i < sizeof(comms) / sizeof(*comms); i++) {
        snprintf(text, sizeof(text), "77 (%s)" STAT_TAIL "\n", comms[i]);
        assert_int_equal(procfs_parse_stat(text, &stat), 0);
        assert_int_equal(stat.state, 'S');
        assert_int_equal(stat.flags, 4194560);
        assert_int_equal(stat.start_ticks, 123456);
    }
}

static void test_stat_refuses_cut_text(void **state)
{
    const char whole[] = "77 (name)" STAT_TAIL;
    const char *needed = strstr(whole, "123456");
    struct procfs_stat stat = {.state = '?'};
    char text[sizeof(whole)];

    (void)state;
    for (size_t length = 0; length <= (size_t)(needed - whole); length++) {
        snprintf(text, length + 1, "%s", whole);
        assert_int_equal(procfs_parse_stat(text, &stat), -EINVAL);
        assert_int_equal(stat.state, '?');
    }
}

static void test_lines(void **state)
{
    static char text[3 * PROCFS_LINE_MAX];
    struct procfs_lines lines;

    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text, "one\n\n", 5);
    memcpy(text + sizeof(text) - 9, "\nlast\ncut", 9);
    int fd = text_fd(text, sizeof(text));
    procfs_lines_start(&lines, fd, sizeof(text));
    assert_string_equal(procfs_lines_next(&lines), "one");
    assert_string_equal(procfs_lines_next(&lines), "");
    assert_string_equal(procfs_lines_next(&lines), "last"); /* the long one is left out */
    assert_null(procfs_lines_next(&lines));
    assert_null(procfs_lines_next(&lines));
    close(fd);
}

static void test_lines_stop_at_bound(void **state)
{
    struct procfs_lines lines;
    int fd = text_fd("one\ntwo\nthree\n", 14);

    (void)state;
    procfs_lines_start(&lines, fd, 9);
    assert_string_equal(procfs_lines_next(&lines), "one");
    assert_string_equal(procfs_lines_next(&lines), "two");
    assert_null(procfs_lines_next(&lines));
    close(fd);
}

static void test_line_that_fills_the_buffer(void **state)
{
    static char text[PROCFS_LINE_MAX + 2];
    struct procfs_lines lines;

    (void)state;
    memset(text, 'x', sizeof(text));
    text[PROCFS_LINE_MAX - 1] = '\n';
    text[PROCFS_LINE_MAX + 1] = '\n';
    int fd = text_fd(text, sizeof(text));
    procfs_lines_start(&lines, fd, sizeof(text));
    assert_int_equal(strlen(procfs_lines_next(&lines)), PROCFS_LINE_MAX - 1);
    assert_string_equal(procfs_lines_next(&lines), "x");
    assert_null(procfs_lines_next(&lines));
    close(fd);
}

static void test_read_bound(void **state)
{
    char buffer[5];
    size_t length = 99;
    int fd = text_fd("12345", 5);

    (void)state;
    assert_int_equal(procfs_read(fd, buffer, sizeof(buffer), &length), -E2BIG);
    assert_int_equal(length, 99);
    lseek(fd, 1, SEEK_SET);
    assert_int_equal(procfs_read(fd, buffer, sizeof(buffer), &length), 0);
    assert_string_equal(buffer, "2345");
    assert_int_equal(length, 4);
    close(fd);
}

static void test_column(void **state)
{
    uint64_t value = 7;

    (void)state;
    assert_true(procfs_column("  12\t ff 0x", 0, 10, &value));
    assert_int_equal(value, 12);
    assert_true(procfs_column("  12\t ff 0x", 1, 16, &value));
    assert_int_equal(value, 255);
    assert_false(procfs_column("1 2", 2, 10, &value));
    assert_false(procfs_column("", 0, 10, &value));
    assert_false(procfs_column("x", 0, 10, &value));
    assert_false(procfs_column("99999999999999999999", 0, 10, &value));
    assert_int_equal(value, 255);
}

static void test_status(void **state)
{
    static char text[200 * 1024];
    struct procfs_status status;

    (void)state;
    int length = snprintf(text, sizeof(text),
                          "Name:\ta\\nVmRSS:\\t9\nTgid:\t77\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n"
                          "Groups:\t");
    for (int i = 0; i < 20000; i++)
        length += snprintf(text + length, sizeof(text) - (size_t)length, "%d ", i);
    length += snprintf(text + length, sizeof(text) - (size_t)length,
                       "\nVmSize:\t    3060 kB\nVmRSS:\t    1616 kB\n");
    int fd = text_fd(text, (size_t)length);
    assert_int_equal(procfs_read_status(fd, &status), 0);
    assert_int_equal(status.tgid, 77);
    assert_int_equal(status.fsuid, 4);
    assert_int_equal(status.fsgid, 8);
    assert_int_equal(status.virtual_kib, 3060);
    assert_int_equal(status.resident_kib, 1616);
    assert_true(status.swap_kib == PROCFS_UNKNOWN);
    close(fd);
}

static void test_status_of_nothing(void **state)
{
    struct procfs_status status;
    int fd = text_fd("", 0);

    (void)state;
    assert_int_equal(procfs_read_status(fd, &status), -ESRCH);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stat_survives_comm),
        cmocka_unit_test(test_stat_refuses_cut_text),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_lines_stop_at_bound),
        cmocka_unit_test(test_line_that_fills_the_buffer),
        cmocka_unit_test(test_read_bound),
        cmocka_unit_test(test_column),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_status_of_nothing),
    };
    return cmocka_run_group_tests_name("procfs", tests, NULL, NULL);
}
