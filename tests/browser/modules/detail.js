// SPDX-License-Identifier: Apache-2.0
// An opened group names its waiters as far as they are listed, and links to its own target.

const group = (more) => ({
    kind: "goroutine",
    stack_id: "00ff",
    count: 3,
    site: "main.f a.go:3",
    frames: [{ function: "main.f", file: "/src/a.go", line: 3, module: "/bin/x" }],
    waits_on: [],
    ...more,
});
const detail = new m.Detail(group());
const waiters = (more) => {
    detail.update(group(more), "#target=a");
    return detail.node.querySelector(".facts dd").textContent;
};
same(waiters({}), "3 goroutines");
same(waiters({ ids: [18, 19, 20] }), "3 goroutines: 18, 19, 20");
same(waiters({ count: 1, ids: [18], kind: "thread" }), "1 thread: 18");
same(waiters({ count: 1000, ids: [18, 19, 1234] }), "1,000 goroutines: 18, 19, 1234, …");
const ids = Array.from({ length: 64 }, (_, i) => i + 1);
same(waiters({ count: 64, ids }), "64 goroutines: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, …");

// The same stack in another target.
const link = detail.node.querySelector(".link a");
same(link.getAttribute("href"), "#target=a");
detail.update(group(), "#target=b");
same(link.getAttribute("href"), "#target=b");
