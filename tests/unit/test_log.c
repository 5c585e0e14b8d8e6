/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of user/log.c and user/loss.c: lines are read back from a pipe in the place of standard
 * error.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "loss.h"

#define LINE_MAX_BYTES 4096

struct capture {
    int saved;
    int reader;
};

static struct capture capture_begin(void)
{
    struct capture capture;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    capture.saved = dup(STDERR_FILENO);
    capture.reader = ends[0];
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
    return capture;
}

static void capture_end(struct capture *capture, char ret_text[static LINE_MAX_BYTES])
{
    ssize_t length;

    dup2(capture->saved, STDERR_FILENO); /* closes the last writing end */
    close(capture->saved);
    length = read(capture->reader, ret_text, LINE_MAX_BYTES - 1);
    assert_true(length >= 0);
    ret_text[length] = '\0';
    close(capture->reader);
}

static void writes_one_line(void **state)
{
    struct capture capture = capture_begin();
    char text[LINE_MAX_BYTES];

    (void)state;
    errno = ENOENT;
    log_error("cannot open %s", "x");
    assert_int_equal(errno, ENOENT);
    capture_end(&capture, text);
    assert_string_equal(text, "parkwatch: cannot open x\n");
}

static void masks_controls(void **state)
{
    struct capture capture = capture_begin();
    char text[LINE_MAX_BYTES];

    (void)state;
    log_warning("a\nb\033[2Jc\x7f \xc2\x9b"
                "1m \xc3\xa9 \xc2");
    capture_end(&capture, text);
    assert_string_equal(text, "parkwatch: a?b?[2Jc? ??1m \xc3\xa9 \xc2\n");
}

static void cuts_long_messages(void **state)
{
    struct capture capture = capture_begin();
    char text[LINE_MAX_BYTES];
    char message[3000];

    (void)state;
    memset(message, 'x', sizeof(message));
    message[sizeof(message) - 1] = '\0';
    log_warning("%s", message);
    capture_end(&capture, text);
    assert_int_equal(strlen(text), strlen("parkwatch: ") + 1023 + 1);
    assert_int_equal(text[strlen(text) - 1], '\n');
}

static void names_all_losses(void **state)
{
    (void)state;
    assert_string_equal(loss_name(LOSS_frames_capped), "frames_capped");
    assert_string_equal(loss_text(LOSS_frames_capped), "stacks longer than the bound of frames");
    for (enum loss loss = 0; loss < LOSS_MAX; loss++) {
        assert_non_null(loss_name(loss));
        assert_non_null(loss_text(loss));
    }
}

/* Nobody reads: the line is dropped, as alarm() would show; and the next ones pass when somebody
 * does again. */
static void drops_what_nobody_reads(void **state)
{
    struct capture capture = capture_begin();
    static char page[4096];
    char text[LINE_MAX_BYTES] = "";
    ssize_t read_before = 0, n;

    (void)state;
    assert_int_equal(fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK), 0);
    while ((n = write(STDERR_FILENO, page, sizeof(page))) > 0)
        read_before += n;
    assert_int_equal(fcntl(STDERR_FILENO, F_SETFL, 0), 0);
    alarm(10);
    errno = ENOENT;
    log_warning("lost");
    assert_int_equal(errno, ENOENT);
    alarm(0);
    while (read_before > 0 && (n = read(capture.reader, page, sizeof(page))) > 0)
        read_before -= n;
    log_warning("read again");
    capture_end(&capture, text);
    assert_string_equal(text, "parkwatch: read again\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_one_line),         cmocka_unit_test(masks_controls),
        cmocka_unit_test(cuts_long_messages),      cmocka_unit_test(names_all_losses),
        cmocka_unit_test(drops_what_nobody_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
