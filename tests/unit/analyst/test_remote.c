/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the probe, as bytes: answers lie in the socket before they are asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "user/analyst/remote.h"

struct fixture {
    int sockets[2]; /* the analyst's end, the probe's */
    uint8_t *area;
    struct remote *remote;
    struct rpc_request request; /* the last that asked() took */
};

static int start(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fixture->sockets), 0);
    fixture->area = calloc(1, RPC_AREA_SIZE);
    *state = fixture;
    return remote_new(fixture->sockets[0], fixture->area, &fixture->remote);
}

static int end(void **state)
{
    struct fixture *fixture = *state;

    remote_free(&fixture->remote);
    close(fixture->sockets[0]);
    close(fixture->sockets[1]);
    free(fixture->area);
    free(fixture);
    return 0;
}

static void answer_with(struct fixture *fixture, const void *reply, size_t size, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)reply, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        control.align = (struct cmsghdr){CMSG_LEN(sizeof(fd)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
    }
    assert_int_equal(sendmsg(fixture->sockets[1], &message, 0), size);
}

static void answer(struct fixture *fixture, int error, size_t size, bool more, int fd)
{
    const struct rpc_reply reply = {.error = error, .more = more, .size = size};

    answer_with(fixture, &reply, sizeof(reply), fd);
}

/* Takes the next request; bytes of it. */
static ssize_t asked(struct fixture *fixture, uint32_t type)
{
    ssize_t n = recv(fixture->sockets[1], &fixture->request, sizeof(fixture->request), 0);

    assert_true(n > 0);
    assert_int_equal(fixture->request.type, type);
    return n;
}

static int count_fds(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void test_tick(void **state)
{
    struct fixture *fixture = *state;
    const struct rpc_tick tick = {42, 7};
    struct rpc_tick taken;

    answer_with(fixture, &tick, sizeof(tick), -1);
    assert_int_equal(remote_wait(fixture->remote, &taken), 0);
    assert_int_equal(taken.number, 42);
    assert_int_equal(taken.attach_ns, 7);
    answer_with(fixture, &tick, sizeof(tick) - 1, -1);
    assert_int_equal(remote_wait(fixture->remote, &taken), -ECONNRESET);
    shutdown(fixture->sockets[1], SHUT_RDWR);
    assert_int_equal(remote_wait(fixture->remote, &taken), -ECONNRESET);
}

/* One that comes before an answer waits until it is waited for, a second one is none. */
static void test_tick_before_an_answer(void **state)
{
    struct fixture *fixture = *state;
    const struct rpc_tick tick = {1, 7};
    struct rpc_tick taken;
    char text[16];

    answer_with(fixture, &tick, sizeof(tick), -1);
    answer(fixture, 0, 0, false, -1);
    assert_int_equal(remote_file(fixture->remote, 3, text, sizeof(text)), 0);
    asked(fixture, RPC_FILE);
    assert_int_equal(remote_wait(fixture->remote, &taken), 0);
    assert_memory_equal(&taken, &tick, sizeof(tick));

    answer_with(fixture, &tick, sizeof(tick), -1);
    answer_with(fixture, &tick, sizeof(tick), -1);
    assert_int_equal(remote_file(fixture->remote, 3, text, sizeof(text)), -ECONNRESET);
}

static void test_place(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t place = 0x401000;
    uint64_t pc = 0;

    memcpy(fixture->area + RPC_RECORDS_SIZE, &place, sizeof(place));
    answer(fixture, 0, sizeof(pc), false, -1);
    assert_int_equal(remote_place(fixture->remote, &pc), 0);
    assert_int_equal(pc, place);
    answer(fixture, -EBUSY, 0, false, -1);
    assert_int_equal(remote_place(fixture->remote, &pc), -EBUSY);
    answer(fixture, 0, sizeof(pc) - 1, false, -1);
    assert_int_equal(remote_place(fixture->remote, &pc), -ECONNRESET);
}

/* However many come, where none is asked for none stays open. */
static void test_descriptors_nobody_asked_for(void **state)
{
    struct fixture *fixture = *state;
    union {
        char bytes[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } two = {.align = {CMSG_LEN(2 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    const struct rpc_tick tick = {42, 7};
    struct iovec part = {.iov_base = (void *)(uintptr_t)&tick, .iov_len = sizeof(tick)};
    struct msghdr message = {&(char){0}, 0, &part, 1, two.bytes, sizeof(two.bytes), 0};
    const struct rpc_reply reply = {.size = 8, .lengths = {8}};
    const struct rpc_range range = {0x1000, 8};
    int n_fds = count_fds();
    struct rpc_tick taken;
    char text[16];

    for (size_t i = 0; i < 2; i++)
        memcpy(CMSG_DATA(&two.align) + i * sizeof(int), &fixture->sockets[1], sizeof(int));
    assert_int_equal(sendmsg(fixture->sockets[1], &message, 0), sizeof(tick));
    assert_int_equal(remote_wait(fixture->remote, &taken), 0);
    assert_int_equal(count_fds(), n_fds);
    for (int i = 0; i < RPC_AHEAD_SLOTS; i++) {
        assert_int_equal(remote_ask(fixture->remote, &range, 1), 0);
        asked(fixture, RPC_READ);
        answer_with(fixture, &reply, sizeof(reply), fixture->sockets[1]);
    }
    answer(fixture, 0, 0, false, fixture->sockets[1]);
    assert_int_equal(remote_file(fixture->remote, 3, text, sizeof(text)), 0);
    assert_int_equal(count_fds(), n_fds);
}

static void test_ask_ahead(void **state)
{
    struct fixture *fixture = *state;
    const struct rpc_reply first = {.size = 8, .lengths = {8}}, second = {.error = -ESRCH};
    const uint8_t *ahead = fixture->area + RPC_RECORDS_SIZE + RPC_DATA_SIZE;
    const struct rpc_range range = {0x1000, 8};
    const uint32_t *lengths;
    const uint8_t *bytes;
    char text[16];

    assert_int_equal(remote_take(fixture->remote, &bytes, &lengths), -EINVAL);
    for (uint64_t slot = 1; slot <= RPC_AHEAD_SLOTS; slot++) {
        assert_int_equal(remote_ask(fixture->remote, &range, 1), 0);
        asked(fixture, RPC_READ);
        assert_int_equal(fixture->request.value, slot);
    }
    assert_int_equal(remote_ask(fixture->remote, &range, 1), -EBUSY);
    /* A call in between gets its own answer, which comes behind theirs. */
    answer_with(fixture, &first, sizeof(first), -1);
    answer_with(fixture, &second, sizeof(second), -1);
    for (int i = 2; i < RPC_AHEAD_SLOTS; i++)
        answer(fixture, 0, 0, false, -1);
    answer(fixture, 0, 0, false, -1);
    assert_int_equal(remote_file(fixture->remote, 3, text, sizeof(text)), 0);
    asked(fixture, RPC_FILE);
    assert_int_equal(remote_take(fixture->remote, &bytes, &lengths), 0);
    assert_ptr_equal(bytes, ahead);
    assert_int_equal(lengths[0], 8);
    assert_int_equal(remote_take(fixture->remote, &bytes, &lengths), -ESRCH);
    for (uint64_t slot = 1; slot <= 2; slot++) {
        assert_int_equal(remote_ask(fixture->remote, &range, 1), 0);
        asked(fixture, RPC_READ);
        assert_int_equal(fixture->request.value, slot);
        answer(fixture, 0, 0, false, -1);
    }
    for (int i = 0; i < RPC_AHEAD_SLOTS; i++)
        assert_int_equal(remote_take(fixture->remote, &bytes, &lengths), 0);
    assert_int_equal(remote_ask(fixture->remote, &range, 1), 0);
    asked(fixture, RPC_READ);
    assert_int_equal(fixture->request.value, 1); /* it is the only one, not the third */
    shutdown(fixture->sockets[1], SHUT_RDWR);
    assert_int_equal(remote_take(fixture->remote, &bytes, &lengths), -ECONNRESET);
}

/* Answers that are there, or about to be, by what the probe shows of its progress. */
static void test_late_answers(void **state)
{
    struct fixture *fixture = *state;
    struct rpc_progress *progress = (struct rpc_progress *)(fixture->area + RPC_PROGRESS_AT);
    const struct rpc_range range = {0x1000, 8};
    const uint32_t *lengths;
    const uint8_t *bytes;

    for (uint64_t i = 0; i < 2 * RPC_AHEAD_SLOTS; i++) {
        assert_int_equal(remote_ask(fixture->remote, &range, 1), 0);
        asked(fixture, RPC_READ);
        assert_true(remote_is_late(fixture->remote));
        progress->n_ahead++;
        assert_false(remote_is_late(fixture->remote));
        answer(fixture, 0, 0, false, -1);
        assert_int_equal(remote_take(fixture->remote, &bytes, &lengths), 0);
    }
}

static void test_scan_in_chunks(void **state)
{
    struct fixture *fixture = *state;
    const struct thread_record *records;
    size_t n;
    bool more;

    answer(fixture, 0, 3 * sizeof(*records), true, -1);
    assert_int_equal(remote_scan(fixture->remote, &records, &n, &more), 0);
    assert_ptr_equal(records, fixture->area);
    assert_int_equal(n, 3);
    assert_true(more);
    assert_int_equal(asked(fixture, RPC_SCAN), offsetof(struct rpc_request, ranges));
    answer(fixture, 0, 0, false, -1);
    assert_int_equal(remote_scan_next(fixture->remote, &records, &n, &more), 0);
    assert_int_equal(n, 0);
    assert_false(more);
    asked(fixture, RPC_SCAN_NEXT);
    answer(fixture, -ESRCH, 0, false, -1);
    assert_int_equal(remote_scan_next(fixture->remote, &records, &n, &more), -ESRCH);
}

static void test_read(void **state)
{
    struct fixture *fixture = *state;
    const struct rpc_range ranges[RPC_RANGES_MAX + 1] = {{0x1000, 8}, {0x2000, 4}};
    const struct rpc_reply reply = {.size = 10, .lengths = {8, 2}};
    const uint32_t *lengths;
    const uint8_t *bytes;

    answer_with(fixture, &reply, sizeof(reply), -1);
    assert_int_equal(remote_read(fixture->remote, ranges, 2, &bytes, &lengths), 0);
    assert_ptr_equal(bytes, fixture->area + RPC_RECORDS_SIZE); /* records stay */
    assert_int_equal(lengths[0], 8);
    assert_int_equal(lengths[1], 2);
    assert_int_equal(asked(fixture, RPC_READ),
                     offsetof(struct rpc_request, ranges) + 2 * sizeof(ranges[0]));
    assert_int_equal(fixture->request.n_ranges, 2);
    assert_memory_equal(fixture->request.ranges, ranges, 2 * sizeof(ranges[0]));

    assert_int_equal(remote_read(fixture->remote, ranges, RPC_RANGES_MAX + 1, &bytes, &lengths),
                     -E2BIG);
    /* What is no call on ranges has none, whatever the one before had. */
    assert_int_equal(remote_done(fixture->remote, 7, false), 0);
    assert_int_equal(asked(fixture, RPC_DONE), offsetof(struct rpc_request, ranges));
    assert_int_equal(fixture->request.n_ranges, 0);
    assert_int_equal(fixture->request.value, 7);
}

static void test_resident(void **state)
{
    struct fixture *fixture = *state;
    const struct rpc_range range = {0x1000, 4096};
    const uint64_t *bytes;

    *(uint64_t *)(fixture->area + RPC_RECORDS_SIZE) = 4096;
    answer(fixture, 0, 8, false, -1);
    assert_int_equal(remote_resident(fixture->remote, &range, 1, &bytes), 0);
    assert_int_equal(bytes[0], 4096);
    asked(fixture, RPC_RESIDENT);
}

static void test_maps_from_pieces(void **state)
{
    struct fixture *fixture = *state;
    char *text = NULL;
    size_t length = 0;

    memcpy(fixture->area + RPC_RECORDS_SIZE, "abc", 3);
    answer(fixture, 0, 3, true, -1);
    answer(fixture, 0, 2, true, -1);
    answer(fixture, 0, 1, false, -1);
    assert_int_equal(remote_maps(fixture->remote, REMOTE_MAPS_MAX, &text, &length), 0);
    assert_int_equal(length, 6);
    assert_string_equal(text, "abcaba");
    free(text);
    for (uint64_t i = 0; i < 3; i++) {
        static const uint64_t offsets[] = {0, 3, 5};

        asked(fixture, RPC_MAPS);
        assert_int_equal(fixture->request.value, offsets[i]);
    }
}

static void test_maps_that_fail_or_never_end(void **state)
{
    struct fixture *fixture = *state;
    char *text = NULL;
    size_t length = 0;

    answer(fixture, 0, 3, true, -1);
    answer(fixture, -ESRCH, 0, false, -1);
    assert_int_equal(remote_maps(fixture->remote, REMOTE_MAPS_MAX, &text, &length), -ESRCH);
    assert_null(text);
    answer(fixture, 0, 0, true, -1); /* nothing more to come from there */
    assert_int_equal(remote_maps(fixture->remote, REMOTE_MAPS_MAX, &text, &length), 0);
    assert_int_equal(length, 0);
    assert_string_equal(text, "");
    free(text);
}

static void *answer_on_and_on(void *socket)
{
    const struct rpc_reply reply = {.more = 1, .size = RPC_DATA_SIZE};

    while (send(*(int *)socket, &reply, sizeof(reply), MSG_NOSIGNAL) > 0)
        ;
    return NULL;
}

/* A target may map ever more while its mappings are read. */
static void test_maps_without_end(void **state)
{
    struct fixture *fixture = *state;
    pthread_t thread;
    size_t length;
    char *text;

    assert_int_equal(pthread_create(&thread, NULL, answer_on_and_on, &fixture->sockets[1]), 0);
    assert_int_equal(remote_maps(fixture->remote, REMOTE_MAPS_MAX, &text, &length), -E2BIG);
    shutdown(fixture->sockets[0], SHUT_RDWR);
    pthread_join(thread, NULL);
}

static void test_open(void **state)
{
    struct fixture *fixture = *state;
    const struct rpc_range range = {0x1000, 0x2000};
    int fd = -1;

    answer(fixture, 0, 0, false, fixture->sockets[1]);
    assert_int_equal(remote_open_mapping(fixture->remote, range, 8, 99, "/bin/x", &fd), 0);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
    assert_int_equal(asked(fixture, RPC_OPEN_MAPPING), sizeof(fixture->request));
    assert_int_equal(fixture->request.path.range.address, 0x1000);
    assert_int_equal(fixture->request.path.range.length, 0x2000);
    assert_int_equal(fixture->request.device, 8);
    assert_int_equal(fixture->request.inode, 99);
    assert_string_equal(fixture->request.path.text, "/bin/x");

    /* Nothing is left of the longer path before. */
    answer(fixture, -ENOENT, 0, false, -1);
    fd = -1;
    assert_int_equal(remote_open_debug(fixture->remote, "/d", &fd), -ENOENT);
    asked(fixture, RPC_OPEN_DEBUG);
    assert_string_equal(fixture->request.path.text, "/d");
    assert_int_equal(fixture->request.path.text[5], 0);
}

static void test_open_that_cannot_be(void **state)
{
    struct fixture *fixture = *state;
    char path[RPC_PATH_MAX + 1];
    int fd = -1, before;

    memset(path, 'p', sizeof(path));
    path[RPC_PATH_MAX] = '\0';
    assert_int_equal(remote_open_debug(fixture->remote, path, &fd), -ENAMETOOLONG);
    path[RPC_PATH_MAX - 1] = '\0';
    answer(fixture, -ENOENT, 0, false, -1);
    assert_int_equal(remote_open_debug(fixture->remote, path, &fd), -ENOENT);
    answer(fixture, 0, 0, false, -1); /* without a descriptor */
    assert_int_equal(remote_open_debug(fixture->remote, "/d", &fd), -EBADF);
    /* Descriptors that nobody asked for are closed. */
    before = count_fds();
    answer(fixture, -ENOENT, 0, false, fixture->sockets[1]);
    assert_int_equal(remote_open_debug(fixture->remote, "/d", &fd), -ENOENT);
    answer(fixture, 0, 0, false, fixture->sockets[1]);
    assert_int_equal(remote_file(fixture->remote, 1, path, sizeof(path)), 0);
    assert_int_equal(count_fds(), before);
}

static void test_file_is_cut(void **state)
{
    struct fixture *fixture = *state;
    char text[6];

    memcpy(fixture->area + RPC_RECORDS_SIZE, "pipe:[5]", 8);
    answer(fixture, 0, 8, false, -1);
    assert_int_equal(remote_file(fixture->remote, 3, text, sizeof(text)), 0);
    assert_string_equal(text, "pipe:");
    asked(fixture, RPC_FILE);
    assert_int_equal(fixture->request.value, 3);
    answer(fixture, 0, 4, false, -1);
    assert_int_equal(remote_file(fixture->remote, 3, text, sizeof(text)), 0);
    assert_string_equal(text, "pipe");
}

static void test_kernel(void **state)
{
    struct fixture *fixture = *state;
    const struct kernel_record *records;
    size_t n;

    answer(fixture, 0, 2 * sizeof(*records), false, -1);
    assert_int_equal(remote_kernel(fixture->remote, &records, &n), 0);
    assert_int_equal(n, 2);
    asked(fixture, RPC_KERNEL);
}

static void test_probe_that_is_gone(void **state)
{
    struct fixture *fixture = *state;
    const struct thread_record *records;
    size_t n;
    bool more;

    answer_with(fixture, "half", 4, -1); /* no whole reply */
    assert_int_equal(remote_scan(fixture->remote, &records, &n, &more), -ECONNRESET);
    shutdown(fixture->sockets[1], SHUT_RDWR);
    assert_int_equal(remote_scan(fixture->remote, &records, &n, &more), -ECONNRESET);
    assert_int_equal(remote_done(fixture->remote, 1, false), -ECONNRESET);
}

/* The area has an end, and a range no more bytes than were asked for. */
static void test_replies_that_claim_too_much(void **state)
{
    struct fixture *fixture = *state;
    const struct rpc_range ranges[] = {{0x1000, 8}, {0x2000, 4}};
    const struct rpc_reply replies[] = {
        {.size = 12, .lengths = {8, 5}},
        {.size = 12, .lengths = {UINT32_MAX, 4}},
        {.size = 11, .lengths = {8, 4}},
        {.size = RPC_DATA_SIZE + 1, .lengths = {8, 4}},
        {.error = 1},
    };
    const struct thread_record *records;
    const struct kernel_record *kernel;
    const uint64_t *resident;
    const uint32_t *lengths;
    const uint8_t *bytes;
    size_t n;
    bool more;

    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        answer_with(fixture, &replies[i], sizeof(replies[i]), -1);
        assert_int_equal(remote_read(fixture->remote, ranges, 2, &bytes, &lengths), -ECONNRESET);
    }
    answer(fixture, 0, RPC_RECORDS_SIZE + 1, false, -1);
    assert_int_equal(remote_scan(fixture->remote, &records, &n, &more), -ECONNRESET);
    answer(fixture, 0, SIZE_MAX, false, -1);
    assert_int_equal(remote_kernel(fixture->remote, &kernel, &n), -ECONNRESET);
    answer(fixture, 0, 8, false, -1);
    assert_int_equal(remote_resident(fixture->remote, ranges, 2, &resident), -ECONNRESET);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_tick),
        TEST(test_tick_before_an_answer),
        TEST(test_place),
        TEST(test_descriptors_nobody_asked_for),
        TEST(test_scan_in_chunks),
        TEST(test_ask_ahead),
        TEST(test_late_answers),
        TEST(test_read),
        TEST(test_resident),
        TEST(test_maps_from_pieces),
        TEST(test_maps_that_fail_or_never_end),
        TEST(test_maps_without_end),
        TEST(test_open),
        TEST(test_open_that_cannot_be),
        TEST(test_file_is_cut),
        TEST(test_kernel),
        TEST(test_probe_that_is_gone),
        TEST(test_replies_that_claim_too_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
