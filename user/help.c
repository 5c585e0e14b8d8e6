/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Help texts, wrapped to a terminal of 80 columns.
 */
#include "help.h"

#include <string.h>

#define HELP_COLUMNS 80
#define TEXT_INDENT  8

struct command_help {
    const char *name;
    const char *synopsis;
    const char *summary; /* for the list of commands */
    const char *description;
    const char *examples; /* lines as they are */
    const char *keys;     /* likewise; or NULL */
    const char *privileges;
};

static const char all_privileges[] =
    "Root, or the capabilities CAP_BPF and CAP_PERFMON to load BPF programs, CAP_SYS_PTRACE to "
    "read other processes' memory, and CAP_DAC_READ_SEARCH and CAP_CHECKPOINT_RESTORE to open the "
    "files they have mapped. Everything is given up after the start but in the one role that "
    "needs it. 'parkwatch doctor' says what is missing.";

static const struct command_help commands[COMMAND_MAX] = {
    [COMMAND_REPORT] =
        {
            .name = "report",
            .synopsis = "parkwatch report -p PID[,PID...] [OPTIONS]",
            .summary = "take one look at processes and print who is parked",
            .description =
                "Attaches to running processes, looks at their threads, prints which of them are "
                "parked, where, on what and since when, grouped by stack, and detaches. The "
                "processes are neither stopped nor restarted, and need not be rebuilt.",
            .examples = "  parkwatch report -p 4121\n"
                        "  parkwatch report -p 4121,4150 -t 1m --format json -o report.json\n"
                        "  parkwatch report -p 4121 -t 0 --duration 30s\n"
                        "  parkwatch report -p 4121 --ignore '^worker_idle$'\n"
                        "  parkwatch report -p 4121 --format folded | flamegraph.pl > parked.svg\n"
                        "  parkwatch report -p 4121 --format pprof -o parked.pb.gz\n",
            .privileges = all_privileges,
        },
    [COMMAND_WATCH] =
        {
            .name = "watch",
            .synopsis = "parkwatch watch -p PID[,PID...] [OPTIONS]",
            .summary = "stay attached and serve metrics over HTTP",
            .description =
                "Attaches to running processes, scans their threads at every interval and serves "
                "what it finds over HTTP: metrics for Prometheus, and the newest report as JSON "
                "at /api/v1/report. Runs until SIGINT or SIGTERM. The processes are neither "
                "stopped nor restarted, and need not be rebuilt. A process that ends keeps the "
                "metric parkwatch_target_up, at 0.",
            .examples = "  parkwatch watch -p 4121\n"
                        "  parkwatch watch -p 4121 -p 4150 -t 1m --interval 10s\n"
                        "  parkwatch watch -p 4121 --web.listen-address [::1]:9100\n"
                        "  curl -s http://127.0.0.1:17275/metrics\n",
            .privileges = all_privileges,
        },
    [COMMAND_TOP] =
        {
            .name = "top",
            .synopsis = "parkwatch top -p PID[,PID...] [OPTIONS]",
            .summary = "show on the terminal, live, who is parked",
            .description =
                "Attaches to running processes and shows on the terminal, at every interval, which "
                "of their threads and goroutines are parked, where, on what and since when: on top "
                "what the process uses, with charts of the last minutes, and deadlocks; below one "
                "line for each stack, at first those with the most waiters. Keys are listed at "
                "the bottom, and in full with '?'. The processes are neither stopped nor restarted, "
                "and need not be rebuilt. One that ends stays readable as it was seen last. "
                "Colours are left out where NO_COLOR is set, and characters beyond ASCII where the "
                "locale is not UTF-8. Messages to a terminal are held back until the end.",
            .examples = "  parkwatch top -p 4121\n"
                        "  parkwatch top -p 4121,4150 -t 30s --interval 5s\n"
                        "  parkwatch top -p 4121 -t 0 --kind goroutine\n",
            .keys = HELP_TOP_KEYS,
            .privileges = all_privileges,
        },
    [COMMAND_DOCTOR] =
        {
            .name = "doctor",
            .synopsis = "parkwatch doctor [-p PID[,PID...]]",
            .summary = "say what this machine allows, and what to do about the rest",
            .description =
                "Tries what parkwatch needs of this kernel, these privileges and, with --pid, of "
                "these processes. Prints one line for each: ok, reduced (it works without, but "
                "tells less) or missing (it does not work without), with the remedy.",
            .examples = "  parkwatch doctor\n"
                        "  parkwatch doctor -p 4121\n",
            .privileges = "None: run it as you would run the other commands, to see what they "
                          "would meet.",
        },
};

const char *help_command_name(enum command command)
{
    return commands[command].name;
}

/* Prints words as a paragraph. A word is what spaces separate. */
static void print_wrapped(FILE *out, int indent, const char *text)
{
    int column = 0;

    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        const int length = (int)strcspn(text, " ");

        if (column && column + 1 + length > HELP_COLUMNS) {
            fputc('\n', out);
            column = 0;
        }
        if (column)
            column += fprintf(out, " %.*s", length, text);
        else
            column = indent + fprintf(out, "%*s%.*s", indent, "", length, text) - indent;
        text += length;
    }
    fputc('\n', out);
}

static void print_option(FILE *out, const struct option_spec *spec, enum command command)
{
    const char *fallback = spec->defaults[command];

    fputs(spec->letter ? "  " : "      ", out);
    if (spec->letter)
        fprintf(out, "-%c, ", spec->letter);
    fprintf(out, "--%s%s%s\n", spec->name, spec->argument ? " " : "",
            spec->argument ? spec->argument : "");
    print_wrapped(out, TEXT_INDENT, spec->text);
    if (fallback)
        fprintf(out, "%*sDefault: %s\n", TEXT_INDENT, "", fallback);
}

static void print_exit_codes(FILE *out, enum command command)
{
    const char *failure = "  1  failure, explained in one line on standard error\n";

    if (command == COMMAND_DOCTOR)
        failure = "  1  parkwatch cannot do its main job here\n";
    fprintf(out, "\nExit codes:\n  0  success\n%s  2  wrong usage\n", failure);
}

void help_print_program(FILE *out)
{
    fputs("Usage: parkwatch COMMAND [OPTIONS]\n"
          "\n"
          "Attaches to running processes and says which of their threads are parked,\n"
          "where, on what and since when, grouped by stack.\n"
          "\n"
          "Commands:\n",
          out);
    for (enum command command = 0; command < COMMAND_MAX; command++)
        fprintf(out, "  %-8s %s\n", commands[command].name, commands[command].summary);
    fputs("\n"
          "Options:\n"
          "  -h, --help     print this help, or after a command that command's\n"
          "      --version  print the version\n"
          "\n"
          "See 'parkwatch COMMAND --help' for the options of a command.\n",
          out);
}

void help_print_command(FILE *out, enum command command, const struct option_spec *specs,
                        size_t n_specs)
{
    const struct command_help *help = &commands[command];

    fprintf(out, "Usage: %s\n\n", help->synopsis);
    print_wrapped(out, 0, help->description);
    fputs("\nOptions:\n", out);
    for (size_t i = 0; i < n_specs; i++) {
        if (specs[i].commands & (1u << command))
            print_option(out, &specs[i], command);
    }
    if (help->keys)
        fprintf(out, "\nKeys:\n%s", help->keys);
    fprintf(out, "\nExamples:\n%s", help->examples);
    print_exit_codes(out, command);
    fputs("\nPrivileges:\n", out);
    print_wrapped(out, 2, help->privileges);
}
