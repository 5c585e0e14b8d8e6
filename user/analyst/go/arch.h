/* SPDX-License-Identifier: Apache-2.0 */
/* All that the Go side knows of the architecture. linux/amd64; another one is another set of these.
 */
#pragma once

#include <stdint.h>
#include <string.h>

#define GO_POINTER_SIZE 8
#define GO_PC_QUANTUM   1 /* bytes of code that a pc table counts in (sys.PCQuantum) */
#define GO_CALL_PUSHES  8 /* bytes: a call puts its return address on the stack */

/* Where the return address of a frame lies, `delta` bytes of which are on the stack at its sp. An
 * architecture with a link register has it at sp instead. */
static inline uint64_t go_return_slot(uint64_t sp, uint64_t delta)
{
    return sp + delta;
}

/* The caller's sp behind that call. */
static inline uint64_t go_caller_sp(uint64_t sp, uint64_t delta)
{
    return sp + delta + GO_CALL_PUSHES;
}

/* Little endian, as the machine that we run on. */
static inline uint64_t go_u64(const uint8_t *bytes)
{
    uint64_t value;

    memcpy(&value, bytes, sizeof(value));
    return value;
}

static inline uint32_t go_u32(const uint8_t *bytes)
{
    uint32_t value;

    memcpy(&value, bytes, sizeof(value));
    return value;
}
