// SPDX-License-Identifier: Apache-2.0
// What a person has chosen, kept in the URL's fragment so that a link shows the same:
// #target=NAME&stack=STACK_ID&sort=count&dir=desc&q=TEXT&kind=thread&view=flame&idle=1&range=900
// Others make such links, too, and not all of them escape a plus sign: it stands for itself.

export const DEFAULTS = {
    target: "",
    stack: "", // the open group
    sort: "count",
    dir: "desc",
    q: "", // filter
    kind: "", // "thread", "goroutine", "": both
    view: "table", // or "flame"
    idle: "", // "1": groups that are idle by design are shown
    range: "", // seconds that the charts show, "": all
};

const ALLOWED = {
    sort: ["site", "kind", "count", "growth", "oldest", "memory", "reason"],
    dir: ["asc", "desc"],
    kind: ["", "thread", "goroutine"],
    view: ["table", "flame"],
    idle: ["", "1"],
};

export function parse(fragment) {
    const given = new URLSearchParams(fragment.replace(/^#/, "").replaceAll("+", "%2B"));
    const choice = { ...DEFAULTS };
    for (const name of Object.keys(DEFAULTS)) {
        const value = given.get(name);
        if (value != null && (ALLOWED[name] === undefined || ALLOWED[name].includes(value))) {
            choice[name] = value;
        }
    }
    return choice;
}

export function compose(choice) {
    const out = new URLSearchParams();
    for (const [name, value] of Object.entries(DEFAULTS)) {
        if (choice[name] !== value) {
            out.set(name, choice[name]);
        }
    }
    return out.toString().replaceAll("+", "%20");
}
