// SPDX-License-Identifier: Apache-2.0
// The page: asks the daemon at each scan, and gives what it says to the parts. What a person
// chooses goes into the URL's fragment and comes back from there, so each part has one source.

import { getReport } from "./api.js";
import { Charts } from "./charts.js";
import { find, make, setText } from "./dom.js";
import { Flame } from "./flame.js";
import * as format from "./format.js";
import { Groups, matches, NO_MATCH, nobody, words } from "./groups.js";
import { compose, parse } from "./hash.js";
import { History } from "./history.js";
import { Notices } from "./notices.js";
import { Chooser, Summary } from "./summary.js";

const INTERVAL = 5; // seconds, until the daemon has told its own
const RETRY = 2; // seconds, while the daemon does not answer
const PATIENT = 10; // times what an answer took: the least pause before the next question
const LATE = 3; // pauses without an answer, until the page says that it waits
const TYPING = 100; // milliseconds without a key, until the filter is applied
const KINDS = [
    ["", "All"],
    ["goroutine", "Goroutines"],
    ["thread", "Threads"],
];
const VIEWS = ["table", "flame"];

const now = () => Date.now() / 1000;

class Page {
    #choice = parse(location.hash);
    #report = null;
    #history = new History();
    #reachedAt = null; // when the daemon answered last
    #goneSince = null; // when it first did not
    #took = 0; // seconds that the last answer took
    #timer = null;
    #typing = null;
    #isAsking = false;
    #shownStack = ""; // the open group that was scrolled to

    constructor() {
        this.charts = new Charts((seconds) =>
            this.choose({ range: seconds == null ? "" : String(seconds) }),
        );
        this.groups = new Groups({
            choose: (changes) => this.choose(changes),
            colorOf: (group) => this.charts.layers.colorOf(group),
            pointsOf: (group) => (this.#ofTarget() ? this.#history.points(group) : null),
            linkTo: (group) => this.link({ stack: group.stack_id }),
        });
        this.flame = new Flame((name) => this.choose({ q: name, view: "table" }));
        this.notices = new Notices({
            linkTo: (member) =>
                this.link({ stack: member.stack_id, q: "", kind: "", view: "table" }),
        });
        this.summary = new Summary();
        this.chooser = new Chooser((target) => this.choose({ target, stack: "" }));
        this.#buildTools();
        this.#fillFilter();
        addEventListener("hashchange", () => this.#takeHash());
        document.addEventListener("visibilitychange", () => this.#wake());
        this.#show();
        this.#poll();
        setInterval(() => this.#showStatus(), 1000);
    }

    #buildTools() {
        this.kinds = KINDS.map(([kind, name]) => {
            const button = make(
                "button",
                { type: "button", onclick: () => this.choose({ kind }) },
                name,
            );
            return { kind, button };
        });
        find("kinds").append(...this.kinds.map(({ button }) => button));
        for (const view of VIEWS) {
            find(`tab-${view}`).addEventListener("click", () => this.choose({ view }));
            find(`tab-${view}`).addEventListener("keydown", (event) => this.#tabKey(event, view));
        }
        find("filter").addEventListener("input", () => this.#typed());
        find("filter").addEventListener("keydown", (event) => {
            if (event.key === "Escape" && event.target.value !== "") {
                event.preventDefault();
                this.choose({ q: "" });
            }
        });
        find("skip").addEventListener("click", (event) => {
            event.preventDefault(); // the fragment is the page's own
            find("groups-heading").focus();
        });
    }

    // Not at each key: among many groups a look takes a moment.
    #typed() {
        clearTimeout(this.#typing);
        this.#typing = setTimeout(() => this.choose({ q: find("filter").value }), TYPING);
    }

    #tabKey(event, view) {
        if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
            const other = VIEWS.find((one) => one !== view);
            this.choose({ view: other });
            find(`tab-${other}`).focus();
        }
    }

    link(changes) {
        return `#${compose({ ...this.#choice, target: this.#target()?.target ?? "", ...changes })}`;
    }

    // A person chose: the fragment says so, without a new entry in the browser's history.
    choose(changes) {
        clearTimeout(this.#typing);
        this.#choice = { ...this.#choice, ...changes };
        this.#shownStack = this.#choice.stack;
        this.#fillFilter();
        const fragment = compose(this.#choice);
        history.replaceState(
            null,
            "",
            fragment ? `#${fragment}` : location.pathname + location.search,
        );
        this.#show();
        if (changes.target != null) {
            this.#poll();
        }
    }

    // Not with each scan: somebody may be typing.
    #fillFilter() {
        if (find("filter").value !== this.#choice.q) {
            find("filter").value = this.#choice.q;
        }
    }

    // Somebody followed a link.
    #takeHash() {
        const before = this.#choice.target;
        this.#choice = parse(location.hash);
        this.#shownStack = "";
        this.#fillFilter();
        this.#show();
        if (this.#choice.target !== before) {
            this.#poll();
        }
    }

    // The chosen target, or the first one.
    #target() {
        const targets = this.#report?.targets ?? [];
        return (
            targets.find((target) => target.target === this.#choice.target) ?? targets[0] ?? null
        );
    }

    async #poll() {
        clearTimeout(this.#timer);
        if (this.#isAsking) {
            return; // what it brings is asked for again at once, if it is of another target
        }
        this.#isAsking = true;
        const started = now();
        try {
            this.#report = await getReport();
            this.#reachedAt = now();
            this.#goneSince = null;
            await this.#refreshHistory();
        } catch (error) {
            this.#goneSince ??= now();
            console.info(`parkwatch: ${error.message}`);
        }
        this.#isAsking = false;
        this.#took = now() - started;
        this.#show();
        this.#schedule();
    }

    async #refreshHistory() {
        const target = this.#target();
        if (target) {
            await this.#history.refresh(target.target);
        }
    }

    // Seconds between two questions while all is well.
    #pause() {
        return Math.max(this.#history.interval ?? INTERVAL, this.#took * PATIENT);
    }

    #schedule() {
        clearTimeout(this.#timer);
        if (document.hidden) {
            return; // #wake() goes on
        }
        const isOther =
            this.#target() &&
            this.#history.target &&
            this.#history.target.target !== this.#target().target;
        const pause = isOther ? 0 : this.#goneSince != null ? RETRY : this.#pause();
        this.#timer = setTimeout(() => this.#poll(), pause * 1000);
    }

    #wake() {
        if (document.hidden) {
            clearTimeout(this.#timer);
        } else {
            this.#poll();
        }
        this.#showStatus();
    }

    #show() {
        const target = this.#target();
        this.#showTools();
        this.#showStatus();
        this.notices.update({
            target,
            choice: this.#choice,
            ended: this.#ofTarget()?.ended ?? null,
            goneSince: this.#goneSince,
            reachedAt: this.#reachedAt,
        });
        if (target) {
            this.#showTarget(target);
        }
    }

    // The points, once they are those of the target that is shown.
    #ofTarget() {
        const points = this.#history.target;
        return points && points.target === this.#target()?.target ? points : null;
    }

    #showTarget(target) {
        const choice = this.#choice;
        document.title = `${target.target} · parkwatch`;
        this.chooser.update(this.#report.targets, target.target);
        this.summary.update(target, this.#report.threshold_seconds);
        this.charts.update(this.#ofTarget(), this.#report.threshold_seconds);
        const ofKind = target.groups.filter(
            (group) => choice.kind === "" || group.kind === choice.kind,
        );
        const wanted = words(choice.q);
        const found = ofKind.filter((group) => matches(group, wanted));
        const none = nobody(target, this.#report.threshold_seconds);
        this.groups.update(found, choice, target.groups, none);
        if (choice.view === "flame") {
            const drawn = ofKind.filter((group) => !group.idle || choice.idle === "1");
            this.flame.update(drawn, wanted, target.exe, choice.kind === "" ? none : NO_MATCH);
        }
        this.#openStack(target);
        this.#linkData(target);
    }

    #linkData(target) {
        const query = new URLSearchParams({ target: target.target, debug: "1" });
        find("link-metrics").href = this.#history.telemetryPath.replace(/^\//, "");
        find("link-goroutines").href = `debug/pprof/goroutine?${query}`;
        find("link-threads").href = `debug/pprof/threads?${query}`;
        find("link-goroutines").hidden = !target.goroutines;
    }

    // Follows a link to a group, once it is there: it may be idle, and thus hidden.
    #openStack(target) {
        const { stack, idle } = this.#choice;
        if (stack === "" || stack === this.#shownStack) {
            return;
        }
        const group = target.groups.find((one) => one.stack_id === stack);
        if (!group) {
            return; // a notice tells
        }
        this.#shownStack = stack;
        if (group.idle && !idle) {
            this.choose({ idle: "1" });
        }
        this.groups.focusOpen();
    }

    #showTools() {
        const choice = this.#choice;
        for (const { kind, button } of this.kinds) {
            button.setAttribute("aria-pressed", String(kind === choice.kind));
        }
        for (const view of VIEWS) {
            const isChosen = view === choice.view;
            find(`tab-${view}`).setAttribute("aria-selected", String(isChosen));
            find(`tab-${view}`).tabIndex = isChosen ? 0 : -1;
            find(`view-${view}`).hidden = !isChosen;
        }
        const range = choice.range === "" ? null : Number(choice.range);
        if (range !== this.charts.range) {
            this.charts.setRange(range);
        }
    }

    #showStatus() {
        const status = find("status");
        if (this.#reachedAt == null) {
            setText(status, this.#goneSince == null ? "Connecting…" : "No answer");
        } else if (this.#goneSince != null) {
            setText(status, `No answer · data of ${format.moment(this.#reachedAt)}`);
        } else if (now() - this.#reachedAt > this.#pause() * LATE) {
            setText(status, `Waiting · data of ${format.moment(this.#reachedAt)}`);
        } else {
            setText(status, `Live · every ${format.exact(this.#history.interval ?? INTERVAL)}`);
        }
        status.classList.toggle("bad", this.#goneSince != null);
        status.classList.toggle("live", this.#reachedAt != null && this.#goneSince == null);
        setText(find("version"), this.#report ? `parkwatch ${this.#report.parkwatch}` : "");
    }
}

new Page();
