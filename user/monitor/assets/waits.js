// SPDX-License-Identifier: Apache-2.0
// What the waiters of a group wait on, in lines.

import * as format from "./format.js";

const SHOWN = 5;

// What a futex or a semaphore was found to be part of: such a detail is the noun.
const PARTS = new Set([
    "mutex",
    "priority-inheriting mutex",
    "rwlock",
    "condition variable",
    "semaphore",
    "barrier",
    "end of a thread",
    "sync.Mutex",
    "sync.RWMutex",
    "sync.WaitGroup",
    "sync.Cond",
]);
const JOIN = "end of a thread";
const JOINS = "ends of threads";

function isPart(wait) {
    return (wait.kind === "futex" || wait.kind === "semaphore") && PARTS.has(wait.detail);
}

function nounOf(group, wait) {
    if (isPart(wait)) {
        return wait.detail;
    }
    const isLock = wait.owner_tid != null || /lock|mutex/i.test(group.reason);
    return isLock && wait.kind !== "channel" ? "mutex" : wait.kind;
}

// Mutexes and semaphores begin with their futex; in others it is somewhere inside.
function hasInnerFutex(wait) {
    return wait.kind === "futex" && isPart(wait) && !/mutex|semaphore/i.test(wait.detail);
}

const isJoin = (wait) => wait.detail === JOIN && wait.owner_tid != null;

function objectText(group, wait) {
    if (wait.kind === "file") {
        return `file descriptor ${wait.fd}`;
    }
    if (isJoin(wait)) {
        return `end of thread ${wait.owner_tid}`;
    }
    return `${nounOf(group, wait)} ${hasInnerFutex(wait) ? "with futex " : ""}${wait.address}`;
}

function waitText(group, wait) {
    const parts = [objectText(group, wait)];
    const owner = wait.owner ? ` (${wait.owner})` : "";
    if (wait.detail && !isPart(wait)) {
        parts.push(wait.detail);
    }
    if (isJoin(wait)) {
        parts[0] += owner;
    } else if (wait.owner_tid != null || wait.owner) {
        parts.push(
            `held by ${wait.owner_tid != null ? `thread ${wait.owner_tid}` : "its owner"}${owner}`,
        );
    }
    return parts.join(", ");
}

// Whether one line says all there is of objects of which only the most waited-on are listed: each
// has one waiter and no owner, and the others are known to be like those.
function isUniform(group, total) {
    const [first] = group.waits_on;
    if (total > group.waits_on.length && group.waits_on_same_detail !== true) {
        return false;
    }
    return group.waits_on.every(
        (wait) =>
            wait.count === 1 &&
            wait.kind === first.kind &&
            wait.detail === first.detail &&
            !wait.owner &&
            wait.owner_tid == null,
    );
}

function uniformLine(group, total) {
    const [wait] = group.waits_on;
    const noun = nounOf(group, wait);
    const objects = format.counted(total, noun, noun === JOIN ? JOINS : undefined);
    const detail = isPart(wait) ? null : wait.detail;
    return detail ? `${objects}, each ${detail}` : `${objects}, one waiter each`;
}

// "3,000 channels, each unbuffered, open", or a line for each of the first ones.
export function waitLines(group) {
    const waits = group.waits_on;
    const total = group.waits_on_total ?? waits.length;
    if (waits.length === 0) {
        return ["not known"];
    }
    if (total > SHOWN && waits[0].kind !== "file" && isUniform(group, total)) {
        return [uniformLine(group, total)];
    }
    const lines = waits.slice(0, SHOWN).map((wait) => {
        const text = waitText(group, wait);
        return wait.count < group.count ? `${format.count(wait.count)} on ${text}` : text;
    });
    if (total > lines.length) {
        lines.push(`and ${format.count(total - lines.length)} more`);
    }
    return lines;
}
