/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the doctor.
 */
#include "diagnosis.h"

#include <stdarg.h>
#include <string.h>

#include "utf8.h"

#define NAME_WIDTH    22 /* CAP_CHECKPOINT_RESTORE */
#define TEXT_MAX      512
#define VERDICT_WIDTH 8

/* Texts have names of processes in them. */
static void print_line(const struct diagnosis *diagnosis, const char *verdict, const char *name,
                       const char *remedy, const char *format, va_list arguments)
{
    char text[TEXT_MAX], clean[TEXT_MAX];

    vsnprintf(text, sizeof(text), format, arguments);
    utf8_clean(text, strlen(text), clean, sizeof(clean));
    fprintf(diagnosis->out, "%-*s %-*s %s%s%s\n", VERDICT_WIDTH, verdict, NAME_WIDTH, name, clean,
            remedy ? "; " : "", remedy ? remedy : "");
    fflush(diagnosis->out);
}

void diagnosis_ok(struct diagnosis *diagnosis, const char *name, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_line(diagnosis, "ok", name, NULL, format, arguments);
    va_end(arguments);
}

void diagnosis_reduced(struct diagnosis *diagnosis, const char *name, const char *remedy,
                       const char *format, ...)
{
    va_list arguments;

    diagnosis->n_reduced++;
    va_start(arguments, format);
    print_line(diagnosis, "reduced", name, remedy, format, arguments);
    va_end(arguments);
}

void diagnosis_missing(struct diagnosis *diagnosis, const char *name, const char *remedy,
                       const char *format, ...)
{
    va_list arguments;

    diagnosis->n_missing++;
    va_start(arguments, format);
    print_line(diagnosis, "missing", name, remedy, format, arguments);
    va_end(arguments);
}

bool diagnosis_conclude(const struct diagnosis *diagnosis)
{
    FILE *out = diagnosis->out;

    if (diagnosis->n_missing)
        fprintf(out, "refused: parkwatch cannot work here, %u missing, %u reduced\n",
                diagnosis->n_missing, diagnosis->n_reduced);
    else if (diagnosis->n_reduced)
        fprintf(out, "reduced: parkwatch can work here, %u reduced\n", diagnosis->n_reduced);
    else
        fprintf(out, "full: parkwatch can work here\n");
    return !diagnosis->n_missing;
}
