/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to the monitor: from each target's analyst (names, stacks, samples, ends of scans) and
 * from the probe (targets, resources, counters). The monitor believes none of them: intake.c checks
 * every length, count, id and byte against the bounds here.
 *
 * A message is a struct wire_header and its payload, on a SOCK_STREAM socket pair. Only changes are
 * sent: a sample stands until it is dropped or put again, but for those behind a WIRE_LOOK.
 */
#pragma once

#include "bpf/record.h"
#include "loss.h"
#include "sample.h"
#include "webconfig.h"

#define WIRE_PAYLOAD_MAX (256 * 1024)
#define WIRE_STRING_MAX  4096
#define WIRE_STRINGS_MAX (256 * 1024)       /* distinct strings of one target */
#define WIRE_STACKS_MAX  (64 * 1024)        /* distinct stacks of one target */
#define WIRE_FRAMES_MAX  (1024 * 1024)      /* of all stacks of one target */
#define WIRE_TEXT_MAX    (64 * 1024 * 1024) /* bytes of all strings of one target */
#define WIRE_SAMPLES_MAX (2 * 1024 * 1024)
#define WIRE_NET_MAX     32 /* network devices of one target */

enum wire_type {
    WIRE_STRING,    /* u32 id (counting from 1), then its bytes */
    WIRE_STACK,     /* struct wire_stack, its frames, if it has one its creator, its labels */
    WIRE_PUT,       /* struct sample[] */
    WIRE_DROP,      /* struct wire_key[] */
    WIRE_SCAN,      /* struct wire_scan: the samples are now those of this scan */
    WIRE_TARGET,    /* struct wire_target; from the probe, with the analyst's socket when new */
    WIRE_RESOURCES, /* struct wire_resources; from the probe */
    WIRE_COUNTERS,  /* struct wire_counters; from the probe */
    WIRE_WEB,       /* struct wire_web and its files' bytes; from the probe: serve by this */
    WIRE_WEB_BAD,   /* nothing; from the probe: the web configuration on disk was refused */
    WIRE_VERIFIER,  /* nothing, with the socket of another verifier; from the probe */
    WIRE_FINISH,    /* nothing; from the probe: print the report after the scans asked for so far */
    WIRE_USAGE,     /* struct wire_usage; from the probe: what parkwatch itself takes */
    WIRE_LOOK,      /* u64 time_ns of the scan that is to end next: what is put of goroutines from
                       here to there is told once, and is of this scan alone */
    WIRE_TYPE_MAX
};

struct wire_header {
    uint32_t type;
    uint32_t length; /* of the payload */
};

struct wire_frame {
    uint64_t address;
    uint64_t offset;
    uint32_t function; /* strings; 0: unknown */
    uint32_t file;
    uint32_t module;
    uint32_t line;
    uint32_t inlined;
    uint32_t build_id; /* string */
};

struct wire_stack {
    uint64_t id;
    uint32_t kind;
    uint32_t reason; /* string */
    uint32_t n_frames;
    uint32_t site;
    uint32_t has_creator; /* 1: one more frame follows the n_frames */
    uint32_t n_labels;
};

struct wire_label {
    uint32_t key; /* strings */
    uint32_t value;
};

struct wire_key {
    uint64_t id;
    uint32_t kind;
    uint32_t pad;
};

enum thread_state {
    THREAD_RUNNING,
    THREAD_SLEEPING,
    THREAD_UNINTERRUPTIBLE,
    THREAD_STOPPED,
    THREAD_ZOMBIE,
    THREAD_STATE_MAX
};

enum goroutine_state {
    GOROUTINE_RUNNING,
    GOROUTINE_RUNNABLE,
    GOROUTINE_SYSCALL,
    GOROUTINE_WAITING,
    GOROUTINE_STATE_MAX
};

struct wire_scan {
    uint64_t number;  /* as the probe counts the scans of this target, from 1 */
    uint64_t time_ns; /* CLOCK_MONOTONIC, when the scan was taken */
    uint64_t duration_ns[SAMPLE_KIND_MAX]; /* what it took, by source; 0: source not used */
    uint64_t threads[THREAD_STATE_MAX];
    uint64_t goroutines[GOROUTINE_STATE_MAX];
    uint64_t has_goroutines; /* 1: the target runs Go and its records were read */
    uint32_t note;           /* string that says why they were not, or not in full; 0: none */
    uint32_t pad;
    struct losses losses; /* of this analyst, since its start */
    char runtime[16];     /* "native" or "go" */
    char runtime_version[32];
};

#define WIRE_PATH_MAX 512

/* A target, first sent when it is attached and again when something of it changes. */
struct wire_target {
    uint32_t index;     /* which of the targets named on the command line, from 0 */
    uint32_t pid;       /* as the user named it */
    uint32_t up;        /* 0: it ended */
    uint32_t analyst;   /* 1: the message carries the socket of a new analyst */
    uint64_t start_ns;  /* CLOCK_BOOTTIME, to a tick of 10 ms */
    uint64_t attach_ns; /* CLOCK_MONOTONIC */
    char comm[64];      /* NUL-terminated, any bytes */
    char exe[WIRE_PATH_MAX];
};

struct wire_net {
    char device[16];
    uint64_t receive_bytes;
    uint64_t transmit_bytes;
};

#define WIRE_UNKNOWN UINT64_MAX /* a number that could not be had */

struct wire_resources {
    uint32_t index;
    uint32_t n_net;
    uint64_t time_ns; /* CLOCK_MONOTONIC */
    uint64_t resident_bytes;
    uint64_t virtual_bytes;
    uint64_t swap_bytes;
    uint64_t cgroup_usage_bytes; /* WIRE_UNKNOWN where there is no memory cgroup */
    uint64_t cgroup_rss_bytes;
    uint64_t cpu_user_us;
    uint64_t cpu_system_us;
    uint64_t open_fds;
    struct wire_net net[WIRE_NET_MAX];
};

#define WIRE_PROGRAMS_MAX 12

struct wire_program {
    char name[16];
    uint64_t run_ns; /* 0 both: the kernel keeps no statistics */
    uint64_t runs;
    uint64_t missed; /* runs that the kernel left out, counted always */
};

struct wire_counters {
    uint32_t index;
    uint32_t n_programs;
    uint64_t has_futex;   /* 1: futex calls are followed, and so the futex counts mean something */
    uint64_t interval_ns; /* between scans, as it is in force; 0: there is no such thing */
    struct park_counters parks;
    struct losses losses; /* of the probe, for this target */
    struct wire_program programs[WIRE_PROGRAMS_MAX];
};

enum wire_role { ROLE_PROBE, ROLE_READER, ROLE_ANALYST, ROLE_MONITOR, ROLE_VERIFIER, ROLE_MAX };

/* Of all processes of each role. WIRE_UNKNOWN: not to be had, or there is no such role. */
struct wire_usage {
    struct wire_role_usage {
        uint64_t cpu_us;         /* since the start, of those that have ended as well */
        uint64_t resident_bytes; /* now; pages that processes share count in each */
    } roles[ROLE_MAX];
};

/* What --web.config.file says, found good. The bytes of the files follow, one behind the other. */
struct wire_web {
    struct webconfig config;
    uint32_t sizes[WEBCONFIG_FILES]; /* 0: none */
    uint32_t pad;
};
