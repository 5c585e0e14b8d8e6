// SPDX-License-Identifier: Apache-2.0
// One group, opened: its whole stack, and every claim about its waiters. The stack is made once;
// what changes with a scan is renewed beside it, so a selection in the stack stays.

import { make, setText } from "./dom.js";
import * as format from "./format.js";
import { waitLines } from "./waits.js";

const IDS_SHOWN = 12;

// "59 s" where both bounds read so; else the estimate, and the bounds that there are.
function bounded(estimate, least, most) {
    const [about, low, high] = [estimate, least, most].map(format.duration);
    if (low === high) {
        return low;
    }
    return most == null
        ? `${about} (at least ${low})`
        : `${about} (at least ${low}, at most ${high})`;
}

// "300 goroutines: 18, 19, 20, …": goids or TIDs, as far as the daemon lists them.
function waitersText(group) {
    const text = format.counted(group.count, group.kind);
    const ids = (group.ids ?? []).slice(0, IDS_SHOWN);
    if (ids.length === 0) {
        return text;
    }
    return `${text}: ${ids.join(", ")}${ids.length < group.count ? ", …" : ""}`;
}

// The frame that the site names: where to look first.
function siteIndex(group) {
    const [name, place] = format.splitSite(group.site);
    return group.frames.findIndex(
        (frame) =>
            format.frameName(frame) === name &&
            (place === "" || format.framePlace(frame) === place),
    );
}

function frameItem(frame, isSite) {
    const where = [
        frame.file && `${frame.file}${frame.line ? `:${frame.line}` : ""}`,
        frame.module,
        frame.address,
    ];
    return make(
        "li",
        { class: isSite ? "frame frame-site" : "frame", title: where.filter(Boolean).join("\n") },
        make("span", { class: "function" }, format.frameName(frame)),
        make("span", { class: "place" }, format.framePlace(frame)),
        frame.inlined ? make("span", { class: "tag" }, "inlined") : null,
    );
}

function creatorLine(creator) {
    if (!creator) {
        return null;
    }
    return make(
        "p",
        { class: "creator" },
        "created by ",
        make("span", { class: "function" }, creator.function ?? "an unknown function"),
        make(
            "span",
            { class: "place" },
            creator.file ? `${format.basename(creator.file)}:${creator.line ?? "?"}` : "",
        ),
    );
}

function growthText(group) {
    const growth = group.growth;
    if (!growth) {
        return "not observed";
    }
    const seen = `${format.count(growth.first_count)} at first, ${format.count(group.count)} now`;
    const [least, most] = [growth.min_count, growth.max_count].map(format.count);
    const bounds = `between ${least} and ${most}`;
    const time = `within ${format.duration(growth.observed_seconds)}`;
    if (growth.min_count === growth.max_count) {
        return `none ${time}`;
    }
    return `${seen}; ${bounds} ${time}${growth.growing ? "; only ever grew" : ""}`;
}

function labelText(labels) {
    return Object.entries(labels ?? {})
        .map(([key, value]) => `${key}=${value}`)
        .join(", ");
}

function facts(group) {
    const each = group.count > 0 ? ` (${format.bytes(group.memory_bytes / group.count)} each)` : "";
    return [
        ["Waiters", waitersText(group)],
        [
            "Oldest",
            bounded(
                group.oldest_seconds,
                group.oldest_seconds_at_least,
                group.oldest_seconds_at_most,
            ),
        ],
        ["Newest", format.duration(group.newest_seconds)],
        ["Waits on", waitLines(group)],
        ["Growth", growthText(group)],
        ["Stack memory", `${format.bytes(group.memory_bytes)}${each}`],
        [
            "Timed out and waited again",
            group.rewaits ? `${format.counted(group.rewaits, "time")}, counted as one wait` : "",
        ],
        ["Idle by design", group.idle ? `yes, by the rule “${group.idle_rule}”` : "no"],
        ["Labels", labelText(group.labels)],
    ].filter(([, value]) => value !== "");
}

function factNodes(group) {
    return facts(group).flatMap(([name, value]) => [
        make("dt", {}, name),
        ...(Array.isArray(value) ? value : [value]).map((text) => make("dd", {}, text)),
    ]);
}

// An opened group. update() fills in what a scan, or another target, can change.
export class Detail {
    #facts = make("dl", { class: "facts" });
    #link = make("a", {}, "Link to this stack");
    #told = "";

    constructor(group) {
        const site = siteIndex(group);
        this.node = make(
            "div",
            { class: "detail" },
            make(
                "section",
                { class: "stack", "aria-label": "Stack, innermost frame first" },
                make("h3", {}, "Stack, innermost first"),
                make("ol", {}, ...group.frames.map((frame, i) => frameItem(frame, i === site))),
                creatorLine(group.created_by),
            ),
            make(
                "section",
                { class: "claims", "aria-label": "What is known of the waiters" },
                make("h3", {}, "What is known"),
                this.#facts,
                make("p", { class: "link" }, this.#link, " ", make("code", {}, group.stack_id)),
            ),
        );
    }

    // `link`: a URL that opens this group of this target.
    update(group, link) {
        this.#link.href = link;
        const told = JSON.stringify(facts(group));
        if (told !== this.#told) {
            this.#told = told;
            this.#renew(factNodes(group));
        }
    }

    // Node by node: what stays the same is not touched.
    #renew(nodes) {
        const old = [...this.#facts.children];
        const isSameShape =
            old.length === nodes.length &&
            old.every((node, i) => node.tagName === nodes[i].tagName);
        if (!isSameShape) {
            this.#facts.replaceChildren(...nodes);
            return;
        }
        old.forEach((node, i) => setText(node, nodes[i].textContent));
    }
}
