/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to standard error, one line each: "parkwatch: TEXT". Only main, commands and the roles'
 * loops log; modules below them return -errno and stay silent.
 */
#pragma once

/* Writes one line; a newline or other control character inside becomes '?'. */
void log_write(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define log_error(...)   log_write(__VA_ARGS__) /* what was asked for cannot be done */
#define log_warning(...) log_write(__VA_ARGS__) /* it goes on, with less */
