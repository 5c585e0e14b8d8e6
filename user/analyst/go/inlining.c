/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/inlining.h"

#include "analyst/go/arch.h"

#define CALLS_MAX        (1024 * 1024) /* inlined into one function; the runtime's own bound */
#define INLINED_SIZE_MAX 20

bool go_inlined_at(struct go_windows *windows, const struct go_function *function, uint64_t pc,
                   struct go_inlined *ret_inlined)
{
    const struct go_layout *layout = function->module->layout;
    uint8_t call[INLINED_SIZE_MAX];
    struct go_inlined inlined;
    uint64_t tree;
    int32_t i;

    if (!go_function_pcdata(windows, function, GO_PCDATA_INLINE_INDEX, pc, &i) || i < 0 ||
        i >= CALLS_MAX || !go_function_funcdata(windows, function, GO_FUNCDATA_INLINE_TREE, &tree))
        return false;
    if (go_windows_copy(windows, tree + (uint64_t)i * layout->inlined.size, call,
                        layout->inlined.size))
        return false;
    inlined.name = go_u32(call + layout->inlined.name);
    inlined.id = call[layout->inlined.id];
    inlined.parent = function->entry + go_u32(call + layout->inlined.parent);
    if (inlined.name >= function->module->names.length || inlined.parent >= function->end)
        return false;
    *ret_inlined = inlined;
    return true;
}
