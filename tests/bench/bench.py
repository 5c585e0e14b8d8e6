# SPDX-License-Identifier: Apache-2.0
"""What parkwatch costs those that it watches, those that it does not watch, and the machine.

Every number is a median of at least five rounds, after one to warm up; fewer make none. A ratio is
taken in one round, of measurements that follow each other at once, in changing order; what is shown
is the median of the rounds' ratios. A round with another parkwatch attached makes no ratio. Tools
run on CPU 0 and what they are measured on runs on CPU 1, but where it says otherwise. Nothing is
asserted: what is to be reached is printed beside each value, and the numbers of another machine
are others."""

import argparse
import json
import os
import platform
import signal
import sys
import time

import changes
import goroutines
import hour
import operations
import rest
import servers
import sizes

PARTS = {
    "operations": operations,
    "servers": servers,
    "sizes": sizes,
    "goroutines": goroutines,
    "changes": changes,
    "rest": rest,
    "hour": hour,
}
UNASKED = [name for name in PARTS if name != "hour"]


def machine():
    return {
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "load": os.getloadavg()[0],
    }


def prepare(names):
    """What is missing is said before anything is measured."""
    for name in names:
        if hasattr(PARTS[name], "prepare"):
            PARTS[name].prepare()


def as_json(of, results):
    tables = [table.as_json() for name in results for table in PARTS[name].tables(results[name])]
    values = {name: PARTS[name].as_json(value) for name, value in results.items()}
    return {"machine": of, "tables": tables, "rounds": values}


def print_tables(of, results, seconds):
    print(f"{of['cpus']} CPUs, Linux {of['kernel']}, load {of['load']:.1f}; medians of rounds, in "
          f"{seconds / 60:.0f} minutes")  # fmt: skip
    for name, values in results.items():
        for table in PARTS[name].tables(values):
            table.print()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="the tables and every round's values")
    parser.add_argument("--part", choices=PARTS, action="append", help="only this; may be repeated")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended
    names = options.part or UNASKED
    of, start = machine(), time.monotonic()
    prepare(names)
    results = {name: PARTS[name].measure() for name in names}
    if options.json:
        print(json.dumps(as_json(of, results), indent=1))
    else:
        print_tables(of, results, time.monotonic() - start)


if __name__ == "__main__":
    main()
