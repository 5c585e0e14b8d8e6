# SPDX-License-Identifier: Apache-2.0
"""The daemon: its metrics, its HTTP, its end."""

import gzip
import json
import math
import os
import pathlib
import re
import signal
import subprocess

from harness import LiveTest, bpf_objects, need, report, strangers, wait_for

QUICK = ("--interval", "200ms", "-t", "100ms")

SERIES = {
    "parkwatch_parked", "parkwatch_parked_oldest_seconds", "parkwatch_parked_memory_bytes",
    "parkwatch_deadlocks", "parkwatch_stack_info", "parkwatch_threads",
    "parkwatch_park_duration_seconds", "parkwatch_long_parks_total", "parkwatch_futex_waits_total",
    "parkwatch_futex_wakes_total", "parkwatch_threshold_seconds", "parkwatch_target_up",
    "parkwatch_target_info", "parkwatch_target_start_time_seconds",
    "parkwatch_target_resident_memory_bytes", "parkwatch_target_virtual_memory_bytes",
    "parkwatch_target_swap_bytes", "parkwatch_target_cpu_seconds_total",
    "parkwatch_target_open_fds", "parkwatch_target_network_receive_bytes_total",
    "parkwatch_target_network_transmit_bytes_total", "parkwatch_scan_duration_seconds",
    "parkwatch_losses_total", "parkwatch_build_info", "process_resident_memory_bytes",
    "process_cpu_seconds_total",
}  # fmt: skip


def cpu_seconds(pid):
    """Of a process of one thread, of the scheduler's own clock."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def resident_bytes(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+) kB$", text, re.M)[1]) * 1024


class Metrics(LiveTest):
    ALONE = True  # counts its scans in time

    def test_series(self):
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, "--interval", "1s", "-t", "100ms")  # in time when busy, too
        wait_for(lambda: watch.value("parkwatch_parked", target="cond"), "a group is exported")
        text = watch.fetch("/metrics")[2].decode()
        typed = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))
        self.assertEqual(SERIES - typed, set())
        self.assertEqual(watch.value("parkwatch_target_up", target="cond"), 1)
        self.assertEqual(watch.value("parkwatch_threshold_seconds"), 0.1)
        self.assertEqual(watch.value("parkwatch_threads", target="cond", state="sleeping"), 4)
        self.assertEqual(watch.value("parkwatch_losses_total", target="cond") or 0, 0)
        self.check_group(watch, fixture)

    def check_group(self, watch, fixture):
        line = fixture.threads[0]["line"]
        site = f"wait_for_work cond.c:{line}"
        labels = {"target": "cond", "kind": "thread", "reason": "futex wait", "site": site}
        self.assertEqual(watch.value("parkwatch_parked", **labels), 3)
        self.assertGreater(watch.value("parkwatch_parked_memory_bytes", **labels), 0)
        self.assertGreater(watch.value("parkwatch_parked_oldest_seconds", **labels), 0.1)
        [stack] = {
            dict(pairs)["stack"]
            for (name, pairs) in watch.metrics()
            if name == "parkwatch_stack_info" and dict(pairs)["site"] == site
        }
        names = stack.split(";")
        self.assertLess(names.index("wait_for_work"), names.index("worker"), "innermost first")

    def test_own_usage(self):
        """CPU and memory of each role, as the kernel has them; those that ended stay counted."""
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, "--interval", "1s")

        def cpu(role):
            return watch.value("parkwatch_role_cpu_seconds_total", role=role) or 0

        pids = {name: watch.role(f"pw-{name}")[0] for name in ("reader", "analyst", "monitor")}
        pids["probe"] = watch.pid
        for role, pid in pids.items():
            spent = cpu_seconds(pid)
            wait_for(lambda: cpu(role) >= spent, f"CPU time of the {role}")
            self.assertLessEqual(cpu(role), cpu_seconds(pid))
            wait_for(
                lambda: watch.value("parkwatch_role_resident_memory_bytes", role=role)
                == resident_bytes(pid),
                f"memory of the {role}",
            )
        self.assertIsNone(watch.value("parkwatch_role_cpu_seconds_total", role="verifier"))

    def test_own_usage_of_those_that_ended(self):
        """A new analyst's time comes to that of the one before."""
        watch = self.watch(self.fixture("cond").pid, "--interval", "1s")
        [before] = watch.role("pw-analyst")
        spent = cpu_seconds(before)
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: set(watch.role("pw-analyst")) - {before}, "a new analyst")

        def counted():
            return watch.value("parkwatch_role_cpu_seconds_total", role="analyst")

        def living():
            """Of those that there are; a careful one is replaced after some scans."""
            try:
                return sum(map(cpu_seconds, watch.role("pw-analyst")))
            except FileNotFoundError:
                return math.inf

        wait_for(lambda: counted() - living() > 0.5 * spent, "the time of both")

    def test_futex_outcomes(self):
        fixture = self.fixture("rewait")
        watch = self.watch(fixture.pid, *QUICK)

        def counted(least, **labels):
            value = watch.value("parkwatch_futex_waits_total", target="rewait", **labels)
            return value is not None and value >= least

        wait_for(lambda: counted(10, outcome="timeout"), "ten timeouts are counted")
        wait_for(lambda: counted(20, outcome="woken"), "twenty wakes are counted")
        wait_for(
            lambda: watch.value("parkwatch_futex_wakes_total", target="rewait", woke="some"),
            "wakes are counted",
        )
        wait_for(
            lambda: watch.value(
                "parkwatch_park_duration_seconds_count", target="rewait", reason="futex wait"
            ),
            "parks that ended are counted",
        )

    def test_max_stacks(self):
        fixture = self.fixture("mutex")
        watch = self.watch(fixture.pid, *QUICK, "--max-stacks", "1")
        wait_for(
            lambda: watch.value("parkwatch_parked", stack_id="other"), "the rest is summed up"
        )
        self.assertEqual(watch.value("parkwatch_parked", target="mutex"), 4)
        self.assertEqual(watch.value("parkwatch_parked", stack_id="other", site="other"), 2)

    def test_deadlock(self):
        fixture = self.fixture("deadlock")
        watch = self.watch(fixture.pid, *QUICK)
        wait_for(lambda: watch.value("parkwatch_deadlocks", target="deadlock") == 1, "a deadlock")

    def test_promtool(self):
        need("promtool")
        fixture = self.fixture("mutex")
        watch = self.watch(fixture.pid, *QUICK)
        wait_for(lambda: watch.value("parkwatch_parked", target="mutex"), "a group is exported")
        done = subprocess.run(
            ["promtool", "check", "metrics"],
            input=watch.fetch("/metrics")[2],
            capture_output=True,
            timeout=30,
            check=False,
        )
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))

    def test_openmetrics(self):
        from prometheus_client.openmetrics.parser import text_string_to_metric_families

        fixture = self.fixture("mutex")
        watch = self.watch(fixture.pid, *QUICK)
        wait_for(lambda: watch.value("parkwatch_parked", target="mutex"), "a group is exported")
        _, headers, body = watch.fetch(
            "/metrics", Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
        )
        self.assertIn("application/openmetrics-text", headers["Content-Type"])
        self.assertIn("version=1.0.0", headers["Content-Type"])
        families = {family.name for family in text_string_to_metric_families(body.decode())}
        self.assertIn("parkwatch_parked", families)
        self.assertTrue(body.endswith(b"# EOF\n"))


class Http(LiveTest):
    def test_paths(self):
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, *QUICK)
        self.assertEqual(watch.fetch("/-/healthy")[0], 200)
        status, headers, body = watch.fetch("/api/v1/report")
        self.assertEqual((status, headers.get_content_type()), (200, "application/json"))
        self.assertEqual(json.loads(body)["targets"][0]["pid"], fixture.pid)
        status, headers, _ = watch.fetch("/metrics")
        self.assertEqual(headers["Content-Type"].split(";")[0], "text/plain")
        self.assertIn("version=0.0.4", headers["Content-Type"])
        self.assertEqual(watch.fetch("/no/such/path")[0], 404)

    def test_gzip(self):
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, *QUICK)
        _, headers, body = watch.fetch("/metrics", Accept_Encoding="gzip")
        self.assertEqual(headers["Content-Encoding"], "gzip")
        self.assertIn(b"parkwatch_build_info", gzip.decompress(body))
        _, headers, body = watch.fetch("/metrics", Accept_Encoding="identity")
        self.assertIsNone(headers["Content-Encoding"])

    def test_telemetry_path(self):
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, "--web.telemetry-path", "/other")
        self.assertIn(b"parkwatch_build_info", watch.fetch("/other")[2])
        self.assertEqual(watch.fetch("/metrics")[0], 404)

    def test_ages_grow(self):
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, *QUICK)

        def old_enough():
            taken = watch.report()
            groups = taken.having("wait_for_work")
            return groups and groups[0]["oldest_seconds_at_least"] > 1 and taken

        taken = wait_for(old_enough, "the proven age passes one second")
        group = taken.group("wait_for_work")
        since = fixture.threads[0]["since_ns"] / 1e9
        interval = 0.2  # the newest scan is as old as this at most
        self.assertGreater(group["oldest_seconds"], taken.started - since - interval - 0.25)
        self.assertLess(group["oldest_seconds"], taken.ended - since + 0.05)


class End(LiveTest):
    ALONE = True  # counts the machine's BPF objects

    def check(self, number):
        fixture = self.fixture("cond")
        others = strangers()
        before = bpf_objects(others)
        watch = self.watch(fixture.pid, *QUICK)
        self.assertGreater(len(bpf_objects(others) - before), 0, "it does use BPF")
        self.assertEqual(watch.stop(number), 0, watch.log())
        wait_for(lambda: not bpf_objects(others) - before, "BPF objects are freed", 10)
        self.assertTrue(fixture.process.poll() is None, "the target lives on")

    def test_terminate(self):
        self.check(signal.SIGTERM)

    def test_interrupt(self):
        self.check(signal.SIGINT)

    def test_report_leaves_nothing(self):
        fixture = self.fixture("cond")
        others = strangers()
        before = bpf_objects(others)
        report(fixture.pid, "-t", "0")
        wait_for(lambda: not bpf_objects(others) - before, "BPF objects are freed", 10)
