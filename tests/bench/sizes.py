# SPDX-License-Identifier: Apache-2.0
"""What scans and views take and what the roles hold, by the number of parked threads; the CPU of a
daemon at rest; a report from start to finish; and the stacks of all threads by others' tools."""

import shutil
import time

import processes
from rounds import Budget, by_name, exponent, mebibytes, median, milliseconds, ratio

SIZES = (1_000, 10_000, 100_000)
SECONDS_OF = {1_000: 25, 10_000: 35, 100_000: 50}
SECONDS_PEERS = 25
SECONDS_SMALL = 10
PEERS_SIZE = 1_000  # with 10,000 it takes minutes
SCANS = 4  # repeated ones, in each of the runs
SCRAPES = 3
INTERVAL = "500ms"
REST_SIZE = 1_000
REST_INTERVAL = 5
REST_WINDOWS = 5  # of one interval, and so of one scan, each


def scrape(watching):
    """Seconds and bytes of one /metrics."""
    start = time.monotonic()
    text = watching.get("/metrics")
    return time.monotonic() - start, len(text)


def measure_watch(pid):
    """Seconds of the first scan and of a repeated one, and the bytes of each role, of one run."""
    with processes.watch(pid, "-t", "0", "--interval", INTERVAL) as watching:
        count, first = watching.scans()
        processes.wait_for(lambda: watching.scans()[0] > SCANS, "the scans")
        total, seconds = watching.scans()
        scrapes = [scrape(watching) for _ in range(SCRAPES)]
        roles = watching.roles()
        return {
            "first": first if count == 1 else None,
            "repeated": (seconds - first) / (total - 1) if count == 1 else None,
            "metrics": min(seconds for seconds, _ in scrapes),
            "metrics_bytes": scrapes[0][1],
            "memory": sum(roles.values()),
            **{f"memory of {name}": size for name, size in roles.items()},
        }


def report_of(pid):
    return [processes.PARKWATCH, "report", "-t", "0", "-p", pid]


def measure_size(size):
    def one(_):
        return {"report": processes.seconds_of(report_of(pid)), **measure_watch(pid)}

    with processes.parked(size) as pid:
        return by_name(Budget(SECONDS_OF[size]).rounds(one))


def measure_sizes():
    with processes.many_threads():
        return {size: measure_size(size) for size in SIZES}


def peers(pid):
    """What prints the stacks of all threads of a process, as commands."""
    gdb = ["gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-p", pid]
    commands = {
        "report": report_of(pid),
        "eu-stack": ["eu-stack", "-p", pid],
        "gdb": [*gdb, "-ex", "thread apply all backtrace"],
    }
    return {name: command for name, command in commands.items() if shutil.which(command[0])}


def measure_peers():
    with processes.parked(PEERS_SIZE) as pid:
        commands = peers(pid)

        def one(_):
            return {name: processes.seconds_of(command) for name, command in commands.items()}

        return by_name(Budget(SECONDS_PEERS).rounds(one))


def measure_small():
    """Wall clock and CPU time of a report on a program of a few threads."""
    with processes.fixture("cond") as pid:
        return by_name(
            Budget(SECONDS_SMALL).rounds(lambda _: processes.usage_of(report_of(pid)))
        )


def measure_rest():
    """Parts of one CPU that all roles of a daemon take, in windows of one interval each."""
    parts = []
    interval = f"{REST_INTERVAL}s"
    with processes.parked(REST_SIZE) as pid, processes.watch(pid, "--interval", interval) as it:
        time.sleep(REST_INTERVAL * 1.5)  # the first scan is not at rest, and half way to the next
        for _ in range(REST_WINDOWS):
            before = it.cpu_seconds()
            time.sleep(REST_INTERVAL)
            parts.append((it.cpu_seconds() - before) / REST_INTERVAL)
    return parts


def measure():
    return {
        "sizes": measure_sizes(),
        "peers": measure_peers(),
        "small": measure_small(),
        "rest": measure_rest(),
    }


# Views

LINES = (  # name, text, form, whether its growth says anything
    ("first", "first scan: all stacks", milliseconds, True),
    ("repeated", "repeated scan: nothing new", milliseconds, True),
    ("report", "report -t 0, wall clock", milliseconds, True),
    ("metrics", "/metrics", milliseconds, False),
    ("metrics_bytes", "its size", lambda value: f"{value / 1024:,.0f} KiB", False),
    ("memory", "memory (PSS) of all roles", mebibytes, True),
)


def lines_of(sizes):
    roles = [name for name in sizes[SIZES[0]] if name.startswith("memory of")]
    return [*LINES, *((name, "  " + name, mebibytes, False) for name in roles)]


def print_sizes(sizes):
    print("\nOne process with many parked threads; growth is that of the last decade")
    print(f"  {'':30}" + "".join(f"{size:>11,} threads" for size in SIZES))
    for name, text, form, grows in lines_of(sizes):
        middles = [median(sizes[size].get(name, ())) for size in SIZES]
        cells = [form(middle) if middle is not None else "unknown" for middle in middles]
        power = exponent(*middles[-2:]) if grows else None
        end = f"   n^{power:.2f}" if power is not None else ""
        print(f"  {text:30}" + "".join(f"{cell:>19}" for cell in cells) + end)


def print_peers(values):
    print(f"\nStacks of all of {PEERS_SIZE:,} threads, wall clock; all but the report stop them")
    for name in values:
        factor = ratio(values[name], values["report"])
        end = f"{factor:10.1f} times the report" if factor and name != "report" else ""
        print(f"  {name:30}{milliseconds(median(values[name])):>18}{end}")


def show(results):
    small, rest = results["small"], median(results["rest"])
    print_sizes(results["sizes"])
    print_peers(results["peers"])
    print(f"\n  report on a small program: {milliseconds(median(small['wall']))} from start to end,"
          f" {milliseconds(median(small['cpu']))} of CPU time")  # fmt: skip
    print(f"  watch of {REST_SIZE:,} threads each {REST_INTERVAL} s: "
          + (f"{rest * 100:.2f} % of one CPU, all roles" if rest is not None else "unknown"))  # fmt: skip
