// SPDX-License-Identifier: Apache-2.0
// A line over time: placed by its times, from the first waiter on, with a gap where no scan was.

const [LEFT, RIGHT, TOP, BASE] = [2, 86, 2, 18];

same(m.trace([1, 2, 3], [4, 4, 2]), [
    [
        [LEFT, TOP],
        [44, TOP],
        [RIGHT, 10],
    ],
]);
// Old points are farther apart: the last tenth of the time has the last tenth of the width.
const [placed] = m.trace([0, 90, 92, 94, 100], [1, 1, 1, 1, 1]);
same(
    placed.map(([x]) => x),
    [LEFT, 77.6, 79.3, 81, RIGHT],
);
// A scan that was left out does not look as if the leak had gone.
const gap = m.trace([1, 2, 3, 4, 5], [3, 3, null, 3, 3]);
same(gap.length, 2);
same(
    gap.flat().every(([, y]) => y === TOP),
    true,
);
same(
    m.trace([1, 2, 3, 4], [1, null, 1, null]).map((run) => run.length),
    [1, 1],
);
// Before there was anything there is nothing; what comes to nothing later is drawn.
same(m.trace([1, 2, 3, 4], [null, 0, 2, 0]), [
    [
        [LEFT, TOP],
        [RIGHT, BASE],
    ],
]);
for (const values of [[], [0, 0], [null, null], [0, 7]]) {
    same(m.trace([1, 2].slice(0, values.length), values), []);
}

// More points than pixels: no peak is lost, and a gap among them only where all is gap.
const n = 10000;
const long = Array.from({ length: n }, (_, i) => i);
const [line, ...others] = m.trace(
    long,
    long.map((i) => (i === 5000 ? 1000 : i % 7 === 3 ? null : 1)),
);
same([others.length, line.length < 100], [0, true]);
same(Math.min(...line.map(([, y]) => y)), TOP);
same(m.trace(long, long.map((i) => (i > 4000 && i < 6000 ? null : 1))).length, 2);
