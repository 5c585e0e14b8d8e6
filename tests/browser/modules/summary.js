// SPDX-License-Identifier: Apache-2.0
// The sentence says what it counts: all waiters, or those that the answer had room for.

const { exact } = await import("/assets/format.js");
const threshold = exact(30);
const groups = [
    { count: 7, idle: false },
    { count: 5, idle: false },
    { count: 2, idle: true },
];
same(m.headline({ groups, groups_left_out: 0 }, 30), [
    "12",
    `waiters parked for ${threshold} or more, in 2 stacks`,
    "2 more idle by design",
]);
same(m.headline({ groups, groups_left_out: 3 }, 30), [
    "12",
    `listed waiters parked for ${threshold} or more, in 2 stacks`,
    "2 more idle by design",
]);
