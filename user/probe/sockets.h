/* SPDX-License-Identifier: Apache-2.0 */
/* What a socket of a target is connected to, from the kernel's tables in /proc/PID/net. */
#pragma once

#include "target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Writes "tcp 127.0.0.1:6379 listening", "tcp 10.0.0.1:4242 -> 10.0.0.2:443 close-wait",
 * "udp [::]:53", "unix /run/x.sock". -ENOENT: in none of the tables, of which the first
 * SOCKETS_TABLE_MAX bytes are read: another kind of socket, or of another network namespace than
 * the thread. Costs as much as the machine has sockets, so to be asked for few of them.
 */
int sockets_describe(const struct target_id *target, pid_t live_tid, uint64_t inode, char *buffer,
                     size_t size);

#define SOCKETS_TABLE_MAX (1024 * 1024) /* bytes of one table: 7,000 connections */

/* Of one line of {tcp,udp}[6] and of unix: true and a description if it is of that inode. */
bool sockets_parse_inet(const char *protocol, const char *line, uint64_t inode, char *buffer,
                        size_t size);
bool sockets_parse_unix(const char *protocol, const char *line, uint64_t inode, char *buffer,
                        size_t size);
