/* SPDX-License-Identifier: Apache-2.0 */
/* Where a task's cgroup is to be found, on v1, v2 and hybrid machines and in containers. */
#include "user/probe/cgroup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_place(void **state)
{
    static struct cgroup_place place;

    (void)state;
    cgroup_parse_place("9:name=memory:/no", &place);
    cgroup_parse_place("8:pids,memoryx:/no", &place);
    cgroup_parse_place("junk", &place);
    cgroup_parse_place("7:", &place);
    cgroup_parse_place("", &place);
    assert_false(place.found);
    cgroup_parse_place("0::/user.slice/a:b", &place);
    assert_true(place.found && place.v2);
    assert_string_equal(place.path, "/user.slice/a:b");
    cgroup_parse_place("4:cpu,memory,pids:/docker/x", &place);
    assert_true(place.found && !place.v2);
    assert_string_equal(place.path, "/docker/x");
    cgroup_parse_place("0::/user.slice", &place); /* v1 has the controller */
    assert_string_equal(place.path, "/docker/x");
}

static void test_place_too_long(void **state)
{
    static struct cgroup_place place;
    static char line[PATH_MAX + 16];

    (void)state;
    memset(line, 'x', sizeof(line) - 1);
    memcpy(line, "0::/", 4);
    cgroup_parse_place(line, &place);
    assert_false(place.found);
}

static void test_mount(void **state)
{
    static struct cgroup_mount mount;

    (void)state;
    assert_true(cgroup_parse_mount(
        "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory", &mount));
    assert_false(mount.v2);
    assert_int_equal(mount.device, 32);
    assert_string_equal(mount.root, "/");
    assert_string_equal(mount.point, "/sys/fs/cgroup/memory");

    assert_true(cgroup_parse_mount("41 31 259:38 /a\\040b /m\\134n\\012 rw shared:4 master:2 - "
                                   "cgroup2 none rw,nsdelegate",
                                   &mount));
    assert_true(mount.v2);
    assert_int_equal(mount.device, 259ull << 32 | 38);
    assert_string_equal(mount.root, "/a b");
    assert_string_equal(mount.point, "/m\\n\n");
}

static void test_mount_of_others(void **state)
{
    static const char *const lines[] = {
        "",
        "35",
        "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime",
        "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup",
        "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu",
        "32 31 0:29 / /sys/fs/cgroup/x rw - cgroup memory rw,cpu",
        "32 31 0:29 / /memory rw,memory - tmpfs memory rw,memory",
        "32 31 0:29 / /cgroup2 rw - ext4 cgroup2 rw",
    };
    static struct cgroup_mount mount;

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        assert_false(cgroup_parse_mount(lines[i], &mount));
}

static void test_below(void **state)
{
    static const struct {
        const char *root, *path, *below;
    } cases[] = {
        {"/", "/", "."},
        {"/", "/a/b", "a/b"},
        {"/docker/x", "/docker/x", "."},
        {"/docker/x", "/docker/x/y", "y"},
        {"/docker/x", "/docker/xy", NULL},
        {"/docker/x", "/docker", NULL},
        {"/docker/x", "/", NULL},
        {"/", "/../other", NULL},
        {"/", "/..", NULL},
        {"/..", "/../other", NULL},
        {"/../..", "/", NULL},
        {"/", "/a..b", "a..b"},
    };
    static struct cgroup_mount mount;
    static struct cgroup_place place;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        strcpy(mount.root, cases[i].root);
        strcpy(place.path, cases[i].path);
        const char *below = cgroup_below(&mount, &place);
        if (cases[i].below)
            assert_string_equal(below, cases[i].below);
        else
            assert_null(below);
    }
    strcpy(mount.root, "/");
    mount.v2 = true;
    assert_null(cgroup_below(&mount, &place));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_place), cmocka_unit_test(test_place_too_long),
        cmocka_unit_test(test_mount), cmocka_unit_test(test_mount_of_others),
        cmocka_unit_test(test_below),
    };
    return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
