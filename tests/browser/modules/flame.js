// SPDX-License-Identifier: Apache-2.0
// A flame graph's words follow each scan, the same boxes or not; of nothing there is no box.

const group = (id, count, ...names) => ({
    stack_id: id,
    count,
    site: "",
    reason: "",
    frames: names.map((name) => ({ function: name, module: "/bin/x" })),
});
const view = document.getElementById("view-flame");
view.replaceChildren();
view.hidden = false;
const flame = new m.Flame(() => {});
const labels = () => [...view.querySelectorAll("g")].map((box) => box.getAttribute("aria-label"));

// As many waiters at the same functions, first of one stack, then of two that differ in lines.
flame.update([group("1", 2, "read", "main")], [], "/bin/x", "");
same(labels()[1], "main: 2 waiters in 1 stack, 100 %");
flame.update([group("1", 1, "read", "main"), group("2", 1, "read", "main")], [], "/bin/x", "");
same(labels()[1], "main: 2 waiters in 2 stacks, 100 %");
same(view.querySelector(".flame-text").textContent, "All stacks: 2 waiters in 2 stacks");

const shown = (css) => view.querySelector(css).checkVisibility();
same([shown(".flame"), shown(".empty")], [true, false]);
flame.update([], [], "/bin/x", "Nobody is there.");
same([shown(".flame"), shown(".empty")], [false, true]);
same(view.querySelector(".empty").textContent, "Nobody is there.");
flame.update([group("1", 1, "read", "main")], [], "/bin/x", "");
same([shown(".flame"), shown(".empty"), labels().length], [true, false, 3]);
