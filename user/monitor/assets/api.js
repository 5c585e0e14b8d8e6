// SPDX-License-Identifier: Apache-2.0
// What the daemon is asked. Paths are relative, so that the page works under a proxy's prefix.

const PATIENCE = 10000; // milliseconds until an answer begins
const PATIENCE_WHOLE = 120000; // and until it has ended: a big report through a slow tunnel

async function getJson(path, parameters) {
    const query = new URLSearchParams(parameters).toString();
    const control = new AbortController();
    const giveUp = () => control.abort();
    let timer = setTimeout(giveUp, PATIENCE);
    try {
        const answer = await fetch(query ? `${path}?${query}` : path, {
            cache: "no-store",
            signal: control.signal,
        });
        if (!answer.ok) {
            throw new Error(`${path}: ${answer.status}`);
        }
        clearTimeout(timer);
        timer = setTimeout(giveUp, PATIENCE_WHOLE);
        return await answer.json();
    } finally {
        clearTimeout(timer);
    }
}

export function getReport() {
    return getJson("api/v1/report");
}

// The points of one target, those later than `since` alone where it is given.
export function getHistory(target, since) {
    return getJson("api/v1/history", since == null ? { target } : { target, since });
}
