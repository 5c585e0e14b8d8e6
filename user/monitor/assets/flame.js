// SPDX-License-Identifier: Apache-2.0
// A flame graph of parked waiters: the outermost frame on top, the waiting one at the bottom, each
// as wide as the share of waiters that have it. A click or Enter zooms, Escape goes back, arrows
// walk; the filter marks the frames with its words, and fades stacks that it does not let pass.

import { find, make, makeSvg, setText } from "./dom.js";
import * as format from "./format.js";
import { biggestFirst, buildTree, layOut, makeNode, shorten } from "./flametree.js";

const ROW = 19; // pixels
const TEXT_MIN = 34; // pixels, below which a label says nothing
const CHARACTER = 6.7; // pixels of one, about
const PADDING = 5;

function path(node) {
    const names = [];
    for (let at = node; at.parent; at = at.parent) {
        names.unshift(at.name);
    }
    return names;
}

function follow(root, names) {
    let node = root;
    for (const name of names) {
        if (!node.children.has(name)) {
            break; // its waiters are gone: stay at what is left
        }
        node = node.children.get(name);
    }
    return node;
}

export class Flame {
    words = []; // of the filter
    #root = makeNode("all", null);
    #zoom = []; // names from the root to the zoomed node
    #focus = []; // names from the root to the node that Tab comes to
    #boxes = new Map(); // node: its <g>
    #told = ""; // what is drawn

    // `onPick(function name)`: show the groups with it in the table.
    constructor(onPick) {
        this.svg = makeSvg("svg", {
            class: "flame",
            role: "tree",
            "aria-label": "Flame graph of parked waiters",
        });
        this.text = make("p", { class: "flame-text" });
        this.pick = make(
            "button",
            { type: "button", onclick: () => onPick(this.#selected().name) },
            "Show in the table",
        );
        this.out = make(
            "button",
            { type: "button", onclick: () => this.#zoomTo(this.#root) },
            "Zoom out",
        );
        this.narrow = make("p", { class: "flame-narrow", hidden: true });
        this.scroller = make("div", { class: "flame-scroller" }, this.svg);
        this.some = make(
            "div",
            {},
            make("div", { class: "flame-bar" }, this.text, this.pick, this.out),
            this.scroller,
            this.narrow,
        );
        this.empty = make("p", { class: "empty", hidden: true });
        find("view-flame").append(this.some, this.empty);
        this.svg.addEventListener("keydown", (event) => this.#key(event));
        this.svg.addEventListener("focusin", (event) => this.#focused(event));
        this.svg.addEventListener("pointerover", (event) => this.#describe(this.#nodeOf(event)));
        this.svg.addEventListener("pointerleave", () => this.#describe(this.#selected()));
        this.svg.addEventListener(
            "click",
            (event) => this.#nodeOf(event) && this.#zoomTo(this.#nodeOf(event)),
        );
        new ResizeObserver(() => this.#draw()).observe(this.scroller);
    }

    // `none`: why there is nothing to draw, where that is so.
    update(groups, words, exe, none) {
        this.words = words;
        this.#root = buildTree(groups, words, exe);
        this.some.hidden = this.#root.count === 0;
        this.empty.hidden = !this.some.hidden;
        setText(this.empty, none);
        this.#draw();
    }

    #selected() {
        return follow(this.#root, this.#focus);
    }

    #nodeOf(event) {
        return event.target.closest("g")?.node;
    }

    #zoomTo(node) {
        this.#zoom = path(node);
        this.#focus = path(node);
        this.#draw();
        this.#boxes.get(node)?.focus();
    }

    #focused(event) {
        const node = this.#nodeOf(event);
        if (node && node !== this.#selected()) {
            this.#boxes.get(this.#selected())?.setAttribute("tabindex", "-1");
            this.#focus = path(node);
            this.#boxes.get(node).setAttribute("tabindex", "0");
        }
        this.#describe(node);
    }

    #neighbour(node, key) {
        const drawn = (list) => list.filter((one) => this.#boxes.has(one));
        const children = (one) => drawn(biggestFirst(one.children.values()));
        const siblings = node.parent ? children(node.parent) : [node];
        const at = siblings.indexOf(node);
        return {
            ArrowUp: node.parent,
            ArrowDown: children(node)[0],
            ArrowLeft: siblings[at - 1],
            ArrowRight: siblings[at + 1],
        }[key];
    }

    #key(event) {
        const node = this.#nodeOf(event);
        if (!node) {
            return;
        }
        if (event.key.startsWith("Arrow")) {
            event.preventDefault();
            this.#boxes.get(this.#neighbour(node, event.key))?.focus();
        } else if (event.key === "Enter" || event.key === " ") {
            event.preventDefault();
            this.#zoomTo(node);
        } else if (event.key === "Escape" && this.#zoom.length > 0) {
            event.stopPropagation();
            this.#zoomTo(follow(this.#root, this.#zoom).parent);
        }
    }

    #describe(node) {
        if (!node) {
            return;
        }
        const parts = [node.parent ? node.name : "All stacks", this.#numbers(node)];
        setText(this.text, parts.join(": "));
        this.pick.hidden = !node.parent;
        this.out.hidden = this.#zoom.length === 0;
    }

    #numbers(node) {
        const waiters = format.counted(node.count, "waiter");
        const stacks = format.counted(node.groups, "stack");
        const share = node.parent ? `, ${format.share(node.count, this.#root.count)}` : "";
        const found = this.words.length > 0 ? `; ${format.count(node.found)} match` : "";
        return `${waiters} in ${stacks}${share}${found}`;
    }

    #draw() {
        const width = this.scroller.clientWidth;
        if (width === 0) {
            return; // not shown
        }
        const { placed, narrow } = layOut(follow(this.#root, this.#zoom), width);
        const told =
            placed
                .map(({ node, x }) => `${node.depth} ${node.name} ${this.#numbers(node)} ${x}`)
                .join("\n") +
            width +
            this.words;
        if (told === this.#told) {
            placed.forEach(({ node }, i) => this.#adopt(this.svg.children[i], node));
            return;
        }
        this.#told = told;
        this.narrow.hidden = narrow === 0;
        setText(
            this.narrow,
            `${format.counted(narrow, "stack")} too narrow to be drawn: zoom in, or choose a kind`,
        );
        this.#render(placed, width);
    }

    // The same picture of a new scan: the boxes stand for the new nodes.
    #adopt(box, node) {
        this.#boxes.delete(box.node);
        this.#boxes.set(node, box);
        box.node = node;
    }

    #render(placed, width) {
        const hadFocus = this.svg.contains(document.activeElement);
        const rows = placed.reduce((most, { node }) => Math.max(most, node.depth), 0) + 1;
        this.#boxes.clear();
        this.svg.setAttribute("width", width);
        this.svg.setAttribute("height", rows * ROW);
        this.svg.replaceChildren(...placed.map((one) => this.#box(one)));
        const selected =
            this.#boxes.get(this.#selected()) ?? this.#boxes.get(follow(this.#root, this.#zoom));
        selected.setAttribute("tabindex", "0");
        if (hadFocus) {
            selected.focus();
        }
        this.#describe(selected.node);
    }

    #mark(node) {
        if (this.words.length === 0) {
            return "";
        }
        const isHit = node.parent && this.words.some((word) => word.test(node.name));
        return node.found === 0 ? "missed" : isHit ? "hit" : "";
    }

    #box({ node, x, width, isAbove }) {
        const names = [
            "box",
            node.isLibrary && "library",
            isAbove && "above",
            !node.parent && "root",
            this.#mark(node),
        ];
        const text = node.parent ? node.name : format.counted(node.count, "waiter");
        const label = shorten(text, Math.floor((width - 2 * PADDING) / CHARACTER));
        const box = makeSvg(
            "g",
            {
                role: "treeitem",
                tabindex: "-1",
                "aria-level": node.depth + 1,
                "aria-label": `${node.parent ? node.name : "All stacks"}: ${this.#numbers(node)}`,
                class: names.filter(Boolean).join(" "),
                transform: `translate(${x.toFixed(2)} ${node.depth * ROW})`,
            },
            makeSvg("rect", { width: Math.max(1, width - 1).toFixed(2), height: ROW - 1, rx: 2 }),
            width >= TEXT_MIN ? makeSvg("text", { x: PADDING, y: 13 }, label) : null,
        );
        box.node = node;
        this.#boxes.set(node, box);
        return box;
    }
}
