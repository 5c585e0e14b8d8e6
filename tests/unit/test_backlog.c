/* SPDX-License-Identifier: Apache-2.0 */
/* Messages held back: standard error is the slave of a pseudo-terminal meanwhile. */
#include "backlog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

#define SHOWN_SIZE (2 * BACKLOG_SIZE)

struct terminal {
    int master;
    int saved; /* standard error */
    size_t used;
    char shown[SHOWN_SIZE]; /* what came out, with "\r\n" for each "\n" */
};

static struct terminal *terminal_open(void)
{
    struct terminal *terminal = calloc(1, sizeof(*terminal));
    int slave;

    assert_non_null(terminal);
    terminal->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    assert_true(terminal->master >= 0);
    assert_int_equal(grantpt(terminal->master) | unlockpt(terminal->master), 0);
    slave = open(ptsname(terminal->master), O_RDWR | O_NOCTTY);
    assert_true(slave >= 0);
    terminal->saved = dup(STDERR_FILENO);
    dup2(slave, STDERR_FILENO);
    close(slave);
    return terminal;
}

/* What there is to read now. */
static const char *terminal_shown(struct terminal *terminal)
{
    ssize_t n;

    while ((n = read(terminal->master, terminal->shown + terminal->used,
                     SHOWN_SIZE - 1 - terminal->used)) > 0)
        terminal->used += (size_t)n;
    return terminal->shown;
}

static void terminal_close(struct terminal *terminal)
{
    dup2(terminal->saved, STDERR_FILENO);
    close(terminal->saved);
    close(terminal->master);
    free(terminal);
}

static void holds_back(void **state)
{
    struct terminal *terminal = terminal_open();
    struct backlog backlog;
    char newest[BACKLOG_LINE_MAX];
    pid_t child;

    (void)state;
    assert_int_equal(backlog_begin(&backlog), 0);
    assert_true(backlog.saved_fd >= 0);
    assert_int_equal(backlog_newest(newest), 0);
    assert_string_equal(newest, "");
    log_error("one");
    child = fork();
    if (!child) {
        log_error("two, of a role");
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(backlog_newest(newest), 0);
    assert_string_equal(newest, "parkwatch: two, of a role");
    log_error("three");
    assert_string_equal(terminal_shown(terminal), "");
    backlog_end(&backlog);
    assert_int_equal(backlog.saved_fd, -1);
    assert_true(isatty(STDERR_FILENO));
    assert_string_equal(terminal_shown(terminal), "parkwatch: one\r\nparkwatch: two, of a role\r\n"
                                                  "parkwatch: three\r\n");
    backlog_end(&backlog); /* nothing more */
    log_error("four");
    assert_non_null(strstr(terminal_shown(terminal), "three\r\nparkwatch: four\r\n"));
    terminal_close(terminal);
}

/* Who wrote standard error to a file wants it there. */
static void leaves_files_alone(void **state)
{
    struct backlog backlog;
    int ends[2], saved = dup(STDERR_FILENO);
    char text[64] = "";

    (void)state;
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    assert_int_equal(backlog_begin(&backlog), 0);
    log_error("at once");
    dup2(saved, STDERR_FILENO);
    assert_int_equal(backlog.saved_fd, -1);
    assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
    assert_string_equal(text, "parkwatch: at once\n");
    backlog_end(&backlog);
    close(ends[0]);
    close(ends[1]);
    close(saved);
}

/* The first ones stay, whole, however many follow; nobody who writes is stopped by that. */
static void is_bounded(void **state)
{
    struct terminal *terminal = terminal_open();
    FILE *file = tmpfile();
    struct backlog backlog;
    char *text = calloc(1, 2 * BACKLOG_SIZE);
    size_t size;

    (void)state;
    assert_non_null(file);
    assert_int_equal(backlog_begin(&backlog), 0);
    for (int i = 0; i < 2000; i++)
        log_error("message %04d of quite some length, as those of a role that restarts", i);
    close(backlog.saved_fd); /* a terminal takes no more than someone reads */
    backlog.saved_fd = dup(fileno(file));
    backlog_end(&backlog);
    rewind(file);
    size = fread(text, 1, 2 * BACKLOG_SIZE - 1, file);
    assert_true(size > BACKLOG_SIZE && size < BACKLOG_SIZE + 100);
    assert_ptr_equal(strstr(text, "parkwatch: message 0000 of"), text);
    assert_non_null(strstr(text, "\nparkwatch: later messages did not fit\n"));
    assert_null(strstr(text, "message 1999"));
    free(text);
    fclose(file);
    terminal_close(terminal);
}

/* A line longer than what is shown of it loses its beginning. */
static void cuts_long_lines(void **state)
{
    struct terminal *terminal = terminal_open();
    struct backlog backlog;
    char newest[BACKLOG_LINE_MAX];
    char text[900];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(backlog_begin(&backlog), 0);
    log_error("%s", text);
    assert_int_equal(backlog_newest(newest), 0);
    assert_int_equal(strlen(newest), BACKLOG_LINE_MAX - 2);
    backlog_end(&backlog);
    terminal_close(terminal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_back),
        cmocka_unit_test(leaves_files_alone),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(cuts_long_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
