# SPDX-License-Identifier: Apache-2.0
"""What parkwatch costs those that it watches, those that it does not watch, and the machine.

Every number is a median of at least five rounds; fewer make none. A ratio is taken in one round, of
two measurements that follow each other at once, with and without a tracer, in changing order; what
is shown is the median of the rounds' ratios. A round with another parkwatch attached makes no
ratio. Operations are measured in CPU time of their process, so that what else runs here costs them
no more than their caches. Nothing is asserted: the numbers of another machine are others."""

import argparse
import contextlib
import json
import os
import platform
import shutil
import signal
import statistics
import sys
import time

import processes

ROUNDS = 7
ROUNDS_LEAST = 5
SECONDS = {"operations": 90, "programs": 55, "sizes": 70}  # no new round after that
COUNTS = {"switch": 50_000, "getppid": 500_000, "futex": 250_000}
SIZES = (1_000, 10_000)
EU_STACK_SIZE = 1_000  # with 10,000 it takes minutes
SCANS = 5  # repeated ones, in each of the runs
INTERVAL = "500ms"

BARE = "not attached"
MODES = {  # name: (target is the process that is measured, options)
    "another target, --futex off": (False, ("--futex", "off")),
    "another target, --futex on": (False, ("--futex", "on")),
    "target, --futex off": (True, ("--futex", "off")),
    "target, --futex on": (True, ("--futex", "on")),
}
OFFCPUTIME = "target of offcputime -p"


def say(text):
    print(text, file=sys.stderr, flush=True)


class Budget:
    """Time for a part of the benchmarks, shared by so many series of rounds."""

    def __init__(self, part, n_series):
        self.left = n_series
        self.end = time.monotonic() + SECONDS[part]

    def rounds(self, measure):
        """Results of measure(number) for ROUNDS undisturbed rounds, after one to warm up."""
        end = time.monotonic() + (self.end - time.monotonic()) / self.left
        self.left -= 1
        results = []
        while len(results) <= ROUNDS and time.monotonic() < end:
            try:
                results.append(measure(len(results)))
            except processes.Disturbed:
                say("bench: another parkwatch is attached here; this round does not count")
                time.sleep(1)
        return results[1:]


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if len(values) >= ROUNDS_LEAST else None


def ratio(values, bases):
    """Median of the ratios of what was measured in the same round; None from too few rounds."""
    return median(value / base for value, base in zip(values, bases) if value and base)


# What each operation costs


def offcputime_command():
    return shutil.which("offcputime", path=processes.PATH)


def modes():
    return [*MODES, *([OFFCPUTIME] if offcputime_command() else [])]


def tracer(mode, load_pid, other_pid):
    """What is attached for the mode, as a context that yields the ids of its BPF programs."""
    if mode == BARE:
        return contextlib.nullcontext(frozenset())
    if mode == OFFCPUTIME:
        return processes.offcputime(offcputime_command(), load_pid)
    is_target, options = MODES[mode]
    return processes.watch_ids(load_pid if is_target else other_pid, *options)


@contextlib.contextmanager
def mode_in_force(mode, load, other):
    """Yields the ids of the BPF programs that are attached for it, and of no other parkwatch."""
    with tracer(mode, load.pid, other.pid) as ids:
        processes.check_alone(ids)
        yield ids
        processes.check_alone(ids)


def measure_mode(budget, mode, load, other):
    """{operation: {"traced": [ns of each round], "bare": [ns of each round]}}"""

    def one(number):
        result = {}
        for now in (BARE, mode) if number % 2 else (mode, BARE):
            with mode_in_force(now, load, other):
                result[now] = {name: load.measure(name, count) for name, count in COUNTS.items()}
        return result

    results = budget.rounds(one)
    return {
        name: {
            "traced": [result[mode][name] for result in results],
            "bare": [result[BARE][name] for result in results],
        }
        for name in COUNTS
    }


def measure_operations(load, other):
    budget = Budget("operations", len(modes()))
    return {mode: measure_mode(budget, mode, load, other) for mode in modes()}


# What each BPF program takes


RUNS = (  # program, operation that runs it, mode
    ("on_sched_switch", "switch", "target, --futex on"),
    ("on_sched_switch", "switch", "another target, --futex on"),
    ("on_sys_exit", "futex", "target, --futex on"),
    ("on_sys_exit", "futex", "another target, --futex on"),
    ("on_sys_exit", "getppid", "another target, --futex on"),
    ("sched_switch", "switch", OFFCPUTIME),
)


def measure_mode_programs(budget, mode, load, other):
    runs = [run for run in RUNS if run[2] == mode]

    def one(_):
        result = {}
        with tracer(mode, load.pid, other.pid) as ids:
            for run in runs:
                counting = processes.Statistics(ids)
                load.measure(run[1], COUNTS[run[1]])
                result[run] = counting.ns_per_run(run[0])
        return result

    results = budget.rounds(one)
    return {run: [result[run] for result in results] for run in runs}


def measure_programs(load, other):
    """{(program, operation, mode): [ns a run, of each round]}"""
    traced = [mode for mode in modes() if any(run[2] == mode for run in RUNS)]
    budget = Budget("programs", len(traced))
    values = {}
    with processes.bpf_statistics():
        for mode in traced:
            values.update(measure_mode_programs(budget, mode, load, other))
    return values


# What a scan takes, and what the roles hold


def measure_scans(pid):
    """Seconds of the first scan and of a repeated one, and the bytes of each role, of one run."""
    with processes.watch(pid, "-t", "0", "--interval", INTERVAL) as watching:
        count, first = watching.scans()
        processes.wait_for(lambda: watching.scans()[0] > SCANS, "the scans")
        total, seconds = watching.scans()
        return {
            "first": first if count == 1 else None,
            "repeated": (seconds - first) / (total - 1) if count == 1 else None,
            "roles": watching.roles(),
        }


def measure_size(budget, size):
    def one(_):
        result = measure_scans(pid)
        report = [processes.PARKWATCH, "report", "-t", "0", "-p", pid]
        result["report"] = processes.seconds_of(report)
        if size == EU_STACK_SIZE and shutil.which("eu-stack"):
            result["eu_stack"] = processes.seconds_of(["eu-stack", "-p", pid])
        return result

    with processes.parked(size) as pid:
        results = budget.rounds(one)
    roles = results[0]["roles"] if results else {}
    return {
        "first": [result["first"] for result in results],
        "repeated": [result["repeated"] for result in results],
        "report": [result["report"] for result in results],
        "eu_stack": [result.get("eu_stack") for result in results],
        "roles": {name: [result["roles"].get(name) for result in results] for name in roles},
    }


# Views


def number(value, unit):
    return f"{value:,.0f} {unit}" if value is not None else "unknown"


def with_ratio(values):
    factor = ratio(values["traced"], values["bare"])
    return number(median(values["traced"]), "ns") + (f" x{factor:.2f}" if factor else "")


def print_operations(operations):
    print("CPU time of an operation, and its ratio to that without a tracer, right before or after")
    print(f"  {'':30}{'context switch':>18}{'getppid()':>18}{'futex(EAGAIN)':>18}")
    bare = {
        name: [value for values in operations.values() for value in values[name]["bare"]]
        for name in COUNTS
    }
    cells = [number(median(bare[name]), "ns") for name in COUNTS]
    print(f"  {BARE:30}" + "".join(f"{cell:>18}" for cell in cells))
    for mode, values in operations.items():
        cells = [with_ratio(values[name]) for name in COUNTS]
        print(f"  {mode:30}" + "".join(f"{cell:>18}" for cell in cells))


def print_programs(programs):
    print("\nWhat one run of a BPF program takes, with the kernel's statistics switched on")
    for (program, operation, mode), values in programs.items():
        print(f"  {program + ' at ' + operation:30}{number(median(values), 'ns'):>18}   {mode}")


def milliseconds(values):
    middle = median(values)
    return f"{middle * 1000:,.1f} ms" if middle is not None else "unknown"


def mebibytes(values):
    middle = median(values)
    return f"{middle / 2**20:,.1f} MiB" if middle is not None else "unknown"


SIZE_LINES = (
    ("first", "first scan: all stacks"),
    ("repeated", "repeated scan: nothing new"),
    ("report", "report -t 0, wall clock"),
    ("eu_stack", "eu-stack -p, wall clock"),
)


def print_sizes(sizes):
    print("\nOne process with many parked threads")
    print(f"  {'':30}" + "".join(f"{size:>10,} threads" for size in sizes))
    for key, text in SIZE_LINES:
        cells = [milliseconds(of[key]) if any(of[key]) else "-" for of in sizes.values()]
        print(f"  {text:30}" + "".join(f"{cell:>18}" for cell in cells))
    for role in next(iter(sizes.values()))["roles"]:
        cells = [mebibytes(of["roles"][role]) for of in sizes.values()]
        print(f"  {'memory (PSS) of ' + role:30}" + "".join(f"{cell:>18}" for cell in cells))
    factor = ratio(sizes[EU_STACK_SIZE]["eu_stack"], sizes[EU_STACK_SIZE]["report"])
    if factor:
        print(f"  eu-stack takes {factor:.1f} times as long as the report, and stops each thread")


def machine():
    return {
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "load": os.getloadavg()[0],
    }


def as_json(results):
    programs = [
        {"program": program, "operation": operation, "mode": mode, "ns": values}
        for (program, operation, mode), values in results["programs"].items()
    ]
    ratios = {
        mode: {name: ratio(values[name]["traced"], values[name]["bare"]) for name in COUNTS}
        for mode, values in results["operations"].items()
    }
    return json.dumps({**results, "programs": programs, "ratios": ratios}, indent=1)


def run():
    with processes.load() as load, processes.load() as other:
        operations = measure_operations(load, other)
        programs = measure_programs(load, other)
    budget = Budget("sizes", len(SIZES))
    return {
        "machine": machine(),
        "operations": operations,
        "programs": programs,
        "sizes": {size: measure_size(budget, size) for size in SIZES},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="every value of every round")
    wants_json = parser.parse_args().json
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended
    results = run()
    if wants_json:
        print(as_json(results))
        return
    of = results["machine"]
    print(f"{of['cpus']} CPUs, Linux {of['kernel']}, load {of['load']:.1f}; medians of rounds\n")
    print_operations(results["operations"])
    print_programs(results["programs"])
    print_sizes(results["sizes"])


main()
