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

    def rounds(self, measure, most=ROUNDS):
        """Results of measure(number) for `most` undisturbed rounds, after one to warm up."""
        end = time.monotonic() + max(0, self.end - time.monotonic()) / self.left
        self.left -= 1
        results = []
        while len(results) <= most and time.monotonic() < self.patience:
            if time.monotonic() > end and len(results) > ROUNDS_LEAST:
                break
            try:
                results.append(measure(len(results)))
            except processes.Disturbed:
                say("bench: another parkwatch is attached here; this round does not count")
                time.sleep(1)
        return results[1:]


def known(values):
    return [value for value in values if value is not None]


def median(values):
    values = known(values)
    return statistics.median(values) if len(values) >= ROUNDS_LEAST else None


def quartiles(values):
    """The lower and the upper one."""
    values = known(values)
    if len(values) < ROUNDS_LEAST:
        return None
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def ratios(values, bases):
    """Of what was measured in the same round; None where one is missing."""
    return [value / base if value and base else None for value, base in zip(values, bases)]


def ratio(values, bases):
    """Median of the rounds' ratios; None from too few rounds."""
    return median(ratios(values, bases))


def exponent(small, large):
    """Of the growth over a decade: 1 is linear. Of medians, None where one is missing."""
    known_both = small and large and small > 0 and large > 0
    return math.log10(large / small) if known_both else None


def by_name(results):
    """[{name: value}] of the rounds as {name: [value of each round]}."""
    names = {name: None for result in results for name in result}
    return {name: [result.get(name) for result in results] for name in names}


def nanoseconds(value):
    return f"{value:,.0f} ns"


def milliseconds(seconds):
    return f"{seconds * 1000:,.1f} ms"


def megabytes(value):
    return f"{value / 1e6:,.1f} MB"


def kilobytes(value):
    return f"{value / 1e3:,.0f} kB"


def percent(part):
    return f"{part * 100:,.2f} %"


def times(factor):
    return f"x{factor:,.2f}"


def count(value):
    return f"{value:,.0f}"


# What the values that they write are of, for programs.
UNITS = {
    nanoseconds: "ns",
    milliseconds: "s",
    megabytes: "B",
    kilobytes: "B",
    percent: "ratio",
    times: "ratio",
    count: "",
}
