/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folded stacks.
 */
#include "monitor/folded.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "monitor/site.h"
#include "utf8.h"

/* ';' separates frames, so one inside a name becomes ':'. */
static void write_name(FILE *out, const char *name)
{
    const char *end = name + strlen(name);

    while (name < end) {
        char encoded[UTF8_CHAR_MAX];
        uint32_t character;

        name += utf8_next(name, end, &character);
        if (character == ';')
            character = ':';
        fwrite(encoded, 1, utf8_encode(character, encoded), out);
    }
}

static void write_group(FILE *out, const char *target, const struct group *group)
{
    const struct stack *stack = group->stack;
    char name[WIRE_STRING_MAX + 1];

    write_name(out, target);
    for (uint32_t i = stack->n_frames; i > 0; i--) {
        site_frame(&stack->frames[i - 1], name, sizeof(name));
        putc(';', out);
        write_name(out, name);
    }
    fputs(";[", out);
    write_name(out, stack->reason);
    fprintf(out, "] %" PRIu64 "\n", group->count);
}

int folded_write(const struct report *report, FILE *out)
{
    for (size_t i = 0; i < report->n_targets; i++) {
        const struct target_report *target = &report->targets[i];

        for (size_t j = 0; j < target->n_groups; j++)
            write_group(out, target->name, &target->groups[j]);
    }
    return ferror(out) ? -EIO : 0;
}
