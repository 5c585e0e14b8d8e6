// SPDX-License-Identifier: Apache-2.0
// New points are added once; a new site has no past, and one that is gone no present.

function points(times, sites) {
    const series = m.SERIES.map((name) => [name, times.map((time) => time * 10)]);
    return { ...Object.fromEntries(series), times, sites, up: true, ended: null };
}

const site = (name, counts) => ({
    site: name,
    kind: "thread",
    reason: "read",
    idle: false,
    counts,
});

const old = points([1, 2], [site("a", [5, 6]), site("gone", [7, 8])]);
const news = points([2, 3, 4], [site("b", [0, 1, 2]), site("a", [6, 7, 8])]);
m.append(old, { ...news, up: false, ended: 5 });
same(old.times, [1, 2, 3, 4]);
same(old.cpu_cores, [10, 20, 30, 40]);
same(
    old.sites.map((one) => [one.site, one.counts]),
    [
        ["a", [5, 6, 7, 8]],
        ["gone", [7, 8, null, null]],
        ["b", [null, null, 1, 2]],
    ],
);
same([old.up, old.ended], [false, 5]);

m.append(old, points([], []));
same(old.times, [1, 2, 3, 4]);

// The sums of all other sites are two, of which one is idle.
const other = { site: "other", kind: null, reason: null };
same(m.siteKey({ ...other, idle: true }) === m.siteKey({ ...other, idle: false }), false);

// What is new is added. After a clock was set back all is asked for anew: the points that are there
// have times that nothing new would be later than.
const asked = [];
let answer = null;
const fetched = globalThis.fetch;
globalThis.fetch = async (path) => {
    asked.push(path.includes("since="));
    const parts = { interval_seconds: 1, telemetry_path: "/metrics", targets: [answer] };
    return { ok: true, json: async () => parts };
};
try {
    const history = new m.History();
    const told = (moves, times) => ({ ...points(times, []), target: "a", since: 1, moves });
    answer = told(0, [1, 2, 3602]);
    await history.refresh("a");
    answer = told(0, [3603]);
    await history.refresh("a");
    same([asked, history.target.times], [[false, true], [1, 2, 3602, 3603]]);
    answer = told(1, [1, 2, 3, 4, 5]);
    await history.refresh("a");
    same([asked, history.target.times], [[false, true, true, false], [1, 2, 3, 4, 5]]);
} finally {
    globalThis.fetch = fetched;
}
