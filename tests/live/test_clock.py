# SPDX-License-Identifier: Apache-2.0
"""Somebody sets the machine's clock while parkwatch runs: see shift_s of fixtures/lib/fault.c."""

import time

import fault
from harness import LiveTest, monotonic, wait_for

YEARS = 10 * 365 * 86400


class Jumps(LiveTest):
    def test_ten_years(self):
        """The time of day follows the clock; how long something has lasted does not."""
        state = fault.Fault(fault.build(self.directory()), self.directory() / "fault")
        self.addCleanup(state.close)
        fixture = self.fixture("cond")
        born = monotonic()
        watch = self.watch(
            fixture.pid, "--interval", "200ms", "-t", "100ms", env=state.environment()
        )
        started = watch.value("parkwatch_target_start_time_seconds")
        self.assertLess(abs(started - time.time()), YEARS / 100)
        for shift in (YEARS, -YEARS, 0):
            with self.subTest(shift=shift):
                state.clear(shift_s=shift)
                seen = watch.value("parkwatch_target_start_time_seconds")
                self.assertLess(abs(seen - started - shift), 5)
                scans = self.scans(watch)
                wait_for(lambda: self.scans(watch) > scans + 1, "scans go on")
                target = watch.report().target
                self.assertLess(target["uptime_seconds"], monotonic() - born + 5)
                self.assertLess(target["observed_seconds"], monotonic() - born + 5)
                self.assertLess(target["groups"][0]["oldest_seconds"], monotonic() - born + 5)

    def scans(self, watch):
        return watch.value("parkwatch_scan_duration_seconds_count")
