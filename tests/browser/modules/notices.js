// SPDX-License-Identifier: Apache-2.0
// What had no room in the answer is told in numbers.

same(
    m.leftOut({ groups_left_out: 45536, waiters_left_out: 60000 }),
    "45,536 more stacks with 60,000 waiters had no room in the answer; " +
        "parkwatch report lists them.",
);
same(
    m.leftOut({ groups_left_out: 1, waiters_left_out: 1 }),
    "1 more stack with 1 waiter had no room in the answer; parkwatch report lists them.",
);
