// SPDX-License-Identifier: Apache-2.0
// Elements. Text goes in as text nodes and attributes as values: nothing is ever parsed as HTML,
// so a name that a target chose stays a name.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes ?? {})) {
        if (name.startsWith("on")) {
            node.addEventListener(name.slice(2), value);
        } else if (value === true) {
            node.setAttribute(name, "");
        } else if (value != null && value !== false) {
            node.setAttribute(name, value);
        }
    }
    node.append(
        ...children.flat().filter((child) => child != null && child !== false && child !== ""),
    );
    return node;
}

// make("button", {type: "button", onclick: f}, "text", node, null)
export function make(tag, attributes, ...children) {
    return fill(document.createElement(tag), attributes, children);
}

export function makeSvg(tag, attributes, ...children) {
    return fill(document.createElementNS(SVG, tag), attributes, children);
}

export const find = (id) => document.getElementById(id);

// Sets text only where it differs: what a person has selected stays selected.
export function setText(node, text) {
    if (node.textContent !== text) {
        node.textContent = text;
    }
}

// Makes `parent` hold exactly `children`, and moves only those out of place: focus stays.
export function arrange(parent, children) {
    let next = parent.firstChild;
    for (const child of children) {
        if (child === next) {
            next = next.nextSibling;
        } else {
            parent.insertBefore(child, next);
        }
    }
    while (next) {
        const gone = next;
        next = next.nextSibling;
        gone.remove();
    }
}

// Says something once to people who listen instead of looking.
export function announce(text) {
    setText(find("announcer"), text);
}
