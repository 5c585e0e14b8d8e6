# SPDX-License-Identifier: Apache-2.0
"""What parkwatch costs those that it watches, those that it does not watch, and the machine.

Every number is a median of at least five rounds; fewer make none. A ratio is taken in one round, of
measurements that follow each other at once, in changing order; what is shown is the median of the
rounds' ratios. A round with another parkwatch attached makes no ratio. Operations are measured in
CPU time of their process, so that what else runs here costs them no more than their caches. Nothing
is asserted: the numbers of another machine are others."""

import argparse
import json
import os
import platform
import signal
import sys

import operations
import servers
import sizes

PARTS = {"operations": operations, "servers": servers, "sizes": sizes}


def machine():
    return {
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "load": os.getloadavg()[0],
    }


def as_json(name, results):
    return operations.as_json(results) if name == "operations" else results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="every value of every round")
    parser.add_argument("--part", choices=PARTS, action="append", help="only this; may be repeated")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended
    of = machine()
    results = {name: PARTS[name].measure() for name in options.part or PARTS}
    if options.json:
        values = {name: as_json(name, values) for name, values in results.items()}
        print(json.dumps({"machine": of, **values}, indent=1))
        return
    print(f"{of['cpus']} CPUs, Linux {of['kernel']}, load {of['load']:.1f}; medians of rounds\n")
    for name, values in results.items():
        PARTS[name].show(values)


main()
