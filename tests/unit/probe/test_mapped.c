/* SPDX-License-Identifier: Apache-2.0 */
/* Single mappings of a child, compared with the lines of its /proc/PID/maps. */
#include "probe/child.h"

#include "user/probe/mapped.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#define PAGE      4096ul
#define TEXT_SIZE (256 * 1024)

/* Pages of its own, a hole behind them, and a file with a newline in its name that is gone. */
static void make_pages(int note_fd)
{
    char *pages = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char name[] = "/tmp/parkwatch\nmappedXXXXXX";
    int fd = mkstemp(name);
    char *file;

    if (pages == MAP_FAILED || munmap(pages + 2 * PAGE, PAGE) || fd < 0 || ftruncate(fd, 5 * PAGE))
        _exit(1);
    file = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 4 * PAGE);
    if (file == MAP_FAILED || unlink(name))
        _exit(1);
    child_ready(note_fd, &(struct child_note){.address = (uintptr_t)pages, .end = (uintptr_t)file});
    child_sleep();
}

struct fixture {
    struct target_id target;
    uint64_t pages, file;
    char lines[TEXT_SIZE]; /* of its maps */
    char text[TEXT_SIZE];  /* answered last */
    uint64_t size;
};

static int setup(void **state)
{
    static struct fixture fixture;
    struct child_note note;
    pid_t pid = child_start(make_pages, &note);
    size_t length = 0;
    char path[64];
    ssize_t n;
    int fd;

    fixture.pages = note.address;
    fixture.file = note.end;
    snprintf(path, sizeof(path), "/proc/%d/maps", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    while ((n = read(fd, fixture.lines + length, TEXT_SIZE - 1 - length)) > 0)
        length += (size_t)n;
    fixture.lines[length] = '\0';
    close(fd);
    *state = &fixture;
    return target_open(pid, &fixture.target);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    child_end(fixture->target.pid);
    target_close(&fixture->target);
    return 0;
}

/* PROCMAP_QUERY came with Linux 6.11. */
static bool can_ask(void)
{
    unsigned int major, minor;
    struct utsname name;

    assert_int_equal(uname(&name), 0);
    assert_int_equal(sscanf(name.release, "%u.%u", &major, &minor), 2);
    return major > 6 || (major == 6 && minor >= 11);
}

static void ask(struct fixture *fixture, const struct rpc_range *ranges, size_t n, size_t room)
{
    int r;

    fixture->size = 0;
    r = mapped_at(&fixture->target, fixture->target.pid, ranges, n, (uint8_t *)fixture->text, room,
                  &fixture->size);
    assert_int_equal(r, can_ask() ? 0 : -ENOTTY);
    fixture->text[fixture->size] = '\0';
}

/* The line of its maps without the spaces before a name, which differ. */
static void expect_line(const struct fixture *fixture, uint64_t address, char *ret_line)
{
    for (const char *line = fixture->lines; *line; line = strchr(line, '\n') + 1) {
        uint64_t start, end;
        int name = 0;

        if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &start, &end, &name) < 2 ||
            address < start || address >= end)
            continue;
        ret_line += sprintf(ret_line, "%.*s", (int)strcspn(line, "\n"), line);
        if (line[name - 1] == ' ') {
            char *at = ret_line - strcspn(line + name, "\n");
            char *from = at;

            while (from[-2] == ' ')
                from--;
            memmove(from, at, (size_t)(ret_line - at) + 1);
            ret_line -= at - from;
        }
        strcpy(ret_line, "\n");
        return;
    }
    *ret_line = '\0';
}

static void expect(const struct fixture *fixture, const struct rpc_range *ranges, size_t n)
{
    char expected[TEXT_SIZE] = "";

    for (size_t i = 0; i < n && can_ask(); i++)
        expect_line(fixture, ranges[i].address, expected + strlen(expected));
    assert_string_equal(fixture->text, expected);
}

static void test_lines_as_maps_has_them(void **state)
{
    struct fixture *fixture = *state;
    const struct rpc_range ranges[] = {{(uintptr_t)make_pages, 1}, /* of the program */
                                       {fixture->file, 1},
                                       {fixture->pages + 2 * PAGE - 1, 1},
                                       {(uintptr_t)&state, 1}}; /* forked: where ours is */

    for (size_t i = 0; i < 4; i++) {
        ask(fixture, &ranges[i], 1, TEXT_SIZE - 1);
        expect(fixture, &ranges[i], 1);
    }
    ask(fixture, &ranges[1], 1, TEXT_SIZE - 1);
    if (can_ask()) {
        assert_non_null(strstr(fixture->text, " r-xp 00004000 "));
        assert_non_null(strstr(fixture->text, "/tmp/parkwatch\\012mapped"));
        assert_non_null(strstr(fixture->text, " (deleted)\n"));
    }
    ask(fixture, &ranges[2], 1, TEXT_SIZE - 1);
    if (can_ask())
        assert_non_null(strstr(fixture->text, " rw-s "));
}

static void test_nothing_is_mapped(void **state)
{
    struct fixture *fixture = *state;
    const struct rpc_range ranges[] = {{0, 1}, {8, 1}, {UINT64_MAX, 1}, {1ull << 63, 1}};

    ask(fixture, ranges, 4, TEXT_SIZE - 1);
    assert_int_equal(fixture->size, 0);
}

static void test_many_in_one_mapping_are_one_line(void **state)
{
    struct fixture *fixture = *state;
    const struct rpc_range ranges[] = {
        {fixture->pages, 1}, {fixture->pages + 1, 1}, {fixture->pages + 2 * PAGE - 1, 1}};

    ask(fixture, ranges, 3, TEXT_SIZE - 1);
    expect(fixture, ranges, 1);
}

/* Half a line would be another mapping. */
static void test_only_whole_lines(void **state)
{
    struct fixture *fixture = *state;
    const struct rpc_range ranges[] = {{fixture->file, 1}, {fixture->pages, 1}};
    char expected[TEXT_SIZE];
    size_t length;

    expect_line(fixture, fixture->file, expected);
    length = strlen(expected);
    for (size_t room = 0; room < length; room++) {
        ask(fixture, ranges, 1, room);
        assert_int_equal(fixture->size, 0);
    }
    ask(fixture, ranges, 1, length);
    expect(fixture, ranges, 1);
    /* What comes after may have room. */
    ask(fixture, ranges, 2, length - 1);
    expect(fixture, ranges + 1, 1);
}

static void test_too_many_at_once(void **state)
{
    static const struct rpc_range ranges[RPC_RANGES_MAX + 1];
    struct fixture *fixture = *state;

    assert_int_equal(mapped_at(&fixture->target, fixture->target.pid, ranges, RPC_RANGES_MAX + 1,
                               (uint8_t *)fixture->text, TEXT_SIZE, &fixture->size),
                     -E2BIG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lines_as_maps_has_them),
        TEST(test_nothing_is_mapped),
        TEST(test_many_in_one_mapping_are_one_line),
        TEST(test_only_whole_lines),
        TEST(test_too_many_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
