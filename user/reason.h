/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a thread is parked, from its state, syscall and arguments: the names that reports use.
 */
#pragma once

#include "bpf/record.h"

/* The class of a park in syscall `nr` by number alone; futex calls are PARK_FUTEX_WAIT. This table is
 * what the BPF programs count park durations by. */
enum park_class reason_class(uint32_t nr);

/* The name of a class, as in reports and label values: "futex wait", "poll", ...; "other". */
const char *reason_name(enum park_class class);

/* The name of a syscall of this architecture, or NULL. */
const char *syscall_name(uint32_t nr);

#define REASON_MAX 48

/* The reason of one parked thread: a class's name, or "syscall NAME", "syscall NUMBER", or "page fault". */
void reason_of(const struct thread_record *record, char ret_reason[static REASON_MAX]);

/* The class of one parked thread, from its whole record (futex operation, state, restarted calls). */
enum park_class reason_class_of(const struct thread_record *record);
