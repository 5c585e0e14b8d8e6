# SPDX-License-Identifier: Apache-2.0
"""What a context switch and a syscall cost more while something is attached, to its target and to
others, and what one run of each BPF program takes. Empty programs at the same hooks tell what of it
is the kernel's own price, and what its statistics take."""

import contextlib
import shutil

import processes
from rounds import Budget, median, number, ratio

SECONDS_OPERATIONS = 70
SECONDS_PROGRAMS = 30
COUNTS = {"switch": 50_000, "getppid": 500_000, "futex": 250_000}

BARE = "not attached"
MODES = {  # name: (target is the process that is measured, options)
    "another target, --futex off": (False, ("--futex", "off")),
    "another target, --futex on": (False, ("--futex", "on")),
    "target, --futex off": (True, ("--futex", "off")),
    "target, --futex on": (True, ("--futex", "on")),
}
EMPTY = {  # name: program of empty.bpf.c
    "empty program at sched_switch": "empty_switch",
    "empty program at sys_exit": "empty_exit",
}
OFFCPUTIME = "target of offcputime -p"


def offcputime_command():
    return shutil.which("offcputime", path=processes.PATH)


def modes():
    return [*EMPTY, *MODES, *([OFFCPUTIME] if offcputime_command() else [])]


def tracer(mode, load_pid, other_pid):
    """What is attached for the mode, as a context that yields the ids of its BPF programs."""
    if mode == BARE:
        return contextlib.nullcontext(frozenset())
    if mode == OFFCPUTIME:
        return processes.offcputime(offcputime_command(), load_pid)
    if mode in EMPTY:
        return processes.empty(EMPTY[mode])
    is_target, options = MODES[mode]
    return processes.watch_ids(load_pid if is_target else other_pid, *options)


@contextlib.contextmanager
def mode_in_force(mode, load_pid, other_pid):
    """Yields the ids of the BPF programs that are attached for it, and of no other parkwatch."""
    with tracer(mode, load_pid, other_pid) as ids:
        processes.check_alone(ids)
        yield ids
        processes.check_alone(ids)


def measure_mode(budget, mode, load, other):
    """{operation: {"traced": [ns of each round], "bare": [ns of each round]}}"""

    def one(number):
        result = {}
        for now in (BARE, mode) if number % 2 else (mode, BARE):
            with mode_in_force(now, load.pid, other.pid):
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


RUNS = (  # program, operation that runs it, mode, empty program at the same hook
    ("empty_switch", "switch", "empty program at sched_switch", None),
    ("empty_exit", "getppid", "empty program at sys_exit", None),
    ("on_sched_switch", "switch", "target, --futex on", "empty_switch"),
    ("on_sched_switch", "switch", "another target, --futex on", "empty_switch"),
    ("on_sys_exit", "futex", "target, --futex on", "empty_exit"),
    ("on_sys_exit", "futex", "another target, --futex on", "empty_exit"),
    ("on_sys_exit", "getppid", "another target, --futex on", "empty_exit"),
    ("sched_switch", "switch", OFFCPUTIME, "empty_switch"),
)


def measure_programs(load, other):
    """{(program, operation, mode): [ns a run, of each round]}: all modes in each round."""
    traced = [mode for mode in modes() if any(run[2] == mode for run in RUNS)]

    def one(_):
        result = {}
        for mode in traced:
            with tracer(mode, load.pid, other.pid) as ids:
                for run in (run for run in RUNS if run[2] == mode):
                    counting = processes.Statistics(ids)
                    load.measure(run[1], COUNTS[run[1]])
                    result[run] = counting.ns_per_run(run[0])
        return result

    with processes.bpf_statistics():
        results = Budget(SECONDS_PROGRAMS).rounds(one)
    return {run: [result.get(run) for result in results] for run in RUNS if run[2] in traced}


def measure():
    with processes.load() as load, processes.load() as other:
        budget = Budget(SECONDS_OPERATIONS, len(modes()))
        operations = {mode: measure_mode(budget, mode, load, other) for mode in modes()}
        return {"operations": operations, "programs": measure_programs(load, other)}


# Views


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


def net(programs, run):
    """What a run takes more than an empty one at the same hook, in the same round."""
    empty = next((values for key, values in programs.items() if key[0] == run[3]), None)
    if not empty:
        return None
    pairs = zip(programs[run], empty)
    return median(value - base for value, base in pairs if value is not None and base is not None)


def print_programs(programs):
    print("\nOne run of a BPF program by the kernel's statistics, and without what an empty one takes")
    for run, values in programs.items():
        more = net(programs, run)
        cell = number(more, "ns net") if more is not None else ""
        text = f"{run[0]} at {run[1]}"
        print(f"  {text:30}{number(median(values), 'ns'):>18}{cell:>18}   {run[2]}")


def show(results):
    print_operations(results["operations"])
    print_programs(results["programs"])


def as_json(results):
    operations, programs = results["operations"], results["programs"]
    return {
        "operations": operations,
        "ratios": {
            mode: {name: ratio(values[name]["traced"], values[name]["bare"]) for name in COUNTS}
            for mode, values in operations.items()
        },
        "programs": [
            {"program": run[0], "operation": run[1], "mode": run[2], "ns": values,
             "ns_net": net(programs, run)}
            for run, values in programs.items()
        ],
    }  # fmt: skip
