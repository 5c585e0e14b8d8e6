# SPDX-License-Identifier: Apache-2.0
"""soak.py SECONDS: a daemon on targets that never rest, scraped every second, one of its analysts
killed again and again. Fails when a count is wrong, when something is lost that should not be, and
when memory or descriptors of a role keep growing. The last line is the sum.

Memory is what a role has for itself: Pss_Anon of /proc/PID/smaps_rollup. Pages of files are shared with
whoever else runs the program, and the area between a reader and its analyst has a fixed size. After
the warm-up, the first third of the samples is compared with the last one by their medians: the bound
is a share of the former, and for the monitor what the points of its history take (timeline.h), which
is bounded by itself."""

import contextlib
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "live"))

from harness import (  # noqa: E402
    BUILD,
    LiveTest,
    bpf_leftovers,
    children,
    comm_of,
    read_line,
    wait_for,
)

WARM_UP = 1 / 4  # of the time, before anything is compared
WARM_UP_MAX = 120  # seconds
GROWTH = 0.05  # of a role's memory, from the first third to the last one
POINT_BYTES = 160  # of the history, for each scan of a target
POINTS_MAX = 6240  # of a target
INTERVAL = 0.25  # seconds between two scans
KILL_EVERY = 10  # seconds
RECOVERY = 15  # seconds that a killed analyst's target may lack its stacks
STAYERS = 50  # goroutines of Go's churn, and those that come and go
GO_CHURN = 200
BIRTHS = 1000  # of threads, and deaths, in a second
GROWN_MAX = 900  # threads that are added at most

# What may be lost: by a machine that is busy, by targets that change under our eyes, and by us.
LOST = {
    *("scan_late", "thread_moved", "goroutine_moved", "goroutine_unreadable", "unwind_cut"),
    *("analyst_restarts", "scan_failed", "renames_capped"),
}


def memory_of(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return int(re.search(r"^Pss_Anon:\s*(\d+) kB", text, re.M)[1]) * 1024


def births():
    """Of processes and threads since the machine started."""
    text = pathlib.Path("/proc/stat").read_text(encoding="ascii")
    return int(re.search(r"^processes (\d+)$", text, re.M)[1])


def roles_of(daemon):
    """{role: (bytes, descriptors)}, of all processes of a role together."""
    found = {}
    for pid in [daemon, *children(daemon)]:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            memory, fds = memory_of(pid), len(os.listdir(f"/proc/{pid}/fd"))
            before = found.get(comm_of(pid), (0, 0))
            found[comm_of(pid)] = (before[0] + memory, before[1] + fds)
    return found


def start_of(pid):
    """What orders processes by their start. Their numbers begin anew, sooner or later: threads that
    are born here take them up."""
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return int(stat.rpartition(")")[2].split()[19]), int(pid)


class Soak(LiveTest):
    seconds = 60

    def start(self):
        self.victim = self.fixture("cond")
        self.growing = self.fixture("grow", 5)
        self.grown = 5
        self.expected = {  # by PID: (function, count)
            self.victim.pid: ("wait_for_work", 3),
            self.fixture("churn", self.seconds * 2 + 600, BIRTHS).pid: ("wait_for_work", 1),
            self.fixture("rename", "cond").pid: ("hold", 1),
            self.go_churn(): ("main.stay", STAYERS),
        }
        pids = [*self.expected, self.growing.pid]
        self.daemon = self.watch(pids, "--interval", f"{int(INTERVAL * 1000)}ms", "-t", "100ms")
        self.n_targets = len(pids)
        self.kills, self.killed_at, self.samples = 0, 0.0, []

    def go_churn(self):
        newest = sorted((BUILD / "go-fixtures").glob("?.??"))[-1]
        command = [newest / "stripped" / "churn", STAYERS, GO_CHURN]
        process = self.server(command, stdout=subprocess.PIPE)
        read_line(process.stdout, b"ready")
        return process.pid

    def counts(self):
        """{PID: {function: waiters}} as the daemon has it."""
        return {
            target["pid"]: {
                function: sum(
                    group["count"]
                    for group in target["groups"]
                    if function in [frame["function"] for frame in group["frames"]]
                )
                for function in ("wait_for_work", "hold", "main.stay", "wait_for_turn")
            }
            for target in self.daemon.report().targets
        }

    def is_right(self):
        counts = self.counts()
        return all(
            counts.get(pid, {}).get(function) == count
            for pid, (function, count) in self.expected.items()
        )

    def check_counts(self):
        counts = self.counts()
        for pid, (function, count) in self.expected.items():
            found = counts[pid][function]
            if pid == self.victim.pid and time.monotonic() < self.killed_at + RECOVERY:
                self.assertIn(found, (0, count), "of the one whose analyst was killed")
            else:
                name = f"{function} of {comm_of(pid)}"
                self.assertEqual(found, count, f"{name}; lost: {self.lost()}")
        self.assertLessEqual(counts[self.growing.pid]["wait_for_turn"], self.grown)

    def grow(self):
        """One thread more, and the wait until the daemon has it."""
        self.growing.process.stdin.write(b"x")
        self.grown += 1
        wait_for(
            lambda: self.counts()[self.growing.pid]["wait_for_turn"] == self.grown,
            f"{self.grown} threads",
        )

    def kill_analyst(self):
        """The one of the first target, which is the oldest one but after its first death: then it
        is known by what it reads."""
        restarts = self.restarts()
        os.kill(self.victims_analyst(), 9)
        self.kills += 1
        self.killed_at = time.monotonic()
        wait_for(lambda: self.restarts() == restarts + 1, "the restart is counted")

    def restarts(self):
        return self.daemon.value("parkwatch_losses_total", what="analyst_restarts")

    def victims_analyst(self):
        """Analysts are started in the targets' order and the victim is the first; one that was
        killed is the youngest."""
        analysts = sorted(self.daemon.analysts(), key=start_of)
        return analysts[-1] if self.kills else analysts[0]

    def sample(self):
        self.samples.append(roles_of(self.daemon.pid))

    def run_for(self, seconds):
        start = time.monotonic()
        next_kill, next_thread = start + KILL_EVERY, start
        thread_every = max(2, seconds / GROWN_MAX)
        while time.monotonic() < start + seconds:
            if time.monotonic() >= next_thread:
                self.grow()
                next_thread += thread_every
            self.check_counts()
            self.sample()
            if time.monotonic() >= next_kill:
                self.kill_analyst()
                next_kill += KILL_EVERY
            time.sleep(1)

    def thirds(self, role, what):
        """Medians of each third."""
        values = [sample[role][what] for sample in self.samples if role in sample]
        third = len(values) // 3
        parts = (values[:third], values[third:-third], values[-third:])
        return [statistics.median(part) for part in parts]

    def check_growth(self):
        points = min(POINTS_MAX, self.seconds / INTERVAL * 2 / 3)
        history = points * POINT_BYTES * self.n_targets
        for role in ("parkwatch", "pw-reader", "pw-analyst", "pw-monitor"):
            before, between, after = self.thirds(role, 0)
            shown = ", then ".join(f"{size / 1024:.0f}" for size in (before, between, after))
            print(f"{role:12} KiB: {shown}", flush=True)
            bound = before * GROWTH + (history if role == "pw-monitor" else 0)
            with self.subTest(role=role, what="memory", bound=bound):
                self.assertLessEqual(after - before, bound)
            before, _, after = self.thirds(role, 1)
            with self.subTest(role=role, what="descriptors"):
                self.assertLessEqual(after, before)

    def lost(self):
        """{(target, what): count}"""
        return {
            (dict(pairs)["target"], dict(pairs)["what"]): int(value)
            for (name, pairs), value in self.daemon.metrics().items()
            if name == "parkwatch_losses_total" and value
        }

    def check_losses(self):
        lost = self.lost()
        print(f"{self.kills} kills, {self.grown} threads grown, lost: {lost}", flush=True)
        self.assertEqual({what for _, what in lost} - LOST, set())
        self.assertEqual(self.restarts(), self.kills)

    def test_soak(self):
        leftovers = bpf_leftovers()
        self.start()
        wait_for(self.is_right, "first counts")
        warm_up = min(WARM_UP_MAX, self.seconds * WARM_UP)
        self.run_for(warm_up)
        self.samples.clear()
        start, before = time.monotonic(), births()
        self.run_for(self.seconds - warm_up)
        rate = (births() - before) / (time.monotonic() - start)
        self.assertGreater(rate, 0.9 * BIRTHS, "births that there have to be")
        self.check_growth()
        self.check_losses()
        self.assertEqual(self.daemon.stop(), 0)
        wait_for(lambda: not bpf_leftovers() - leftovers, "BPF objects are freed", 10)


def main(arguments):
    if len(arguments) != 1 or not arguments[0].isdigit() or int(arguments[0]) < 30:
        print("usage: soak.py SECONDS, 30 at least", file=sys.stderr)
        return 2
    Soak.seconds = int(arguments[0])
    result = unittest.TextTestRunner(stream=sys.stdout).run(Soak("test_soak"))
    print(f"{int(result.wasSuccessful())} passed, {int(not result.wasSuccessful())} failed, 0 skipped")
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
