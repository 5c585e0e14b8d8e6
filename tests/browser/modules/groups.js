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
