/* SPDX-License-Identifier: Apache-2.0 */
/* A reader between a probe and an analyst, both of which are the test. The sweep for its CPU time
 * comes from a file; what others give is left to the live tests. */
#include "probe/child.h"

#include <dirent.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "probe/fake_bpf.h"
#include "user/passed_fd.h"
#include "user/probe/reader.h"
#include "user/rpc.h"

#define PATIENCE_MS 30000

struct fixture {
    struct target_id target;
    struct child_note note;
    pid_t reader;
    int probe;   /* the probe's end */
    int analyst; /* the analyst's end */
};

static void start_reader(struct fixture *fixture, bool check)
{
    struct reader_options options = {
        .target = &fixture->target, .described = {.index = 3, .attach_ns = 17}, .check = check};
    int orders[2], requests[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, orders), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, requests), 0);
    options.probe_socket = orders[1];
    options.analyst_socket = requests[1];
    options.area =
        mmap(NULL, RPC_AREA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(options.area, MAP_FAILED);
    fixture->reader = fork();
    assert_true(fixture->reader >= 0);
    if (!fixture->reader) {
        close(orders[0]);
        close(requests[0]);
        _exit(reader_run(&options) ? 1 : 0);
    }
    close(orders[1]);
    close(requests[1]);
    munmap(options.area, RPC_AREA_SIZE);
    fixture->probe = orders[0];
    fixture->analyst = requests[0];
}

static void make_sweep(void)
{
    const struct time_record record = {.user_ns = 3000, .system_ns = 1000, .run_ns = 8000};

    fake_bpf_sweep = memfd_create("times", MFD_CLOEXEC);
    assert_int_equal(write(fake_bpf_sweep, &record, sizeof(record)), sizeof(record));
}

static int start(void **state)
{
    static struct fixture fixture;
    pid_t pid = child_start(child_idle, &fixture.note);

    make_sweep();
    assert_int_equal(target_open(pid, &fixture.target), 0);
    start_reader(&fixture, true);
    *state = &fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;

    close(fake_bpf_sweep);
    close(fixture->probe);
    close(fixture->analyst);
    kill(fixture->reader, SIGKILL);
    waitpid(fixture->reader, NULL, 0);
    child_end(fixture->target.pid);
    target_close(&fixture->target);
    return 0;
}

static void give(const struct fixture *fixture, enum reader_order_type type, uint64_t number)
{
    struct reader_order order = {.type = type, .number = number, .attach_ns = 99};

    assert_int_equal(send(fixture->probe, &order, sizeof(order), 0), sizeof(order));
}

static void request(const struct fixture *fixture, enum rpc_type type, uint64_t value)
{
    struct rpc_request request = {.type = type, .value = value};
    size_t size = offsetof(struct rpc_request, ranges);

    assert_int_equal(send(fixture->analyst, &request, size, 0), size);
}

/* The next message, or 0 at the end. */
static size_t take(int socket, void *message, size_t size)
{
    struct pollfd fd = {.fd = socket, .events = POLLIN};
    ssize_t n;

    assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
    n = recv(socket, message, size, 0);
    return n < 0 ? 0 : (size_t)n;
}

static struct reader_news hear(const struct fixture *fixture, enum reader_news_type type)
{
    struct reader_news news;

    assert_int_equal(take(fixture->probe, &news, sizeof(news)), sizeof(news));
    assert_int_equal(news.type, type);
    return news;
}

static void assert_end(struct fixture *fixture)
{
    struct reader_news news;
    int status;

    assert_int_equal(take(fixture->probe, &news, sizeof(news)), 0);
    assert_int_equal(waitpid(fixture->reader, &status, 0), fixture->reader);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_sign_of_life(void **state)
{
    give(*state, READER_PING, 5);
    assert_int_equal(hear(*state, READER_TAKEN).number, 5);
}

static void test_scan(void **state)
{
    struct fixture *fixture = *state;
    struct reader_news news;
    struct rpc_tick tick;

    give(fixture, READER_SCAN, 7);
    news = hear(fixture, READER_TARGET);
    assert_int_equal(news.target.pid, fixture->target.pid);
    assert_int_equal(news.target.index, 3);
    assert_int_equal(news.target.attach_ns, 17);
    news = hear(fixture, READER_RESOURCES);
    assert_int_equal(news.resources.index, 3);
    assert_true(news.resources.resident_bytes > 0);
    assert_int_equal(news.resources.cpu_user_us, 6);
    assert_int_equal(news.resources.cpu_system_us, 2);
    hear(fixture, READER_TAKEN);
    assert_int_equal(take(fixture->analyst, &tick, sizeof(tick)), sizeof(tick));
    assert_int_equal(tick.number, 7);
    assert_int_equal(tick.attach_ns, 99);
    request(fixture, RPC_DONE, 7);
    assert_int_equal(hear(fixture, READER_DONE).number, 7);
    /* What did not change is not told again. */
    give(fixture, READER_SCAN, 8);
    hear(fixture, READER_RESOURCES);
    hear(fixture, READER_TAKEN);
}

static void test_losses_are_told_once(void **state)
{
    struct fixture *fixture = *state;
    struct rpc_reply reply;

    request(fixture, RPC_MAPS, 4096); /* in the middle of nothing */
    assert_int_equal(take(fixture->analyst, &reply, sizeof(reply)), sizeof(reply));
    assert_int_equal(reply.error, -ESPIPE);
    give(fixture, READER_PING, 1);
    assert_int_equal(hear(fixture, READER_TAKEN).losses.count[LOSS_memory_unreadable], 1);
    give(fixture, READER_PING, 2);
    assert_int_equal(hear(fixture, READER_TAKEN).losses.count[LOSS_memory_unreadable], 0);
}

/* Orders are taken between the requests of an analyst that never stops asking. */
static void test_busy_analyst(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < 8; i++)
        request(fixture, RPC_FILE, 0);
    give(fixture, READER_PING, 1);
    hear(fixture, READER_TAKEN);
}

static void test_analyst_ends(void **state)
{
    struct fixture *fixture = *state;

    close(fixture->analyst);
    fixture->analyst = -1;
    hear(fixture, READER_ANALYST_GONE);
    assert_end(fixture);
}

static void test_analyst_talks_nonsense(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(send(fixture->analyst, "?", 1, 0), 1);
    assert_int_equal(hear(fixture, READER_ANALYST_GONE).error, -EBADMSG);
    assert_end(fixture);
}

static void test_probe_ends(void **state)
{
    struct fixture *fixture = *state;
    int status;

    close(fixture->probe);
    fixture->probe = -1;
    assert_int_equal(waitpid(fixture->reader, &status, 0), fixture->reader);
    assert_true(WIFEXITED(status));
}

/* A stopped reader keeps the order unanswered: what the probe takes for held up. */
static void test_silence(void **state)
{
    struct fixture *fixture = *state;
    struct pollfd fd = {.fd = fixture->probe, .events = POLLIN};
    int status;

    assert_int_equal(kill(fixture->reader, SIGSTOP), 0);
    assert_int_equal(waitpid(fixture->reader, &status, WUNTRACED), fixture->reader);
    give(fixture, READER_PING, 1);
    assert_int_equal(poll(&fd, 1, 100), 0);
    assert_int_equal(kill(fixture->reader, SIGCONT), 0);
    hear(fixture, READER_TAKEN);
}

static size_t count_descriptors(const struct fixture *fixture)
{
    char path[64];
    size_t n = 0;
    DIR *fds;

    snprintf(path, sizeof(path), "/proc/%d/fd", fixture->reader);
    fds = opendir(path);
    assert_non_null(fds);
    while (readdir(fds))
        n++;
    closedir(fds);
    return n;
}

static void give_link(const struct fixture *fixture, enum reader_order_type type)
{
    struct reader_order order = {.type = type};
    struct iovec part = {.iov_base = &order, .iov_len = sizeof(order)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    union passed_fd passed;

    passed_fd_put(&passed, &message, STDIN_FILENO);
    assert_int_equal(sendmsg(fixture->probe, &message, 0), sizeof(order));
}

/* They are kept, and nothing is said of them; what comes with another order is not. */
static void test_links(void **state)
{
    struct fixture *fixture = *state;
    size_t n;

    give(fixture, READER_PING, 1);
    assert_int_equal(hear(fixture, READER_TAKEN).number, 1);
    n = count_descriptors(fixture);
    give_link(fixture, READER_THREADS);
    give_link(fixture, READER_TIMES);
    give_link(fixture, READER_KERNEL);
    give_link(fixture, READER_PING);
    assert_int_equal(hear(fixture, READER_TAKEN).number, 0);
    give(fixture, READER_PING, 2); /* by the answer to it the order before is over */
    assert_int_equal(hear(fixture, READER_TAKEN).number, 2);
    assert_int_equal(count_descriptors(fixture), n + 3);
}

static void test_target_that_ended(void **state)
{
    struct fixture *fixture = *state;
    struct rpc_tick tick;

    give(fixture, READER_PING, 0); /* it has looked into the target by now */
    hear(fixture, READER_TAKEN);
    assert_int_equal(kill(fixture->target.pid, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, fixture->target.pid, NULL, WEXITED | WNOWAIT), 0);
    give(fixture, READER_SCAN, 1);
    hear(fixture, READER_TAKEN);
    assert_int_equal(take(fixture->analyst, &tick, sizeof(tick)), sizeof(tick));
}

static void test_refusal(void **state)
{
    struct fixture *fixture = *state;
    struct fixture second = {.target = fixture->target};

    assert_int_equal(kill(fixture->target.pid, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, fixture->target.pid, NULL, WEXITED | WNOWAIT), 0);
    start_reader(&second, true);
    assert_int_equal(hear(&second, READER_REFUSED).error, -ESRCH);
    close(second.probe);
    close(second.analyst);
    assert_int_equal(waitpid(second.reader, NULL, 0), second.reader);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sign_of_life), TEST(test_scan),         TEST(test_losses_are_told_once),
        TEST(test_busy_analyst), TEST(test_analyst_ends), TEST(test_analyst_talks_nonsense),
        TEST(test_probe_ends),   TEST(test_silence),      TEST(test_target_that_ended),
        TEST(test_refusal),      TEST(test_links),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
