/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: commands, their options and what a user asked for with them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/record.h"
#include "ere.h"
#include "sample.h"

#define OPTIONS_IGNORE_MAX 64    /* --ignore */
#define OPTIONS_LISTEN_MAX 16    /* --web.listen-address */
#define OPTIONS_HOSTS_MAX  32    /* --web.allowed-host */
#define OPTIONS_NAME_MAX   16    /* TASK_COMM_LEN: 15 bytes of a process's name */
#define OPTIONS_STACKS_MAX 10000 /* --max-stacks: each is several series in every scrape */

#define OPTIONS_KINDS_ALL ((1u << SAMPLE_KIND_MAX) - 1)

enum command { COMMAND_REPORT, COMMAND_WATCH, COMMAND_TOP, COMMAND_DOCTOR, COMMAND_MAX };

enum report_format { FORMAT_TEXT, FORMAT_JSON, FORMAT_FOLDED, FORMAT_PPROF, FORMAT_MAX };

/* What a command was asked for. Strings are borrowed from argv. */
struct options {
    size_t n_pids;
    pid_t pids[RECORD_TARGETS_MAX]; /* all different */
    size_t n_names;
    char names[RECORD_TARGETS_MAX][OPTIONS_NAME_MAX]; /* name_resolve() turns them into PIDs */
    bool exit_with_targets;    /* watch: end when the last of the processes has ended */
    int64_t threshold_ns;      /* 0: all waiters */
    int64_t interval_ns;       /* watch, top: between scans */
    int64_t duration_ns;       /* report: how long to watch first; -1: not given */
    enum report_format format; /* report */
    const char *output;        /* report: file to write; NULL: standard output */
    unsigned kinds;            /* of waiters: bits 1 << enum sample_kind */
    bool futex;                /* follow futex calls */
    uint32_t max_stacks;       /* stacks with series of their own */
    size_t n_ignores;
    struct ere *ignores[OPTIONS_IGNORE_MAX]; /* stacks that one matches are idle by design */
    size_t n_listens;
    const char *listens[OPTIONS_LISTEN_MAX]; /* watch: address_parse() takes each */
    size_t n_hosts;
    const char *hosts[OPTIONS_HOSTS_MAX]; /* watch: names that a Host field may have, too */
    const char *web_config;               /* watch: file of TLS and passwords; NULL: none */
    const char *telemetry_path; /* watch: starts with '/', and needs no escapes in URL or HTML */
};

/* Finds the command that argv[1] names. 0: go on with options_parse(); 1: help or the version was
 * asked for and printed; -EINVAL: wrong usage. Like options_parse() it reports wrong usage itself,
 * in one line to standard error: the exit code is all that is left to do. */
int options_command(int argc, char **argv, enum command *ret_command);

/* Reads the options of a command; argv[0] is its name. 0: *ret_options is filled and to be freed
 * with options_free(); 1: help or the version was asked for and printed; -EINVAL: wrong usage,
 * which this function reported. Without a fault nothing is printed to standard error. */
int options_parse(enum command command, int argc, char **argv, struct options *ret_options);

/* Frees what options_parse() filled; the struct is the caller's. */
void options_free(struct options *options);
