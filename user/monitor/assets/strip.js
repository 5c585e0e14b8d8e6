// SPDX-License-Identifier: Apache-2.0
// One chart of the stack: a plot, and the legend beside it, which tells the values at the cursor.
// For people who don't see it there is a summary.

import { make, setText } from "./dom.js";
import * as format from "./format.js";
import { LAYERS_MAX } from "./layers.js";
import { markEnd, markUnproven } from "./marks.js";
import { cssColor, pale } from "./theme.js";

const AXIS_WIDTH = 66; // pixels, the same in all strips: plots stand under each other
const DAYS_FROM = 21600; // seconds between labels
const EDGE = 24; // at the right, for half a label of the time axis
const TIME_HEIGHT = 24;
const HEADROOM = 1.12; // above the highest value
const STEPS_MAX = 4; // of the value axis; as a step is at most twice the next, they are two at least
// Between labels of the time axis, in seconds.
const TIME_STEPS = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
];
const SYNC = "parkwatch";

export const last = (values) => values?.[values.length - 1] ?? null;

// Labels of the time axis: seconds where ticks are closer than a minute, days where they are hours
// apart.
function timeLabels(plot, ticks, axis, space, step) {
    return ticks.map((tick) =>
        step < DAYS_FROM ? format.clock(tick, step < 60) : format.day(tick),
    );
}

// One strip: a plot, and the legend beside it.
export class Strip {
    #plot = null;
    #values = []; // what the legend shows, by line
    #items = [];

    constructor(spec, charts) {
        this.spec = spec;
        this.charts = charts;
        this.legend = make("ul", { class: "legend" });
        this.summary = make("p", { class: "hidden" });
        this.box = make("div", { class: "plot", "aria-hidden": "true" });
        this.node = make(
            "figure",
            { class: "strip", id: `strip-${spec.id}`, "aria-labelledby": `title-${spec.id}` },
            make(
                "figcaption",
                {},
                make("h3", { id: `title-${spec.id}` }, spec.title),
                this.legend,
                this.summary,
            ),
            this.box,
        );
    }

    get plot() {
        return this.#plot;
    }

    #series() {
        const line = (color, width, extra) => ({
            stroke: color,
            width,
            points: { show: false },
            ...extra,
        });
        if (this.spec.stacked) {
            return Array.from({ length: LAYERS_MAX }, (_, i) => {
                const color = cssColor(`--layer-${LAYERS_MAX - 1 - i}`);
                return line(color, 1.25, { fill: pale(color) });
            });
        }
        return this.spec.lines.map((one) => {
            const color = cssColor(one.color);
            return line(color, 1.5, { dash: one.dash, fill: one.area ? `${color}22` : undefined });
        });
    }

    #axes() {
        const { spec } = this;
        const axis = {
            stroke: cssColor("--muted"),
            grid: { stroke: cssColor("--grid"), width: 1 },
            font: `11px ${cssColor("--sans")}`,
            ticks: { show: false },
        };
        const time = {
            size: spec.hasTime ? TIME_HEIGHT : 0,
            space: 90,
            gap: 4,
            incrs: TIME_STEPS,
            values: spec.hasTime ? timeLabels : () => [],
        };
        const value = {
            size: AXIS_WIDTH,
            space: (plot, axis, low, high, size) => size / STEPS_MAX,
            gap: 6,
            incrs: spec.steps,
            values: (plot, ticks) => ticks.map((tick) => (tick === 0 ? "0" : spec.tick(tick))),
        };
        return [
            { ...axis, ...time },
            { ...axis, ...value },
        ];
    }

    // Draws anew, for a new width or other colours.
    build(width) {
        const { spec, charts } = this;
        this.#plot?.destroy();
        this.#plot = new uPlot(
            {
                width,
                height: spec.height + (spec.hasTime ? TIME_HEIGHT : 6),
                padding: [8, EDGE, spec.hasTime ? 0 : 8, 0],
                legend: { show: false },
                cursor: {
                    sync: { key: SYNC, scales: ["x", null] },
                    drag: { x: true, y: false, setScale: false },
                    points: { show: !spec.stacked, size: 6 },
                    y: false,
                    // uPlot would have the scale's range anew, which is the zoomed one.
                    bind: { dblclick: () => () => charts.reset() },
                },
                scales: {
                    x: { time: true, range: () => charts.window() },
                    y: { range: (plot, low, high) => [0, Math.max(high, spec.least) * HEADROOM] },
                },
                axes: this.#axes(),
                series: [{}, ...this.#series()],
                hooks: {
                    setCursor: [(plot) => charts.pointAt(plot.cursor.idx)],
                    setSelect: [(plot) => charts.select(plot)],
                    draw: [(plot) => this.#mark(plot)],
                },
            },
            this.#data(),
            this.box,
        );
    }

    #mark(plot) {
        if (!this.charts.target) {
            return;
        }
        if (this.spec.stacked) {
            markUnproven(plot, this.charts.target, this.charts.threshold);
        }
        markEnd(plot, this.charts.target);
    }

    #data() {
        const target = this.charts.target;
        if (this.spec.stacked) {
            return [target.times, ...this.charts.layers.stacked(target.times.length)];
        }
        return [target.times, ...this.spec.lines.map((line) => target[line.of])];
    }

    update() {
        this.#plot.setData(this.#data());
        this.#relist();
        setText(this.summary, this.#summarize());
    }

    #lines() {
        return this.spec.stacked
            ? this.charts.layers.list()
            : this.spec.lines.filter((line) => this.charts.has(line));
    }

    // A line is hidden by a press on its name in the legend; those of a shared cgroup are so at first.
    #relist() {
        const lines = this.#lines();
        const names = lines.map((line) => `${line.color} ${line.name}`).join("\n");
        if (this.legend.dataset.names !== names) {
            this.legend.dataset.names = names;
            this.#items = lines.map((line) => this.#item(line));
            this.legend.replaceChildren(...this.#items.map((item) => item.node));
        }
        this.#values = lines.map((line) =>
            this.spec.stacked ? line.counts : this.charts.target[line.of],
        );
        if (!this.spec.stacked) {
            this.#applyHidden();
        }
    }

    #item(line) {
        const value = make("span", { class: "value" });
        const swatch = make("span", { class: `swatch ${line.color.replace(/^--/, "c-")}` });
        const [text, place] = this.spec.stacked ? format.splitSite(line.name) : [line.name, ""];
        const name = [
            make("span", { class: "name" }, text),
            place && make("span", { class: "where" }, place),
        ];
        const isSwitch = !this.spec.stacked && this.spec.lines.length > 1;
        const body = isSwitch
            ? make(
                  "button",
                  {
                      type: "button",
                      "aria-pressed": "true",
                      title: line.name,
                      onclick: () => this.charts.toggle(line),
                  },
                  swatch,
                  ...name,
              )
            : make("span", { class: "entry", title: line.title ?? line.name }, swatch, ...name);
        return { line, value, body, isSwitch, node: make("li", {}, body, value) };
    }

    #applyHidden() {
        this.spec.lines.forEach((line, i) => {
            const show = !this.charts.isHidden(line);
            if (this.#plot.series[i + 1].show !== show) {
                this.#plot.setSeries(i + 1, { show });
            }
        });
        for (const { line, body } of this.#items.filter((item) => item.isSwitch)) {
            body.setAttribute("aria-pressed", String(!this.charts.isHidden(line)));
            body.title = this.charts.isShared(line)
                ? "Shared with other processes. Press to show or hide"
                : line.name;
        }
    }

    // The values at a point, or the last ones.
    tell(index) {
        this.#items.forEach(({ value }, i) => {
            const values = this.#values[i];
            setText(value, this.spec.show(index == null ? last(values) : values?.[index]));
        });
    }

    #summarize() {
        const parts = this.#items.map(({ line }, i) => {
            const known = (this.#values[i] ?? []).filter((value) => value != null);
            if (known.length === 0) {
                return `${line.name}: no data`;
            }
            const most = known.reduce((a, b) => Math.max(a, b));
            const [first, top, now] = [known[0], most, last(known)].map(this.spec.show);
            return `${line.name}: at first ${first}, at most ${top}, now ${now}`;
        });
        return `${this.spec.title} over time. ${parts.join(". ") || "No data yet"}.`;
    }
}
