/* SPDX-License-Identifier: Apache-2.0 */
#include "budget.h"

static size_t beyond_own(size_t used)
{
    return used > BUDGET_OWN ? used - BUDGET_OWN : 0;
}

bool budget_take(struct budget *budget, size_t bytes)
{
    const size_t wanted = beyond_own(budget->used + bytes) - beyond_own(budget->used);

    if (wanted > *budget->pool)
        return false;
    *budget->pool -= wanted;
    budget->used += bytes;
    return true;
}

void budget_give(struct budget *budget, size_t bytes)
{
    *budget->pool += beyond_own(budget->used) - beyond_own(budget->used - bytes);
    budget->used -= bytes;
}
