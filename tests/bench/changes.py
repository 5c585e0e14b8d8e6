# SPDX-License-Identifier: Apache-2.0
"""What a repeated scan takes when some of the waiters were woken since the one before and wait
anew: it is to grow with them, apart from the sweep that proves that the rest did not move."""

import goroutines
import processes
import toolchain
from rounds import Budget, median, milliseconds
from table import Row, Table

GOROUTINES = 1_000_000
THREADS = 100_000
CHANGED = (0, 100, 1_000, 10_000)
SECONDS_OF_EACH = 8
INTERVAL = "300ms"
ALL_CPUS = goroutines.ALL_CPUS


class Scans:
    """One after the other, of which each is told what moved since the one before."""

    def __init__(self, watching, source):
        self.watching = watching
        self.source = source
        self.now = watching.next_scan(watching.scans(source), source)

    def seconds(self, move):
        """Of the scan after a move. Scans take a tenth of the time at most, so that hardly one is
        under way meanwhile."""
        move()
        before, self.now = self.now, self.watching.next_scan(self.now, self.source)
        return (self.now[1] - before[1]) / (self.now[0] - before[0])


def measure_changes(pid, source, move):
    """{k: [seconds of a scan after k moved, of each round]}"""
    with processes.watch(pid, "-t", "0", "--interval", INTERVAL, cpu=ALL_CPUS) as watching:
        goroutines.settle(watching, source)
        scans = Scans(watching, source)
        budget = Budget(SECONDS_OF_EACH * len(CHANGED), len(CHANGED))
        return {
            k: budget.rounds(lambda _, k=k: scans.seconds(lambda: k and move(k))) for k in CHANGED
        }


def measure_goroutines():
    with goroutines.target(GOROUTINES, toolchain.million()) as of:
        return measure_changes(of.pid, "goroutines", lambda k: of.ask(f"move {k}"))


def measure_threads():
    with processes.many_threads(), processes.fixture("many", THREADS) as of:
        return measure_changes(of.pid, "threads", of.ask)


def prepare():
    toolchain.million()


def measure():
    return {"goroutines": measure_goroutines(), "threads": measure_threads()}


# Views

SOURCES = {"goroutines": GOROUTINES, "threads": THREADS}


def tables(results):
    rows = []
    for source, n in SOURCES.items():
        medians = [median(results.get(source, {}).get(k, ())) for k in CHANGED]
        rows.append(Row(f"scan of {n:,} {source}", medians, milliseconds))
        more = [
            value - medians[0] if None not in (value, medians[0]) else None for value in medians[1:]
        ]
        rows.append(Row(f"more than with none, {source}", [0, *more], milliseconds, grows=True))
    return [
        Table(
            "A repeated scan, by how many waiters were woken and waited anew since the one before",
            [f"{k:,}" for k in CHANGED],
            rows,
        )
    ]


def as_json(results):
    return results
