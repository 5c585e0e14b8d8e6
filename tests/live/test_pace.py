# SPDX-License-Identifier: Apache-2.0
"""Scans that take longer than a tenth of their interval: there are fewer, which is said once, and
once more when it is over."""

import os
import signal

from harness import LiveTest, wait_for

INTERVAL = 0.5
SLOW = "take longer than a tenth of"
OVER = "again"


def interval(watch, target):
    return watch.value("parkwatch_scan_interval_seconds", target=target)


def late(watch, target):
    return watch.value("parkwatch_losses_total", target=target, what="scan_late")


def scans(watch, target):
    return watch.value("parkwatch_scan_duration_seconds_count", target=target, source="threads")


class Pace(LiveTest):
    def slow_down(self, watch, target):
        """The analyst rests for the end of an interval: the scan takes longer than that. Two such
        scans that follow each other stretch it, and this returns long before the next one."""
        late_before, scans_before = late(watch, target), scans(watch, target)
        (analyst,) = watch.analysts()
        os.kill(analyst, signal.SIGSTOP)
        try:
            wait_for(lambda: late(watch, target) > late_before, "a scan is late")
        finally:
            os.kill(analyst, signal.SIGCONT)
        wait_for(lambda: scans(watch, target) > scans_before, "it is done")

    def test_slow_scans(self):
        cond = self.fixture("cond")
        watch = self.watch(cond.pid, "--interval", f"{INTERVAL}s", "-t", "0")
        self.assertEqual(interval(watch, "cond"), INTERVAL)
        wait_for(
            lambda: interval(watch, "cond") > INTERVAL or self.slow_down(watch, "cond"),
            "the interval is stretched",
        )
        self.assertEqual(watch.log().count(SLOW), 1, watch.log())
        self.assertIn(f"process {cond.pid}", watch.log())
        wait_for(lambda: interval(watch, "cond") == INTERVAL, "it is as asked for")
        wait_for(lambda: OVER in watch.log(), "that it is over")
        self.assertEqual(watch.log().count(SLOW), watch.log().count(OVER), watch.log())
        self.assertEqual(watch.stop(), 0)

    def test_big_target(self):
        """Each scan copies the records of so many threads; a small target keeps its interval."""
        big, small = self.fixture("many", 10000), self.fixture("cond")
        watch = self.watch([big.pid, small.pid], "--interval", "100ms", "-t", "0")
        wait_for(lambda: interval(watch, "many") > 0.1, "the interval is stretched")
        self.assertRegex(watch.log(), f"process {big.pid} {SLOW} 100ms; .* [0-9.]+m?s apart")
        counts = [lambda target=target: scans(watch, target) for target in ("many", "cond")]
        before = [count() for count in counts]
        wait_for(lambda: counts[0]() >= before[0] + 3, "it is scanned all the same")
        self.assertGreater(counts[1]() - before[1], counts[0]() - before[0])
        self.assertEqual(watch.stop(), 0)
