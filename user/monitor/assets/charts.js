// SPDX-License-Identifier: Apache-2.0
// The incident as one picture: memory, CPU, network and parked waiters as strips over one another,
// on one time axis, with one cursor and one zoom. Each strip has a heading, a legend that tells the
// values at the cursor, and a summary for people who don't see it.

import { find, make, setText } from "./dom.js";
import * as format from "./format.js";
import { Layers, LAYERS_MAX } from "./layers.js";

const AXIS_WIDTH = 66; // pixels, the same in all strips: plots stand under each other
const DAYS_FROM = 21600; // seconds between labels
const EDGE = 24; // at the right, for half a label of the time axis
const TIME_HEIGHT = 24;
const STRENGTH = 0.62; // of a layer's colour in its area
const TEXT_GAP = 8; // around text in a plot
const HEADROOM = 1.12; // above the highest value
const WINDOW_MIN = 60; // seconds, so that the first points are not stretched
const SHARED_TIMES = 4; // a cgroup that uses so many times the process' memory is not its own
// Between labels of the time axis, in seconds.
const TIME_STEPS = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
];
const RANGES = [
    ["5 min", 300],
    ["15 min", 900],
    ["1 h", 3600],
    ["6 h", 21600],
    ["All", null],
];
const SYNC = "parkwatch";

// Round steps of bytes are powers of two.
function byteSteps() {
    const steps = [];
    for (let step = 1; step < 2 ** 50; step *= 2) {
        steps.push(step);
    }
    return steps;
}

const STRIPS = [
    {
        id: "memory",
        title: "Memory",
        height: 108,
        show: format.bytes,
        tick: format.shortBytes,
        steps: byteSteps(),
        least: 1 << 20,
        lines: [
            { name: "RSS", of: "resident_memory_bytes", color: "--memory", area: true },
            {
                name: "cgroup usage",
                of: "cgroup_memory_usage_bytes",
                color: "--memory-2",
                ofGroup: true,
            },
            {
                name: "cgroup rss",
                of: "cgroup_memory_rss_bytes",
                color: "--memory-3",
                dash: [4, 3],
                ofGroup: true,
            },
        ],
    },
    {
        id: "cpu",
        title: "CPU",
        height: 84,
        show: format.cpu,
        tick: format.shortCpu,
        least: 0.05,
        lines: [{ name: "100 % is one core", of: "cpu_cores", color: "--cpu", area: true }],
    },
    {
        id: "network",
        title: "Network",
        height: 84,
        show: format.rate,
        tick: format.shortRate,
        least: 1000,
        lines: [
            { name: "in", of: "network_receive_bytes_per_second", color: "--net-in", area: true },
            { name: "out", of: "network_transmit_bytes_per_second", color: "--net-out" },
        ],
    },
    {
        id: "waiters",
        title: "Parked waiters",
        height: 168,
        show: format.count,
        tick: format.count,
        least: 4,
        stacked: true,
    },
];

function cssColor(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// A colour that recedes: part of it, the rest the panel's. Both are "#rrggbb".
function pale(color) {
    const ground = cssColor("--panel");
    const part = (text, i) => parseInt(text.slice(1 + 2 * i, 3 + 2 * i), 16);
    const mixed = [0, 1, 2].map((i) =>
        Math.round(part(color, i) * STRENGTH + part(ground, i) * (1 - STRENGTH)),
    );
    return `rgb(${mixed.join(" ")})`;
}

const last = (values) => values?.[values.length - 1] ?? null;

// Labels of the time axis: seconds where ticks are closer than a minute, days where they are hours
// apart.
function timeLabels(plot, ticks, axis, space, step) {
    return ticks.map((tick) =>
        step < DAYS_FROM ? format.clock(tick, step < 60) : format.day(tick),
    );
}

// One strip: a plot, and the legend beside it.
class Strip {
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

    // Draws anew, for a new width or other colours.
    build(width) {
        const isLast = this.spec === STRIPS[STRIPS.length - 1];
        const text = cssColor("--muted");
        const grid = { stroke: cssColor("--grid"), width: 1 };
        const font = `11px ${cssColor("--sans")}`;
        const axis = { stroke: text, grid, font, ticks: { show: false } };
        this.#plot?.destroy();
        this.#plot = new uPlot(
            {
                width,
                height: this.spec.height + (isLast ? TIME_HEIGHT : 6),
                padding: [8, EDGE, isLast ? 0 : 8, 0],
                legend: { show: false },
                cursor: {
                    sync: { key: SYNC, scales: ["x", null] },
                    drag: { x: true, y: false, setScale: false },
                    points: { show: !this.spec.stacked, size: 6 },
                    y: false,
                },
                scales: {
                    x: { time: true, range: () => this.charts.window() },
                    y: {
                        range: (plot, low, high) => [
                            0,
                            Math.max((high ?? 0) * HEADROOM, this.spec.least),
                        ],
                    },
                },
                axes: [
                    {
                        ...axis,
                        size: isLast ? TIME_HEIGHT : 0,
                        space: 90,
                        gap: 4,
                        incrs: TIME_STEPS,
                        values: isLast ? timeLabels : () => [],
                    },
                    {
                        ...axis,
                        size: AXIS_WIDTH,
                        space: 30,
                        gap: 6,
                        incrs: this.spec.steps,
                        values: (plot, ticks) =>
                            ticks.map((tick) => (tick === 0 ? "0" : this.spec.tick(tick))),
                    },
                ],
                series: [{}, ...this.#series()],
                hooks: {
                    setCursor: [(plot) => this.charts.pointAt(plot.cursor.idx)],
                    setSelect: [(plot) => this.charts.select(plot)],
                    draw: [(plot) => this.#mark(plot)],
                },
            },
            this.#data(),
            this.box,
        );
    }

    #mark(plot) {
        if (this.spec.stacked) {
            this.charts.markUnproven(plot);
        }
        this.charts.markEnd(plot);
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

    // A line is hidden by a press on its name in the legend; those of a shared cgroup are from the start.
    #relist() {
        const lines = this.#lines();
        const names = lines.map((line) => line.name).join("\n");
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
            return `${line.name}: at first ${this.spec.show(known[0])}, at most ${this.spec.show(most)}, now ${this.spec.show(last(known))}`;
        });
        return `${this.spec.title} over time. ${parts.join(". ") || "No data yet"}.`;
    }
}

export class Charts {
    #strips = STRIPS.map((spec) => new Strip(spec, this));
    #zoom = null; // [from, to], seconds; null: the chosen range
    #index = null; // where the cursor is
    #hidden = new Map(); // line's source: whether a person hid it
    #width = 0;

    // `onRange(seconds or null)`: a person chose how much of the past to see.
    constructor(onRange) {
        this.layers = new Layers();
        this.target = null;
        this.range = null;
        this.slider = make("input", {
            type: "range",
            class: "scrubber",
            min: "0",
            "aria-label": "Point in time that the legends show",
            oninput: () => this.#point(Number(this.slider.value)),
            onblur: () => this.#point(null),
            onkeydown: (event) => event.key === "Escape" && this.#reset(),
        });
        this.empty = make("p", { class: "empty" }, "No points yet.");
        find("charts").append(...this.#strips.map((strip) => strip.node), this.slider, this.empty);
        this.#buildRanges(onRange);
        new ResizeObserver(() => this.#resize()).observe(find("charts"));
        matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
            this.#rebuild(),
        );
    }

    #buildRanges(onRange) {
        this.buttons = RANGES.map(([name, seconds]) => {
            const button = make(
                "button",
                { type: "button", onclick: () => onRange(seconds) },
                name,
            );
            return { button, seconds };
        });
        this.back = make(
            "button",
            { type: "button", class: "back", hidden: true, onclick: () => this.#reset() },
            "Reset zoom",
        );
        find("ranges").append(this.back, ...this.buttons.map(({ button }) => button));
    }

    setRange(seconds) {
        this.range = seconds;
        this.#zoom = null;
        this.#redraw();
    }

    // The times that are shown.
    window() {
        const times = this.target?.times ?? [];
        if (times.length === 0) {
            return [0, 1];
        }
        const to = times[times.length - 1];
        const from = this.range ? to - this.range : times[0];
        return this.#zoom ?? [from, Math.max(to, from + WINDOW_MIN)];
    }

    has(line) {
        return this.target[line.of]?.some((value) => value != null);
    }

    isHidden(line) {
        return this.#hidden.get(line.of) ?? this.isShared(line);
    }

    // Next to the memory of everything else in its cgroup a process would be a flat line.
    isShared(line) {
        const own = last(this.target.resident_memory_bytes);
        return (
            line.ofGroup === true &&
            own != null &&
            last(this.target.cgroup_memory_usage_bytes) > SHARED_TIMES * own
        );
    }

    toggle(line) {
        this.#hidden.set(line.of, !this.isHidden(line));
        this.#redraw();
    }

    // `threshold`: seconds for which a waiter must have been parked to count.
    update(target, threshold) {
        const isNew = this.target?.target !== target?.target;
        this.target = target;
        this.threshold = threshold;
        this.empty.hidden = Boolean(target?.times.length);
        setText(
            find("charts-heading"),
            target ? `Since the attach at ${format.moment(target.since)}` : "Since the attach",
        );
        if (isNew) {
            this.#zoom = null;
            this.#hidden.clear();
            this.layers = new Layers();
        }
        if (target) {
            this.layers.update(target.sites);
            this.#redraw();
        }
    }

    #resize() {
        const width = this.#strips[0].box.clientWidth;
        if (width > 0 && width !== this.#width) {
            this.#width = width;
            this.#rebuild();
        }
    }

    #rebuild() {
        if (this.target && this.#width > 0) {
            this.#strips.forEach((strip) => strip.build(this.#width));
            this.#redraw();
        }
    }

    #redraw() {
        for (const { button, seconds } of this.buttons) {
            button.setAttribute("aria-pressed", String(seconds === this.range));
        }
        this.back.hidden = this.#zoom === null;
        if (!this.target || this.#width === 0) {
            return;
        }
        if (!this.#strips[0].plot) {
            this.#rebuild();
            return;
        }
        this.slider.max = String(Math.max(0, this.target.times.length - 1));
        this.#strips.forEach((strip) => strip.update());
        this.#tell();
    }

    // Zooms to what was dragged over in one strip.
    select(plot) {
        const { left, width } = plot.select;
        if (width > 2) {
            this.#zoom = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
            plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            this.#redraw();
        }
    }

    #reset() {
        this.#zoom = null;
        this.#redraw();
    }

    pointAt(index) {
        if (index !== this.#index) {
            this.#index = index;
            this.#tell();
        }
    }

    // The slider's thumb is the cursor of those without a mouse.
    #point(index) {
        for (const { plot } of this.#strips) {
            const left = index == null ? -10 : plot.valToPos(this.target.times[index], "x");
            plot.setCursor({ left, top: 10 }, false);
        }
        this.pointAt(index);
    }

    #tell() {
        this.#strips.forEach((strip) => strip.tell(this.#index));
        const time = this.target.times[this.#index ?? this.target.times.length - 1];
        const text = time == null ? "" : format.moment(time);
        setText(find("readout"), this.#index == null ? "" : text);
        this.slider.setAttribute("aria-valuetext", `${text}. ${this.#spoken()}`);
    }

    #spoken() {
        const values = this.#strips.map(({ legend }) =>
            [...legend.children].map((item) => `${item.textContent}`.trim()).join(", "),
        );
        return values.join("; ");
    }

    // While the daemon had watched for less than the threshold, it could not prove any goroutine's age.
    markUnproven(plot) {
        if (this.target.runtime !== "go") {
            return;
        }
        const { left, top, width, height } = plot.bbox;
        const at = (time) => Math.min(left + width, Math.max(left, plot.valToPos(time, "x", true)));
        const from = at(this.target.since);
        const to = at(this.target.since + this.threshold);
        const text = "goroutines' ages not proven yet";
        plot.ctx.save();
        plot.ctx.textAlign = "left";
        plot.ctx.textBaseline = "top";
        plot.ctx.fillStyle = `${cssColor("--muted")}16`;
        plot.ctx.fillRect(from, top, to - from, height);
        plot.ctx.fillStyle = cssColor("--muted");
        if (plot.ctx.measureText(text).width + 2 * TEXT_GAP < to - from) {
            plot.ctx.fillText(text, from + TEXT_GAP, top + TEXT_GAP);
        }
        plot.ctx.restore();
    }

    // Where the target ended.
    markEnd(plot) {
        if (this.target.ended == null) {
            return;
        }
        const x = Math.round(plot.valToPos(this.target.ended, "x", true));
        const { left, top, width, height } = plot.bbox;
        if (x < left || x > left + width) {
            return;
        }
        plot.ctx.save();
        plot.ctx.strokeStyle = cssColor("--bad");
        plot.ctx.setLineDash([4, 4]);
        plot.ctx.beginPath();
        plot.ctx.moveTo(x, top);
        plot.ctx.lineTo(x, top + height);
        plot.ctx.stroke();
        plot.ctx.restore();
    }
}
