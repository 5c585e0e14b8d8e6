// SPDX-License-Identifier: Apache-2.0
// Which charts there are, from top to bottom, and what they show. `of` names a series of the
// history; `least` is the highest value of an axis at least, so that noise around nothing stays flat.

import * as format from "./format.js";

// Round steps of bytes are powers of two.
function byteSteps() {
    const steps = [];
    for (let step = 1; step < 2 ** 50; step *= 2) {
        steps.push(step);
    }
    return steps;
}

export const STRIPS = [
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
        stacked: true, // layers by site
        hasTime: true, // the axis that all share
    },
];
