# SPDX-License-Identifier: Apache-2.0
"""What it takes to report many parked goroutines, next to the process's own goroutine profile.

The process takes its profile itself, in the same rounds, before and after parkwatch looks at it.
Pauses are what a goroutine of the process that sleeps for 200 us sees: the longest within some
seconds of each state, or within a profile or a report of their own, for it takes a part of a CPU.
Nothing is pinned, so that both sides have all CPUs."""

import contextlib
import os
import shutil
import statistics
import tempfile
import time

import processes
import scrapes
import sizes
import toolchain
from bars import Bar
from rounds import (
    Budget,
    by_name,
    kilobytes,
    megabytes,
    median,
    milliseconds,
    quartiles,
    ratio,
    ratios,
    times,
)
from table import Row, Table

SIZES = (10_000, 100_000, 1_000_000)
SECONDS_OF = {10_000: 30, 100_000: 40, 1_000_000: 120}
SECONDS_DLV = 30
SETTLING = 4  # scans until every park is beyond doubt
INTERVAL = "300ms"
PAUSE_SECONDS = 3  # two scans at least, of a million at a stretched interval
ALL_CPUS = f"0-{os.cpu_count() - 1}"
DLV_SIZE = 2_000


class Target:
    def __init__(self, talker):
        self.pid = talker.pid
        self.ask = lambda line: float(talker.ask(line))

    def pause_within(self, what):
        self.ask("watch")
        what()
        return self.ask("pause")

    def pause_for_seconds(self):
        return self.pause_within(lambda: time.sleep(PAUSE_SECONDS))


@contextlib.contextmanager
def target(n, program):
    """A process with so many parked goroutines, after a profile that warmed it up."""
    with processes.talker(program, n, cpu=ALL_CPUS) as talker:
        started = Target(talker)
        started.ask("profile 0")
        yield started


def settle(watching, source):
    """Waits until every park is beyond doubt."""
    processes.wait_for(lambda: watching.scans(source)[0] >= SETTLING, "the first scans")


def measure_watch(of):
    """The first scan and repeated ones, /metrics, bytes of all roles, the pause meanwhile."""
    options = ("-t", "0", "--interval", INTERVAL)
    with processes.watch(of.pid, *options, cpu=ALL_CPUS) as watching:
        n, first = watching.scans("goroutines")
        settle(watching, "goroutines")
        return {
            "first": first if n == 1 else None,
            **sizes.repeated_scans(watching, "goroutines"),
            **scrapes.measure(watching, "goroutines"),
            "memory": sum(watching.roles().values()),
            "pause_watched": of.pause_for_seconds(),
        }


def report_of(pid):
    return [processes.PARKWATCH, "report", "-t", "0", "-p", pid]


def report(of):
    return processes.seconds_of(report_of(of.pid), cpu=ALL_CPUS)


def measure_round(of):
    result = {"pause_alone": of.pause_for_seconds()}
    own = [of.ask("profile 0")]
    result["report"] = report(of)
    own.append(of.ask("profile 0"))
    result.update(measure_watch(of))
    own.append(of.ask("profile 0"))
    result["profile"] = statistics.median(own)
    result["pause_profile"] = of.pause_within(lambda: of.ask("profile 0"))
    result["pause_report"] = of.pause_within(lambda: report(of))
    result["debug_1"] = of.ask("profile 1")
    result["debug_2"] = of.ask("profile 2")
    return result


def measure_size(n):
    def one(_):
        processes.check_alone()
        return measure_round(of)

    with target(n, toolchain.million()) as of:
        return by_name(Budget(SECONDS_OF[n]).rounds(one))


def measure_dlv():
    """Wall clock of dlv and of a report on the same process; nothing where there is no dlv."""
    program = toolchain.million_with_dwarf() if shutil.which("dlv") else None
    if not program:
        return {}
    with tempfile.NamedTemporaryFile("w") as orders, target(DLV_SIZE, program) as of:
        orders.write("goroutines -t\nexit\n")
        orders.flush()
        dlv = ["dlv", "attach", of.pid, "--init", orders.name]
        dlv.append("--allow-non-terminal-interactive=true")

        def one(_):
            return {
                "dlv": processes.seconds_of(dlv, ALL_CPUS, answer="n\n"),  # not to kill the process
                "report": processes.seconds_of(report_of(of.pid), ALL_CPUS),
            }

        return by_name(Budget(SECONDS_DLV).rounds(one))


def prepare():
    toolchain.million()


def measure():
    return {"sizes": {n: measure_size(n) for n in SIZES}, "dlv": measure_dlv()}


# Views


LAST = (None, None)  # of the bars by size: only the last one has one
LINES = (  # name, text, form, bars by size, whether it is a cost that grows
    ("profile", "own profile, debug=0", milliseconds, (), True),
    ("debug_1", "own profile, debug=1", milliseconds, (), True),
    ("debug_2", "own profile, debug=2", milliseconds, (), True),
    ("report", "report -t 0, wall clock", milliseconds, (), True),
    ("first", "first scan", milliseconds, (), True),
    ("repeated", "repeated scan: nothing moved", milliseconds, (), True),
    ("repeated_cpu", "CPU time of all roles for it", milliseconds, (), True),
    ("metrics", "/metrics while scans go on", milliseconds, (*LAST, Bar(0.01)), True),
    ("metrics_longest", "/metrics, longest of a round", milliseconds, (*LAST, Bar(0.01)), True),
    ("metrics_bytes", "size of /metrics", kilobytes, (), True),
    ("memory", "memory (PSS) of all roles", megabytes, (*LAST, Bar(250e6)), True),
    ("pause_alone", "longest pause, nothing attached", milliseconds, (), False),
    ("pause_watched", "longest pause, while scanned", milliseconds, (), False),
    ("pause_report", "longest pause during a report", milliseconds, (), False),
    ("pause_profile", "longest pause during own profile", milliseconds, (), False),
)
RATIOS = (  # text, what to what, bar of the last size
    ("report to own profile, debug=0", ("report", "profile"), Bar(1)),
    ("first scan to own profile, debug=0", ("first", "profile"), None),
    ("repeated scan to own profile", ("repeated", "profile"), Bar(0.1)),
    # Ratios within a tenth of 1 say nothing.
    ("pause while scanned to nothing attached", ("pause_watched", "pause_alone"), Bar(1.1)),
)


def spread(parts):
    between = quartiles(parts)
    return f"({between[0]:.2f} to {between[1]:.2f})" if between else ""


def ratio_row(by_size, text, names, bar):
    parts = [ratios(*(by_size.get(n, {}).get(name, ()) for name in names)) for n in SIZES]
    return Row(
        text,
        [median(part) for part in parts],
        times,
        bars=(*LAST, bar),
        notes=[spread(part) for part in parts],
    )


def sizes_table(by_size):
    rows = [
        Row(text, [median(by_size.get(n, {}).get(name, ())) for n in SIZES], form, bars,
            grows=grows)
        for name, text, form, bars, grows in LINES
    ]  # fmt: skip
    rows.extend(ratio_row(by_size, *line) for line in RATIOS)
    return Table(
        "One Go process with many parked goroutines, growth by decade, ratios with quartiles",
        [f"{n:,}" for n in SIZES],
        rows,
    )


def dlv_table(values):
    dlv, report = values.get("dlv", ()), values.get("report", ())
    factor = ratio(dlv, report)
    note = f"{times(factor)} of the report" if factor else ""
    return Table(
        f"All stacks of {DLV_SIZE:,} goroutines, wall clock; dlv stops them",
        [""],
        [
            Row("goroutines by report", [median(report)], milliseconds),
            Row("goroutines by dlv attach", [median(dlv)], milliseconds, notes=[note]),
        ],
    )


def tables(results):
    return [sizes_table(results.get("sizes", {})), dlv_table(results.get("dlv", {}))]


def as_json(results):
    return results
