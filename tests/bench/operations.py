# SPDX-License-Identifier: Apache-2.0
"""What a context switch and a syscall cost more while something is attached, to its target and to
others, and what one run of each BPF program takes. Operations are measured in CPU time of their
process, so that what else runs here costs them no more than their caches. Empty programs at the
same hooks tell what of it is the kernel's own price, and what its statistics take."""

import contextlib

import peers
import processes
from bars import Bar
from rounds import Budget, known, median, nanoseconds, ratio, times
from table import Row, Table

SECONDS_OPERATIONS = 80
SECONDS_PROGRAMS = 40
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


def modes():
    return [*EMPTY, *MODES, *peers.there()]


def tracer(mode, load_pid, other_pid):
    """What is attached for the mode, as a context that yields the ids of its BPF programs."""
    if mode == BARE:
        return contextlib.nullcontext(frozenset())
    if mode in peers.COMMANDS:
        return peers.attached(mode, load_pid)
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


OURS = ("on_sched_switch", "switch", "target, --futex on")
RUNS = {  # (program, operation that runs it, mode): (empty program at the same hook, its bar)
    ("empty_switch", "switch", "empty program at sched_switch"): (None, None),
    ("empty_exit", "getppid", "empty program at sys_exit"): (None, None),
    OURS: ("empty_switch", Bar(150)),
    ("on_sched_switch", "switch", "another target, --futex on"): ("empty_switch", Bar(25)),
    ("on_sys_exit", "futex", "target, --futex on"): ("empty_exit", None),
    ("on_sys_exit", "futex", "another target, --futex on"): ("empty_exit", None),
    ("on_sys_exit", "getppid", "another target, --futex on"): ("empty_exit", None),
    **{
        (program, "switch", peer): ("empty_switch", None)
        for peer, program in peers.PROGRAMS.items()
    },
}
TIMES_LESS = Bar(10, is_least=True)  # than a peer's program takes


def measure_programs(load, other):
    """{(program, operation, mode): [ns a run, of each round]}: all modes in each round."""
    there = modes()
    traced = [mode for mode in there if any(run[2] == mode for run in RUNS)]

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
        there = modes()
        budget = Budget(SECONDS_OPERATIONS, len(there))
        operations = {mode: measure_mode(budget, mode, load, other) for mode in there}
        return {"operations": operations, "programs": measure_programs(load, other)}


# Views


def operations_table(operations):
    bare = [
        median(value for values in operations.values() for value in values[name]["bare"])
        for name in COUNTS
    ]
    rows = [Row(BARE, bare, nanoseconds)]
    for mode in (*EMPTY, *MODES, *peers.COMMANDS):
        values = operations.get(mode, {name: {"traced": (), "bare": ()} for name in COUNTS})
        factors = [ratio(values[name]["traced"], values[name]["bare"]) for name in COUNTS]
        rows.append(
            Row(
                mode,
                [median(values[name]["traced"]) for name in COUNTS],
                nanoseconds,
                notes=[times(factor) if factor else "" for factor in factors],
            )
        )
    return Table(
        "CPU time of an operation, and its ratio to that without a tracer, right before or after",
        ["context switch", "getppid()", "futex(EAGAIN)"],
        rows,
    )


def net(programs, run):
    """What a run takes more than an empty one at the same hook, in the same round."""
    if run[0] in EMPTY.values():
        return 0
    empty = next((values for key, values in programs.items() if key[0] == RUNS[run][0]), ())
    pairs = zip(programs.get(run, ()), empty)
    return median([value - base for value, base in pairs if None not in (value, base)])


def programs_table(programs):
    rows = [
        Row(
            f"{run[0]} at {run[1]}, {run[2]}",
            [median(programs.get(run, ())), net(programs, run)],
            nanoseconds,
            bars=[None, bar],
        )
        for run, (_, bar) in RUNS.items()
    ]
    return Table(
        "One run of a BPF program by the kernel's statistics, and without what an empty one takes",
        ["gross", "net"],
        rows,
    )


def peers_table(programs):
    rows = [
        Row(
            f"program of {peers.NEEDS[peer]}",
            [ratio(programs.get((program, "switch", peer), ()), programs.get(OURS, ()))],
            times,
            bars=[TIMES_LESS],
        )
        for peer, program in peers.PROGRAMS.items()
    ]
    return Table("One run of it at a switch of its target, to one of on_sched_switch", [""], rows)


def tables(results):
    programs = results.get("programs", {})
    return [
        operations_table(results.get("operations", {})),
        programs_table(programs),
        peers_table(programs),
    ]


def as_json(results):
    return {
        "operations": results["operations"],
        "programs": [
            {"program": run[0], "operation": run[1], "mode": run[2], "ns": known(values)}
            for run, values in results["programs"].items()
        ],
    }
