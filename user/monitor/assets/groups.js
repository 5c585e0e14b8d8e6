// SPDX-License-Identifier: Apache-2.0
// The table of groups: filter, order, rows that open. Groups that are idle by design come last,
// behind a row that shows or hides them. The number of rows in the document is bounded.

import { Detail } from "./detail.js";
import { announce, arrange, find, make, setText } from "./dom.js";
import * as format from "./format.js";
import { drawSparkline, sparkline } from "./sparkline.js";

export const NO_MATCH = "No stack matches.";

const ROWS_FIRST = 200;
const ROWS_MORE = 500;

const growthOf = (group) => group.count - (group.growth?.first_count ?? group.count);

const COLUMNS = [
    { id: "site", title: "Parked at", value: (group) => group.site.toLowerCase(), up: true },
    { id: "count", title: "Waiters", value: (group) => group.count, number: true },
    { id: "growth", title: "Trend", value: growthOf, name: "trend" },
    { id: "oldest", title: "Oldest", value: (group) => group.oldest_seconds, number: true },
    {
        id: "memory",
        title: "Stack memory",
        value: (group) => group.memory_bytes,
        number: true,
        wide: true,
    },
    { id: "kind", title: "Kind", value: (group) => group.kind, up: true, wide: true },
    { id: "reason", title: "Reason", value: (group) => group.reason, up: true, name: "reason" },
];

// Why nobody is shown, where no filter is the reason.
export function nobody(target, threshold) {
    if (!target.up) {
        return "Who was parked when it ended is known no more.";
    }
    if (target.goroutines && target.observed_seconds < threshold) {
        const time = format.exact(threshold);
        return `Not proven yet: goroutines count once they were seen parked for ${time}.`;
    }
    return target.groups.length > 0
        ? "Whoever is parked is idle by design."
        : "Nobody is parked past the threshold.";
}

// The filter's words, for matches().
export function words(text) {
    const escaped = text.split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    return escaped.filter(Boolean).map((word) => new RegExp(word, "i"));
}

function isInFrame(word, frame) {
    return (
        word.test(format.frameName(frame)) ||
        word.test(format.framePlace(frame)) ||
        word.test(frame.file ?? "")
    );
}

function isInGroup(word, group) {
    return (
        [group.site, group.reason, group.stack_id, group.idle_rule ?? ""].some((text) =>
            word.test(text),
        ) ||
        word.test(group.created_by?.function ?? "") ||
        Object.entries(group.labels ?? {}).some((label) => word.test(label.join("="))) ||
        group.frames.some((frame) => isInFrame(word, frame))
    );
}

// All words have to occur somewhere in the group.
export function matches(group, words) {
    return words.every((word) => isInGroup(word, group));
}

export function sortGroups(groups, sort, dir) {
    const { value } = COLUMNS.find((column) => column.id === sort);
    const sign = dir === "asc" ? 1 : -1;
    const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    return groups.toSorted(
        (a, b) =>
            sign * compare(value(a), value(b)) ||
            b.count - a.count ||
            compare(a.stack_id, b.stack_id),
    );
}

// "3 stacks, 9 more idle by design", or "1 of 3 stacks, 0 of 9 idle by design".
function stacksText(found, all, isFiltered) {
    const isIdle = (group) => group.idle;
    const [idle, idleFound] = [all, found].map((groups) => groups.filter(isIdle).length);
    const [busy, busyFound] = [all.length - idle, found.length - idleFound];
    const part = (count, text) => (isFiltered ? `${format.count(count)} of ${text}` : text);
    const stacks = part(busyFound, format.counted(busy, "stack"));
    const more = isFiltered ? "" : " more";
    return idle === 0
        ? stacks
        : `${stacks}, ${part(idleFound, format.count(idle))}${more} idle by design`;
}

// "steady", "−3 in 2 min", "↗ +11,082 in 59 s" of a group that never shrank.
export function trendText(group) {
    const { growth } = group;
    const change = growthOf(group);
    if (!growth || growth.min_count === growth.max_count) {
        return "steady";
    }
    const sign = change > 0 ? "+" : change < 0 ? "−" : "±";
    const arrow = growth.growing ? "↗ " : ""; // not by its colour alone
    const time = format.duration(growth.observed_seconds);
    return `${arrow}${sign}${format.count(Math.abs(change))} in ${time}`;
}

// One group's row, and the row under it when it is open.
class Row {
    #detail = null;

    constructor(group, table) {
        this.table = table;
        this.swatch = make("span", { class: "swatch", "aria-hidden": "true" });
        this.name = make("span", { class: "function" });
        this.place = make("span", { class: "place" });
        this.why = make("span", { class: "narrow" }); // what has no column on a narrow screen
        this.button = make(
            "button",
            {
                type: "button",
                class: "opener",
                "aria-expanded": "false",
                id: `group-${group.stack_id}`,
            },
            this.swatch,
            make("span", { class: "names" }, this.name, " ", this.place, " ", this.why),
        );
        this.spark = sparkline();
        this.trend = make("span", { class: "trend-text" });
        this.tag = make("span", { class: "tag", hidden: true }, "idle");
        this.reason = make("span", {});
        this.cells = {
            site: make("th", { scope: "row", class: "site" }, this.button),
            count: make("td", { class: "number count" }),
            growth: make("td", { class: "trend" }, this.spark, this.trend),
            oldest: make("td", { class: "number" }),
            memory: make("td", { class: "number wide" }),
            kind: make("td", { class: "kind wide" }),
            reason: make("td", { class: "reason" }, this.reason, this.tag),
        };
        this.node = make(
            "tr",
            { class: "group", onclick: (event) => this.#click(event) },
            ...Object.values(this.cells),
        );
        this.under = make("tr", { class: "under" }, make("td", { colspan: COLUMNS.length }));
        this.id = group.stack_id;
    }

    // A click anywhere in the row opens it, but not the end of a selection.
    #click(event) {
        if (event.target.closest("button") || getSelection().isCollapsed) {
            this.table.toggle(this.id);
        }
    }

    update(group, isOpen) {
        const [name, place] = format.splitSite(group.site);
        const color = this.table.colorOf(group);
        const trend = trendText(group);
        setText(this.name, name);
        setText(this.place, place);
        this.swatch.className = `swatch ${color == null ? "c-none" : `c-layer-${color}`}`;
        setText(this.cells.count, format.count(group.count));
        drawSparkline(this.spark, this.table.pointsOf(group));
        setText(this.trend, trend);
        this.cells.growth.classList.toggle("growing", group.growth?.growing === true);
        this.cells.growth.title = group.growth?.growing
            ? "Only ever grew while it was watched"
            : "";
        setText(this.cells.oldest, format.duration(group.oldest_seconds));
        setText(this.cells.memory, format.bytes(group.memory_bytes));
        setText(this.cells.kind, group.kind);
        setText(this.reason, group.reason);
        setText(this.why, [group.reason, trend].join(" · "));
        this.tag.hidden = !group.idle;
        this.tag.title = group.idle_rule ?? "";
        this.node.classList.toggle("idle", group.idle);
        this.#open(group, isOpen);
    }

    #open(group, isOpen) {
        this.button.setAttribute("aria-expanded", String(isOpen));
        this.node.classList.toggle("open", isOpen);
        if (!isOpen) {
            this.#detail = null;
            this.under.firstChild.replaceChildren();
            this.button.removeAttribute("aria-controls");
            return;
        }
        if (!this.#detail) {
            this.#detail = new Detail(group);
            this.#detail.node.id = `detail-${this.id}`;
            this.button.setAttribute("aria-controls", `detail-${this.id}`);
            this.under.firstChild.replaceChildren(this.#detail.node);
        }
        this.#detail.update(group, this.table.linkTo(group));
    }
}

export class Groups {
    #rows = new Map(); // stack id: Row
    #shown = ROWS_FIRST;
    #asked = "\n"; // what the last announcement was about
    #choice = null;

    // `actions`: choose(changes) for what a person chooses; colorOf(group), pointsOf(group),
    // linkTo(group).
    constructor(actions) {
        this.actions = actions;
        this.colorOf = actions.colorOf;
        this.pointsOf = actions.pointsOf;
        this.linkTo = actions.linkTo;
        this.body = make("tbody", {});
        this.idleBody = make("tbody", { class: "idle-body" });
        this.heads = COLUMNS.map((column) => this.#head(column));
        this.idleButton = make("button", {
            type: "button",
            class: "idle-switch",
            onclick: () => actions.choose({ idle: this.#choice.idle ? "" : "1" }),
        });
        this.idleRow = make(
            "tr",
            { class: "idle-head" },
            make("td", { colspan: COLUMNS.length }, this.idleButton),
        );
        this.more = make("button", {
            type: "button",
            class: "more",
            onclick: () => this.#showMore(),
        });
        this.empty = make("td", { class: "empty", colspan: COLUMNS.length });
        this.emptyRow = make("tr", {}, this.empty);
        const caption = make(
            "caption",
            { class: "hidden" },
            "Waiters, by the stack that they share",
        );
        const head = make("thead", {}, make("tr", {}, ...this.heads.map(({ node }) => node)));
        this.table = make(
            "table",
            { onkeydown: (event) => this.#key(event) },
            caption,
            head,
            this.body,
            this.idleBody,
        );
        find("view-table").append(this.table, this.more);
    }

    #head(column) {
        const button = make(
            "button",
            { type: "button", onclick: () => this.#sortBy(column) },
            column.title,
        );
        const names = [column.number && "number", column.wide && "wide", column.name]
            .filter(Boolean)
            .join(" ");
        return {
            column,
            node: make("th", { scope: "col", class: names, "data-sort": column.id }, button),
        };
    }

    // The same column again turns the order around.
    #sortBy(column) {
        const first = column.up ? "asc" : "desc";
        const other = first === "asc" ? "desc" : "asc";
        const isSame = this.#choice.sort === column.id;
        this.actions.choose({
            sort: column.id,
            dir: isSame && this.#choice.dir === first ? other : first,
        });
    }

    #showMore() {
        this.#shown += ROWS_MORE;
        this.again();
    }

    toggle(id) {
        this.actions.choose({ stack: this.#choice.stack === id ? "" : id });
    }

    // Arrows go from row to row; Escape closes the open one.
    #key(event) {
        const openers = [...this.table.querySelectorAll(".opener")];
        const at = openers.indexOf(document.activeElement);
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (step && at >= 0) {
            event.preventDefault();
            openers[at + step]?.focus();
        } else if (event.key === "Home" && at >= 0) {
            event.preventDefault();
            openers[0].focus();
        } else if (event.key === "End" && at >= 0) {
            event.preventDefault();
            openers[openers.length - 1].focus();
        } else if (event.key === "Escape" && this.#choice.stack) {
            this.#rows.get(this.#choice.stack)?.button.focus();
            this.actions.choose({ stack: "" });
        }
    }

    // Takes the groups that pass the filter, and all; `choice` as hash.js has it; `none`: why there
    // is nothing to show, where that is so without a filter.
    update(groups, choice, all, none) {
        const sorted = sortGroups(groups, choice.sort, choice.dir);
        const busy = sorted.filter((group) => !group.idle);
        const idle = sorted.filter((group) => group.idle);
        const busyShown = this.#bounded(busy, choice.stack, this.#shown);
        const idleShown = choice.idle
            ? this.#bounded(idle, choice.stack, this.#shown - busyShown.length)
            : [];
        this.again = () => this.update(groups, this.#choice, all, none);
        this.#choice = choice;
        this.#markSorted(choice);
        this.#forget([...busyShown, ...idleShown]);
        arrange(
            this.body,
            busy.length > 0 ? busyShown.flatMap((group) => this.#nodes(group)) : [this.emptyRow],
        );
        arrange(this.idleBody, this.#idleNodes(idle, idleShown));
        this.#tell(groups, choice, all, none);
        const left =
            busy.length - busyShown.length + (choice.idle ? idle.length - idleShown.length : 0);
        this.more.hidden = left === 0;
        setText(
            this.more,
            `Show ${format.count(Math.min(left, ROWS_MORE))} more of ${format.count(left)}`,
        );
    }

    // The first so many, and the open one wherever it is: a link to it must show it.
    #bounded(groups, open, limit) {
        const first = groups.slice(0, Math.max(0, limit));
        const at = groups.findIndex((group) => group.stack_id === open);
        return at >= first.length ? [...first, groups[at]] : first;
    }

    #nodes(group) {
        let row = this.#rows.get(group.stack_id);
        const isOpen = group.stack_id === this.#choice.stack;
        if (!row) {
            row = new Row(group, this);
            this.#rows.set(group.stack_id, row);
        }
        row.update(group, isOpen);
        return isOpen ? [row.node, row.under] : [row.node];
    }

    #idleNodes(idle, shown) {
        if (idle.length === 0) {
            return [];
        }
        const waiters = idle.reduce((sum, group) => sum + group.count, 0);
        const stacks = format.counted(idle.length, "stack");
        setText(
            this.idleButton,
            `${format.counted(waiters, "waiter")} in ${stacks} idle by design`,
        );
        this.idleButton.setAttribute("aria-expanded", String(this.#choice.idle === "1"));
        return [this.idleRow, ...shown.flatMap((group) => this.#nodes(group))];
    }

    #markSorted({ sort, dir }) {
        for (const { column, node } of this.heads) {
            const order = dir === "asc" ? "ascending" : "descending";
            node.setAttribute("aria-sort", column.id === sort ? order : "none");
        }
    }

    #forget(groups) {
        const kept = new Set(groups.map((group) => group.stack_id));
        for (const id of this.#rows.keys()) {
            if (!kept.has(id)) {
                this.#rows.delete(id);
            }
        }
    }

    #tell(groups, choice, all, none) {
        const isFiltered = choice.q !== "" || choice.kind !== "";
        const text = stacksText(groups, all, isFiltered);
        setText(find("matches"), text);
        setText(this.empty, isFiltered ? NO_MATCH : none);
        const asked = `${choice.q}\n${choice.kind}`;
        if (asked !== this.#asked) {
            this.#asked = asked;
            announce(text);
        }
    }

    // Brings the open group into sight and gives it the focus.
    focusOpen() {
        const row = this.#rows.get(this.#choice.stack);
        row?.node.scrollIntoView({ block: "start" });
        row?.button.focus({ preventScroll: true });
    }
}
