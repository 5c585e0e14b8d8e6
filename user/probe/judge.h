/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what the probe itself should not interpret: in a child of its own, which has no rights but
 * to answer, and ends. */
#pragma once

#include <stddef.h>

#define JUDGE_PATIENCE_MS 5000

/* Has `judge` fill *ret_result, `size` bytes without pointers, from `context` as it is now. 0;
 * -ETIMEDOUT; -ECHILD: the child ended without an answer; -errno. */
int judge_ask(void (*judge)(void *context, void *ret_result), void *context, void *ret_result,
              size_t size);
