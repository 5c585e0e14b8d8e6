# SPDX-License-Identifier: Apache-2.0
"""Runs the tests of a directory, or the live tests: run.py [DIRECTORY] [PATTERN...], PATTERN being
a part of FILE.CLASS.TEST. The last line is "N passed, N failed, N skipped". A skip fails the run
where CI=true."""

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


def main(patterns):
    here = pathlib.Path(__file__).parent
    if patterns and os.path.isdir(patterns[0]):
        here = pathlib.Path(patterns[0]).resolve()
        patterns = patterns[1:]
    sys.path.insert(0, str(here))
    sys.dont_write_bytecode = True
    tests = [
        test
        for test in flatten(unittest.defaultTestLoader.discover(str(here), "test_*.py"))
        if not patterns or any(pattern in test.id() for pattern in patterns)
    ]
    if not tests:
        print("no test matches", file=sys.stderr)
        return 2
    result = Result()
    unittest.TestSuite(tests).run(result)
    for test, reason in result.skipped:
        print(f"skipped {test.id()}: {reason}")
    failed = len(result.failures) + len(result.errors)
    print(f"{result.passed} passed, {failed} failed, {len(result.skipped)} skipped", flush=True)
    strict = os.environ.get("CI") == "true"
    return 1 if failed or (strict and result.skipped) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
