// SPDX-License-Identifier: Apache-2.0
// The sentence that answers the question, and what the target is.

import { find, make, setText } from "./dom.js";
import * as format from "./format.js";

const sum = (groups) => groups.reduce((total, group) => total + group.count, 0);

export function headline(target, threshold) {
    const idle = target.groups.filter((group) => group.idle);
    const busy = target.groups.filter((group) => !group.idle);
    const count = sum(busy);
    const since = threshold > 0 ? ` for ${format.exact(threshold)} or more` : "";
    const stacks = count > 0 ? `, in ${format.counted(busy.length, "stack")}` : "";
    const listed = target.groups_left_out > 0 ? "listed " : "";
    const rest = `${listed}${count === 1 ? "waiter" : "waiters"} parked${since}${stacks}`;
    return [
        format.count(count),
        rest,
        idle.length > 0 ? `${format.count(sum(idle))} more idle by design` : "",
    ];
}

function facts(target) {
    const { threads, goroutines } = target;
    return [
        ["PID", String(target.pid)],
        ["runtime", target.runtime_version ?? target.runtime],
        ["up", target.up ? format.duration(target.uptime_seconds) : null],
        ["watched for", target.up && format.duration(target.observed_seconds)],
        ["goroutines", goroutines && format.count(goroutines.total)],
        ["threads", threads.total != null && format.count(threads.total)],
        [
            "open files",
            target.up &&
                target.resources.open_fds != null &&
                format.count(target.resources.open_fds),
        ],
    ].filter(([, value]) => value);
}

export class Summary {
    #count = make("strong", {});
    #rest = make("span", {});
    #idle = make("span", { class: "quiet" });
    #facts = make("dl", { class: "facts-line" });
    #names = "";

    constructor() {
        find("summary").append(
            make("p", { class: "headline" }, this.#count, " ", this.#rest, " ", this.#idle),
            this.#facts,
        );
    }

    update(target, threshold) {
        const [count, rest, idle] = target.up
            ? headline(target, threshold)
            : ["Ended", `after it was watched for ${format.duration(target.observed_seconds)}`, ""];
        setText(this.#count, count);
        setText(this.#rest, rest);
        setText(this.#idle, idle);
        this.#tell(facts(target), target.exe);
    }

    #tell(list, exe) {
        const names = list.map(([name]) => name).join();
        if (names !== this.#names) {
            this.#names = names;
            this.#facts.replaceChildren(
                ...list.map(([name]) => make("div", {}, make("dt", {}, name), make("dd", {}))),
            );
        }
        list.forEach(([, value], i) => setText(this.#facts.children[i].lastChild, value));
        this.#facts.title = exe ?? "";
    }
}

// Which target is shown; a list to choose from where there are several.
export class Chooser {
    #names = "";

    constructor(onChoose) {
        this.onChoose = onChoose;
    }

    update(targets, chosen) {
        const names = JSON.stringify(targets.map((target) => [target.target, target.up]));
        if (names !== this.#names) {
            this.#names = names;
            find("chooser").replaceChildren(this.#node(targets));
        }
        const select = find("chooser").querySelector("select");
        if (select && select.value !== chosen) {
            select.value = chosen;
        }
    }

    #node(targets) {
        if (targets.length <= 1) {
            return make("strong", { class: "target-name" }, targets[0]?.target ?? "no target");
        }
        const options = targets.map((target) =>
            make(
                "option",
                { value: target.target },
                target.up ? target.target : `${target.target} (ended)`,
            ),
        );
        const select = make("select", { onchange: () => this.onChoose(select.value) }, ...options);
        return make("label", {}, make("span", { class: "hidden" }, "Target"), select);
    }
}
