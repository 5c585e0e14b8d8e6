/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of go_code_*() share; for after cmocka.h. */
#pragma once

#include "analyst/go/binary.h"

static inline struct go_code *open_code(struct binary *binary)
{
    struct go_code *code = NULL;
    char why[GO_WHY_MAX] = "";

    if (go_code_new(&binary->memory, &binary->maps, why, &code))
        fail_msg("%s: %s", "refused", why);
    return code;
}

/* Refused, for a reason that says `why`. */
static inline void assert_refused(struct binary *binary, const char *why)
{
    struct go_code *code = NULL;
    char said[GO_WHY_MAX] = "";

    assert_int_equal(go_code_new(&binary->memory, &binary->maps, said, &code), -ENOTSUP);
    assert_null(code);
    if (!strstr(said, why))
        fail_msg("said \"%s\" and not \"%s\"", said, why);
}

/* Writes return addresses where functions with these stack sizes leave them. Returns the last sp.
 */
static inline void put_return(struct binary *binary, uint64_t *sp, uint64_t delta, uint64_t pc)
{
    binary_put64(binary, *sp + delta, pc);
    *sp += delta + 8;
}
