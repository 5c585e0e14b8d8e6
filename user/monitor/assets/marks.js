// SPDX-License-Identifier: Apache-2.0
// What is drawn over a plot's points: times that have a meaning of their own.

import { cssColor } from "./theme.js";

const TEXT_GAP = 8; // around text in a plot, pixels

// While the daemon had watched for less than the threshold, no goroutine's age was proven.
export function markUnproven(plot, target, threshold) {
    if (target.runtime !== "go") {
        return;
    }
    const { left, top, width, height } = plot.bbox;
    const at = (time) => Math.min(left + width, Math.max(left, plot.valToPos(time, "x", true)));
    const from = at(target.since);
    const to = at(target.since + threshold);
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
export function markEnd(plot, target) {
    if (target.ended == null) {
        return;
    }
    const x = Math.round(plot.valToPos(target.ended, "x", true));
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
