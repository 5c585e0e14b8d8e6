/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and texts of what can be lost.
 */
#include "loss.h"

#include <stddef.h>

static const struct {
    const char *name;
    const char *text;
} descriptions[LOSS_MAX] = {
#define X(name, text) [LOSS_##name] = {#name, text},
    LOSS_LIST(X)
#undef X
};

const char *loss_name(enum loss loss)
{
    return descriptions[loss].name;
}

const char *loss_text(enum loss loss)
{
    return descriptions[loss].text;
}
