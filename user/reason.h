/* SPDX-License-Identifier: Apache-2.0 */
/* Why a thread is parked, from its state, syscall and arguments: the names that reports use. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bpf/record.h"

/* The class of a park in syscall `nr` by number alone; futex calls are PARK_FUTEX_WAIT. This table
 * is what the BPF programs count park durations by. */
enum park_class reason_class(uint32_t nr);

/* The name of a class, as in reports and label values: "futex wait", "poll", ...; "other". */
const char *reason_name(enum park_class class);

/* The name of a syscall of this architecture, or NULL. */
const char *syscall_name(uint32_t nr);

/* Whether the thread is off the CPU, blocked, and has a user side to speak of. */
bool reason_is_parked(const struct thread_record *record);

/* The syscall that the thread is in; for restart_syscall(2) the one that is restarted.
 * UINT32_MAX: none, or a 32-bit one: those have other numbers and arguments. */
uint32_t reason_syscall(const struct thread_record *record);

/* The class of one parked thread, from its whole record. */
enum park_class reason_class_of(const struct thread_record *record);

#define REASON_MAX 48

/* The reason in words: a class's name, else "syscall NAME", "syscall NUMBER",
 * "32-bit syscall NUMBER" or "no syscall". */
void reason_of(const struct thread_record *record, char ret_reason[static REASON_MAX]);
