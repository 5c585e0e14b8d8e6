// SPDX-License-Identifier: Apache-2.0
// Which sites get a layer of their own in the chart of waiters, and which colour: those with the
// most waiters, and one layer for all others. A site keeps its colour for as long as it has one.
// Sites that are idle by design have none.

import { siteKey } from "./history.js";

export const LAYERS_MAX = 8; // colours in the style sheet; the last one is for the others
const OWN_MAX = LAYERS_MAX - 1;

const most = (counts) => counts.reduce((a, b) => Math.max(a, b ?? 0), 0);
const now = (counts) => counts[counts.length - 1] ?? 0;

// Point by point; null where both are, which is where no scan was.
function add(counts, others) {
    return counts.map((count, i) =>
        count == null && others[i] == null ? null : (count ?? 0) + (others[i] ?? 0),
    );
}

export class Layers {
    #colors = new Map(); // site key: 0 to OWN_MAX - 1
    #layers = []; // by colour: {name, color, counts} or undefined

    // The site's colour: its number, or null.
    colorOf(group) {
        return this.#colors.get(siteKey(group)) ?? null;
    }

    update(sites) {
        const counted = sites.filter((site) => !site.idle && most(site.counts) > 0);
        const isOwn = (site) => site.kind != null;
        const ranked = counted
            .filter(isOwn)
            .sort((a, b) => now(b.counts) - now(a.counts) || most(b.counts) - most(a.counts));
        const own = ranked.slice(0, OWN_MAX);
        const others = [...ranked.slice(OWN_MAX), ...counted.filter((site) => !isOwn(site))];
        this.#assign(own);
        this.#layers = [];
        for (const site of own) {
            const color = this.#colors.get(siteKey(site));
            this.#layers[color] = {
                name: site.site,
                title: `${site.site} (${site.kind}, ${site.reason})`,
                color: `--layer-${color}`,
                counts: site.counts,
            };
        }
        if (others.length > 0) {
            this.#layers[OWN_MAX] = {
                name: "other sites",
                color: `--layer-${OWN_MAX}`,
                counts: others.map((site) => site.counts).reduce(add),
            };
        }
    }

    #assign(own) {
        const keys = own.map(siteKey);
        for (const key of this.#colors.keys()) {
            if (!keys.includes(key)) {
                this.#colors.delete(key);
            }
        }
        const taken = new Set(this.#colors.values());
        for (const key of keys.filter((one) => !this.#colors.has(one))) {
            const free = Array.from({ length: OWN_MAX }, (_, i) => i).find((i) => !taken.has(i));
            this.#colors.set(key, free);
            taken.add(free);
        }
    }

    // Those there are, the biggest one first, and the others last.
    list() {
        const own = this.#layers.slice(0, OWN_MAX).filter(Boolean);
        own.sort((a, b) => now(b.counts) - now(a.counts));
        return [...own, ...this.#layers.slice(OWN_MAX)];
    }

    // For the chart: LAYERS_MAX lines of `length`, the topmost first, each the sum of its layer and
    // those below.
    stacked(length) {
        const empty = new Array(length).fill(null);
        const lines = [];
        let below = null;
        for (let color = 0; color < LAYERS_MAX; color++) {
            const counts = this.#layers[color]?.counts;
            if (counts) {
                below = below ? add(counts, below) : counts;
            }
            lines.unshift(counts ? below : empty);
        }
        return lines;
    }
}
