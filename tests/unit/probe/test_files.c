/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a child's files, which the child makes as hostile as it can without privileges. */
#include "probe/child.h"

#include "user/probe/files.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "cleanup.h"

#define PAGE      4096ul
#define ELF_BYTES "\177ELF of a test"

struct fixture {
    struct target_id target;
    struct child_note note;
    char directory[64];
    char file[96];
};

/* The directory that the child of the test at hand finds its files in. */
static char child_directory[64];

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* A body: maps "file" of the directory. */
static void map_file(int note_fd)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/file", child_directory);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *pages = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    if (fd < 0 || pages == MAP_FAILED)
        _exit(1);
    child_ready(note_fd,
                &(struct child_note){.address = (uintptr_t)pages, .tid = getpid(), .fd = fd});
    child_sleep();
}

static void start(struct fixture *fixture, void (*body)(int))
{
    pid_t pid = child_start(body, &fixture->note);
    assert_int_equal(target_open(pid, &fixture->target), 0);
}

static int setup(void **state)
{
    static struct fixture fixture;

    fixture = (struct fixture){.target = TARGET_NONE, .directory = "/tmp/parkwatch-files-XXXXXX"};
    assert_non_null(mkdtemp(fixture.directory));
    snprintf(fixture.file, sizeof(fixture.file), "%s/file", fixture.directory);
    snprintf(child_directory, sizeof(child_directory), "%s", fixture.directory);
    write_file(fixture.file, ELF_BYTES);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    if (fixture->target.pid > 0)
        child_end(fixture->target.pid);
    target_close(&fixture->target);
    unlink(fixture->file);
    return rmdir(fixture->directory);
}

static struct files_mapping mapping_of(const struct fixture *fixture)
{
    struct stat stat;

    assert_int_equal(fstatat(AT_FDCWD, fixture->file, &stat, AT_SYMLINK_NOFOLLOW), 0);
    return (struct files_mapping){
        .start = fixture->note.address,
        .end = fixture->note.address + PAGE,
        .device = (uint64_t)major(stat.st_dev) << 32 | minor(stat.st_dev),
        .inode = stat.st_ino,
        .path = fixture->file,
    };
}

static int open_mapping(const struct fixture *fixture, const struct files_mapping *mapping,
                        int *ret_fd)
{
    return files_open_mapping(&fixture->target, fixture->note.tid, mapping, ret_fd);
}

static void assert_content(int fd, const char *text)
{
    char buffer[64] = "";

    assert_int_equal(pread(fd, buffer, sizeof(buffer) - 1, 0), strlen(text));
    assert_string_equal(buffer, text);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
}

static void test_mapping(void **state)
{
    struct fixture *fixture = *state;
    int fd = -1;

    start(fixture, map_file);
    struct files_mapping mapping = mapping_of(fixture);
    assert_int_equal(open_mapping(fixture, &mapping, &fd), 0);
    assert_content(fd, ELF_BYTES);
}

/* Without the mapping's exact bounds there is only the path. */
static void test_mapping_by_path(void **state)
{
    struct fixture *fixture = *state;
    int fd = -1;

    start(fixture, map_file);
    struct files_mapping mapping = mapping_of(fixture);
    mapping.end += PAGE;
    assert_int_equal(open_mapping(fixture, &mapping, &fd), 0);
    assert_content(fd, ELF_BYTES);

    fd = -1;
    mapping.inode++;
    assert_int_equal(open_mapping(fixture, &mapping, &fd), -ESTALE);
    mapping.path = "file";
    assert_int_equal(open_mapping(fixture, &mapping, &fd), -ENOENT);
    mapping.path = "";
    assert_int_equal(open_mapping(fixture, &mapping, &fd), -ENOENT);
    assert_int_equal(fd, -1);
}

/* A file that waits to be written to, or to be read by someone, or holds anything but ELF. */
static void test_path_that_turned_bad(void **state)
{
    struct fixture *fixture = *state;
    struct files_mapping mapping;
    int fd = -1;

    start(fixture, map_file);
    unlink(fixture->file);
    assert_int_equal(mkfifo(fixture->file, 0666), 0);
    mapping = mapping_of(fixture);
    mapping.end += PAGE;
    assert_int_equal(open_mapping(fixture, &mapping, &fd), -EINVAL);

    unlink(fixture->file);
    assert_int_equal(symlink("/dev/zero", fixture->file), 0);
    assert_int_equal(open_mapping(fixture, &mapping, &fd), -EINVAL);

    unlink(fixture->file);
    assert_int_equal(symlink("/proc/self/exe", fixture->file), 0);
    assert_int_equal(open_mapping(fixture, &mapping, &fd), -ELOOP);

    unlink(fixture->file);
    write_file(fixture->file, "a secret");
    mapping = mapping_of(fixture);
    mapping.end += PAGE;
    assert_int_equal(open_mapping(fixture, &mapping, &fd), -ENOEXEC);

    write_file(fixture->file, "");
    assert_int_equal(open_mapping(fixture, &mapping, &fd), -ENOEXEC);

    assert_int_equal(truncate(fixture->file, FILES_SIZE_MAX + 1), 0);
    assert_int_equal(open_mapping(fixture, &mapping, &fd), -EFBIG);
    assert_int_equal(fd, -1);
}

/* A socket is bound there, or a directory is. */
static void test_path_that_is_no_file(void **state)
{
    struct fixture *fixture = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    AUTO_CLOSE int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct files_mapping mapping;
    int fd = -1;

    start(fixture, map_file);
    unlink(fixture->file);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", fixture->file);
    assert_int_equal(bind(socket_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    mapping = mapping_of(fixture);
    mapping.end += PAGE;
    assert_int_equal(open_mapping(fixture, &mapping, &fd), -EINVAL);

    unlink(fixture->file);
    assert_int_equal(mkdir(fixture->file, 0755), 0);
    mapping = mapping_of(fixture);
    mapping.end += PAGE;
    assert_int_equal(open_mapping(fixture, &mapping, &fd), -EINVAL);
    assert_int_equal(rmdir(fixture->file), 0);
    assert_int_equal(fd, -1);
}

static void test_debug(void **state)
{
    struct fixture *fixture = *state;
    char dots[160];
    int fd = -1;

    start(fixture, map_file);
    const struct target_id *target = &fixture->target;
    pid_t tid = fixture->note.tid;
    assert_int_equal(files_open_debug(target, tid, fixture->file, &fd), 0);
    assert_content(fd, ELF_BYTES);
    snprintf(dots, sizeof(dots), "/../../..%s", fixture->file);
    assert_int_equal(files_open_debug(target, tid, dots, &fd), 0);
    assert_content(fd, ELF_BYTES);

    fd = -1;
    assert_int_equal(files_open_debug(target, tid, "tmp", &fd), -EINVAL);
    assert_int_equal(files_open_debug(target, tid, "", &fd), -EINVAL);
    assert_int_equal(files_open_debug(target, tid, "/proc/self/exe", &fd), -ELOOP);
    assert_int_equal(files_open_debug(target, tid, "/proc/version", &fd), -EINVAL);
    assert_int_equal(files_open_debug(target, tid, "/sys/kernel/uevent_seqnum", &fd), -EINVAL);
    assert_int_equal(files_open_debug(target, tid, "/etc/passwd", &fd), -ENOEXEC);
    assert_int_equal(files_open_debug(target, tid, "/nowhere.debug", &fd), -ENOENT);
    assert_int_equal(files_open_debug(target, tid, "/usr/lib/debug/nowhere", &fd), -ENOENT);
    assert_int_equal(fd, -1);
}

/* A lease on the file would have an open for reading wait for up to 45 s. */
static void lease_file(int note_fd)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/file", child_directory);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    signal(SIGIO, SIG_IGN);
    if (fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
        _exit(1);
    child_ready(note_fd, &(struct child_note){.tid = getpid(), .fd = fd});
    child_sleep();
}

static void test_lease_does_not_block(void **state)
{
    struct fixture *fixture = *state;
    int fd = -1;

    start(fixture, lease_file);
    assert_int_equal(files_open_debug(&fixture->target, fixture->note.tid, fixture->file, &fd),
                     -EAGAIN);
}

static void test_describe(void **state)
{
    struct fixture *fixture = *state;
    char text[256];

    start(fixture, map_file);
    const struct target_id *target = &fixture->target;
    pid_t tid = fixture->note.tid;
    assert_int_equal(files_describe(target, tid, (uint64_t)fixture->note.fd, text, sizeof(text)),
                     0);
    assert_string_equal(text, fixture->file);
    assert_int_equal(files_describe(target, tid, (uint64_t)fixture->note.fd, text, 5), 0);
    assert_string_equal(text, "/tmp");
    assert_int_equal(files_describe(target, tid, 1000, text, sizeof(text)), -ENOENT);
    assert_int_equal(files_describe(target, tid, UINT64_MAX, text, sizeof(text)), -ENOENT);
}

static void listen_socket(int note_fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);

    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&address, length) || listen(fd, 1) ||
        getsockname(fd, (struct sockaddr *)&address, &length))
        _exit(1);
    child_ready(note_fd, &(struct child_note){
                             .address = ntohs(address.sin_port), .tid = getpid(), .fd = fd});
    child_sleep();
}

static void test_describe_socket(void **state)
{
    struct fixture *fixture = *state;
    char text[256], expected[64];

    start(fixture, listen_socket);
    assert_int_equal(files_describe(&fixture->target, fixture->note.tid, (uint64_t)fixture->note.fd,
                                    text, sizeof(text)),
                     0);
    snprintf(expected, sizeof(expected), "tcp 127.0.0.1:%" PRIu64 " listening",
             fixture->note.address);
    assert_string_equal(text, expected);
}

static void test_maps_in_pieces(void **state)
{
    struct fixture *fixture = *state;
    struct files_maps maps = FILES_MAPS_NONE;
    static uint8_t whole[64 * 1024], piece[100], pieces[sizeof(whole)];
    uint64_t whole_size, size, offset = 0;
    bool more;

    start(fixture, map_file);
    const struct target_id *target = &fixture->target;
    pid_t tid = fixture->note.tid;
    assert_int_equal(files_maps(&maps, target, tid, 10, piece, sizeof(piece), &size, &more),
                     -ESPIPE);
    assert_int_equal(
        files_maps(&maps, target, tid, 0, whole, sizeof(whole) - 1, &whole_size, &more), 0);
    assert_false(more);
    assert_non_null(strstr((char *)whole, fixture->file));

    do {
        assert_int_equal(files_maps(&maps, target, tid, offset, piece, sizeof(piece), &size, &more),
                         0);
        memcpy(pieces + offset, piece, size);
        offset += size;
    } while (more);
    assert_int_equal(offset, whole_size);
    assert_memory_equal(pieces, whole, whole_size);
    assert_int_equal(maps.fd, -1);

    assert_int_equal(files_maps(&maps, target, tid, 0, piece, sizeof(piece), &size, &more), 0);
    assert_int_equal(files_maps(&maps, target, tid, 7, piece, sizeof(piece), &size, &more),
                     -ESPIPE);
    files_maps_close(&maps);
}

/* However many mappings a target makes: read for as long as there is more. */
static void test_maps_without_end(void **state)
{
    struct fixture *fixture = *state;
    struct files_maps maps = {open("/dev/zero", O_RDONLY | O_CLOEXEC), 4096};
    static uint8_t piece[64 * 1024];
    uint64_t size, offset = maps.offset;
    bool more;
    int r;

    assert_true(maps.fd >= 0);
    while (
        !(r = files_maps(&maps, &fixture->target, 0, offset, piece, sizeof(piece), &size, &more))) {
        assert_true(more);
        assert_in_range(offset += size, 4096, 64 << 20);
    }
    assert_int_equal(r, -EFBIG);
    assert_in_range(offset, (64 << 20) - sizeof(piece), 64 << 20);
    assert_int_equal(maps.fd, -1);
}

static void test_leader_gone(void **state)
{
    struct fixture *fixture = *state;
    struct files_maps maps = FILES_MAPS_NONE;
    static uint8_t text[64 * 1024];
    struct files_mapping mapping = {.path = "/proc/self/exe"};
    uint64_t size;
    int fd = -1;
    bool more;

    start(fixture, child_leaderless);
    assert_int_equal(
        files_maps(&maps, &fixture->target, fixture->note.tid, 0, text, sizeof(text), &size, &more),
        0);
    text[sizeof(text) - 1] = '\0';
    char *line = strstr((char *)text, "/test_files\n");
    assert_non_null(line);
    while (line > (char *)text && line[-1] != '\n')
        line--;
    assert_int_equal(sscanf(line, "%" SCNx64 "-%" SCNx64, &mapping.start, &mapping.end), 2);
    /* Root gets it by its bounds alone. */
    int err = open_mapping(fixture, &mapping, &fd);
    assert_int_equal(err, geteuid() == 0 ? 0 : -ELOOP);
    if (!err)
        close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_mapping, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mapping_by_path, setup, teardown),
        cmocka_unit_test_setup_teardown(test_path_that_turned_bad, setup, teardown),
        cmocka_unit_test_setup_teardown(test_path_that_is_no_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_debug, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lease_does_not_block, setup, teardown),
        cmocka_unit_test_setup_teardown(test_describe, setup, teardown),
        cmocka_unit_test_setup_teardown(test_describe_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(test_maps_in_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_maps_without_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leader_gone, setup, teardown),
    };
    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
