/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments of options: text to values, with a word on what is wrong with them.
 */
#include "argument.h"

#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "duration.h"
#include "ere.h"
#include "webconfig.h"

#define PID_LAST        (4 * 1024 * 1024) /* PID_MAX_LIMIT, include/linux/threads.h */
#define INTERVAL_MIN_NS (100 * 1000 * 1000)
#define PATH_LENGTH_MAX 128

#define NS_PER_SECOND 1000000000

static int refuse(char *ret_why, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Says what is wrong with an argument. */
static int refuse(char *ret_why, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(ret_why, ARGUMENT_WHY_MAX, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

/* Reads the decimal digits at *cursor and moves it behind them. */
static int read_number(const char **cursor, long max, long *ret)
{
    char *end;
    long number;

    if (!isdigit((unsigned char)**cursor))
        return -EINVAL;
    errno = 0;
    number = strtol(*cursor, &end, 10);
    if (errno || number > max)
        return -ERANGE;
    *cursor = end;
    *ret = number;
    return 0;
}

static int add_pid(pid_t pid, struct options *options, char ret_why[static ARGUMENT_WHY_MAX])
{
    for (size_t i = 0; i < options->n_pids; i++) {
        if (options->pids[i] == pid)
            return refuse(ret_why, "process %d is named twice", pid);
    }
    if (options->n_pids == RECORD_TARGETS_MAX)
        return refuse(ret_why, "more than %d processes", RECORD_TARGETS_MAX);
    options->pids[options->n_pids++] = pid;
    return 0;
}

/* Any text but a number is a name: which, the kernel keeps 15 bytes of. */
static int add_name(const char *name, size_t length, struct options *options,
                    char ret_why[static ARGUMENT_WHY_MAX])
{
    if (!length)
        return refuse(ret_why, "'' is neither a process ID nor a name");
    if (length >= OPTIONS_NAME_MAX)
        return refuse(ret_why, "'%.*s' is longer than the %d bytes of a process's name",
                      (int)length, name, OPTIONS_NAME_MAX - 1);
    if (options->n_names == RECORD_TARGETS_MAX)
        return refuse(ret_why, "more than %d names", RECORD_TARGETS_MAX);
    snprintf(options->names[options->n_names++], OPTIONS_NAME_MAX, "%.*s", (int)length, name);
    return 0;
}

static int add_process(const char *text, size_t length, struct options *options,
                       char ret_why[static ARGUMENT_WHY_MAX])
{
    const char *end = text;
    long pid;

    if (!length || strspn(text, "0123456789") != length)
        return add_name(text, length, options, ret_why);
    if (read_number(&end, PID_LAST, &pid) < 0 || !pid)
        return refuse(ret_why, "'%.*s' is not a process ID", (int)length, text);
    return add_pid((pid_t)pid, options, ret_why);
}

int argument_pids(const char *text, struct options *options, char ret_why[static ARGUMENT_WHY_MAX])
{
    for (;;) {
        const size_t length = strcspn(text, ",");
        int r = add_process(text, length, options, ret_why);

        if (r < 0)
            return r;
        if (!text[length])
            return 0;
        text += length + 1;
    }
}

int argument_exit_with_targets(const char *text, struct options *options,
                               char ret_why[static ARGUMENT_WHY_MAX])
{
    (void)text;
    (void)ret_why;
    options->exit_with_targets = true;
    return 0;
}

static int parse_duration(const char *text, int64_t *ret_ns, char ret_why[static ARGUMENT_WHY_MAX])
{
    const int r = duration_parse(text, ret_ns);

    if (r == -ERANGE)
        return refuse(ret_why, "'%s' is too long", text);
    if (r < 0)
        return refuse(ret_why, "'%s' is not a duration such as 500ms, 2s or 1h30m", text);
    return 0;
}

int argument_threshold(const char *text, struct options *options,
                       char ret_why[static ARGUMENT_WHY_MAX])
{
    return parse_duration(text, &options->threshold_ns, ret_why);
}

int argument_interval(const char *text, struct options *options,
                      char ret_why[static ARGUMENT_WHY_MAX])
{
    const int r = parse_duration(text, &options->interval_ns, ret_why);

    if (r < 0)
        return r;
    if (options->interval_ns < INTERVAL_MIN_NS)
        return refuse(ret_why, "'%s' is shorter than 100ms", text);
    return 0;
}

/* Unlike the other durations this one may be a bare number, of seconds. */
int argument_duration(const char *text, struct options *options,
                      char ret_why[static ARGUMENT_WHY_MAX])
{
    const char *end = text;
    long seconds;

    if (read_number(&end, INT64_MAX / NS_PER_SECOND, &seconds) < 0 || *end)
        return parse_duration(text, &options->duration_ns, ret_why);
    options->duration_ns = seconds * NS_PER_SECOND;
    return 0;
}

int argument_output(const char *text, struct options *options,
                    char ret_why[static ARGUMENT_WHY_MAX])
{
    if (!*text)
        return refuse(ret_why, "the name of the file is empty");
    options->output = text;
    return 0;
}

int argument_format(const char *text, struct options *options,
                    char ret_why[static ARGUMENT_WHY_MAX])
{
    static const char *const names[FORMAT_MAX] = {
        [FORMAT_TEXT] = "text",
        [FORMAT_JSON] = "json",
        [FORMAT_FOLDED] = "folded",
        [FORMAT_PPROF] = "pprof",
    };

    for (enum report_format format = 0; format < FORMAT_MAX; format++) {
        if (!strcmp(text, names[format])) {
            options->format = format;
            return 0;
        }
    }
    return refuse(ret_why, "'%s' is not one of text, json, folded and pprof", text);
}

int argument_kind(const char *text, struct options *options, char ret_why[static ARGUMENT_WHY_MAX])
{
    if (strcmp(text, "thread") && strcmp(text, "goroutine"))
        return refuse(ret_why, "'%s' is neither thread nor goroutine", text);
    options->kinds = 1u << (strcmp(text, "thread") ? SAMPLE_GOROUTINE : SAMPLE_THREAD);
    return 0;
}

int argument_futex(const char *text, struct options *options, char ret_why[static ARGUMENT_WHY_MAX])
{
    if (strcmp(text, "on") && strcmp(text, "off"))
        return refuse(ret_why, "'%s' is neither on nor off", text);
    options->futex = !strcmp(text, "on");
    return 0;
}

/* In the C library's words, which has more of them, where it refuses a pattern, too. */
static int refuse_pattern(const char *text, int error, char ret_why[static ARGUMENT_WHY_MAX])
{
    char reason[ARGUMENT_WHY_MAX / 2] = "it has what is not taken";
    regex_t regex;
    int r;

    if (error == -ENOMEM || error == -E2BIG)
        return refuse(ret_why, "'%.*s': %s", ARGUMENT_WHY_MAX / 2 - 8, text,
                      error == -E2BIG ? "too long, or repeated too often" : strerror(ENOMEM));
    r = regcomp(&regex, text, REG_EXTENDED | REG_NOSUB);
    if (r)
        regerror(r, &regex, reason, sizeof(reason));
    else
        regfree(&regex);
    return refuse(ret_why, "'%.*s': %s", ARGUMENT_WHY_MAX / 2 - 8, text, reason);
}

/* The C library takes them in extended expressions, where POSIX has none. */
static bool has_back_reference(const char *pattern)
{
    for (const char *at = strchr(pattern, '\\'); at && at[1]; at = strchr(at + 2, '\\'))
        if (at[1] >= '1' && at[1] <= '9')
            return true;
    return false;
}

int argument_ignore(const char *text, struct options *options,
                    char ret_why[static ARGUMENT_WHY_MAX])
{
    int r;

    if (options->n_ignores == OPTIONS_IGNORE_MAX)
        return refuse(ret_why, "given more than %d times", OPTIONS_IGNORE_MAX);
    if (has_back_reference(text))
        return refuse(ret_why, "'%.*s': back-references are not taken", ARGUMENT_WHY_MAX / 2, text);
    r = ere_new(text, &options->ignores[options->n_ignores]);
    if (r)
        return refuse_pattern(text, r, ret_why);
    options->n_ignores++;
    return 0;
}

int argument_max_stacks(const char *text, struct options *options,
                        char ret_why[static ARGUMENT_WHY_MAX])
{
    const char *end = text;
    long number;

    if (read_number(&end, OPTIONS_STACKS_MAX, &number) < 0 || *end)
        return refuse(ret_why, "'%s' is not a number from 0 to %d", text, OPTIONS_STACKS_MAX);
    options->max_stacks = (uint32_t)number;
    return 0;
}

int argument_listen_address(const char *text, struct options *options,
                            char ret_why[static ARGUMENT_WHY_MAX])
{
    struct address address;

    if (address_parse(text, &address) < 0)
        return refuse(ret_why, "'%s' is not an address such as :9100 or [::1]:9100", text);
    if (options->n_listens == OPTIONS_LISTEN_MAX)
        return refuse(ret_why, "given more than %d times", OPTIONS_LISTEN_MAX);
    options->listens[options->n_listens++] = text;
    return 0;
}

int argument_web_config(const char *text, struct options *options,
                        char ret_why[static ARGUMENT_WHY_MAX])
{
    if (!text[0] || strlen(text) >= WEBCONFIG_PATH_MAX)
        return refuse(ret_why, "the path is empty or too long");
    options->web_config = text;
    return 0;
}

int argument_allowed_host(const char *text, struct options *options,
                          char ret_why[static ARGUMENT_WHY_MAX])
{
    const char *plain = "-._0123456789"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const size_t length = strlen(text);

    if (!length || length >= ADDRESS_HOST_MAX || strspn(text, plain) != length)
        return refuse(ret_why, "'%s' is not a host name without a port", text);
    if (options->n_hosts == OPTIONS_HOSTS_MAX)
        return refuse(ret_why, "given more than %d times", OPTIONS_HOSTS_MAX);
    options->hosts[options->n_hosts++] = text;
    return 0;
}

int argument_telemetry_path(const char *text, struct options *options,
                            char ret_why[static ARGUMENT_WHY_MAX])
{
    const char *plain = "/-._~0123456789"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const size_t length = strlen(text);

    if (text[0] != '/' || length > PATH_LENGTH_MAX || strspn(text, plain) != length)
        return refuse(ret_why, "'%s' is not a path such as /metrics", text);
    options->telemetry_path = text;
    return 0;
}
