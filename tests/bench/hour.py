# SPDX-License-Identifier: Apache-2.0
"""Whether memory stays flat: the proportional set sizes of all roles over an hour, with a target
whose threads wait and are woken, and one whose goroutines do. Not part of a whole run."""

import statistics
import time

import goroutines
import processes
import toolchain
from bars import Bar
from rounds import megabytes, times
from table import Row, Table

SECONDS = 3600
SETTLE_SECONDS = 60
SAMPLES = 60
EDGE = 5  # samples of either end that make its median
THREADS = 1_000
GOROUTINES = 10_000
FLAT = Bar(1.05)  # the last to the first


def measure():
    """[bytes of all roles] by sample; meanwhile a tenth of the waiters is woken again and again."""
    sizes = []
    with (
        processes.fixture("many", THREADS) as native,
        goroutines.target(GOROUTINES, toolchain.million()) as go,
        processes.watch(f"{native.pid},{go.pid}", "-t", "0", "--interval", "1s") as watching,
    ):
        time.sleep(SETTLE_SECONDS)
        for _ in range(SAMPLES):
            native.ask(THREADS // 10)
            go.ask(f"move {GOROUTINES // 10}")
            sizes.append(sum(watching.roles().values()))
            time.sleep(SECONDS / SAMPLES)
    return {"memory": sizes}


def prepare():
    toolchain.million()


# Views


def tables(results):
    sizes = results.get("memory", ())
    first = statistics.median(sizes[:EDGE]) if sizes else None
    last = statistics.median(sizes[-EDGE:]) if sizes else None
    return [
        Table(
            f"Memory (PSS) of all roles over {SECONDS // 60} minutes",
            [""],
            [
                Row("in the beginning", [first], megabytes),
                Row("in the end", [last], megabytes),
                Row("most", [max(sizes, default=None)], megabytes),
                Row("end to beginning", [last / first if sizes else None], times, (FLAT,)),
            ],
        )
    ]


def as_json(results):
    return results
