// SPDX-License-Identifier: Apache-2.0
// The incident as one picture: memory, CPU, network and parked waiters as strips over one another,
// on one time axis, with one cursor and one zoom.

import { find, make, setText } from "./dom.js";
import * as format from "./format.js";
import { Layers } from "./layers.js";
import { last, Strip } from "./strip.js";
import { STRIPS } from "./strips.js";

const WINDOW_MIN = 60; // seconds, so that the first points are not stretched
const SHARED_TIMES = 4; // a cgroup that uses so many times the process' memory is not its own
const RANGES = [
    ["5 min", 300],
    ["15 min", 900],
    ["1 h", 3600],
    ["6 h", 21600],
    ["All", null],
];

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
            onkeydown: (event) => event.key === "Escape" && this.reset(),
        });
        this.empty = make("p", { class: "empty" }, "No points yet.");
        find("charts").append(this.empty, ...this.#strips.map((strip) => strip.node), this.slider);
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
            { type: "button", class: "back", hidden: true, onclick: () => this.reset() },
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
        const to = Math.max(times[times.length - 1], this.target.ended ?? 0);
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
        find("charts").classList.toggle("blank", !target); // not with another target's points
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

    reset() {
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
        if (!this.target) {
            return;
        }
        this.#strips.forEach((strip) => strip.tell(this.#index));
        const time = this.target.times[this.#index ?? this.target.times.length - 1];
        const text = time == null ? "" : format.moment(time);
        setText(find("readout"), this.#index == null ? "" : text);
        this.slider.value = String(this.#index ?? this.slider.max);
        this.slider.setAttribute("aria-valuetext", `${text}. ${this.#spoken()}`);
    }

    #spoken() {
        const values = this.#strips.map(({ legend }) =>
            [...legend.children].map((item) => `${item.textContent}`.trim()).join(", "),
        );
        return values.join("; ");
    }
}
