// SPDX-License-Identifier: Apache-2.0
// What a flame graph shows: groups merged by their frames, from the outermost one on, and where
// each frame stands.

import * as format from "./format.js";
import { matches } from "./groups.js";

const WIDTH_MIN = 2; // pixels, below which nothing is seen
// Where a Go program has no modules: packages of the runtime and the standard library.
const STANDARD =
    /^(runtime|internal|syscall|sync|net|os|time|context|io|bufio|reflect|crypto|testing)[./]/;

export function biggestFirst(nodes) {
    return [...nodes].sort((a, b) => b.count - a.count);
}

export function makeNode(name, parent) {
    const depth = parent ? parent.depth + 1 : 0;
    return {
        name,
        parent,
        depth,
        count: 0,
        found: 0,
        groups: 0,
        isLibrary: false,
        children: new Map(),
    };
}

// Frames of the runtime or of a library recede behind the program's own.
function isLibrary(frame, exe) {
    if (frame.module && exe && format.basename(frame.module) !== format.basename(exe)) {
        return true;
    }
    return STANDARD.test(frame.function ?? "");
}

function addGroup(root, group, exe, found) {
    let node = root;
    const count = (at) => {
        at.count += group.count;
        at.found += found ? group.count : 0;
        at.groups++;
    };
    count(node);
    for (let i = group.frames.length - 1; i >= 0; i--) {
        const name = format.frameName(group.frames[i]);
        if (!node.children.has(name)) {
            node.children.set(name, makeNode(name, node));
        }
        node = node.children.get(name);
        node.isLibrary = isLibrary(group.frames[i], exe);
        count(node);
    }
}

// A name in so many characters: without its package if that is enough, else its beginning.
export function shorten(name, characters) {
    if (name.length <= characters) {
        return name;
    }
    const own = name.slice(name.lastIndexOf(".") + 1) || name;
    return own.length <= characters ? own : `${own.slice(0, Math.max(1, characters - 1))}…`;
}

// The tree of all groups; `words` are those of the filter, `exe` the target's program.
export function buildTree(groups, words, exe) {
    const root = makeNode("all", null);
    for (const group of groups) {
        addGroup(root, group, exe, words.length > 0 && matches(group, words));
    }
    return root;
}

// Where each node stands: those above the zoomed one over the whole width, then what is below it.
// Also how many stacks have frames that are too narrow to be drawn.
export function layOut(zoomed, width) {
    const placed = [];
    let narrow = 0;
    for (let node = zoomed.parent; node; node = node.parent) {
        placed.unshift({ node, x: 0, width, isAbove: true });
    }
    const place = (node, x, scale) => {
        placed.push({ node, x, width: node.count * scale, isAbove: false });
        for (const child of biggestFirst(node.children.values())) {
            if (child.count * scale >= WIDTH_MIN) {
                place(child, x, scale);
            } else {
                narrow += child.groups;
            }
            x += child.count * scale;
        }
    };
    place(zoomed, 0, zoomed.count > 0 ? width / zoomed.count : 0);
    return { placed, narrow };
}
