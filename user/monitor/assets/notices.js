// SPDX-License-Identifier: Apache-2.0
// What a person has to know before they believe the rest: deadlocks, a target that ended, a daemon
// that does not answer, and what was lost.

import { announce, arrange, find, make } from "./dom.js";
import * as format from "./format.js";

// What the daemon's counters of losses mean for who reads the page; others are shown by name.
const LOSSES = {
    task_storage: "threads whose park could not be followed",
    bpf_missed: "runs of BPF programs that the kernel left out",
    threads_capped: "threads beyond the bound of one scan",
    thread_moved: "scans that gave up on threads which ran each time",
    goroutines_capped: "scans of more goroutines than the bound",
    goroutine_moved: "stacks of goroutines that ran while they were read",
    goroutine_unreadable: "looks at goroutines that made no sense",
    go_refused: "looks at a Go program whose goroutines could not be read",
    memory_unreadable: "reads of the target's memory that failed",
    file_unreadable: "mapped files that could not be opened",
    debug_refused: "files with debug information that could not be read",
    unwind_cut: "stacks that end before their first frame",
    frames_capped: "stacks longer than the bound",
    kernel_capped: "scans with more uninterruptible threads than the bound",
    stacks_capped: "stacks beyond the bound",
    samples_capped: "waiters beyond the bound",
    labels_capped: "goroutines shown without labels",
    labels_unreadable: "goroutines shown without labels that are too long or unreadable",
    strings_capped: "names beyond the bound",
    scan_late: "scans skipped because the one before had not ended",
    scan_failed: "scans given up because the target or its analyst failed",
    renames_capped: "changes of a name or program that are not shown",
    reader_restarts: "restarts of readers of the target",
    analyst_restarts: "restarts of the target's analyst",
    message_invalid: "messages that were refused",
    message_lost: "messages of the target's analyst for which there was no memory",
    resources_unreadable: "readings of memory, CPU or network that failed",
};

function deadlockNode(deadlock, target, actions) {
    const siteOf = (member) =>
        target.groups.find((group) => group.stack_id === member.stack_id)?.site ?? "its stack";
    const links = deadlock.members.map((member) =>
        make(
            "li",
            {},
            `thread ${member.tid} waits for ${member.address}, `,
            `held by thread ${member.owner_tid}, in `,
            make("a", { href: actions.linkTo(member) }, siteOf(member)),
        ),
    );
    const threads = format.counted(deadlock.members.length, "thread");
    const title = `Deadlock: ${threads} wait for each other and will never go on`;
    return make(
        "div",
        { class: "notice notice-bad deadlock" },
        make("h2", {}, title),
        make("ul", {}, ...links),
    );
}

function deadlockNotices(target, actions) {
    return target.deadlocks.map((deadlock) => ({
        key: `deadlock ${JSON.stringify(deadlock)}`,
        said: `Deadlock of ${format.counted(deadlock.members.length, "thread")}`,
        make: () => deadlockNode(deadlock, target, actions),
    }));
}

function simple(key, name, title, text) {
    return {
        key: `${key} ${title} ${text}`,
        said: key === "losses" ? "" : `${title}. ${text}`,
        make: () =>
            make(
                "div",
                { class: `notice ${name} ${key}` },
                make("h2", {}, title),
                make("p", {}, text),
            ),
    };
}

// A link may be older than what it leads to.
function missing(target, choice) {
    const notices = [];
    if (choice.target !== "" && choice.target !== target.target) {
        const text = `Shown is ${target.target}.`;
        notices.push(
            simple("missing", "notice-warn", `No target is called ${choice.target}`, text),
        );
    }
    const isThere = target.groups.some((group) => group.stack_id === choice.stack);
    if (choice.stack !== "" && !isThere && target.up) {
        const text =
            target.groups_left_out > 0
                ? "It may be one of those that are not listed."
                : "Whoever was parked there has gone on, or not been parked for long enough.";
        notices.push(
            simple("missing", "notice-warn", `No waiter has stack ${choice.stack} now`, text),
        );
    }
    return notices;
}

function lossText(losses) {
    const list = Object.entries(losses).map(
        ([name, count]) => `${LOSSES[name] ?? name}: ${format.count(count)}`,
    );
    return `${list.join("; ").replace(/^./, (first) => first.toUpperCase())}.`;
}

// What an answer has no room for: notices and links speak of it.
export function leftOut(target) {
    const stacks = format.counted(target.groups_left_out, "more stack");
    const waiters = format.counted(target.waiters_left_out, "waiter");
    return `${stacks} with ${waiters} had no room in the answer; parkwatch report lists them.`;
}

function listNotices(state, actions) {
    const { target, choice, ended, goneSince, reachedAt } = state;
    const notices = [];
    if (goneSince != null) {
        const text = reachedAt
            ? `What is below is as of ${format.moment(reachedAt)}. Trying again.`
            : "There is nothing to show yet. Trying again.";
        notices.push(
            simple(
                "gone",
                "notice-bad",
                `parkwatch has not answered since ${format.moment(goneSince)}`,
                text,
            ),
        );
    }
    if (target) {
        notices.push(...deadlockNotices(target, actions));
        notices.push(...missing(target, choice));
        if (!target.up) {
            const when = ended ? ` at ${format.moment(ended)}` : "";
            const text =
                "The charts show what was measured until then; who was parked is known no more.";
            notices.push(simple("ended", "notice-warn", `${target.target} ended${when}`, text));
        }
        if (target.note) {
            notices.push(
                simple("note", "notice-warn", "Not all of this target can be seen", target.note),
            );
        }
        if (target.groups_left_out > 0) {
            notices.push(simple("left-out", "notice-quiet", "Not all is listed", leftOut(target)));
        }
        if (Object.keys(target.losses).length > 0) {
            notices.push(
                simple("losses", "notice-quiet", "The data is incomplete", lossText(target.losses)),
            );
        }
    }
    return notices;
}

export class Notices {
    #nodes = new Map(); // key: node

    constructor(actions) {
        this.actions = actions;
    }

    // `state`: {target, choice, ended, goneSince, reachedAt}; times in seconds since 1970. What is
    // shown already stays as it is; what is new is said, too.
    update(state) {
        const notices = listNotices(state, this.actions);
        const nodes = new Map(
            notices.map((notice) => [notice.key, this.#nodes.get(notice.key) ?? notice.make()]),
        );
        const news = notices
            .filter((notice) => !this.#nodes.has(notice.key))
            .map((notice) => notice.said);
        const isSame = nodes.size === this.#nodes.size && news.length === 0;
        this.#nodes = nodes;
        if (!isSame) {
            arrange(find("notices"), nodes.values());
            if (news.some(Boolean)) {
                announce(news.filter(Boolean).join(". "));
            }
        }
    }
}
