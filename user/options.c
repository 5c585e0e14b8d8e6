/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: one table of options, read by getopt_long().
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "argument.h"
#include "help.h"
#include "log.h"

#define ON(command) (1u << COMMAND_##command)
#define ON_ALL      (ON(REPORT) | ON(WATCH) | ON(TOP) | ON(DOCTOR))

static const struct option_spec specs[] = {
    {
        .name = "pid",
        .letter = 'p',
        .argument = "PID|NAME[,...]",
        .text = "The processes to look at, by number or by the name that ps shows: all that have "
                "it when the command starts. May be repeated.",
        .commands = ON_ALL,
        .parse = argument_pids,
    },
    {
        .name = "threshold",
        .letter = 't',
        .argument = "DURATION",
        .text = "How long a waiter must have been parked to count, such as 500ms, 2s or 1h30m. 0 "
                "counts all waiters.",
        .commands = ON(REPORT) | ON(WATCH) | ON(TOP),
        .defaults = {[COMMAND_REPORT] = "1s", [COMMAND_WATCH] = "30s", [COMMAND_TOP] = "1s"},
        .parse = argument_threshold,
    },
    {
        .name = "kind",
        .letter = 'k',
        .argument = "thread|goroutine",
        .text = "Only waiters of this kind.",
        .commands = ON(REPORT) | ON(WATCH) | ON(TOP),
        .parse = argument_kind,
    },
    {
        .name = "output",
        .letter = 'o',
        .argument = "FILE",
        .text = "Write the report to FILE instead of standard output.",
        .commands = ON(REPORT),
        .parse = argument_output,
    },
    {
        .name = "format",
        .argument = "text|json|folded|pprof",
        .text = "What to print: text for people, json for programs, folded stacks for flame "
                "graphs, pprof for 'go tool pprof' (profile.proto, gzipped). Each holds the "
                "waiters past the threshold.",
        .commands = ON(REPORT),
        .defaults = {[COMMAND_REPORT] = "text"},
        .parse = argument_format,
    },
    {
        .name = "duration",
        .argument = "DURATION",
        .text = "Watch for so long before the report, so that growth and repeated waits show. A "
                "bare number is seconds. Without it, the threshold, at most 2s.",
        .commands = ON(REPORT),
        .parse = argument_duration,
    },
    {
        .name = "interval",
        .argument = "DURATION",
        .text = "Time between scans, at least 100ms.",
        .commands = ON(WATCH) | ON(TOP),
        .defaults = {[COMMAND_WATCH] = "5s", [COMMAND_TOP] = "1s"},
        .parse = argument_interval,
    },
    {
        .name = "futex",
        .argument = "on|off",
        .text = "Whether to follow futex calls. Off spares other processes the cost: at their "
                "futex calls, or at all their syscalls in a report of less than 10s and where "
                "'parkwatch doctor' says so. Reasons and addresses of waits stay; how waits "
                "ended, and waits that are taken up again after a timeout, are then not known.",
        .commands = ON(REPORT) | ON(WATCH) | ON(TOP),
        .defaults = {[COMMAND_REPORT] = "on", [COMMAND_WATCH] = "on", [COMMAND_TOP] = "on"},
        .parse = argument_futex,
    },
    {
        .name = "ignore",
        .argument = "REGEX",
        .text = "Class stacks as idle by design where the name of a function matches REGEX, a "
                "POSIX extended regular expression of bytes. May be repeated.",
        .commands = ON(REPORT) | ON(WATCH) | ON(TOP),
        .parse = argument_ignore,
    },
    {
        .name = "max-stacks",
        .argument = "N",
        .text =
            "How many stacks of a process have metrics of their own; those of the rest are summed "
            "up. A report has all stacks.",
        .commands = ON(REPORT) | ON(WATCH),
        .defaults = {[COMMAND_REPORT] = "50", [COMMAND_WATCH] = "50"},
        .parse = argument_max_stacks,
    },
    {
        .name = "web.listen-address",
        .argument = "[HOST]:PORT",
        .text = "Address to serve HTTP on; without HOST on all interfaces. Without "
                "--web.config.file who can connect can read the reports. May be repeated.",
        .commands = ON(WATCH),
        .defaults = {[COMMAND_WATCH] = "127.0.0.1:17275"},
        .parse = argument_listen_address,
    },
    {
        .name = "web.config.file",
        .argument = "FILE",
        .text = "TLS, passwords and headers, in the format of Prometheus' exporters. Read again "
                "when it changes.",
        .commands = ON(WATCH),
        .parse = argument_web_config,
    },
    {
        .name = "web.allowed-host",
        .argument = "NAME",
        .text = "Answer requests to this host name, too. Addresses, localhost, and names that are "
                "listened on always do; off loopback the machine's own name does. May be "
                "repeated.",
        .commands = ON(WATCH),
        .parse = argument_allowed_host,
    },
    {
        .name = "web.telemetry-path",
        .argument = "PATH",
        .text = "Path of the metrics.",
        .commands = ON(WATCH),
        .defaults = {[COMMAND_WATCH] = "/metrics"},
        .parse = argument_telemetry_path,
    },
    {
        .name = "exit-with-targets",
        .text = "End when the last of the processes has ended, as a service that is started "
                "again to look for the next one. Otherwise it stays, to say so.",
        .commands = ON(WATCH),
        .parse = argument_exit_with_targets,
    },
    {
        .name = "help",
        .letter = 'h',
        .text = "Print this help.",
        .commands = ON_ALL,
    },
    {
        .name = "version",
        .text = "Print the version.",
        .commands = ON_ALL,
    },
};

#define SPECS (sizeof(specs) / sizeof(specs[0]))

/* What getopt_long() returns for the option at `index` of the table: above all characters. */
#define VALUE_OF(index) (256 + (int)(index))

/* The table of one command as getopt_long() wants it. */
struct getopt_table {
    char letters[1 + 2 * SPECS + 1];
    struct option options[SPECS + 1];
};

static void make_table(enum command command, struct getopt_table *ret)
{
    struct option *option = ret->options;
    char *letter = ret->letters;

    *letter++ = ':'; /* a missing argument is told apart from an unknown option */
    for (size_t i = 0; i < SPECS; i++) {
        const int has_argument = specs[i].argument ? required_argument : no_argument;

        if (!(specs[i].commands & (1u << command)))
            continue;
        *option++ = (struct option){specs[i].name, has_argument, NULL, VALUE_OF(i)};
        if (!specs[i].letter)
            continue;
        *letter++ = specs[i].letter;
        if (has_argument == required_argument)
            *letter++ = ':';
    }
    *letter = '\0';
    *option = (struct option){0};
}

static const struct option_spec *find_spec(int value)
{
    if (value >= VALUE_OF(0) && value < VALUE_OF(SPECS))
        return &specs[value - VALUE_OF(0)];
    for (size_t i = 0; i < SPECS; i++) {
        if (specs[i].letter && specs[i].letter == value)
            return &specs[i];
    }
    return NULL;
}

static int complain(enum command command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The one line of wrong usage. */
static int complain(enum command command, const char *format, ...)
{
    char text[ARGUMENT_WHY_MAX + 64];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    log_error("%s; see 'parkwatch %s --help'", text, help_command_name(command));
    return -EINVAL;
}

/* What getopt_long() stumbled over. It leaves the value or letter of a known option in optopt, and
 * 0 for an unknown or ambiguous long one, which is then the word before optind. */
static int complain_of_option(enum command command, int result, char **argv)
{
    const struct option_spec *spec = find_spec(optopt);

    if (result == ':' && spec)
        return complain(command, "--%s needs an argument, %s", spec->name, spec->argument);
    if (spec && optopt >= VALUE_OF(0))
        return complain(command, "--%s takes no argument", spec->name);
    if (optopt)
        return complain(command, "unknown option '-%c'", optopt);
    return complain(command, "unknown or ambiguous option '%.64s'", argv[optind - 1]);
}

/* Handles one option that was given; 1: it was --help or --version. */
static int take_option(enum command command, const struct option_spec *spec, const char *text,
                       struct options *options)
{
    char why[ARGUMENT_WHY_MAX];

    if (spec->parse) {
        if (spec->parse(text, options, why) < 0)
            return complain(command, "--%s: %s", spec->name, why);
        return 0;
    }
    if (spec->letter == 'h')
        help_print_command(stdout, command, specs, SPECS);
    else
        puts("parkwatch " PARKWATCH_VERSION);
    return 1;
}

/* Reads the words of the command line and notes which options they gave. */
static int take_words(enum command command, int argc, char **argv, struct options *options,
                      bool given[static SPECS])
{
    struct getopt_table table;

    make_table(command, &table);
    opterr = 0;
    optind = 0; /* glibc: start anew, and read the leading characters of `letters` anew */
    for (;;) {
        const int result = getopt_long(argc, argv, table.letters, table.options, NULL);
        const struct option_spec *spec;
        int r;

        if (result == -1)
            break;
        if (result == '?' || result == ':')
            return complain_of_option(command, result, argv);
        spec = find_spec(result);
        r = take_option(command, spec, optarg, options);
        if (r)
            return r;
        given[spec - specs] = true;
    }
    if (optind < argc)
        return complain(command, "unexpected argument '%.64s'", argv[optind]);
    return 0;
}

static int take_defaults(enum command command, struct options *options,
                         const bool given[static SPECS])
{
    for (size_t i = 0; i < SPECS; i++) {
        const char *text = specs[i].defaults[command];
        int r;

        if (given[i] || !text)
            continue;
        r = take_option(command, &specs[i], text, options);
        if (r < 0)
            return r;
    }
    return 0;
}

int options_command(int argc, char **argv, enum command *ret_command)
{
    const char *word = argc > 1 ? argv[1] : "";

    if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
        help_print_program(stdout);
        return 1;
    }
    if (!strcmp(word, "--version")) {
        puts("parkwatch " PARKWATCH_VERSION);
        return 1;
    }
    for (enum command command = 0; command < COMMAND_MAX; command++) {
        if (!strcmp(word, help_command_name(command))) {
            *ret_command = command;
            return 0;
        }
    }
    if (*word)
        log_error("unknown %s '%.64s'; see 'parkwatch --help'",
                  word[0] == '-' ? "option" : "command", word);
    else
        log_error("no command given; see 'parkwatch --help'");
    return -EINVAL;
}

int options_parse(enum command command, int argc, char **argv, struct options *ret_options)
{
    bool given[SPECS] = {false};
    int r;

    *ret_options = (struct options){.duration_ns = -1, .kinds = OPTIONS_KINDS_ALL};
    r = take_words(command, argc, argv, ret_options, given);
    if (!r && !ret_options->n_pids && !ret_options->n_names && command != COMMAND_DOCTOR)
        r = complain(command, "no process given: -p PID");
    if (!r)
        r = take_defaults(command, ret_options, given);
    if (r)
        options_free(ret_options);
    return r;
}

void options_free(struct options *options)
{
    for (size_t i = 0; i < options->n_ignores; i++)
        ere_free(&options->ignores[i]);
    options->n_ignores = 0;
}
