# SPDX-License-Identifier: Apache-2.0
"""The wall clock jumps by ten years, there and back, under a daemon: ages, counts and rates are those
of a clock that does not jump."""

import json

import fault
from harness import BOUND, PARKWATCH, LiveTest, monotonic, wait_for

YEARS = 10 * 365 * 86400  # seconds, in ten years
SLACK = 2  # seconds between a scan and our look at it


class Jumps(LiveTest):
    def setUp(self):
        self.state = fault.Fault(fault.build(self.directory()), self.directory() / "fault")
        self.addCleanup(self.state.close)
        self.born = monotonic()
        self.target = self.fixture("cond")
        self.since = [thread["since_ns"] / 1e9 for thread in self.target.threads]
        self.daemon = self.watch(
            self.target.pid,
            *("--interval", "100ms", "-t", "0"),
            program=[*BOUND, *fault.FIXED, str(PARKWATCH)],
            env=self.state.environment(),
        )
        wait_for(lambda: self.daemon.report().having("wait_for_work"), "first stacks")

    def scans(self):
        name = "parkwatch_scan_duration_seconds_count"
        return self.daemon.value(name, target="cond", source="threads")

    def year(self):
        return int(self.daemon.report().data["time"][:4])

    def check_age(self):
        taken = self.daemon.report()
        group = taken.group("wait_for_work")
        self.assertEqual(group["count"], 3)
        for name, since in (("oldest", min(self.since)), ("newest", max(self.since))):
            age = group[f"{name}_seconds"]
            self.assertGreaterEqual(age, taken.started - since - SLACK)
            self.assertLessEqual(age, taken.ended - since + SLACK)
        self.assertLessEqual(group["oldest_seconds_at_least"], monotonic() - min(self.since))
        for name in ("uptime_seconds", "observed_seconds"):
            self.assertLess(taken.target[name], monotonic() - self.born + SLACK)

    def check_numbers(self):
        """Scans go on at their pace, and no rate is of ten years or of less than nothing."""
        self.check_age()
        before, at = self.scans(), monotonic()
        wait_for(lambda: self.scans() > before + 5, "scans go on")
        self.assertLess(self.scans() - before, (monotonic() - at + SLACK) / 0.1)
        for (name, labels), value in self.daemon.metrics().items():
            if name.endswith(("_total", "_count", "_bucket")) or "seconds" in name:
                self.assertGreaterEqual(value, 0, (name, labels))
            if name.startswith("parkwatch_parked_oldest"):
                self.assertLess(value, monotonic() - min(self.since) + SLACK)
        cpu = self.daemon.value("parkwatch_target_cpu_seconds_total", target="cond")
        self.assertLess(cpu, 60)

    def started(self):
        return self.daemon.value("parkwatch_target_start_time_seconds", target="cond")

    def check_jump(self, years):
        """The time of day follows the clock; how long something has lasted does not."""
        year, started = self.year(), self.started()
        self.check_numbers()
        self.state.clear(shift_s=years * YEARS // 10)
        wait_for(lambda: abs(self.year() - year - years) <= 1, "the daemon's clock has jumped")
        self.assertLess(abs(self.started() - started - years * YEARS // 10), SLACK)
        self.check_numbers()
        self.state.clear()
        wait_for(lambda: abs(self.year() - year) <= 1, "the daemon's clock is back")
        self.assertLess(abs(self.started() - started), SLACK)
        self.check_numbers()
        self.assertEqual(self.daemon.stop(), 0)

    def test_forth_and_back(self):
        self.check_jump(10)

    def test_back_and_forth(self):
        self.check_jump(-10)

    def test_history(self):
        """Points follow each other as the scans did, whatever the clock said, and so do rates."""
        for shift in (YEARS, -YEARS, 0):
            self.state.clear(shift_s=shift)
            scans = self.scans()
            wait_for(lambda scans=scans: self.scans() > scans + 5, "scans go on")
        [target] = json.loads(self.daemon.fetch("/api/v1/history?target=cond")[2])["targets"]
        times = target["times"]
        self.assertGreater(len(times), 15)
        self.assertEqual(times, sorted(set(times)))
        for name in ("cpu_cores", "network_receive_bytes_per_second"):
            for value in target[name]:
                self.assertTrue(value is None or value >= 0, (name, target[name]))
