/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one noun: a sample is one parked waiter. Sources in the analyst make samples, the monitor
 * groups them, views print groups; nothing after this header knows where a sample came from.
 *
 * struct sample crosses from an analyst to the monitor as it is, so its widths are fixed. Times are
 * CLOCK_MONOTONIC nanoseconds.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

enum sample_kind { SAMPLE_THREAD, SAMPLE_GOROUTINE, SAMPLE_KIND_MAX };

/* What kind of thing sample.object is. */
enum object_kind {
    OBJECT_NONE,
    OBJECT_FUTEX,     /* object: address in the target */
    OBJECT_FILE,      /* object: file descriptor number in the target */
    OBJECT_CHANNEL,   /* object: address in the target */
    OBJECT_SEMAPHORE, /* object: address in the target of what Go's package sync made */
    OBJECT_KIND_MAX
};

struct sample {
    uint64_t id;            /* TID as the user sees it, or goid */
    uint64_t stack_id;      /* of a stack that was sent before */
    uint64_t object;        /* what it waits on, by object_kind */
    uint64_t since_ns;      /* parked since: best estimate */
    uint64_t seen_ns;       /* proven: parked at this moment already, and ever since */
    uint64_t not_before_ns; /* proven: not parked before this moment; 0: unknown */
    uint64_t memory_bytes;  /* resident stack memory that it holds */
    uint32_t rewaits;       /* waits that only timed out and were taken up again */
    uint32_t owner;         /* TID that holds the object; 0: none, or not established */
    uint32_t detail;        /* string that describes the object; 0: none */
    uint8_t kind;           /* enum sample_kind */
    uint8_t object_kind;    /* enum object_kind */
    uint8_t pad[2];
};

static_assert(sizeof(struct sample) == 72, "crosses between roles");

/* One frame of a stack. Strings are borrowed; NULL: unknown. */
struct frame {
    const char *function; /* demangled */
    const char *file;     /* source file as the debug information names it */
    const char *module;   /* base name of the mapped file; "[kernel]" for kernel frames */
    const char *build_id; /* of that file, as buildid.h has it */
    uint64_t address;     /* return address or program counter, as in the target */
    uint64_t offset; /* of that address in the module's own addresses; meaningless without one */
    uint32_t line;   /* 0: unknown */
    uint8_t inlined; /* 1: inlined into the frame that follows */
};

#define STACK_FRAMES_MAX 256
#define STACK_LABELS_MAX 16

/* What the program itself says of a waiter. */
struct label {
    const char *key;
    const char *value;
};

/* One distinct stack: what samples are grouped by. The kind, the reason and the
 * labels are part of it. */
struct stack {
    uint64_t id; /* stable over restarts of the target: no addresses go into it */
    enum sample_kind kind;
    const char *reason;          /* one of the names in reason.h, or the Go runtime's own words */
    uint32_t n_frames;           /* innermost first */
    uint32_t site;               /* index of the first frame that is the program's own */
    const struct frame *frames;  /* may be empty: n_frames == 0 */
    const struct frame *creator; /* "created by", goroutines; or NULL */
    uint32_t n_labels;
    const struct label *labels; /* of runtime/pprof, goroutines */
};
