/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of a child's memory, and what of it is resident. */
#include "probe/child.h"

#include "user/probe/memory.h"

#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE  4096ul
#define PAGES 16ul

/* Sixteen pages: 0 to 3 are written, 4 cannot be read, 5 is written, the rest never touched. */
static void make_pages(int note_fd)
{
    char *pages =
        mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        _exit(1);
    madvise(pages, PAGES * PAGE, MADV_NOHUGEPAGE);
    memset(pages, 'a', 4 * PAGE);
    memset(pages + 5 * PAGE, 'b', PAGE);
    mprotect(pages + 4 * PAGE, PAGE, PROT_NONE);
    child_ready(note_fd, &(struct child_note){.address = (uintptr_t)pages});
    child_sleep();
}

struct fixture {
    struct target_id target;
    uint64_t base;
};

static int setup(void **state)
{
    static struct fixture fixture;
    struct child_note note;

    pid_t pid = child_start(make_pages, &note);
    fixture.base = note.address;
    *state = &fixture;
    return target_open(pid, &fixture.target);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    kill(fixture->target.pid, SIGKILL);
    waitpid(fixture->target.pid, NULL, 0);
    target_close(&fixture->target);
    return 0;
}

static void test_read_goes_on_behind_bad_ranges(void **state)
{
    const struct fixture *fixture = *state;
    const struct rpc_range ranges[] = {
        {fixture->base, 8},
        {8, 100},                            /* unmapped */
        {fixture->base + 4 * PAGE - 10, 20}, /* half of it */
        {fixture->base + 5 * PAGE, 0},       /* nothing wanted */
        {UINT64_MAX - 3, 8},                 /* wraps around */
        {0xffffffff81000000, 8},             /* the kernel's */
        {fixture->base + 5 * PAGE, 4},
        {fixture->base + 4 * PAGE, 8},
    };
    uint32_t lengths[8];
    uint8_t area[1024];
    uint64_t size = 0;

    assert_int_equal(memory_read(&fixture->target, fixture->target.pid, ranges, 8, area,
                                 sizeof(area), lengths, &size),
                     0);
    const uint32_t expected[] = {8, 0, 10, 0, 0, 0, 4, 0};
    assert_memory_equal(lengths, expected, sizeof(expected));
    assert_int_equal(size, 22);
    assert_memory_equal(area, "aaaaaaaaaaaaaaaaaabbbb", 22);
}

static void test_read_bounds(void **state)
{
    const struct fixture *fixture = *state;
    static struct rpc_range ranges[RPC_RANGES_MAX + 1];
    static uint32_t lengths[RPC_RANGES_MAX];
    uint8_t area[RPC_RANGES_MAX];
    uint64_t size = 77;
    pid_t pid = fixture->target.pid;

    for (size_t i = 0; i <= RPC_RANGES_MAX; i++)
        ranges[i] = (struct rpc_range){fixture->base + i, 1};
    assert_int_equal(memory_read(&fixture->target, pid, ranges, RPC_RANGES_MAX + 1, area,
                                 sizeof(area), lengths, &size),
                     -E2BIG);
    assert_int_equal(memory_read(&fixture->target, pid, ranges, RPC_RANGES_MAX, area,
                                 sizeof(area) - 1, lengths, &size),
                     -E2BIG);
    ranges[1].length = UINT64_MAX;
    assert_int_equal(
        memory_read(&fixture->target, pid, ranges, 2, area, sizeof(area), lengths, &size), -E2BIG);
    assert_int_equal(size, 77);
    ranges[1].length = 1;
    assert_int_equal(memory_read(&fixture->target, pid, ranges, RPC_RANGES_MAX, area, sizeof(area),
                                 lengths, &size),
                     0);
    assert_int_equal(size, RPC_RANGES_MAX);
}

static void test_read_of_another_process(void **state)
{
    const struct fixture *fixture = *state;
    const struct rpc_range range = {fixture->base, 8};
    struct target_id stranger = fixture->target;
    uint32_t length = 77;
    uint8_t area[8];
    uint64_t size = 77;

    stranger.pid = getpid();
    assert_int_equal(
        memory_read(&stranger, fixture->target.pid, &range, 1, area, sizeof(area), &length, &size),
        -ESRCH);
    assert_int_equal(length, 77);
    assert_int_equal(size, 77);
}

static void test_read_of_the_dead(void **state)
{
    const struct fixture *fixture = *state;
    const struct rpc_range range = {fixture->base, 8};
    uint32_t length;
    uint8_t area[8];
    uint64_t size, bytes;
    siginfo_t info;

    kill(fixture->target.pid, SIGKILL);
    waitid(P_PID, (id_t)fixture->target.pid, &info, WEXITED | WNOWAIT);
    assert_int_equal(memory_read(&fixture->target, fixture->target.pid, &range, 1, area,
                                 sizeof(area), &length, &size),
                     -ESRCH);
    assert_int_not_equal(memory_resident(&fixture->target, fixture->target.pid, &range, 1, &bytes),
                         0);
}

static void check_resident(const struct fixture *fixture)
{
    const struct rpc_range ranges[] = {
        {fixture->base, PAGES * PAGE},
        {fixture->base + PAGE + 100, 200},            /* within one page */
        {fixture->base + 4 * PAGE - 100, PAGE + 101}, /* the guard between two */
        {fixture->base + 6 * PAGE, 4 * PAGE},         /* never touched */
        {fixture->base, 0},
        {fixture->base, MEMORY_RESIDENT_MAX + 1},
        {UINT64_MAX - PAGE, PAGE},
    };
    uint64_t bytes[7];

    assert_int_equal(memory_resident(&fixture->target, fixture->target.pid, ranges, 7, bytes), 0);
    /* The page that mprotect() took away keeps its contents only if it was written. */
    assert_int_equal(bytes[0], 5 * PAGE);
    assert_int_equal(bytes[1], 200);
    assert_int_equal(bytes[2], 101);
    assert_int_equal(bytes[3], 0);
    assert_int_equal(bytes[4], 0);
    assert_true(bytes[5] == UINT64_MAX);
    assert_true(bytes[6] == UINT64_MAX);
}

static void test_resident(void **state)
{
    check_resident(*state);
}

/* In any order, with what lies far away among them; looked at together, each has its own. */
static void check_neighbours(const struct fixture *fixture)
{
    struct rpc_range ranges[3 * PAGES];
    uint64_t bytes[3 * PAGES];

    for (size_t i = 0; i < PAGES; i++) {
        ranges[3 * i] = (struct rpc_range){fixture->base + (PAGES - 1 - i) * PAGE, PAGE};
        ranges[3 * i + 1] = (struct rpc_range){PAGE * i, PAGE}; /* unmapped */
        ranges[3 * i + 2] = (struct rpc_range){fixture->base + i * PAGE + 10, 20};
    }
    assert_int_equal(
        memory_resident(&fixture->target, fixture->target.pid, ranges, 3 * PAGES, bytes), 0);
    for (size_t i = 0; i < PAGES; i++) {
        const size_t mirrored = PAGES - 1 - i;

        assert_int_equal(bytes[3 * i], mirrored < 4 || mirrored == 5 ? PAGE : 0);
        assert_int_equal(bytes[3 * i + 1], 0);
        assert_int_equal(bytes[3 * i + 2], i < 4 || i == 5 ? 20 : 0);
    }
}

static void test_resident_neighbours(void **state)
{
    check_neighbours(*state);
}

/* Must come last: the filter stays. */
/* The last page that a process can have, and one of the kernel's beside it. */
static void test_resident_beside_what_is_refused(void **state)
{
    const struct fixture *fixture = *state;
    const struct rpc_range ranges[] = {{0x7fffffffe000, PAGE}, {0x7ffffffff000, PAGE}};
    uint64_t bytes[2];

    assert_int_equal(memory_resident(&fixture->target, fixture->target.pid, ranges, 2, bytes), 0);
    assert_true(bytes[0] != UINT64_MAX);
    assert_true(bytes[1] == UINT64_MAX);
}

static void test_resident_before_linux_6_7(void **state)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    assert_int_equal(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 0), 0);
    assert_int_equal(seccomp_load(filter), 0);
    seccomp_release(filter);
    check_resident(*state);
    check_neighbours(*state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_read_goes_on_behind_bad_ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_of_another_process, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_of_the_dead, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resident, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resident_neighbours, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resident_beside_what_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resident_before_linux_6_7, setup, teardown),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
