/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "doctor.h"
#include "heap.h"
#include "log.h"
#include "name.h"
#include "options.h"
#include "probe/probe.h"

#define EXIT_USAGE 2

static int (*const commands[COMMAND_MAX])(const struct options *options) = {
    [COMMAND_REPORT] = probe_report,
    [COMMAND_WATCH] = probe_watch,
    [COMMAND_TOP] = probe_top,
    [COMMAND_DOCTOR] = doctor_run,
};

/* What was said is no use to anybody who did not get it. Reports are written elsewhere. */
static int check_output(int status)
{
    if (!fflush(stdout) && !ferror(stdout))
        return status;
    log_error("cannot write to standard output: %s", strerror(errno));
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    CLEANUP(options_free) struct options options = {};
    char why[NAME_WHY_MAX];
    enum command command;
    int r;

    heap_set_bounds();
    r = options_command(argc, argv, &command);
    if (!r)
        r = options_parse(command, argc - 1, argv + 1, &options);
    if (r)
        return r < 0 ? EXIT_USAGE : check_output(EXIT_SUCCESS);
    if (name_resolve(&options, why)) {
        log_error("%s", why);
        return EXIT_FAILURE;
    }
    return check_output(commands[command](&options));
}
