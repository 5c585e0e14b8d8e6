/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/analyst.h"

#include <errno.h>
#include <stdio.h>

#include "analyst/goroutines.h"
#include "analyst/outbox.h"
#include "analyst/remote.h"
#include "analyst/threads.h"
#include "cleanup.h"
#include "loss.h"

struct analyst {
    struct remote *remote;
    struct outbox *outbox;
    struct program *program;
    struct threads *threads;
    struct goroutines *goroutines;
    struct losses losses;
};

static void analyst_close(struct analyst *analyst)
{
    goroutines_free(&analyst->goroutines);
    threads_free(&analyst->threads);
    program_free(&analyst->program);
    outbox_free(&analyst->outbox);
    remote_free(&analyst->remote);
}

static int analyst_open(const struct analyst_options *options, struct analyst *ret_analyst)
{
    struct threads_options threads = {
        .threshold_ns = options->threshold_ns,
        .samples = options->kinds & 1u << SAMPLE_THREAD,
        .careful = options->careful,
    };
    struct goroutines_options goroutines = {
        .threshold_ns = options->threshold_ns,
        .proven = options->proven,
        .one_look = options->one_look,
        .samples = options->kinds & 1u << SAMPLE_GOROUTINE,
    };
    int r;

    r = remote_new(options->probe_socket, options->area, &ret_analyst->remote);
    if (!r)
        r = outbox_new(options->monitor_socket, &ret_analyst->losses, &ret_analyst->outbox);
    if (!r)
        r = program_new(ret_analyst->remote, &ret_analyst->losses, &ret_analyst->program);
    if (!r)
        r = threads_new(&threads, ret_analyst->program, ret_analyst->remote, ret_analyst->outbox,
                        &ret_analyst->losses, &ret_analyst->threads);
    if (!r)
        r = goroutines_new(&goroutines, ret_analyst->program, ret_analyst->remote,
                           ret_analyst->outbox, &ret_analyst->losses, &ret_analyst->goroutines);
    return r;
}

/* One scan. That the target could not be read is no end: it may be about to end itself, or may be
 * read the next time. */
static int scan(struct analyst *analyst, const struct rpc_tick *tick)
{
    struct wire_scan result = {.number = tick->number};
    int r;

    r = threads_scan(analyst->threads, tick->attach_ns, &result);
    if (!r)
        r = goroutines_scan(analyst->goroutines, threads_exec_id(analyst->threads), &result);
    mappings_rest(program_mappings(analyst->program));
    if (r == -ECONNRESET || r == -ENOMEM)
        return r;
    if (!r) {
        result.losses = analyst->losses;
        r = outbox_scan(analyst->outbox, &result);
        if (r)
            return r;
    }
    return remote_done(analyst->remote, tick->number, r && r != -ESRCH);
}

/* What else the first scan would begin with, while the probe loads its programs. A program that
 * waits in itself may be Go; of any other all mappings would be read twice, to find nothing. */
static int prepare(struct analyst *analyst)
{
    bool in_program;
    int r = threads_prepare(analyst->threads, &in_program);

    return r || !in_program ? r : program_prepare(analyst->program);
}

int analyst_run(const struct analyst_options *options)
{
    CLEANUP(analyst_close) struct analyst analyst = {};
    struct rpc_tick tick;
    int r;

    r = analyst_open(options, &analyst);
    /* Else the first scan is to be early, for what is proven begins with it. */
    if (!r && options->one_look)
        r = prepare(&analyst);
    while (!r && !outbox_is_full(analyst.outbox)) {
        r = remote_wait(analyst.remote, &tick);
        if (!r)
            r = scan(&analyst, &tick);
    }
    return r == -ECONNRESET || r == -EPIPE ? 0 : r;
}
