/* SPDX-License-Identifier: Apache-2.0 */
/* What a real child costs, and lines of net/dev. */
#include "probe/child.h"

#include "user/probe/resources.h"

#include <dirent.h>
#include <dlfcn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define TOUCHED (32ul << 20)
#define FDS     40

static uint64_t n_entries; /* of every directory, as before Linux 6.2; 0: what there is */

int fstat64(int fd, struct stat64 *ret_stat)
{
    int (*real)(int fd, struct stat64 *ret_stat) = dlsym(RTLD_NEXT, "fstat64");
    int r = real(fd, ret_stat);

    if (n_entries && !r && S_ISDIR(ret_stat->st_mode))
        ret_stat->st_size = 0;
    return r;
}

struct dirent64 *readdir64(DIR *directory)
{
    static struct dirent64 entry = {.d_name = "7"};
    struct dirent64 *(*real)(DIR * directory) = dlsym(RTLD_NEXT, "readdir64");

    if (!n_entries)
        return real(directory);
    return --n_entries ? &entry : NULL;
}

static void spend(int note_fd)
{
    char *memory = mmap(NULL, TOUCHED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        _exit(1);
    memset(memory, 1, TOUCHED);
    for (int fd = 0; fd < FDS; fd++)
        dup2(note_fd, 100 + fd);
    child_idle(note_fd);
}

static void test_child(void **state)
{
    struct target_id target = TARGET_NONE;
    struct wire_resources resources;
    struct child_note note;

    (void)state;
    pid_t pid = child_start(spend, &note);
    assert_int_equal(target_open(pid, &target), 0);
    assert_int_equal(resources_read(&target, pid, 5, &resources), 0);
    assert_int_equal(resources.index, 5);
    assert_in_range(resources.resident_bytes, TOUCHED, TOUCHED * 8);
    assert_in_range(resources.virtual_bytes, resources.resident_bytes, WIRE_UNKNOWN - 1);
    /* See test_cputime.c. */
    assert_true(resources.cpu_user_us == WIRE_UNKNOWN && resources.cpu_system_us == WIRE_UNKNOWN);
    assert_in_range(resources.open_fds, FDS, FDS + 30);
    assert_int_not_equal(resources.time_ns, 0);
    child_end(pid);

    struct wire_resources untouched = resources;
    assert_int_equal(resources_read(&target, pid, 6, &resources), -ESRCH);
    assert_memory_equal(&resources, &untouched, sizeof(resources));
    target_close(&target);
}

static void test_leader_gone(void **state)
{
    struct target_id target = TARGET_NONE;
    struct wire_resources resources;
    struct child_note note;

    (void)state;
    pid_t pid = child_start(child_leaderless, &note);
    assert_int_equal(target_open(pid, &target), 0);
    assert_int_equal(resources_read(&target, note.tid, 0, &resources), 0);
    assert_true(resources.resident_bytes != WIRE_UNKNOWN && resources.resident_bytes > 0);
    assert_true(resources.open_fds != WIRE_UNKNOWN && resources.open_fds > 0);
    assert_true(resources.n_net > 0);
    target_close(&target);
    child_end(pid);
}

/* Where they have to be counted one by one, that ends; what is beyond is not said. */
static void test_many_descriptors(void **state)
{
    struct target_id target = TARGET_NONE;
    struct wire_resources resources;
    struct child_note note;

    (void)state;
    pid_t pid = child_start(child_idle, &note);
    assert_int_equal(target_open(pid, &target), 0);
    n_entries = 1000 + 1;
    assert_int_equal(resources_read(&target, pid, 0, &resources), 0);
    assert_int_equal(resources.open_fds, 1000);
    n_entries = 1ull << 40;
    assert_int_equal(resources_read(&target, pid, 0, &resources), 0);
    assert_true(resources.open_fds == WIRE_UNKNOWN);
    assert_in_range((1ull << 40) - n_entries, 1 << 20, 2 << 20);
    n_entries = 0;
    target_close(&target);
    child_end(pid);
}

static void test_net(void **state)
{
    struct wire_net net = {0};

    (void)state;
    assert_true(resources_parse_net(
        "  eth0: 65629414    1285    0    0    0     0          0         0    66453     815    0",
        &net));
    assert_string_equal(net.device, "eth0");
    assert_int_equal(net.receive_bytes, 65629414);
    assert_int_equal(net.transmit_bytes, 66453);
    assert_true(resources_parse_net("a\"\\{\xff:12345678:1 2 3 4 5 6 7 8 9", &net));
    assert_string_equal(net.device, "a\"\\{\xff:12345678");
    assert_int_equal(net.transmit_bytes, 9);
}

static void test_net_malformed(void **state)
{
    static const char *const lines[] = {
        "",
        "Inter-|   Receive                                                |  Transmit",
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets",
        "lo: 1 2 3 4 5 6 7 8",
        "lo:",
        ": 1 2 3 4 5 6 7 8 9",
        "sixteen-letters-: 1 2 3 4 5 6 7 8 9",
    };
    struct wire_net net = {.receive_bytes = 7};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        assert_false(resources_parse_net(lines[i], &net));
    assert_int_equal(net.receive_bytes, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_child),
        cmocka_unit_test(test_leader_gone),
        cmocka_unit_test(test_many_descriptors),
        cmocka_unit_test(test_net),
        cmocka_unit_test(test_net_malformed),
    };
    return cmocka_run_group_tests_name("resources", tests, NULL, NULL);
}
