# SPDX-License-Identifier: Apache-2.0
"""What it takes to report many parked goroutines, next to the process's own goroutine profile.

The process takes its profile itself, in the same rounds, before and after parkwatch looks at it; a
ratio is of one round, and what is shown is the median of at least five. Pauses are what a goroutine
of the process that sleeps for 200 us sees: the longest within a second of each state, or within the
profile. Nothing is pinned, so that both sides have all CPUs. Nothing is asserted."""

import argparse
import contextlib
import json
import math
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import processes

SIZES = (10_000, 100_000, 1_000_000)
ROUNDS = 6
ROUNDS_LEAST = 5
SCANS = 5  # repeated ones of a round, behind those that look twice
SETTLING = 4  # scans until every park is beyond doubt
INTERVAL = "300ms"
PAUSE_SECONDS = 1
ALL_CPUS = f"0-{os.cpu_count() - 1}"
MILLION = processes.BUILD / "bench" / "million"
WITH_DWARF = processes.BUILD / "bench" / "million-dwarf"  # what dlv cannot do without
DLV_SIZE = 2_000


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if len(values) >= ROUNDS_LEAST else None


class Target:
    def __init__(self, started):
        self.pid = started.pid
        self.to = started.stdin
        self.answers = started.stdout

    def ask(self, line):
        self.to.write(line + "\n")
        self.to.flush()
        return float(self.answers.readline())

    def pause_within(self, seconds):
        self.ask("pause")
        time.sleep(seconds)
        return self.ask("pause")


@contextlib.contextmanager
def target(count, program=MILLION):
    """A process with so many parked goroutines, after a profile that warmed it up."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with processes.process([program, count], ALL_CPUS, **pipes) as p:
        if p.stdout.readline() != "ready\n":
            raise SystemExit(f"bench: {count} goroutines are not to be had here")
        started = Target(p)
        started.ask("profile 0")
        yield started


def next_scan(watching, before):
    """(number, seconds of all) once there is another scan."""
    processes.wait_for(lambda: watching.scans("goroutines")[0] > before[0], "a scan")
    return watching.scans("goroutines")


def measure_watch(pid, of):
    """Seconds of the first scan and of repeated ones, bytes of all roles, the pause meanwhile."""
    options = ("-t", "0", "--interval", INTERVAL)
    with processes.watch(pid, *options, cpu=ALL_CPUS) as watching:
        first = now = watching.scans("goroutines")
        while now[0] < SETTLING:
            now = next_scan(watching, now)
        pause = of.pause_within(PAUSE_SECONDS)
        repeated = []
        while len(repeated) < SCANS:
            before, now = now, next_scan(watching, now)
            repeated.append((now[1] - before[1]) / (now[0] - before[0]))
        return {
            "first": first[1] if first[0] == 1 else None,
            "repeated": statistics.median(repeated),
            "memory": sum(watching.roles().values()),
            "pause_watched": pause,
        }


def measure_round(of):
    report = [processes.PARKWATCH, "report", "-t", "0", "-p", of.pid]
    result = {"pause_alone": of.pause_within(PAUSE_SECONDS)}
    own = [of.ask("profile 0")]
    result["pause_profile"] = of.ask("pause")
    result["report"] = processes.seconds_of(report, cpu=ALL_CPUS)
    result["pause_report"] = of.ask("pause")
    own.append(of.ask("profile 0"))
    result.update(measure_watch(of.pid, of))
    own.append(of.ask("profile 0"))
    result["profile"] = statistics.median(own)
    result["debug_1"] = of.ask("profile 1")
    result["debug_2"] = of.ask("profile 2")
    return result


def measure_size(count):
    """{what: values of the rounds}"""
    with target(count) as of:
        results = [measure_round(of) for _ in range(ROUNDS)]
    values = {name: [result[name] for result in results] for name in results[0]}
    for name in ("report", "first", "repeated"):
        values[name + "_ratio"] = [
            value / own if value else None for value, own in zip(values[name], values["profile"])
        ]
    return values


def measure_dlv():
    """Wall clock of dlv and of a report on the same process; None where there is no dlv."""
    if not WITH_DWARF.exists() or not shutil.which("dlv"):
        return None
    with tempfile.NamedTemporaryFile("w") as orders, target(DLV_SIZE, WITH_DWARF) as of:
        orders.write("goroutines -t\nexit\n")
        orders.flush()
        dlv = ["dlv", "attach", of.pid, "--init", orders.name]
        dlv.append("--allow-non-terminal-interactive=true")
        report = [processes.PARKWATCH, "report", "-t", "0", "-p", of.pid]
        results = [
            {
                "dlv": processes.seconds_of(dlv, ALL_CPUS, answer="n\n"),  # not to kill the process
                "report": processes.seconds_of(report, ALL_CPUS),
            }
            for _ in range(ROUNDS)
        ]
    return {name: [result[name] for result in results] for name in results[0]}


def exponent(sizes, name):
    """Of the growth from the second to the last size: 1 is linear."""
    small, large = (median(sizes[size][name]) for size in SIZES[1:])
    return math.log10(large / small) if small and large else None


# Views


SECONDS = (
    ("profile", "own profile, debug=0"),
    ("debug_1", "own profile, debug=1"),
    ("debug_2", "own profile, debug=2"),
    ("report", "report -t 0, wall clock"),
    ("first", "first scan"),
    ("repeated", "repeated scan: nothing moved"),
)
RATIOS = (
    ("report_ratio", "report to own profile"),
    ("first_ratio", "first scan to own profile"),
    ("repeated_ratio", "repeated scan to own profile"),
)
PAUSES = (
    ("pause_alone", "longest pause, nothing attached"),
    ("pause_watched", "longest pause, scanned thrice a second"),
    ("pause_report", "longest pause during a report"),
    ("pause_profile", "longest pause during own profile"),
)


def print_line(sizes, name, text, form, grows=False):
    middles = [median(sizes[size][name]) for size in SIZES]
    cells = [form(middle) if middle is not None else "unknown" for middle in middles]
    power = exponent(sizes, name) if grows else None
    end = f"   n^{power:.2f}" if power is not None else ""
    print(f"  {text:40}" + "".join(f"{cell:>14}" for cell in cells) + end)


def milliseconds(value):
    return f"{value * 1000:,.1f} ms"


def mebibytes(value):
    return f"{value / 2**20:,.1f} MiB"


def print_sizes(sizes):
    print("\nOne Go process with many parked goroutines; growth is that of the last decade")
    print(f"  {'':40}" + "".join(f"{size:>14,}" for size in SIZES))
    for name, text in SECONDS:
        print_line(sizes, name, text, milliseconds, grows=True)
    for name, text in RATIOS:
        print_line(sizes, name, text, lambda value: f"x{value:.3f}")
    for name, text in PAUSES:
        print_line(sizes, name, text, milliseconds)
    print_line(sizes, "memory", "memory (PSS) of all roles", mebibytes)


def print_dlv(values):
    if not values:
        return
    dlv, report = median(values["dlv"]), median(values["report"])
    factor = median(a / b for a, b in zip(values["dlv"], values["report"]))
    print(f"  dlv attach, all stacks of {DLV_SIZE:,} goroutines, which stops them: "
          f"{milliseconds(dlv)}; report {milliseconds(report)}, x{factor:.1f}")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="every value of every round")
    wants_json = parser.parse_args().json
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended
    sizes = {size: measure_size(size) for size in SIZES}
    dlv = measure_dlv()
    load = os.getloadavg()[0]
    if wants_json:
        machine = {"cpus": os.cpu_count(), "kernel": platform.release(), "load": load}
        print(json.dumps({"machine": machine, "goroutines": sizes, "dlv": dlv}, indent=1))
    else:
        print_sizes(sizes)
        print_dlv(dlv)
        print(f"  {os.cpu_count()} CPUs, load {load:.1f}")


main()
