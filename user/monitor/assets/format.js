// SPDX-License-Identifier: Apache-2.0
// Numbers, bytes, rates, durations and times as people write them. null and undefined are a dash.

const NOTHING = "–";
const counts = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

// Three digits or so: 1.94, 27.8, 438.
function digits(value) {
    return value < 9.995
        ? value.toFixed(2)
        : value < 99.95
          ? value.toFixed(1)
          : counts.format(value);
}

function scaled(value, base, units, write = digits) {
    let unit = 0;
    while (value >= base * 0.9995 && unit < units.length - 1) {
        value /= base;
        unit++;
    }
    return `${unit === 0 ? counts.format(value) : write(value)} ${units[unit]}`;
}

export function count(value) {
    return value == null ? NOTHING : counts.format(value);
}

const plural = (noun) => (/(?:s|x|ch|sh)$/.test(noun) ? `${noun}es` : `${noun}s`);

// "14,235 goroutines", "1 goroutine", "3 futexes".
export function counted(value, noun, many = plural(noun)) {
    return `${count(value)} ${value === 1 ? noun : many}`;
}

const BYTES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const RATES = ["B/s", "kB/s", "MB/s", "GB/s", "TB/s"];

// For axes, whose values are round: 16 MiB, 1.5 kB/s.
const short = (value) => String(Number(value.toFixed(2)));
export const shortBytes = (value) => scaled(value, 1024, BYTES, short);
export const shortRate = (value) => scaled(value, 1000, RATES, short);
export const shortCpu = (cores) => `${short(cores * 100)} %`;

export function bytes(value) {
    return value == null ? NOTHING : scaled(value, 1024, BYTES);
}

// Bytes a second, in powers of 1000 as networks count.
export function rate(value) {
    return value == null ? NOTHING : scaled(value, 1000, RATES);
}

// Of one core, so that four busy cores are 400 %.
export function cpu(cores) {
    if (cores == null) {
        return NOTHING;
    }
    const percent = cores * 100;
    return `${percent < 10 ? percent.toFixed(1) : counts.format(percent)} %`;
}

export function share(part, whole) {
    const percent = whole > 0 ? (part / whole) * 100 : 0;
    return percent > 0 && percent < 0.1
        ? "< 0.1 %"
        : `${percent < 99.95 ? percent.toFixed(1) : "100"} %`;
}

const UNITS = [
    [86400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
];

// Two units at most, cut, not rounded: "2 h 51 min", "12 s", "1.5 s", "40 ms".
export function duration(seconds) {
    if (seconds == null) {
        return NOTHING;
    }
    if (seconds < 1) {
        return `${Math.floor(Math.max(0, seconds) * 1000)} ms`;
    }
    if (seconds < 10) {
        return `${(Math.floor(seconds * 10) / 10).toFixed(1)} s`;
    }
    const at = UNITS.findIndex(([size]) => seconds >= size);
    const [size, name] = UNITS[at];
    const first = `${Math.floor(seconds / size)} ${name}`;
    if (at === UNITS.length - 1) {
        return first;
    }
    const [less, below] = UNITS[at + 1];
    const second = Math.floor((seconds % size) / less);
    return second > 0 ? `${first} ${second} ${below}` : first;
}

// In full, of what somebody set: "1 s", "1.5 s", "1 min 30 s".
export function exact(seconds) {
    return seconds >= 1 && seconds < 60 ? `${short(seconds)} s` : duration(seconds);
}

const two = (value) => String(value).padStart(2, "0");

// Local time of day, from seconds since 1970.
export function clock(seconds, withSeconds = true) {
    const date = new Date(seconds * 1000);
    const text = `${two(date.getHours())}:${two(date.getMinutes())}`;
    return withSeconds ? `${text}:${two(date.getSeconds())}` : text;
}

const dayOf = (date) => `${date.getDate()} ${date.toLocaleString("en-US", { month: "short" })}`;

// The day where it is not today's: "23 Nov 10:04:05".
export function moment(seconds, now = Date.now() / 1000) {
    const date = new Date(seconds * 1000);
    if (date.toDateString() === new Date(now * 1000).toDateString()) {
        return clock(seconds);
    }
    return `${dayOf(date)} ${clock(seconds)}`;
}

// "23 Nov 06:00".
export function day(seconds) {
    return `${dayOf(new Date(seconds * 1000))} ${clock(seconds, false)}`;
}

// The last part of a path.
export function basename(path) {
    return path ? path.slice(path.lastIndexOf("/") + 1) : "";
}

// A frame's name: the function, or module and offset where it has none.
export function frameName(frame) {
    if (frame.function) {
        return frame.function;
    }
    return frame.module
        ? `${basename(frame.module)}+${frame.offset ?? frame.address}`
        : frame.address;
}

// "recommend.go:153", or the module where there is no line.
export function framePlace(frame) {
    if (frame.file) {
        return `${basename(frame.file)}${frame.line ? `:${frame.line}` : ""}`;
    }
    return frame.function ? basename(frame.module) : "";
}

// A site is "FUNCTION FILE:LINE"; the place is "" where no line is known.
export function splitSite(site) {
    const at = site.search(/ [^ ]+:\d+$/);
    return at > 0 ? [site.slice(0, at), site.slice(at + 1)] : [site, ""];
}
