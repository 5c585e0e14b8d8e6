# SPDX-License-Identifier: Apache-2.0
"""The resources of the incident's charts, against /proc and the control group's own files."""

import os
import pathlib

from harness import LiveTest, report, wait_for

QUICK = ("--interval", "200ms", "-t", "100ms")


def status_bytes(pid, name):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise AssertionError(name)


def memory_cgroup(pid):
    """The usage file of its control group, version 1 or 2; None without one."""
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8").splitlines():
        number, controllers, path = line.split(":", 2)
        candidates = []
        if "memory" in controllers.split(","):
            candidates = [f"/sys/fs/cgroup/memory{path}/memory.usage_in_bytes"]
        elif number == "0":
            candidates = [
                f"/sys/fs/cgroup{path}/memory.current",
                f"/sys/fs/cgroup/unified{path}/memory.current",
            ]
        for candidate in candidates:
            if os.path.exists(candidate):
                return pathlib.Path(candidate)
    return None


TICK = 1 / os.sysconf("SC_CLK_TCK")


def cpu_ticks(pid):
    """User's and system's, of all threads that there were."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return int(fields[11]), int(fields[12])


class Resources(LiveTest):
    def assert_near(self, value, truth, share):
        self.assertGreaterEqual(value, truth * (1 - share))
        self.assertLessEqual(value, truth * (1 + share))

    def test_memory(self):
        fixture = self.fixture("many", 500)
        seen = report(fixture.pid, "-t", "0").target["resources"]
        self.assertEqual(seen["virtual_memory_bytes"], status_bytes(fixture.pid, "VmSize"))
        # The kernel's per-thread counters make cheap readings of RSS inexact.
        self.assert_near(
            seen["resident_memory_bytes"], status_bytes(fixture.pid, "VmRSS"), 0.1
        )

    def test_cgroup(self):
        fixture = self.fixture("cond")
        path = memory_cgroup(fixture.pid)
        seen = report(fixture.pid, "-t", "0").target["resources"]
        if path is None:
            self.assertIsNone(seen["cgroup_memory_usage_bytes"])
            self.assertIsNone(seen["cgroup_memory_rss_bytes"])
            return
        usage = int(path.read_text(encoding="ascii"))
        self.assert_near(seen["cgroup_memory_usage_bytes"], usage, 0.5)
        self.assertGreater(seen["cgroup_memory_rss_bytes"], 0)
        self.assertLessEqual(seen["cgroup_memory_rss_bytes"], usage * 1.5)

    def test_cpu(self):
        fixture = self.fixture("churn", 2)
        watch = self.watch(fixture.pid, *QUICK)

        def used(mode):
            return watch.value("parkwatch_target_cpu_seconds_total", target="churn", mode=mode)

        wait_for(lambda: used("system") and used("system") > 0.1, "it uses CPU")
        user, system = cpu_ticks(fixture.pid)
        self.assertLessEqual(used("user"), user * TICK + 1)
        self.assertLessEqual(used("system"), system * TICK + 1)

    def test_cpu_of_threads_that_ended(self):
        """Once all is at rest nothing is missing, and nothing counted twice."""
        fixture = self.fixture("churn", 1)
        watch = self.watch(fixture.pid, *QUICK)

        def used(mode):
            return watch.value("parkwatch_target_cpu_seconds_total", target="churn", mode=mode) or 0

        def is_whole():
            ticks = cpu_ticks(fixture.pid)
            seen, whole = used("user") + used("system"), sum(ticks) * TICK
            # The kernel rounds down twice.
            return ticks == cpu_ticks(fixture.pid) and whole <= seen <= whole + 2 * TICK

        tasks = pathlib.Path(f"/proc/{fixture.pid}/task")
        wait_for(lambda: len(list(tasks.iterdir())) == 2, "all have ended but two, which wait")
        total = sum(cpu_ticks(fixture.pid)) * TICK
        living = [int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()]
        self.assertLess(sum(living) / 1e9, total / 2, "those that ended ran for most of it")
        wait_for(is_whole, "all CPU time is counted")
        for mode, ticks in zip(("user", "system"), cpu_ticks(fixture.pid)):
            self.assertLess(abs(used(mode) - ticks * TICK), total / 10)

    def test_cpu_of_a_process_whose_leader_ended(self):
        fixture = self.fixture("leader")
        watch = self.watch(fixture.pid, *QUICK)
        name = "parkwatch_target_cpu_seconds_total"
        wait_for(lambda: watch.value(name, target="leader", mode="user") is not None, "CPU time")
        seen = sum(watch.value(name, target="leader", mode=mode) for mode in ("user", "system"))
        self.assertLessEqual(seen, (sum(cpu_ticks(fixture.pid)) + 2) * TICK)
        self.assertGreater(seen, 0)

    def test_descriptors(self):
        fixture = self.fixture("pipe")
        watch = self.watch(fixture.pid, *QUICK)
        wait_for(lambda: watch.value("parkwatch_target_open_fds"), "descriptors are counted")
        self.assertEqual(
            watch.value("parkwatch_target_open_fds"), len(os.listdir(f"/proc/{fixture.pid}/fd"))
        )

    def test_network(self):
        fixture = self.fixture("cond")
        seen = report(fixture.pid, "-t", "0").target["resources"]["network"]
        lines = pathlib.Path(f"/proc/{fixture.pid}/net/dev").read_text(encoding="ascii")
        truth = {}
        for line in lines.splitlines()[2:]:
            device, numbers = line.split(":")
            truth[device.strip()] = int(numbers.split()[0]), int(numbers.split()[8])
        self.assertEqual({device["device"] for device in seen}, set(truth))
        for device in seen:
            received, sent = truth[device["device"]]
            self.assertLessEqual(device["receive_bytes"], received)
            self.assertLessEqual(device["transmit_bytes"], sent)

    def test_start_time(self):
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, *QUICK)
        boot = next(
            int(line.split()[1])
            for line in pathlib.Path("/proc/stat").read_text(encoding="ascii").splitlines()
            if line.startswith("btime")
        )
        stat = pathlib.Path(f"/proc/{fixture.pid}/stat").read_text(encoding="utf-8")
        ticks = int(stat.rsplit(")", 1)[1].split()[19])
        truth = boot + ticks / os.sysconf("SC_CLK_TCK")
        seen = watch.value("parkwatch_target_start_time_seconds", target="cond")
        self.assertLess(abs(seen - truth), 1.5)
