# SPDX-License-Identifier: Apache-2.0
"""A target is looked at, never touched: not stopped, not traced, not woken, not written to."""

import os
import pathlib
import re
import subprocess

import go_truth
import harness

SCANS = 10
THREADS = 200

# What stops another process, runs in it or writes to it, and what may open it for writing.
TOUCHING = {
    "ptrace", "process_vm_writev", "kill", "tkill", "tgkill", "rt_sigqueueinfo",
    "rt_tgsigqueueinfo", "pidfd_send_signal", "process_madvise", "move_pages", "prlimit64",
    "sched_setaffinity", "sched_setscheduler", "setpriority",
}
OPENING = {"open", "openat", "openat2"}
CALL = re.compile(r"\d+ +(\w+)\((.*)")
WRITING = re.compile(r"O_WRONLY|O_RDWR")


class Untouched(harness.LiveTest):
    def test_no_thread_is_woken_stopped_or_traced(self):
        """Those that told that they are parked have not run for an instant, as the kernel counts."""
        fixture = self.fixture("many", THREADS)
        parked = {thread["tid"] for thread in fixture.threads}
        before = harness.switches(fixture.pid)
        watch = self.watch(fixture.pid, "-t", "0", "--interval", "100ms")

        def scans():
            for status in harness.thread_statuses(fixture.pid).values():
                self.assertEqual(status["TracerPid"], "0")
                self.assertIn(status["State"][0], "SR")
            return watch.value("parkwatch_scan_duration_seconds_count", source="threads")

        harness.wait_for(lambda: scans() >= SCANS, f"{SCANS} scans")
        self.assertEqual(watch.report().group("wait_for_reply")["count"], THREADS)
        after = harness.switches(fixture.pid)
        self.assertEqual(
            {tid: after[tid] for tid in parked}, {tid: before[tid] for tid in parked}
        )

    def traced(self, pid):
        """(name, rest) of the calls of all roles of a report that may touch a process."""
        harness.need("strace")
        trace = self.directory() / "trace"
        command = ["strace", "-f", "-qq", "-e", f"trace={','.join(TOUCHING | OPENING)}", "-o", trace]
        command += [harness.PARKWATCH, "report", "-p", pid, "-t", "0"]
        done = subprocess.run(list(map(str, command)), capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        lines = trace.read_text(encoding="utf-8", errors="replace").splitlines()
        return [match.groups() for match in map(CALL.match, lines) if match]

    def check_calls(self, pid):
        tasks = "|".join(os.listdir(f"/proc/{pid}/task"))
        opened = 0
        for name, rest in self.traced(pid):
            if name not in OPENING:
                self.assertNotIn(name, ("ptrace", "process_vm_writev"), rest)
                # Signal 0 is none: whether a thread is there.
                if not re.match(r"\d+, \d+, 0\b", rest):
                    self.assertNotRegex(rest, rf"^({tasks})\b", name)
            elif re.search(rf'"/proc/({tasks})\b|, "[^/]', rest):
                self.assertNotRegex(rest, WRITING)
                opened += 1
        self.assertGreater(opened, 0)

    def test_no_call_touches_a_native_program(self):
        self.check_calls(self.fixture("many", 20).pid)

    def test_no_call_touches_a_go_program(self):
        versions = go_truth.versions()
        if not versions:
            self.skipTest("no Go fixtures: scripts/go-toolchains.sh && scripts/go-fixtures.sh")
        fixture = go_truth.GoFixture(versions[-1], "stripped", "leak", 20)
        self.addCleanup(fixture.end)
        self.check_calls(fixture.pid)
