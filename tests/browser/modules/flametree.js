// SPDX-License-Identifier: Apache-2.0
// The outermost frame comes first, widths are waiters, and what is too narrow is counted.

const frame = (name) => ({ function: name, module: "/bin/x" });
const group = (count, ...names) => ({
    stack_id: "",
    count,
    site: "",
    reason: "",
    frames: names.map(frame),
});
const groups = [
    group(60, "read", "a", "main"),
    group(39, "read", "b", "main"),
    group(1, "write", "main"),
];
const root = m.buildTree(groups, [/read/i, /b/i], "/bin/x");
const show = ({ placed }) =>
    placed.map(({ node, x, width, isAbove }) => [node.name, x, width, node.found, isAbove]);

const all = m.layOut(root, 150);
same(show(all), [
    ["all", 0, 150, 39, false],
    ["main", 0, 150, 39, false],
    ["a", 0, 90, 0, false],
    ["read", 0, 90, 0, false],
    ["b", 90, 58.5, 39, false],
    ["read", 90, 58.5, 39, false],
]);
same(all.narrow, 1);

const zoomed = root.children.get("main").children.get("b");
same(show(m.layOut(zoomed, 150)), [
    ["all", 0, 150, 39, true],
    ["main", 0, 150, 39, true],
    ["b", 0, 150, 39, false],
    ["read", 0, 150, 39, false],
]);

same(m.shorten("main.receive", 12), "main.receive");
same(m.shorten("main.receive", 11), "receive");
same(m.shorten("main.receive", 4), "rec…");
same(m.shorten("ends.", 4), "end…");

const nothing = m.buildTree([], [], null);
same(show(m.layOut(nothing, 150)), [["all", 0, 0, 0, false]]);
