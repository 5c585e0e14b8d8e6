// SPDX-License-Identifier: Apache-2.0
// A line without axes, in a table's cell.

import { makeSvg } from "./dom.js";

const WIDTH = 88;
const HEIGHT = 20;
const PADDING = 2;
const POINTS_MAX = 60;

// The highest value of each of POINTS_MAX stretches: no peak is lost.
function thin(values) {
    if (values.length <= POINTS_MAX) {
        return values.map((value) => value ?? 0);
    }
    const out = [];
    for (let i = 0; i < POINTS_MAX; i++) {
        const from = Math.floor((i * values.length) / POINTS_MAX);
        const to = Math.floor(((i + 1) * values.length) / POINTS_MAX);
        out.push(values.slice(from, to).reduce((a, b) => Math.max(a, b ?? 0), 0));
    }
    return out;
}

export function sparkline() {
    const line = makeSvg("polyline", { class: "spark-line" });
    const area = makeSvg("polygon", { class: "spark-area" });
    const attributes = { class: "spark", width: WIDTH, height: HEIGHT, "aria-hidden": "true" };
    return makeSvg("svg", attributes, area, line);
}

// From where there first is something, as a group's growth is counted.
function started(values) {
    const first = values.findIndex((value) => value > 0);
    return first < 0 ? [] : values.slice(first);
}

// Draws between zero and the highest value.
export function drawSparkline(svg, values) {
    const points = thin(started(values ?? []));
    const [area, line] = svg.children;
    if (points.length < 2) {
        line.setAttribute("points", "");
        area.setAttribute("points", "");
        return;
    }
    const high = points.reduce((a, b) => Math.max(a, b), 1);
    const x = (i) => PADDING + (i / (points.length - 1)) * (WIDTH - 2 * PADDING);
    const y = (value) => HEIGHT - PADDING - (value / high) * (HEIGHT - 2 * PADDING);
    const drawn = points.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
    line.setAttribute("points", drawn);
    area.setAttribute("points", `${x(0)},${y(0)} ${drawn} ${x(points.length - 1)},${y(0)}`);
}
