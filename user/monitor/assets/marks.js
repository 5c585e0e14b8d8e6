// SPDX-License-Identifier: Apache-2.0
// What is drawn over a plot's points: times that have a meaning of their own.

import { cssColor } from "./theme.js";

const BAND_MIN = 2; // pixels, below which a band is not seen
const TEXT_GAP = 8; // beside text in a plot, pixels
const TEXT_RIM = 3; // of the ground, around text that stands on something

// While the daemon had watched for less than the threshold, no goroutine's age was proven.
export function markUnproven(plot, target, threshold) {
    if (target.runtime !== "go") {
        return;
    }
    const { left, top, width, height } = plot.bbox;
    const at = (time) => Math.min(left + width, Math.max(left, plot.valToPos(time, "x", true)));
    const from = at(target.since);
    const to = at(target.since + threshold);
    if (to - from < BAND_MIN) {
        return;
    }
    plot.ctx.save();
    plot.ctx.fillStyle = `${cssColor("--muted")}16`;
    plot.ctx.fillRect(from, top, to - from, height);
    label(plot, "goroutines' ages not proven yet", from, to);
    plot.ctx.restore();
}

// In the band; or beside a narrow one, above what is drawn there.
function label({ ctx, bbox }, text, from, to) {
    const isInside = ctx.measureText(text).width + 2 * TEXT_GAP < to - from;
    const x = (isInside ? from : to) + TEXT_GAP;
    const shown = isInside ? text : `← ${text}`;
    ctx.textAlign = "left";
    ctx.textBaseline = "top";
    ctx.lineJoin = "round";
    ctx.lineWidth = 2 * TEXT_RIM;
    ctx.strokeStyle = cssColor("--panel");
    ctx.fillStyle = cssColor("--muted");
    if (!isInside) {
        ctx.strokeText(shown, x, bbox.top + TEXT_RIM);
    }
    ctx.fillText(shown, x, bbox.top + TEXT_RIM);
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
