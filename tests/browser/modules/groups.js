// SPDX-License-Identifier: Apache-2.0
// The filter takes words, not patterns, and wants all of them; order is total.

const found = (text) =>
    m.matches(
        {
            site: "main.f a.go:3",
            reason: "chan send",
            stack_id: "00ff",
            frames: [{ function: "main.(*T).f", file: "/src/a.go", line: 3, module: "/bin/x" }],
            created_by: { function: "main.g" },
            labels: { job: "nightly" },
        },
        m.words(text),
    );
for (const text of ["", " ", "SEND (*t)", "a.go:3 main", "main.g", "job=night", "00ff", "/src/"]) {
    same([text, found(text)], [text, true]);
}
for (const text of ["a.go:4", "main chan zzz", ".*", "thread", "["]) {
    same([text, found(text)], [text, false]);
}

const group = (id, count, oldest) => ({ stack_id: id, count, oldest_seconds: oldest, site: "" });
const groups = [group("b", 1, 5), group("a", 1, 5), group("c", 2, 1)];
const order = (sort, dir) => m.sortGroups(groups, sort, dir).map((one) => one.stack_id);
same(order("count", "desc"), ["c", "a", "b"]);
same(order("count", "asc"), ["a", "b", "c"]);
same(order("oldest", "desc"), ["a", "b", "c"]);
same(order("oldest", "asc"), ["c", "a", "b"]);

const grown = (first, least, most, count, growing) => ({
    count,
    growth: {
        first_count: first,
        min_count: least,
        max_count: most,
        observed_seconds: 59,
        growing,
    },
});
same(m.trendText(grown(3, 3, 3, 3, false)), "steady");
same(m.trendText(grown(3, 3, 9, 3, false)), "±0 in 59 s"); // it was not steady
same(m.trendText(grown(9, 3, 9, 3, false)), "−6 in 59 s");
same(m.trendText(grown(3, 2, 9, 9, false)), "+6 in 59 s");
same(m.trendText(grown(914, 914, 11996, 11996, true)), "↗ +11,082 in 59 s");

const target = { up: true, goroutines: {}, observed_seconds: 31, groups: [] };
same(m.nobody(target, 30), "Nobody is parked past the threshold.");
same(m.nobody({ ...target, groups: [{}] }, 30), "Whoever is parked is idle by design.");
const unproven = m.nobody({ ...target, observed_seconds: 9 }, 30);
same(/once they were seen parked for 30 s/.test(unproven), true);
same(
    m.nobody({ ...target, goroutines: null, observed_seconds: 9 }, 30),
    "Nobody is parked past the threshold.",
);
same(/known no more/.test(m.nobody({ ...target, up: false }, 30)), true);
