# SPDX-License-Identifier: Apache-2.0
"""What a daemon takes at rest: CPU time of all roles with a thousand parked threads, and memory of
all roles with a small target, just attached, and with many threads, once files are closed."""

import time

import processes
from bars import Bar
from rounds import Budget, by_name, megabytes, median, percent
from table import Row, Table

SIZE = 1_000
INTERVAL = 5
WINDOWS = 5  # of one interval, and so of one scan, each
SECONDS_IDLE = 15
MANY = 100_000
RESTED = 45  # seconds: UNWIND_REST_NS (user/analyst/unwind.h), and two scans
SECONDS_MANY = 240
ROLES = ("parkwatch", "pw-monitor", "pw-reader", "pw-analyst")


def measure_cpu():
    """Parts of one CPU that all roles take, in windows of one interval each."""
    parts = []
    interval = ("--interval", f"{INTERVAL}s")
    with processes.fixture("many", SIZE) as of, processes.watch(of.pid, *interval) as it:
        time.sleep(INTERVAL * 1.5)  # the first scan is not at rest, and half way to the next
        for _ in range(WINDOWS):
            before = it.cpu_seconds()
            time.sleep(INTERVAL)
            parts.append((it.cpu_seconds() - before) / INTERVAL)
    return parts


def measure_idle():
    """{role: [bytes of each round]} with a target of a few threads, each time attached anew."""

    def one(_):
        with processes.fixture("cond") as of, processes.watch(of.pid, "-t", "0") as watching:
            return watching.roles()

    return by_name(Budget(SECONDS_IDLE).rounds(one))


def measure_many():
    """The same with many threads, after nothing new was met for a while."""

    def one(_):
        with processes.watch(of.pid, "-t", "0") as watching:
            time.sleep(RESTED)
            return watching.roles()

    with processes.many_threads(), processes.fixture("many", MANY) as of:
        return by_name(Budget(SECONDS_MANY).rounds(one))


def measure():
    return {"cpu": measure_cpu(), "idle": measure_idle(), "many": measure_many()}


# Views


def memory_rows(text, roles, bar):
    total = [sum(parts) for parts in zip(*roles.values())]
    return [
        Row(f"memory (PSS) of all roles, {text}", [median(total)], megabytes, (Bar(bar),)),
        *(Row(f"of it {role}", [median(roles.get(role, ()))], megabytes) for role in ROLES),
    ]


def tables(results):
    rows = [
        Row(f"CPU of watch, {SIZE:,} threads each {INTERVAL} s",
            [median(results.get("cpu", ()))], percent, (Bar(0.001),)),
        *memory_rows("small target", results.get("idle", {}), 30e6),
        *memory_rows(f"{MANY:,} threads", results.get("many", {}), 60e6),
    ]  # fmt: skip
    return [Table("A daemon at rest, all roles", [""], rows)]


def as_json(results):
    return results
