# SPDX-License-Identifier: Apache-2.0
"""What scans and views take and what the roles hold, by the number of parked threads; what a target
with a stack for each thread takes; a report from start to finish; and the stacks of all threads by
others' tools."""

import shutil
import statistics

import processes
import scrapes
from bars import Bar
from rounds import Budget, by_name, kilobytes, megabytes, median, milliseconds, ratio, times
from table import Row, Table

SIZES = (1_000, 10_000, 100_000)
SECONDS_OF = {1_000: 25, 10_000: 35, 100_000: 60}
SECONDS_PEERS = 25
SECONDS_SMALL = 10
SECONDS_DISTINCT = 20
PEERS_SIZE = 1_000  # with 10,000 it takes minutes
SCANS = 2  # repeated ones, in each of the runs
INTERVAL = "500ms"
STACKS = (100, 1_000, 10_000)  # distinct ones
SERIES = (50, 500)  # --max-stacks; the first is what it is unless said otherwise

ROLES = ("parkwatch", "pw-monitor", "pw-reader", "pw-analyst")


def repeated_scans(watching, source):
    """Seconds of a scan, and of CPU time of all roles for it, their medians."""
    scans, cpu = [], []
    now = watching.scans(source)
    while len(scans) < SCANS:
        before, spent = now, watching.cpu_seconds()
        now = watching.next_scan(before, source)
        scans.append((now[1] - before[1]) / (now[0] - before[0]))
        cpu.append((watching.cpu_seconds() - spent) / (now[0] - before[0]))
    return {"repeated": statistics.median(scans), "repeated_cpu": statistics.median(cpu)}


def measure_watch(pid):
    """Seconds of the first scan and of a repeated one, and the bytes of each role, of one run."""
    with processes.watch(pid, "-t", "0", "--interval", INTERVAL) as watching:
        n, first = watching.scans()
        result = repeated_scans(watching, "threads")
        roles = watching.roles()
        return {
            "first": first if n == 1 else None,
            **result,
            **scrapes.measure(watching, "threads"),
            "memory": sum(roles.values()),
            **{f"memory of {name}": roles.get(name) for name in ROLES},
        }


def report_of(pid):
    return [processes.PARKWATCH, "report", "-t", "0", "-p", pid]


def measure_size(size):
    def one(_):
        return {
            "report": processes.seconds_of(report_of(target.pid)),
            **measure_watch(target.pid),
        }

    with processes.fixture("many", size) as target:
        return by_name(Budget(SECONDS_OF[size]).rounds(one))


def measure_sizes():
    with processes.many_threads():
        return {size: measure_size(size) for size in SIZES}


def measure_distinct():
    """{(stacks, series): {what: values}} of targets whose threads all have stacks of their own."""
    pairs = [(stacks, series) for series in SERIES for stacks in STACKS]
    budget = Budget(SECONDS_DISTINCT, len(pairs))
    results = {}
    for stacks, series in pairs:
        with processes.talker(processes.BUILD / "bench" / "distinct", stacks) as target:
            options = ("-t", "0", "--interval", INTERVAL, "--max-stacks", series)
            with processes.watch(target.pid, *options) as watching:
                results[stacks, series] = by_name(
                    budget.rounds(lambda _, it=watching: scrapes.measure(it, "threads", 1))
                )
    return results


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
    with processes.fixture("many", PEERS_SIZE) as target:
        commands = peers(target.pid)

        def one(_):
            return {name: processes.seconds_of(command) for name, command in commands.items()}

        return by_name(Budget(SECONDS_PEERS).rounds(one))


def measure_small():
    """Wall clock and CPU time of a report on a program of a few threads."""
    with processes.fixture("cond") as target:
        return by_name(
            Budget(SECONDS_SMALL).rounds(lambda _: processes.usage_of(report_of(target.pid)))
        )


def measure():
    return {
        "sizes": measure_sizes(),
        "distinct": measure_distinct(),
        "peers": measure_peers(),
        "small": measure_small(),
    }


# Views

FAST = Bar(0.01)
LINES = (  # name, text, form, bars by size, whether it is a cost that grows
    ("first", "first scan: all stacks", milliseconds, (), True),
    ("report", "report -t 0, wall clock", milliseconds, (None, Bar(0.3), Bar(3)), True),
    ("repeated", "repeated scan: nothing new", milliseconds, (None, Bar(0.015), Bar(0.15)), True),
    ("repeated_cpu", "CPU time of all roles for it", milliseconds, (), True),
    ("metrics", "/metrics while scans go on", milliseconds, (None, None, FAST), True),
    ("metrics_longest", "/metrics, longest of a round", milliseconds, (None, None, FAST), True),
    ("metrics_bytes", "size of /metrics", kilobytes, (), True),
    ("memory", "memory (PSS) of all roles", megabytes, (None, None, Bar(60e6)), True),
    *((f"memory of {name}", f"memory of {name}", megabytes, (), True) for name in ROLES),
)


def sizes_table(sizes):
    rows = [
        Row(text, [median(sizes.get(size, {}).get(name, ())) for size in SIZES], form, bars,
            grows=grows)
        for name, text, form, bars, grows in LINES
    ]  # fmt: skip
    return Table(
        "One process with many parked threads, growth by decade",
        [f"{size:,} threads" for size in SIZES],
        rows,
    )


def distinct_table(distinct):
    rows = [
        Row(f"{text}, --max-stacks {series}",
            [median(distinct.get((stacks, series), {}).get(name, ())) for stacks in STACKS], form)
        for series in SERIES
        for name, text, form in (
            ("metrics_bytes", "size of /metrics", kilobytes),
            ("metrics", "/metrics while scans go on", milliseconds),
        )
    ]  # fmt: skip
    return Table(
        "One process whose threads all have stacks of their own",
        [f"{stacks:,} stacks" for stacks in STACKS],
        rows,
    )


PEERS = ("report", "eu-stack", "gdb")


def peers_table(values):
    report = values.get("report", ())
    rows = []
    for name in PEERS:
        own = values.get(name, ())
        factor = ratio(own, report) if name != "report" else None
        note = f"{times(factor)} of the report" if factor else ""
        rows.append(Row(f"stacks by {name}", [median(own)], milliseconds, notes=[note]))
    return Table(
        f"Stacks of all of {PEERS_SIZE:,} threads, wall clock; all but the report stop them",
        [""],
        rows,
    )


def small_table(small):
    rows = [
        Row("report, wall clock", [median(small.get("wall", ()))], milliseconds, (Bar(0.15),)),
        Row("report, CPU time", [median(small.get("cpu", ()))], milliseconds),
    ]
    return Table("A report on a small program, start to finish", [""], rows)


def tables(results):
    return [
        sizes_table(results.get("sizes", {})),
        distinct_table(results.get("distinct", {})),
        peers_table(results.get("peers", {})),
        small_table(results.get("small", {})),
    ]


def as_json(results):
    distinct = {f"{stacks} stacks, --max-stacks {series}": values
                for (stacks, series), values in results["distinct"].items()}  # fmt: skip
    return {**results, "distinct": distinct}
