/* SPDX-License-Identifier: Apache-2.0 */
/* Requests through the socket: what is done for an analyst, and what ends it. Threads and kernel
 * frames come from a file here; those of the loaded programs are left to the live tests. */
#include "probe/child.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "probe/fake_bpf.h"
#include "user/probe/service.h"

#define PAGE 4096ul

/* The target: one page with a text, another that cannot be read, and a pipe. */
static void make_page(int note_fd)
{
    int ends[2];
    char *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED || mprotect(page + PAGE, PAGE, PROT_NONE) || pipe(ends))
        _exit(1);
    memcpy(page, "parked", 6);
    child_ready(note_fd, &(struct child_note){.address = (uintptr_t)page, .fd = ends[0]});
    child_sleep();
}

struct fixture {
    struct child_note note;
    struct target_id target;
    struct losses losses;
    struct service service;
    int analyst; /* its end of the socket */
    uint8_t *area;
    struct rpc_request request;
    struct rpc_reply reply;
};

static int start(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    pid_t pid = child_start(make_page, &fixture->note);
    int sockets[2];

    assert_int_equal(target_open(pid, &fixture->target), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    fixture->analyst = sockets[0];
    fixture->area = calloc(1, RPC_AREA_SIZE);
    service_init(&fixture->service, &fixture->target, &fixture->losses);
    fixture->service.socket = sockets[1];
    fixture->service.area = fixture->area;
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;

    kill(fixture->target.pid, SIGKILL);
    waitpid(fixture->target.pid, NULL, 0);
    service_close(&fixture->service);
    target_close(&fixture->target);
    close(fixture->service.socket);
    close(fixture->analyst);
    free(fixture->area);
    free(fixture);
    return 0;
}

static int answer(struct fixture *fixture)
{
    uint64_t number;
    bool done = true;
    int r = service_answer(&fixture->service, &done, &number);

    if (!r)
        assert_false(done);
    return r;
}

static void send_raw(struct fixture *fixture, size_t size)
{
    assert_int_equal(send(fixture->analyst, &fixture->request, size, 0), size);
}

static size_t size_with_ranges(size_t n)
{
    return offsetof(struct rpc_request, ranges) + n * sizeof(struct rpc_range);
}

/* Sends the request, lets it be answered, and takes the answer: its error. */
static int ask(struct fixture *fixture, uint32_t type, size_t size)
{
    fixture->request.type = type;
    send_raw(fixture, size);
    assert_int_equal(answer(fixture), 0);
    assert_int_equal(recv(fixture->analyst, &fixture->reply, sizeof(fixture->reply), MSG_DONTWAIT),
                     sizeof(fixture->reply));
    return fixture->reply.error;
}

static int ask_ranges(struct fixture *fixture, uint32_t type, const struct rpc_range *ranges,
                      uint32_t n)
{
    fixture->request.n_ranges = n;
    memcpy(fixture->request.ranges, ranges, n * sizeof(*ranges));
    return ask(fixture, type, size_with_ranges(n));
}

static void test_nothing_to_answer(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(answer(fixture), -EAGAIN);
    close(fixture->analyst);
    fixture->analyst = -1;
    assert_int_equal(answer(fixture), -ECONNRESET);
}

static void test_memory(void **state)
{
    struct fixture *fixture = *state;
    const struct rpc_range ranges[] = {{fixture->note.address, 6},
                                       {8, 8},
                                       {fixture->note.address + PAGE - 2, 8},
                                       {fixture->note.address + 4, 2}};

    assert_int_equal(ask_ranges(fixture, RPC_READ, ranges, 4), 0);
    assert_int_equal(fixture->reply.size, 10);
    assert_int_equal(fixture->reply.lengths[0], 6);
    assert_int_equal(fixture->reply.lengths[1], 0);
    assert_int_equal(fixture->reply.lengths[2], 2);
    assert_int_equal(fixture->reply.lengths[3], 2);
    assert_memory_equal(fixture->area + RPC_RECORDS_SIZE, "parked\0\0ed", 10);
    /* Never a byte where the records are. */
    for (size_t i = 0; i < RPC_RECORDS_SIZE; i++)
        assert_int_equal(fixture->area[i], 0);
    assert_int_equal(fixture->losses.count[LOSS_memory_unreadable], 0);
}

/* Of what is asked for ahead, whatever the answer is. */
static void test_progress(void **state)
{
    struct fixture *fixture = *state;
    const struct rpc_progress *progress =
        (const struct rpc_progress *)(fixture->area + RPC_PROGRESS_AT);
    const struct rpc_range range = {fixture->note.address, 6};
    const struct rpc_range too_long = {fixture->note.address, RPC_AHEAD_SIZE + 1};

    assert_int_equal(ask_ranges(fixture, RPC_READ, &range, 1), 0);
    assert_int_equal(progress->n_ahead, 0);
    fixture->request.value = 1;
    assert_int_equal(ask_ranges(fixture, RPC_READ, &range, 1), 0);
    assert_int_equal(progress->n_ahead, 1);
    assert_int_equal(ask_ranges(fixture, RPC_READ, &too_long, 1), -E2BIG);
    assert_int_equal(progress->n_ahead, 2);
}

static void test_memory_beyond_the_area(void **state)
{
    struct fixture *fixture = *state;
    const struct rpc_range ranges[] = {{fixture->note.address, RPC_DATA_SIZE},
                                       {fixture->note.address, 1}};
    const struct rpc_range huge[] = {{fixture->note.address, UINT64_MAX},
                                     {fixture->note.address, 2}};

    assert_int_equal(ask_ranges(fixture, RPC_READ, ranges, 2), -E2BIG);
    assert_int_equal(ask_ranges(fixture, RPC_READ, huge, 2), -E2BIG);
    assert_int_equal(fixture->losses.count[LOSS_memory_unreadable], 2);
    assert_int_equal(ask_ranges(fixture, RPC_READ, ranges, 1), 0);
    assert_int_equal(fixture->reply.size, PAGE);
}

static void test_resident(void **state)
{
    struct fixture *fixture = *state;
    const struct rpc_range range = {fixture->note.address, 2 * PAGE};
    uint64_t bytes;

    assert_int_equal(ask_ranges(fixture, RPC_RESIDENT, &range, 1), 0);
    assert_int_equal(fixture->reply.size, sizeof(bytes));
    memcpy(&bytes, fixture->area + RPC_RECORDS_SIZE, sizeof(bytes));
    assert_int_equal(bytes, PAGE);
}

/* Before Linux 6.11 it says that it cannot be asked, which is no loss. */
static void test_mapped(void **state)
{
    struct fixture *fixture = *state;
    const char *data = (const char *)fixture->area + RPC_RECORDS_SIZE;
    const struct rpc_range ranges[] = {{8, 1}, {fixture->note.address, 1}};
    char line[32];
    int r = ask_ranges(fixture, RPC_MAPPED, ranges, 2);

    snprintf(line, sizeof(line), "%lx-", fixture->note.address);
    if (r)
        assert_int_equal(r, -ENOTTY);
    else
        assert_memory_equal(data, line, strlen(line));
    assert_int_equal(fixture->losses.count[LOSS_memory_unreadable], 0);
}

static void test_maps_and_files(void **state)
{
    struct fixture *fixture = *state;
    const char *data = (const char *)fixture->area + RPC_RECORDS_SIZE;
    char line[32];

    assert_int_equal(ask(fixture, RPC_MAPS, size_with_ranges(0)), 0);
    snprintf(line, sizeof(line), "%lx-", fixture->note.address);
    assert_non_null(memmem(data, fixture->reply.size, line, strlen(line)));
    assert_int_equal(fixture->reply.more, 0);
    fixture->request.value = 1; /* not where the text before ended */
    assert_int_not_equal(ask(fixture, RPC_MAPS, size_with_ranges(0)), 0);

    fixture->request.value = (uint64_t)fixture->note.fd;
    assert_int_equal(ask(fixture, RPC_FILE, size_with_ranges(0)), 0);
    assert_memory_equal(data, "pipe:[", 6);
    assert_int_equal(data[fixture->reply.size - 1], ']');
    fixture->request.value = 99999;
    assert_int_equal(ask(fixture, RPC_FILE, size_with_ranges(0)), -ENOENT);
    assert_int_equal(fixture->reply.size, 0);
}

static void test_place(void **state)
{
    struct fixture *fixture = *state;
    char path[64], text[256] = "";
    uint64_t pc, truth = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/syscall", fixture->target.pid);
    while (!truth) { /* until it waits */
        file = fopen(path, "re");
        assert_non_null(file);
        assert_non_null(fgets(text, sizeof(text), file));
        fclose(file);
        (void)!sscanf(text, "%*d %*s %*s %*s %*s %*s %*s %*s %" SCNx64, &truth);
    }
    assert_int_equal(ask(fixture, RPC_PLACE, size_with_ranges(0)), 0);
    assert_int_equal(fixture->reply.size, sizeof(pc));
    memcpy(&pc, fixture->area + RPC_RECORDS_SIZE, sizeof(pc));
    assert_int_equal(pc, truth);
}

static void child_spin(int note_fd)
{
    child_ready(note_fd, &(struct child_note){.tid = getpid()});
    for (;;)
        __asm__ volatile("" ::: "memory");
}

static void test_place_of_who_waits_for_nothing(void **state)
{
    struct fixture *fixture = *state;
    const struct target_id waits = fixture->target;
    pid_t pid = child_start(child_spin, &fixture->note);

    assert_int_equal(target_open(pid, &fixture->target), 0);
    assert_int_equal(ask(fixture, RPC_PLACE, size_with_ranges(0)), -EBUSY);
    child_end(pid);
    target_close(&fixture->target);
    fixture->target = waits;
}

/* The descriptor that came with the next reply, or -1. */
static int receive_fd(struct fixture *fixture)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {.iov_base = &fixture->reply, .iov_len = sizeof(fixture->reply)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    int fd = -1;

    assert_int_equal(recvmsg(fixture->analyst, &message, MSG_CMSG_CLOEXEC), part.iov_len);
    if (CMSG_FIRSTHDR(&message))
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
    return fd;
}

static int open_debug(struct fixture *fixture, const char *path)
{
    fixture->request = (struct rpc_request){.type = RPC_OPEN_DEBUG};
    snprintf(fixture->request.path.text, RPC_PATH_MAX, "%s", path);
    send_raw(fixture, sizeof(fixture->request));
    assert_int_equal(answer(fixture), 0);
    return receive_fd(fixture);
}

static void test_open(void **state)
{
    struct fixture *fixture = *state;
    char exe[RPC_PATH_MAX] = "", magic[4] = "";
    int fd;

    assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
    fd = open_debug(fixture, exe);
    assert_int_equal(fixture->reply.error, 0);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_int_equal(pread(fd, magic, sizeof(magic), 0), sizeof(magic));
    assert_memory_equal(magic, "\177ELF", 4);
    close(fd);
    /* No ELF file, no absolute path, nothing. */
    assert_int_equal(open_debug(fixture, "/etc/passwd"), -1);
    assert_int_equal(fixture->reply.error, -ENOEXEC);
    assert_int_equal(open_debug(fixture, "passwd"), -1);
    assert_true(fixture->reply.error < 0);
    assert_int_equal(open_debug(fixture, ""), -1);
    assert_true(fixture->reply.error < 0);
}

/* What a sweep reads: `n` records of that size, each with its number as its TID. */
static void make_sweep(const void *record, size_t size, size_t tid_at, uint32_t n)
{
    char bytes[1024];

    assert_true(size <= sizeof(bytes));
    memcpy(bytes, record, size);
    fake_bpf_sweep = memfd_create("sweep", MFD_CLOEXEC);
    for (uint32_t i = 0; i < n; i++) {
        memcpy(bytes + tid_at, &(uint32_t){i + 1}, sizeof(i));
        assert_int_equal(write(fake_bpf_sweep, bytes, size), size);
    }
}

static void end_sweep(void)
{
    close(fake_bpf_sweep);
    fake_bpf_sweep = -1;
}

static void test_threads(void **state)
{
    struct thread_record record = {.tgid = 7, .leader_start_ns = 9};
    const uint32_t n = RPC_RECORDS_SIZE / sizeof(record) + 3;
    struct fixture *fixture = *state;

    make_sweep(&record, sizeof(record), offsetof(struct thread_record, tid), n);
    assert_int_equal(ask(fixture, RPC_SCAN, size_with_ranges(0)), 0);
    assert_int_equal(fixture->reply.more, 1);
    assert_int_equal(fixture->reply.size, (n - 3) * sizeof(record));
    assert_int_equal(ask(fixture, RPC_SCAN_NEXT, size_with_ranges(0)), 0);
    assert_int_equal(fixture->reply.more, 0);
    assert_int_equal(fixture->reply.size, 3 * sizeof(record));
    assert_int_equal(fixture->service.tgid, 7);
    assert_int_equal(ask(fixture, RPC_SCAN_NEXT, size_with_ranges(0)), -EINVAL);
    end_sweep();
}

/* Another process that has the PID now. */
static void test_threads_of_another(void **state)
{
    struct thread_record record = {.tgid = 7, .leader_start_ns = 9};
    struct fixture *fixture = *state;

    fixture->service.tgid = 7;
    fixture->service.leader_start_ns = 8;
    make_sweep(&record, sizeof(record), offsetof(struct thread_record, tid), 2);
    assert_int_equal(ask(fixture, RPC_SCAN, size_with_ranges(0)), -ESRCH);
    end_sweep();
}

static void test_kernel_frames(void **state)
{
    const uint32_t most = RPC_DATA_SIZE / sizeof(struct kernel_record);
    struct kernel_record record = {.n = 1, .name = {"io_schedule"}};
    struct fixture *fixture = *state;

    make_sweep(&record, sizeof(record), offsetof(struct kernel_record, tid), 2);
    assert_int_equal(ask(fixture, RPC_KERNEL, size_with_ranges(0)), 0);
    assert_int_equal(fixture->reply.size, 2 * sizeof(record));
    assert_int_equal(fixture->losses.count[LOSS_kernel_capped], 0);
    end_sweep();

    make_sweep(&record, sizeof(record), offsetof(struct kernel_record, tid), most + 1);
    assert_int_equal(ask(fixture, RPC_KERNEL, size_with_ranges(0)), 0);
    assert_int_equal(fixture->reply.size, most * sizeof(record));
    assert_int_equal(fixture->losses.count[LOSS_kernel_capped], 1);
    end_sweep();
}

static void test_done_has_no_answer(void **state)
{
    struct fixture *fixture = *state;
    uint64_t number = 0;
    bool done = false;

    fixture->request.type = RPC_DONE;
    fixture->request.value = 41;
    send_raw(fixture, size_with_ranges(0));
    assert_int_equal(service_answer(&fixture->service, &done, &number), 0);
    assert_true(done);
    assert_int_equal(number, 41);
    assert_int_equal(recv(fixture->analyst, &fixture->reply, 1, MSG_DONTWAIT), -1);
}

static void test_chunk_without_a_sweep(void **state)
{
    assert_int_equal(ask(*state, RPC_SCAN_NEXT, size_with_ranges(0)), -EINVAL);
}

static void test_malformed_requests_are_refused(void **state)
{
    static const struct {
        uint32_t type;
        uint32_t n_ranges;
        size_t size;
    } cases[] = {
        {RPC_TYPE_MAX, 0, offsetof(struct rpc_request, ranges)},
        {UINT32_MAX, 0, offsetof(struct rpc_request, ranges)},
        {RPC_READ, 0, 1},
        {RPC_READ, 0, offsetof(struct rpc_request, ranges) - 1},
        {RPC_DONE, 0, 4},
        /* Other ranges than there are. */
        {RPC_READ, 1, offsetof(struct rpc_request, ranges)},
        {RPC_READ, 1, offsetof(struct rpc_request, ranges) + 15},
        {RPC_READ, 1, offsetof(struct rpc_request, ranges) + 32},
        {RPC_READ, 0, offsetof(struct rpc_request, ranges) + 16},
        {RPC_READ, RPC_RANGES_MAX + 1, sizeof(struct rpc_request)},
        {RPC_RESIDENT, UINT32_MAX, sizeof(struct rpc_request)},
        {RPC_RESIDENT, 0x10000000, offsetof(struct rpc_request, ranges)}, /* * 16 wraps around */
        /* Paths that are cut. */
        {RPC_OPEN_MAPPING, 0, offsetof(struct rpc_request, ranges)},
        {RPC_OPEN_DEBUG, 0, offsetof(struct rpc_request, path.text) + 16},
        {RPC_OPEN_DEBUG, 0, sizeof(struct rpc_request) - 1},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fixture->request =
            (struct rpc_request){.type = cases[i].type, .n_ranges = cases[i].n_ranges};
        send_raw(fixture, cases[i].size);
        assert_int_equal(answer(fixture), -EBADMSG);
        assert_int_equal(recv(fixture->analyst, &fixture->reply, 1, MSG_DONTWAIT), -1);
    }
}

static void test_path_without_an_end(void **state)
{
    struct fixture *fixture = *state;

    memset(&fixture->request, '/', sizeof(fixture->request));
    fixture->request.type = RPC_OPEN_DEBUG;
    send_raw(fixture, sizeof(fixture->request));
    assert_int_equal(answer(fixture), -EBADMSG);
    fixture->request.type = RPC_OPEN_MAPPING;
    send_raw(fixture, sizeof(fixture->request));
    assert_int_equal(answer(fixture), -EBADMSG);
}

/* An analyst that asks and never listens does not hold up the probe. */
static void test_answers_that_nobody_takes(void **state)
{
    struct fixture *fixture = *state;
    int r = 0;

    fixture->request.type = RPC_SCAN_NEXT;
    for (int i = 0; i < 10000 && !r; i++) {
        send_raw(fixture, size_with_ranges(0));
        r = answer(fixture);
    }
    assert_int_equal(r, -ECONNRESET);
}

static void test_target_that_ended(void **state)
{
    struct fixture *fixture = *state;
    const struct rpc_range range = {fixture->note.address, 6};

    kill(fixture->target.pid, SIGKILL);
    waitpid(fixture->target.pid, NULL, 0);
    assert_int_equal(ask_ranges(fixture, RPC_READ, &range, 1), -ESRCH);
    assert_int_equal(ask(fixture, RPC_MAPS, size_with_ranges(1)), -ESRCH);
    assert_int_equal(fixture->losses.count[LOSS_memory_unreadable], 0); /* an end is no loss */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_to_answer),
        TEST(test_memory),
        TEST(test_progress),
        TEST(test_memory_beyond_the_area),
        TEST(test_resident),
        TEST(test_mapped),
        TEST(test_maps_and_files),
        TEST(test_place),
        TEST(test_place_of_who_waits_for_nothing),
        TEST(test_open),
        TEST(test_threads),
        TEST(test_threads_of_another),
        TEST(test_kernel_frames),
        TEST(test_done_has_no_answer),
        TEST(test_chunk_without_a_sweep),
        TEST(test_malformed_requests_are_refused),
        TEST(test_path_without_an_end),
        TEST(test_answers_that_nobody_takes),
        TEST(test_target_that_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
