// SPDX-License-Identifier: Apache-2.0
// What the daemon is asked. Paths are relative, so that the page works under a proxy's prefix.

const PATIENCE = 20000; // milliseconds

async function getJson(path, parameters) {
    const query = new URLSearchParams(parameters).toString();
    const answer = await fetch(query ? `${path}?${query}` : path, {
        cache: "no-store",
        signal: AbortSignal.timeout(PATIENCE),
    });
    if (!answer.ok) {
        throw new Error(`${path}: ${answer.status}`);
    }
    return answer.json();
}

export function getReport() {
    return getJson("api/v1/report");
}

// The points of one target, those later than `since` alone where it is given.
export function getHistory(target, since) {
    return getJson("api/v1/history", since == null ? { target } : { target, since });
}
