/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Go program of any version whose moduledata, tables, build information and stack are overwritten
 * anywhere: found or refused, it is unwound and named within every bound.
 *
 * An input is the version and patches: an offset into the tables, the data, the ELF header or the
 * stack, a length, bytes.
 */
#include "fuzz.h"

#include "analyst/go/binary.h"

#define PATCHES_MAX 64

static const uint64_t segments[] = {BINARY_TABLES, BINARY_DATA, BINARY_BASE, BINARY_STACK};

static void patch(struct binary *binary, struct input *input)
{
    uint64_t address = segments[take_u8(input) % 4] + take_u16(input);
    uint8_t bytes[64];
    size_t size = take_u8(input) % sizeof(bytes);

    take(input, bytes, size);
    if (binary_at(binary, address, size))
        binary_put(binary, address, bytes, size);
}

static void check_frames(const struct frame *frames, size_t n)
{
    check(n > 0 && n <= SYMBOL_INLINE_MAX);
    for (size_t i = 0; i < n; i++) {
        check(!frames[i].function || strlen(frames[i].function) < 4096);
        check(!frames[i].file || strlen(frames[i].file) < 4096);
    }
}

static void unwind(struct go_code *code, struct binary *binary, uint64_t pc, uint64_t sp)
{
    struct stack_copy copy = {BINARY_STACK, binary->stack, 4096};
    struct frame frames[SYMBOL_INLINE_MAX];
    struct raw_frame raw[64];
    size_t n;

    go_code_unwind(code, pc, sp, &copy, raw, 64, &n);
    check(n <= 64);
    for (size_t i = 0; i < n; i++)
        check_frames(frames, go_code_symbolize(code, &raw[i], frames));
}

static void look_around(struct go_code *code, struct binary *binary, struct input *input)
{
    struct rpc_range variables[8];
    uint64_t entry;

    check(go_code_variables(code, variables, 8) <= 8);
    for (uint64_t pc = BINARY_TEXT; pc < binary_entry(BINARY_FUNCTIONS_MAX); pc += 0x20) {
        go_code_function(code, pc, &entry);
        unwind(code, binary, pc, BINARY_STACK + 0x100);
    }
    unwind(code, binary, take_u64(input), take_u64(input));
    go_code_update(code, &binary->maps);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct binary *binary = binary_new(&binary_layouts[take_u8(&input) % BINARY_LAYOUTS]);
    struct go_code *code = NULL;
    char why[GO_WHY_MAX];

    for (size_t i = 0; i < PATCHES_MAX && input.left; i++)
        patch(binary, &input);
    if (go_code_new(&binary->memory, &binary->maps, why, &code))
        check(!code);
    else
        look_around(code, binary, &input);
    go_code_free(&code);
    binary_free(binary);
    return 0;
}
