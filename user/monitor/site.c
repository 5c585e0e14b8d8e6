/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of frames and of the site of a stack. */
#include "site.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

/* Copies as many whole characters as fit. Returns the length. */
static size_t copy_cut(char *dst, size_t size, const char *text)
{
    return utf8_clean(text, strlen(text), dst, size);
}

const char *site_file(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

size_t site_frame(const struct frame *frame, char *ret_text, size_t size)
{
    char tail[24];
    size_t length = 0;

    if (frame->function)
        return copy_cut(ret_text, size, frame->function);
    if (!frame->module)
        snprintf(tail, sizeof(tail), "0x%" PRIx64, frame->address);
    else
        snprintf(tail, sizeof(tail), "+0x%" PRIx64, frame->offset);
    if (frame->module && size > strlen(tail))
        length = copy_cut(ret_text, size - strlen(tail), frame->module);
    return length + copy_cut(ret_text + length, size - length, tail);
}

void site_text(const struct stack *stack, char *ret_text, size_t size)
{
    const struct frame *frame;
    char place[128];
    size_t length;

    if (!stack->n_frames) {
        copy_cut(ret_text, size, "[unknown]");
        return;
    }
    frame = &stack->frames[stack->site];
    if (!frame->function && !frame->module) {
        copy_cut(ret_text, size, "[unknown]");
        return;
    }
    if (!frame->function || !frame->file || !frame->line) {
        site_frame(frame, ret_text, size);
        return;
    }
    length = copy_cut(place, sizeof(place) - 12, site_file(frame->file));
    snprintf(place + length, sizeof(place) - length, ":%" PRIu32, frame->line);
    length = 0;
    if (size > strlen(place) + 1)
        length = copy_cut(ret_text, size - strlen(place) - 1, frame->function);
    snprintf(ret_text + length, size - length, " %s", place);
}
