# SPDX-License-Identifier: Apache-2.0
"""Rounds of measurements and what is made of them: medians of at least five, ratios of what was
measured in one round, exponents of growth; and how these are written."""

import math
import statistics
import sys
import time

import processes

ROUNDS = 7
ROUNDS_LEAST = 5


def say(text):
    print(text, file=sys.stderr, flush=True)


class Budget:
    """Time for a part of the benchmarks, shared by so many series of rounds. No round begins after
    it, but for those without which there would be no median."""

    def __init__(self, seconds, n_series=1):
        self.left = n_series
        self.end = time.monotonic() + seconds
        self.patience = self.end + seconds  # a disturbed machine makes no results

    def rounds(self, measure):
        """Results of measure(number) for ROUNDS undisturbed rounds, after one to warm up."""
        end = time.monotonic() + max(0, self.end - time.monotonic()) / self.left
        self.left -= 1
        results = []
        while len(results) <= ROUNDS and time.monotonic() < self.patience:
            if time.monotonic() > end and len(results) > ROUNDS_LEAST:
                break
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


def exponent(small, large):
    """Of the growth over a decade: 1 is linear. Of medians, None where one is missing."""
    return math.log10(large / small) if small and large else None


def by_name(results):
    """[{name: value}] of the rounds as {name: [value of each round]}."""
    return {name: [result.get(name) for result in results] for name in results[0]} if results else {}


def number(value, unit):
    return f"{value:,.0f} {unit}" if value is not None else "unknown"


def milliseconds(value):
    return f"{value * 1000:,.1f} ms" if value is not None else "unknown"


def mebibytes(value):
    return f"{value / 2**20:,.1f} MiB" if value is not None else "unknown"
