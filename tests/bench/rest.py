# SPDX-License-Identifier: Apache-2.0
"""What a daemon takes at rest: CPU time of all roles with a thousand parked threads, and memory of
all roles with a small target."""

import time

import processes
from bars import Bar
from rounds import Budget, by_name, megabytes, median, percent
from table import Row, Table

SIZE = 1_000
INTERVAL = 5
WINDOWS = 5  # of one interval, and so of one scan, each
SECONDS_IDLE = 15
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


def measure():
    return {"cpu": measure_cpu(), "idle": measure_idle()}


# Views


def tables(results):
    idle = results.get("idle", {})
    total = [sum(parts) for parts in zip(*idle.values())]
    rows = [
        Row(f"CPU of watch, {SIZE:,} threads each {INTERVAL} s",
            [median(results.get("cpu", ()))], percent, (Bar(0.001),)),
        Row("memory (PSS) of all roles, small target", [median(total)], megabytes, (Bar(30e6),)),
        *(Row(f"of it {role}", [median(idle.get(role, ()))], megabytes) for role in ROLES),
    ]  # fmt: skip
    return [Table("A daemon at rest, all roles", [""], rows)]


def as_json(results):
    return results
