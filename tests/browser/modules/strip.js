// SPDX-License-Identifier: Apache-2.0
// Whatever the highest value is, the axis names two above zero at least, and four at most.

const { STRIPS } = await import("/assets/strips.js");

// The values above zero at which a strip has labels.
async function labelled(spec, value) {
    const target = { times: [1, 2], ended: null, runtime: "native", since: 1 };
    for (const { of } of spec.lines ?? []) {
        target[of] = [value, value];
    }
    const layers = { stacked: () => Array.from({ length: 8 }, () => [value, value]) };
    const pointAt = () => {};
    const strip = new m.Strip(spec, { target, layers, pointAt, window: () => target.times });
    document.body.append(strip.node);
    strip.build(900);
    await new Promise((resolve) => requestAnimationFrame(resolve));
    const { max } = strip.plot.scales.y;
    const ticks = strip.plot.axes[1]._splits.filter((tick) => tick > 0 && tick <= max);
    strip.plot.destroy();
    strip.node.remove();
    return ticks.length;
}

for (const spec of STRIPS) {
    for (let value = spec.least; value < spec.least * 40; value *= 1.17) {
        const n = await labelled(spec, value);
        same([spec.id, value, n >= 2 && n <= 4], [spec.id, value, true]);
    }
}
