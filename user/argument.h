/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each option does with its argument: the functions that the table in options.c names. Each
 * stores the value in `options` and returns 0, or -EINVAL with ret_why telling people what is
 * wrong. Texts are borrowed.
 */
#pragma once

#include "options.h"

#define ARGUMENT_WHY_MAX 256

int argument_pids(const char *text, struct options *options, char ret_why[static ARGUMENT_WHY_MAX]);
int argument_exit_with_targets(const char *text, struct options *options,
                               char ret_why[static ARGUMENT_WHY_MAX]);
int argument_threshold(const char *text, struct options *options,
                       char ret_why[static ARGUMENT_WHY_MAX]);
int argument_interval(const char *text, struct options *options,
                      char ret_why[static ARGUMENT_WHY_MAX]);
int argument_duration(const char *text, struct options *options,
                      char ret_why[static ARGUMENT_WHY_MAX]);
int argument_output(const char *text, struct options *options,
                    char ret_why[static ARGUMENT_WHY_MAX]);
int argument_format(const char *text, struct options *options,
                    char ret_why[static ARGUMENT_WHY_MAX]);
int argument_kind(const char *text, struct options *options, char ret_why[static ARGUMENT_WHY_MAX]);
int argument_futex(const char *text, struct options *options,
                   char ret_why[static ARGUMENT_WHY_MAX]);
int argument_ignore(const char *text, struct options *options,
                    char ret_why[static ARGUMENT_WHY_MAX]);
int argument_max_stacks(const char *text, struct options *options,
                        char ret_why[static ARGUMENT_WHY_MAX]);
int argument_listen_address(const char *text, struct options *options,
                            char ret_why[static ARGUMENT_WHY_MAX]);
int argument_web_config(const char *text, struct options *options,
                        char ret_why[static ARGUMENT_WHY_MAX]);
int argument_allowed_host(const char *text, struct options *options,
                          char ret_why[static ARGUMENT_WHY_MAX]);
int argument_telemetry_path(const char *text, struct options *options,
                            char ret_why[static ARGUMENT_WHY_MAX]);
