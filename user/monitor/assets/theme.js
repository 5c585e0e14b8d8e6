// SPDX-License-Identifier: Apache-2.0
// Colours of the style sheet, for what is drawn on canvases.

const STRENGTH = 0.62; // of a colour that recedes

export function cssColor(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// A colour that recedes: part of it, the rest the panel's. Both are "#rrggbb".
export function pale(color) {
    const ground = cssColor("--panel");
    const part = (text, i) => parseInt(text.slice(1 + 2 * i, 3 + 2 * i), 16);
    const mixed = [0, 1, 2].map((i) =>
        Math.round(part(color, i) * STRENGTH + part(ground, i) * (1 - STRENGTH)),
    );
    return `rgb(${mixed.join(" ")})`;
}
