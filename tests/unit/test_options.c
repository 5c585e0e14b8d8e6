/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of user/options.c, user/argument.c and user/help.c: what is printed goes through pipes in
 * the place of standard output and standard error.
 */
#include "options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define WORDS_MAX     160
#define PRINTED_MAX   16384
#define NS_PER_SECOND 1000000000LL

/* What one call printed. */
struct printed {
    char out[PRINTED_MAX];
    char error[PRINTED_MAX];
};

struct redirection {
    int fd;
    int saved;
    int reader;
};

static struct redirection redirect(int fd)
{
    struct redirection redirection = {.fd = fd, .saved = dup(fd)};
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], fd);
    close(ends[1]);
    redirection.reader = ends[0];
    return redirection;
}

static void restore(struct redirection *redirection, char ret_text[static PRINTED_MAX])
{
    ssize_t length;

    dup2(redirection->saved, redirection->fd); /* closes the last writing end */
    close(redirection->saved);
    length = read(redirection->reader, ret_text, PRINTED_MAX - 1);
    close(redirection->reader);
    assert_true(length >= 0);
    ret_text[length] = '\0';
}

static int count_words(char **words)
{
    int n = 0;

    while (words[n])
        n++;
    return n;
}

/* Parses `words`, which end with NULL and start with the command. */
static int parse(enum command command, char **words, struct options *options,
                 struct printed *ret_printed)
{
    struct redirection out, error;
    int r;

    fflush(stdout);
    out = redirect(STDOUT_FILENO);
    error = redirect(STDERR_FILENO);
    r = options_parse(command, count_words(words), words, options);
    fflush(stdout);
    restore(&error, ret_printed->error);
    restore(&out, ret_printed->out);
    return r;
}

#define WORDS(...) ((char *[]){"command", __VA_ARGS__, NULL})

static void accepts(enum command command, char **words, struct options *options)
{
    struct printed printed;

    if (parse(command, words, options, &printed))
        fail_msg("refused: %s", printed.error);
    assert_string_equal(printed.out, "");
    assert_string_equal(printed.error, "");
}

/* Expects the one line of wrong usage, which starts with `text`. */
static void refuses(enum command command, char **words, const char *text)
{
    static const char *const names[COMMAND_MAX] = {"report", "watch", "top", "doctor"};
    struct options options;
    struct printed printed;
    char expected[512];

    assert_int_equal(parse(command, words, &options, &printed), -EINVAL);
    assert_string_equal(printed.out, "");
    snprintf(expected, sizeof(expected), "parkwatch: %s; see 'parkwatch %s --help'\n", text,
             names[command]);
    assert_string_equal(printed.error, expected);
}

static void fills_in_defaults_of_report(void **state)
{
    struct options options;

    (void)state;
    accepts(COMMAND_REPORT, WORDS("-p", "1"), &options);
    assert_int_equal(options.n_pids, 1);
    assert_int_equal(options.pids[0], 1);
    assert_int_equal(options.threshold_ns, NS_PER_SECOND);
    assert_int_equal(options.duration_ns, -1);
    assert_int_equal(options.format, FORMAT_TEXT);
    assert_null(options.output);
    assert_int_equal(options.kinds, OPTIONS_KINDS_ALL);
    assert_true(options.futex);
    assert_int_equal(options.max_stacks, 50);
    assert_int_equal(options.n_ignores, 0);
    options_free(&options);
}

static void fills_in_defaults_of_watch(void **state)
{
    struct options options;

    (void)state;
    accepts(COMMAND_WATCH, WORDS("-p", "1"), &options);
    assert_int_equal(options.threshold_ns, 30 * NS_PER_SECOND);
    assert_int_equal(options.interval_ns, 5 * NS_PER_SECOND);
    assert_int_equal(options.n_listens, 1);
    assert_string_equal(options.listens[0], "127.0.0.1:17275");
    assert_string_equal(options.telemetry_path, "/metrics");
    options_free(&options);
}

static void takes_options_of_report(void **state)
{
    struct options options;

    (void)state;
    accepts(COMMAND_REPORT,
            WORDS("-p7,8", "--pid=9", "-t", "0", "-o", "x.json", "--format", "json", "--duration",
                  "2", "-k", "goroutine", "--futex", "off", "--ignore", "^a|b$", "--ignore=c",
                  "--max-stacks", "0"),
            &options);
    assert_int_equal(options.n_pids, 3);
    assert_int_equal(options.pids[0], 7);
    assert_int_equal(options.pids[1], 8);
    assert_int_equal(options.pids[2], 9);
    assert_int_equal(options.threshold_ns, 0);
    assert_string_equal(options.output, "x.json");
    assert_int_equal(options.format, FORMAT_JSON);
    assert_int_equal(options.duration_ns, 2 * NS_PER_SECOND);
    assert_int_equal(options.kinds, 1u << SAMPLE_GOROUTINE);
    assert_false(options.futex);
    assert_int_equal(options.n_ignores, 2);
    assert_true(ere_matches(options.ignores[0], "xb", NULL));
    assert_false(ere_matches(options.ignores[0], "xa", NULL));
    assert_int_equal(options.max_stacks, 0);
    options_free(&options);

    accepts(COMMAND_REPORT, WORDS("-p", "1", "--duration", "1m30s", "--format", "folded"),
            &options);
    assert_int_equal(options.duration_ns, 90 * NS_PER_SECOND);
    assert_int_equal(options.format, FORMAT_FOLDED);
    options_free(&options);
}

static void takes_options_of_watch(void **state)
{
    struct options options;

    (void)state;
    accepts(COMMAND_WATCH,
            WORDS("-p", "1", "--interval", "100ms", "--web.listen-address", ":9100",
                  "--web.listen-address", "[::1]:9100", "--web.telemetry-path", "/m",
                  "--web.config.file", "web.yml", "--web.allowed-host", "a.example",
                  "--web.allowed-host", "b"),
            &options);
    assert_string_equal(options.web_config, "web.yml");
    assert_int_equal(options.n_hosts, 2);
    assert_string_equal(options.hosts[1], "b");
    assert_int_equal(options.interval_ns, NS_PER_SECOND / 10);
    assert_int_equal(options.n_listens, 2); /* none of them the default */
    assert_string_equal(options.listens[0], ":9100");
    assert_string_equal(options.listens[1], "[::1]:9100");
    assert_string_equal(options.telemetry_path, "/m");
    options_free(&options);
}

static void takes_options_of_top(void **state)
{
    struct options options;

    (void)state;
    accepts(COMMAND_TOP, WORDS("-p", "1"), &options);
    assert_int_equal(options.threshold_ns, NS_PER_SECOND);
    assert_int_equal(options.interval_ns, NS_PER_SECOND);
    assert_true(options.futex);
    options_free(&options);
    accepts(COMMAND_TOP,
            WORDS("-p1,2", "-t0", "--interval=500ms", "-kthread", "--futex=off", "--ignore=x"),
            &options);
    assert_int_equal(options.n_pids, 2);
    assert_int_equal(options.threshold_ns, 0);
    assert_int_equal(options.interval_ns, NS_PER_SECOND / 2);
    assert_int_equal(options.n_ignores, 1);
    options_free(&options);
    refuses(COMMAND_TOP, WORDS("--interval=5s"), "no process given: -p PID");
    refuses(COMMAND_TOP, WORDS("-p1", "--format=json"),
            "unknown or ambiguous option '--format=json'");
}

static void doctor_needs_no_process(void **state)
{
    struct options options;

    (void)state;
    accepts(COMMAND_DOCTOR, (char *[]){"doctor", NULL}, &options);
    assert_int_equal(options.n_pids, 0);
    accepts(COMMAND_DOCTOR, WORDS("-p", "1"), &options);
    assert_int_equal(options.n_pids, 1);
    refuses(COMMAND_DOCTOR, WORDS("-t", "1s"), "unknown option '-t'");
}

static void takes_names(void **state)
{
    struct options options;

    (void)state;
    accepts(COMMAND_WATCH, WORDS("-p", "nginx,7,7z", "--exit-with-targets"), &options);
    assert_int_equal(options.n_pids, 1);
    assert_int_equal(options.pids[0], 7);
    assert_int_equal(options.n_names, 2);
    assert_string_equal(options.names[0], "nginx");
    assert_string_equal(options.names[1], "7z");
    assert_true(options.exit_with_targets);
}

static void refuses_bad_processes(void **state)
{
    (void)state;
    refuses(COMMAND_REPORT, WORDS("-t", "1s"), "no process given: -p PID");
    refuses(COMMAND_REPORT, WORDS("-p", "0"), "--pid: '0' is not a process ID");
    refuses(COMMAND_REPORT, WORDS("-p", ""), "--pid: '' is neither a process ID nor a name");
    refuses(COMMAND_REPORT, WORDS("-p", "1,"), "--pid: '' is neither a process ID nor a name");
    refuses(COMMAND_REPORT, WORDS("-p", "1,sixteen-bytes-is"),
            "--pid: 'sixteen-bytes-is' is longer than the 15 bytes of a process's name");
    refuses(COMMAND_REPORT, WORDS("-p", "99999999999999999999"),
            "--pid: '99999999999999999999' is not a process ID");
    refuses(COMMAND_REPORT, WORDS("-p", "4194305"), "--pid: '4194305' is not a process ID");
    refuses(COMMAND_WATCH, WORDS("-p", "1,2", "-p", "1"), "--pid: process 1 is named twice");
}

static void bounds_what_repeats(void **state)
{
    char numbers[RECORD_TARGETS_MAX + 1][8];
    char *words[WORDS_MAX] = {"report"};
    struct options options;

    (void)state;
    for (int i = 0; i <= RECORD_TARGETS_MAX; i++) {
        snprintf(numbers[i], sizeof(numbers[i]), "-p%d", i + 1);
        words[i + 1] = numbers[i];
    }
    refuses(COMMAND_REPORT, words, "--pid: more than 64 processes");
    words[RECORD_TARGETS_MAX + 1] = NULL;
    accepts(COMMAND_REPORT, words, &options);
    assert_int_equal(options.n_pids, RECORD_TARGETS_MAX);

    for (int i = 0; i <= OPTIONS_IGNORE_MAX; i++)
        words[i + 1] = "--ignore=x";
    refuses(COMMAND_REPORT, words, "--ignore: given more than 64 times");
    for (int i = 0; i <= OPTIONS_LISTEN_MAX; i++)
        words[i + 1] = "--web.listen-address=:1";
    words[OPTIONS_LISTEN_MAX + 2] = NULL;
    refuses(COMMAND_WATCH, words, "--web.listen-address: given more than 16 times");
}

static void refuses_bad_arguments(void **state)
{
    static const struct {
        enum command command;
        char *word;
        const char *text;
    } cases[] = {
        {COMMAND_REPORT, "-t30", "--threshold: '30' is not a duration such as 500ms, 2s or 1h30m"},
        {COMMAND_REPORT, "-t400y", "--threshold: '400y' is too long"},
        {COMMAND_REPORT, "--duration=-1",
         "--duration: '-1' is not a duration such as 500ms, 2s or 1h30m"},
        {COMMAND_REPORT, "--duration=9223372037",
         "--duration: '9223372037' is not a duration such as 500ms, 2s or 1h30m"},
        {COMMAND_REPORT, "--format=xml",
         "--format: 'xml' is not one of text, json, folded and pprof"},
        {COMMAND_REPORT, "--output=", "--output: the name of the file is empty"},
        {COMMAND_REPORT, "--kind=fiber", "--kind: 'fiber' is neither thread nor goroutine"},
        {COMMAND_REPORT, "--futex=yes", "--futex: 'yes' is neither on nor off"},
        {COMMAND_REPORT, "--max-stacks=-1", "--max-stacks: '-1' is not a number from 0 to 10000"},
        {COMMAND_REPORT, "--max-stacks=10001",
         "--max-stacks: '10001' is not a number from 0 to 10000"},
        {COMMAND_WATCH, "--interval=99ms", "--interval: '99ms' is shorter than 100ms"},
        {COMMAND_WATCH, "--web.listen-address=9100",
         "--web.listen-address: '9100' is not an address such as :9100 or [::1]:9100"},
        {COMMAND_WATCH, "--web.telemetry-path=metrics",
         "--web.telemetry-path: 'metrics' is not a path such as /metrics"},
        {COMMAND_WATCH, "--web.telemetry-path=/<b>",
         "--web.telemetry-path: '/<b>' is not a path such as /metrics"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        refuses(cases[i].command, WORDS("-p1", cases[i].word), cases[i].text);
}

static void says_what_is_wrong_with_a_regex(void **state)
{
    struct options options;
    struct printed printed;

    (void)state;
    assert_int_equal(
        parse(COMMAND_REPORT, WORDS("-p1", "--ignore=ok", "--ignore=a(b"), &options, &printed),
        -EINVAL);
    assert_string_equal(printed.error, "parkwatch: --ignore: 'a(b': Unmatched ( or \\(; see "
                                       "'parkwatch report --help'\n");
}

static void takes_no_endless_regex(void **state)
{
    (void)state;
    refuses(COMMAND_REPORT, WORDS("-p1", "--ignore=(a{99}){99}"),
            "--ignore: '(a{99}){99}': too long, or repeated too often");
}

/* They would be matched by trial, on names that a target chooses. */
static void takes_no_back_references(void **state)
{
    static const char *const refused[] = {"--ignore=(a)\\1", "--ignore=\\\\(.*)\\.x\\9"};
    static const char *const taken[] = {"--ignore=a\\\\1", "--ignore=\\0", "--ignore=a\\.1\\(9"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char why[128];

        snprintf(why, sizeof(why), "--ignore: '%s': back-references are not taken",
                 strchr(refused[i], '=') + 1);
        refuses(COMMAND_REPORT, WORDS("-p1", (char *)refused[i]), why);
    }
    for (size_t i = 0; i < 3; i++) {
        struct options options;
        struct printed printed;

        assert_int_equal(parse(COMMAND_REPORT, WORDS("-p1", (char *)taken[i]), &options, &printed),
                         0);
        assert_int_equal(options.n_ignores, 1);
        options_free(&options);
    }
}

static void refuses_options_of_other_commands(void **state)
{
    (void)state;
    refuses(COMMAND_REPORT, WORDS("-p1", "--interval=5s"),
            "unknown or ambiguous option '--interval=5s'");
    refuses(COMMAND_WATCH, WORDS("-p1", "-o", "x"), "unknown option '-o'");
    refuses(COMMAND_WATCH, WORDS("-p1", "--format=json"),
            "unknown or ambiguous option '--format=json'");
}

static void refuses_wrong_usage(void **state)
{
    (void)state;
    refuses(COMMAND_REPORT, WORDS("-p"), "--pid needs an argument, PID|NAME[,...]");
    refuses(COMMAND_REPORT, WORDS("-p1", "--format"),
            "--format needs an argument, text|json|folded|pprof");
    refuses(COMMAND_REPORT, WORDS("--help=me"), "--help takes no argument");
    refuses(COMMAND_REPORT, WORDS("--f=on"), "unknown or ambiguous option '--f=on'");
    refuses(COMMAND_REPORT, WORDS("-p1", "2"), "unexpected argument '2'");
    refuses(COMMAND_REPORT, WORDS("-p1", "-\n"), "unknown option '-?'");
}

static void expect_columns(const char *text)
{
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        if (strcspn(line, "\n") > 80)
            fail_msg("longer than 80 columns: %.100s", line);
    }
}

static void prints_help(void **state)
{
    static const char *const sections[] = {"Usage: parkwatch ", "\nOptions:\n", "\nExamples:\n",
                                           "\nExit codes:\n", "\nPrivileges:\n"};

    (void)state;
    for (enum command command = 0; command < COMMAND_MAX; command++) {
        struct options options;
        struct printed printed;

        assert_int_equal(parse(command, WORDS("--help"), &options, &printed), 1);
        assert_string_equal(printed.error, "");
        for (size_t i = 0; i < COUNT(sections); i++)
            assert_non_null(strstr(printed.out, sections[i]));
        assert_non_null(strstr(printed.out, "  -p, --pid PID|NAME[,...]\n"));
        assert_int_equal(!!strstr(printed.out, "--interval DURATION\n"),
                         command == COMMAND_WATCH || command == COMMAND_TOP);
        assert_int_equal(!!strstr(printed.out, "\nKeys:\n"), command == COMMAND_TOP);
        assert_int_equal(!!strstr(printed.out, "Default: 30s\n"), command == COMMAND_WATCH);
        expect_columns(printed.out);
    }
}

static void prints_the_version(void **state)
{
    struct options options;
    struct printed printed;

    (void)state;
    assert_int_equal(parse(COMMAND_WATCH, WORDS("--version"), &options, &printed), 1);
    assert_string_equal(printed.out, "parkwatch " PARKWATCH_VERSION "\n");
}

/* options_command() on "parkwatch WORD". */
static int find_command(char *word, enum command *ret_command, struct printed *ret_printed)
{
    char *words[] = {"parkwatch", word, NULL};
    struct redirection out, error;
    int r;

    fflush(stdout);
    out = redirect(STDOUT_FILENO);
    error = redirect(STDERR_FILENO);
    r = options_command(count_words(words), words, ret_command);
    fflush(stdout);
    restore(&error, ret_printed->error);
    restore(&out, ret_printed->out);
    return r;
}

static void finds_commands(void **state)
{
    struct printed printed;
    enum command command = COMMAND_MAX;

    (void)state;
    assert_int_equal(find_command("watch", &command, &printed), 0);
    assert_int_equal(command, COMMAND_WATCH);
    assert_int_equal(find_command("--version", &command, &printed), 1);
    assert_string_equal(printed.out, "parkwatch " PARKWATCH_VERSION "\n");
    assert_int_equal(find_command("--help", &command, &printed), 1);
    assert_non_null(strstr(printed.out, "\n  doctor   "));
    expect_columns(printed.out);
    assert_int_equal(find_command("wait", &command, &printed), -EINVAL);
    assert_string_equal(printed.error,
                        "parkwatch: unknown command 'wait'; see 'parkwatch --help'\n");
    assert_int_equal(find_command("-x", &command, &printed), -EINVAL);
    assert_string_equal(printed.error, "parkwatch: unknown option '-x'; see 'parkwatch --help'\n");
    assert_int_equal(find_command(NULL, &command, &printed), -EINVAL);
    assert_string_equal(printed.error, "parkwatch: no command given; see 'parkwatch --help'\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_in_defaults_of_report),
        cmocka_unit_test(fills_in_defaults_of_watch),
        cmocka_unit_test(takes_names),
        cmocka_unit_test(takes_options_of_report),
        cmocka_unit_test(takes_options_of_watch),
        cmocka_unit_test(takes_options_of_top),
        cmocka_unit_test(doctor_needs_no_process),
        cmocka_unit_test(refuses_bad_processes),
        cmocka_unit_test(bounds_what_repeats),
        cmocka_unit_test(refuses_bad_arguments),
        cmocka_unit_test(says_what_is_wrong_with_a_regex),
        cmocka_unit_test(takes_no_endless_regex),
        cmocka_unit_test(takes_no_back_references),
        cmocka_unit_test(refuses_options_of_other_commands),
        cmocka_unit_test(refuses_wrong_usage),
        cmocka_unit_test(prints_help),
        cmocka_unit_test(prints_the_version),
        cmocka_unit_test(finds_commands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
