// SPDX-License-Identifier: Apache-2.0
// A line without axes, in a table's cell: values over time, from where there first is something, as
// a group's growth is counted. Where no scan was the line has a gap.

import { makeSvg } from "./dom.js";

const WIDTH = 88; // pixels
const HEIGHT = 20;
const PADDING = 2;
const COLUMNS = 60; // stretches of time, of each of which one point is drawn

const isHigher = (a, b) => (a.value ?? -1) > (b.value ?? -1);

// The highest point of each stretch: no peak is lost.
function thin(points, from, span) {
    const kept = new Map(); // by column; a map keeps their order
    for (const point of points) {
        const part = (point.time - from) / span;
        const column = Math.min(COLUMNS - 1, Math.floor(part * COLUMNS));
        if (!kept.has(column) || isHigher(point, kept.get(column))) {
            kept.set(column, point);
        }
    }
    return [...kept.values()];
}

// Runs of points that have values.
function split(points) {
    const runs = [[]];
    for (const point of points) {
        if (point.value == null) {
            runs.push([]);
        } else {
            runs[runs.length - 1].push(point);
        }
    }
    return runs.filter((run) => run.length > 0);
}

// The lines to draw, each a list of [x, y], between zero and the highest value. `times` rise.
export function trace(times, values) {
    const first = values.findIndex((value) => value > 0);
    const points = values.slice(first).map((value, i) => ({ time: times[first + i], value }));
    if (first < 0 || points.length < 2) {
        return [];
    }
    const from = points[0].time;
    const span = points[points.length - 1].time - from;
    const high = points.reduce((most, { value }) => Math.max(most, value ?? 0), 1);
    const x = (time) => PADDING + ((time - from) / span) * (WIDTH - 2 * PADDING);
    const y = (value) => HEIGHT - PADDING - (value / high) * (HEIGHT - 2 * PADDING);
    return split(thin(points, from, span)).map((run) =>
        run.map(({ time, value }) => [x(time), y(value)].map((at) => Number(at.toFixed(1)))),
    );
}

const drawn = (run) => run.map((point) => point.join()).join("L");

// A point between two gaps is a dot: the end of a line of no length is round.
const linePath = (run) => `M${drawn(run)}${run.length === 1 ? "h0" : ""}`;

function areaPath(run) {
    const base = HEIGHT - PADDING;
    return `M${run[0][0]},${base}L${drawn(run)}V${base}Z`;
}

export function sparkline() {
    const attributes = { class: "spark", width: WIDTH, height: HEIGHT, "aria-hidden": "true" };
    return makeSvg(
        "svg",
        attributes,
        makeSvg("path", { class: "spark-area" }),
        makeSvg("path", { class: "spark-line" }),
    );
}

// `points`: {times, counts}, or null where nothing is known.
export function drawSparkline(svg, points) {
    const runs = points ? trace(points.times, points.counts) : [];
    const [area, line] = svg.children;
    area.setAttribute("d", runs.map(areaPath).join(""));
    line.setAttribute("d", runs.map(linePath).join(""));
}
