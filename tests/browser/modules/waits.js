// SPDX-License-Identifier: Apache-2.0
// Objects of which only some are listed are one line only where all are known to be alike, and have
// one waiter each; a futex is called what it is part of.

const wait = (kind, count, detail, more) => ({
    kind,
    address: "0x10",
    count,
    owner_tid: null,
    owner: null,
    detail,
    ...more,
});
const times = (n, make) => Array.from({ length: n }, (_, i) => make(i));
const group = (waits, more) => ({
    reason: "chan send",
    count: waits.reduce((sum, one) => sum + one.count, 0),
    waits_on: waits,
    waits_on_total: waits.length,
    ...more,
});
const open = () => wait("channel", 1, "unbuffered, open, without a receiver");
const many = { count: 14235, waits_on_total: 14235 };
const alike = group(times(16, open), { ...many, waits_on_same_detail: true });
same(m.waitLines(alike), ["14,235 channels, each unbuffered, open, without a receiver"]);

// 16 of them say nothing of the others.
const rest = "and 14,230 more";
for (const told of [false, undefined]) {
    const mixed = group(times(16, open), { ...many, waits_on_same_detail: told });
    same(m.waitLines(mixed).length, 6);
    same(m.waitLines(mixed)[5], rest);
}
same(m.waitLines(group(times(6, open))).length, 1); // all are listed
same(m.waitLines(group(times(3, open))).length, 3);

// Listed ones that differ, in one way each.
for (const odd of [
    wait("channel", 1, "buffered, full"),
    wait("channel", 2, open().detail),
    wait("semaphore", 1, open().detail),
    wait("channel", 1, open().detail, { owner_tid: 7 }),
]) {
    same(m.waitLines(group([...times(6, open), odd])).length, 6);
}

const futexes = (detail) => m.waitLines(group(times(6, () => wait("futex", 1, detail))))[0];
same(m.waitLines(group(times(6, () => wait("futex", 1, null)), { reason: "futex wait" })), [
    "6 futexes, one waiter each",
]);
same(futexes("mutex"), "6 mutexes, one waiter each");
same(futexes("condition variable"), "6 condition variables, one waiter each");
same(futexes("end of a thread"), "6 ends of threads, one waiter each");
same(futexes("first of 2 futexes"), "6 futexes, each first of 2 futexes");

const one = (...given) => m.waitLines(group([wait(...given)], { reason: "futex lock" }))[0];
const owner = { owner_tid: 7, owner: "parked 3s in read, f a.c:1" };
same(
    one("futex", 1, "mutex", owner),
    "mutex 0x10, held by thread 7 (parked 3s in read, f a.c:1)",
);
same(one("futex", 1, "end of a thread", owner), "end of thread 7 (parked 3s in read, f a.c:1)");
same(one("futex", 1, "condition variable"), "condition variable with futex 0x10");
same(one("file", 1, "/dev/null", { fd: 3 }), "file descriptor 3, /dev/null");
same(one("semaphore", 1, "sync.Mutex"), "sync.Mutex 0x10");
same(one("futex", 1, null), "mutex 0x10"); // by the reason
same(m.waitLines(group([])), ["not known"]);
same(m.waitLines(group([wait("file", 2, "a", { fd: 1 }), wait("file", 1, "b", { fd: 2 })])), [
    "2 on file descriptor 1, a",
    "1 on file descriptor 2, b",
]);
