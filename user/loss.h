/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every drop, cap and failure has a name here. It is exported as parkwatch_losses_total{what=NAME}
 * and listed in reports when it is not 0. Names are never reused for something else.
 */
#pragma once

#include <stdint.h>

/* name, what it means */
#define LOSS_LIST(X)                                                                               \
    X(task_storage, "threads whose park could not be followed: no memory for task storage")        \
    X(bpf_missed, "runs of BPF programs, for whatever process, that the kernel left out")          \
    X(threads_capped, "threads beyond the bound of one scan")                                      \
    X(thread_moved, "scans that gave up on threads which ran each time they were looked at")       \
    X(goroutines_capped, "scans of a program with more goroutines than the bound")                 \
    X(goroutine_moved, "stacks thrown away because their goroutine ran while they were read")      \
    X(goroutine_unreadable, "looks at a goroutine that made no sense")                             \
    X(go_refused, "looks at a Go program whose goroutines could not be read")                      \
    X(memory_unreadable, "reads of the target's memory that failed")                               \
    X(file_unreadable, "mapped files that could not be opened")                                    \
    X(debug_refused, "files that elfutils refused to read")                                        \
    X(unwind_cut, "stacks that end before their thread's first frame")                             \
    X(frames_capped, "stacks longer than the bound of frames")                                     \
    X(kernel_capped, "scans with more threads in uninterruptible waits than frames are read of")   \
    X(stacks_capped, "distinct stacks beyond the bound")                                           \
    X(samples_capped, "waiters beyond the bound")                                                  \
    X(labels_capped, "goroutines shown without labels: more sets of them than the bound")          \
    X(labels_unreadable, "goroutines shown without labels: theirs are too many, or not readable")  \
    X(strings_capped, "distinct names beyond the bound")                                           \
    X(renames_capped,                                                                              \
      "changes of a target's name or program that are not shown: beyond the bound")                \
    X(scan_late, "scans skipped because the one before had not ended")                             \
    X(scan_failed,                                                                                 \
      "scans given up because the target or its analyst failed, or left out for that")             \
    X(reader_restarts,                                                                             \
      "readers of a target that it held up, or that ended, and were started anew")                 \
    X(analyst_restarts, "analysts that ended and were started anew")                               \
    X(message_invalid, "messages from an analyst that the monitor refused")                        \
    X(message_lost, "messages from an analyst that the monitor had no memory for")                 \
    X(resources_unreadable, "readings of memory, CPU, network or BPF counters that failed")

enum loss {
#define X(name, text) LOSS_##name,
    LOSS_LIST(X)
#undef X
        LOSS_MAX
};

/* Counts since the start, by enum loss. */
struct losses {
    uint64_t count[LOSS_MAX];
};

const char *loss_name(enum loss loss);
const char *loss_text(enum loss loss);
