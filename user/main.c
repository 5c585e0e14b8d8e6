/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cleanup.h"
#include "doctor.h"
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

int main(int argc, char **argv)
{
    CLEANUP(options_free) struct options options = {};
    char why[NAME_WHY_MAX];
    enum command command;
    int r;

    r = options_command(argc, argv, &command);
    if (!r)
        r = options_parse(command, argc - 1, argv + 1, &options);
    if (r)
        return r < 0 ? EXIT_USAGE : EXIT_SUCCESS;
    if (name_resolve(&options, why)) {
        log_error("%s", why);
        return EXIT_FAILURE;
    }
    return commands[command](&options);
}
