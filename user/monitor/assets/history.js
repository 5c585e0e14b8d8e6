// SPDX-License-Identifier: Apache-2.0
// The points behind the charts: asked for once in full, then only what is new. The daemon bounds
// and thins what it keeps; a copy that has outgrown its last full answer is asked for anew.

import { getHistory } from "./api.js";

const OUTGROWN = 1.25;
const POINTS_MIN = 2000; // below, a copy may always grow

export const SERIES = [
    "resident_memory_bytes",
    "cgroup_memory_usage_bytes",
    "cgroup_memory_rss_bytes",
    "cpu_cores",
    "network_receive_bytes_per_second",
    "network_transmit_bytes_per_second",
    "threads",
    "goroutines",
    "parked_threads",
    "parked_goroutines",
];

// Of a site or of a group. The sums of all other sites, which have no kind, are two.
export function siteKey(site) {
    return `${site.kind ?? (site.idle ? "idle" : "busy")}\t${site.reason ?? ""}\t${site.site}`;
}

const nulls = (n) => new Array(n).fill(null);

function indexSites(sites) {
    return new Map(sites.map((site) => [siteKey(site), site]));
}

// Adds the points of `news` that are later than the last one in `old`, in place.
export function append(old, news) {
    const had = old.times.length;
    const last = had > 0 ? old.times[had - 1] : -Infinity;
    const found = news.times.findIndex((time) => time > last);
    const from = found < 0 ? news.times.length : found;
    const added = news.times.length - from;
    const fresh = indexSites(news.sites);

    old.times.push(...news.times.slice(from));
    for (const name of SERIES) {
        old[name].push(...(news[name]?.slice(from) ?? nulls(added)));
    }
    for (const site of old.sites) {
        const same = fresh.get(siteKey(site));
        site.counts.push(...(same ? same.counts.slice(from) : nulls(added)));
        fresh.delete(siteKey(site));
    }
    for (const site of fresh.values()) {
        old.sites.push({ ...site, counts: [...nulls(had), ...site.counts.slice(from)] });
    }
    old.up = news.up;
    old.ended = news.ended;
}

export class History {
    #target = null; // as the daemon gave it, with what came later
    #full = 0; // points of the last full answer
    #sites = new Map();

    interval = null; // seconds between scans
    telemetryPath = "/metrics";

    get target() {
        return this.#target;
    }

    // {times, counts} of the waiters at a group's site, or null.
    points(group) {
        const site = this.#sites.get(siteKey(group));
        return site ? { times: this.#target.times, counts: site.counts } : null;
    }

    #isOutgrown() {
        return this.#target.times.length > Math.max(POINTS_MIN, this.#full * OUTGROWN);
    }

    // Its points have the times that they had: a clock that is set back moves them.
    #isSame(news) {
        const had = this.#target;
        return (
            news.target === had.target && news.since === had.since && news.moves === had.moves
        );
    }

    // Asks for what is new of the target of this name.
    async refresh(name) {
        const had = this.#target;
        if (had?.target === name && had.times.length > 0 && !this.#isOutgrown()) {
            const answer = await getHistory(name, had.times[had.times.length - 1]);
            const news = answer.targets.find((target) => target.target === name);
            if (news && this.#isSame(news)) {
                append(had, news);
                this.#take(answer, had);
                return;
            }
        }
        const answer = await getHistory(name);
        const target = answer.targets.find((found) => found.target === name) ?? null;
        this.#full = target?.times.length ?? 0;
        this.#take(answer, target);
    }

    #take(answer, target) {
        this.interval = answer.interval_seconds;
        this.telemetryPath = answer.telemetry_path;
        this.#target = target;
        this.#sites = indexSites(target?.sites ?? []);
    }
}
