# SPDX-License-Identifier: Apache-2.0
"""Runs the tests of a directory, or the live tests: run.py [--jobs N] [DIRECTORY] [PATTERN...],
PATTERN being a part of FILE.CLASS.TEST. N classes run at once, apart from those with ALONE = True,
which come last and one by one. The last line is "N passed, N failed, N skipped". A skip fails the
run where CI=true."""

import argparse
import concurrent.futures
import contextlib
import io
import multiprocessing
import os
import pathlib
import sys
import time
import unittest


class Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.passed = 0
        self.started = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()

    def say(self, test, what):
        print(f"{what:4} {test.id()} ({time.monotonic() - self.started:.1f} s)", flush=True)

    def addSuccess(self, test):
        self.passed += 1
        self.say(test, "ok")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.say(test, "skip")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.say(test, "FAIL")
        print(self.failures[-1][1], flush=True)

    def addError(self, test, err):
        super().addError(test, err)
        self.say(test, "FAIL")
        print(self.errors[-1][1], flush=True)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.say(subtest, "FAIL")
            print(self._exc_info_to_string(err, test), flush=True)


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def find(directory, patterns):
    """The matching tests, by class."""
    classes = {}
    for test in flatten(unittest.defaultTestLoader.discover(str(directory), "test_*.py")):
        if not patterns or any(pattern in test.id() for pattern in patterns):
            classes.setdefault(type(test), []).append(test)
    return classes


def run_class(tests):
    """What the tests of a class print, and (passed, failed, [skipped])."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        result = Result()
        unittest.TestSuite(tests).run(result)
    skipped = [f"skipped {test.id()}: {reason}" for test, reason in result.skipped]
    return out.getvalue(), (result.passed, len(result.failures) + len(result.errors), skipped)


CLASSES = {}  # found before the workers are forked, who have them so


def run_numbered(number):
    return run_class(list(CLASSES.values())[number])


def run_all(jobs):
    """run_class() of each: several at once, but those that look at the whole machine."""
    alone = [getattr(found, "ALONE", False) for found in CLASSES]
    with concurrent.futures.ProcessPoolExecutor(
        jobs, mp_context=multiprocessing.get_context("fork")
    ) as pool:
        together = [pool.submit(run_numbered, i) for i, is_alone in enumerate(alone) if not is_alone]
        for done in concurrent.futures.as_completed(together):
            yield done.result()
    for i, is_alone in enumerate(alone):
        if is_alone:
            yield run_numbered(i)


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("patterns", nargs="*")
    options = parser.parse_args(arguments)
    here, patterns = pathlib.Path(__file__).parent, options.patterns
    if patterns and os.path.isdir(patterns[0]):
        here, patterns = pathlib.Path(patterns[0]).resolve(), patterns[1:]
    sys.path.insert(0, str(here))
    sys.dont_write_bytecode = True
    CLASSES.update(find(here, patterns))
    if not CLASSES:
        print("no test matches", file=sys.stderr)
        return 2
    passed = failed = 0
    skipped = []
    for text, counts in run_all(options.jobs):
        print(text, end="", flush=True)
        passed, failed, skipped = passed + counts[0], failed + counts[1], skipped + counts[2]
    for line in skipped:
        print(line)
    print(f"{passed} passed, {failed} failed, {len(skipped)} skipped", flush=True)
    strict = os.environ.get("CI") == "true"
    return 1 if failed or (strict and skipped) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
