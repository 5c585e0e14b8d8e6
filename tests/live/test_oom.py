# SPDX-License-Identifier: Apache-2.0
"""A daemon in a control group that has too little memory: the kernel kills roles of it, and it goes on
or ends as a whole. Nothing is left, and no number is wrong."""

import os
import pathlib
import re
import signal
import unittest

from harness import BOUND, PARKWATCH, LiveTest, bpf_leftovers, read_line, wait_for

ROOTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/memory")
ENOUGH = 256 << 20  # bytes, for a daemon of two small targets
THREADS = 2000
TOO_LITTLE = [n << 20 for n in (3, 6, 12, 20, 30, 45)]


class MemoryGroup:
    """A control group of version 1 or 2 with a limit of memory."""

    # limit, that with swap, what counts the kills; by version
    FILES = {
        1: ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.oom_control"),
        2: ("memory.max", "memory.swap.max", "memory.events"),
    }

    def __init__(self):
        self.version, root = self.find()
        self.path = root / f"parkwatch-test-{os.getpid()}"
        self.path.mkdir()

    def find(self):
        for root in map(pathlib.Path, ROOTS):
            if (root / "memory.usage_in_bytes").exists():
                return 1, root
            controllers = root / "cgroup.subtree_control"
            if controllers.exists() and "memory" in controllers.read_text():
                return 2, root
        raise unittest.SkipTest("no memory controller")

    def limit(self, size):
        """Not by swap either, where that is counted."""
        limit, swap, _ = self.FILES[self.version]
        wanted = {limit: size, swap: size if self.version == 1 else 0}
        order = (swap, limit) if size == ENOUGH else (limit, swap)
        for name in order:
            if (self.path / name).exists():
                (self.path / name).write_text(str(wanted[name]), encoding="ascii")

    def kills(self):
        text = (self.path / self.FILES[self.version][2]).read_text(encoding="ascii")
        return int(re.search(r"^oom_kill (\d+)$", text, re.M)[1])

    def members(self):
        return [int(pid) for pid in (self.path / "cgroup.procs").read_text().split()]

    def remove(self):
        for pid in self.members():
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not self.members(), "it is empty")
        self.path.rmdir()


    def close_behind(self, pids):
        """They leave; what they were given stays in the group, which gets no more than that."""
        for pid in pids:
            (self.path.parent / "cgroup.procs").write_text(str(pid), encoding="ascii")
        usage = {1: "memory.usage_in_bytes", 2: "memory.current"}[self.version]
        self.limit(int((self.path / usage).read_text(encoding="ascii")))


class OutOfMemory(LiveTest):
    ALONE = True  # counts the machine's BPF objects

    def start(self, group):
        enter = f'echo $$ > {group.path}/cgroup.procs && exec "$@"'
        return self.watch(
            list(self.targets),
            *("--interval", "100ms", "-t", "0"),
            program=["sh", "-c", enter, "sh", *BOUND, str(PARKWATCH)],
            ready=False,
        )

    def is_right(self, daemon):
        """Whether both targets are; what is not missing has to be."""
        try:
            targets = daemon.report().targets
        except (OSError, AssertionError):  # not there yet, or no memory for an answer
            return False
        counts = {
            target["pid"]: max([group["count"] for group in target["groups"]], default=0)
            for target in targets
        }
        for pid, count in counts.items():
            self.assertIn(count, (0, self.targets[pid]))
        return counts == self.targets

    def check(self, group, size):
        """Starts with too little, and gets enough at the first loss. Returns whether it lived."""
        group.limit(size)
        before = group.kills()
        daemon = self.start(group)

        def is_settled():
            daemon.remember_family()
            is_over = daemon.process.poll() is not None or group.kills() > before
            return is_over or self.is_right(daemon)

        wait_for(is_settled, "somebody is killed, or it is enough", 60)
        group.limit(ENOUGH)

        def is_well():
            return daemon.process.poll() is not None or self.is_right(daemon)

        wait_for(is_well, "it is right with enough memory, or has ended", 60)
        lives = daemon.process.poll() is None
        if lives:
            self.assertEqual(daemon.stop(), 0)
        elif daemon.process.returncode != -signal.SIGKILL:
            self.assertEqual(daemon.process.returncode, 1, daemon.log())
            self.assertTrue(daemon.log().startswith("parkwatch: "), daemon.log())
        wait_for(daemon.nothing_lives, f"processes {daemon.family} end")
        wait_for(lambda: not group.members(), "nobody is in the group")
        return lives, group.kills() - before

    def test_too_little(self):
        self.targets = {self.fixture("cond").pid: 3, self.fixture("sem").pid: 2}
        leftovers = bpf_leftovers()
        group = MemoryGroup()
        self.addCleanup(group.remove)
        results = [self.check(group, size) for size in TOO_LITTLE]
        self.assertTrue(any(kills for _, kills in results), "the kernel killed somebody")
        self.assertTrue(any(lives and kills for lives, kills in results), "one lived through it")
        wait_for(lambda: not bpf_leftovers() - leftovers, "BPF objects are freed", 10)


    def test_no_memory_for_what_is_kept_of_threads(self):
        """What the kernel keeps of each thread is charged to the group in which the daemon began,
        whoever is in it by now: nobody is killed, and what cannot be kept is counted. (Linux 6.0 to
        6.3 gives it all the same.)"""
        fixture = self.fixture("many", THREADS)
        self.targets = {fixture.pid: THREADS}
        group = MemoryGroup()
        self.addCleanup(group.remove)
        daemon = self.start(group)
        wait_for(lambda: self.is_right(daemon), "it is right", 60)
        self.assertEqual(self.not_followed(daemon), 0)
        group.close_behind(group.members())
        self.wake_all(daemon, fixture)
        self.assertGreater(self.not_followed(daemon), 0)
        wait_for(lambda: self.is_right(daemon), "it is right of those, too", 60)
        group.limit(ENOUGH)

        def are_followed():
            before = self.not_followed(daemon)
            self.wake_all(daemon, fixture)
            return self.not_followed(daemon) == before

        wait_for(are_followed, "all are followed again", 60)
        self.assertEqual(daemon.stop(), 0)

    def not_followed(self, daemon):
        return daemon.value("parkwatch_losses_total", what="task_storage")

    def wake_all(self, daemon, fixture):
        """They wait anew when it returns, and have been scanned."""
        fixture.process.stdin.write(f"{THREADS}\n".encode())
        read_line(fixture.process.stdout, b"moved", 30)
        scans = self.scans(daemon)
        wait_for(lambda: self.scans(daemon) > scans + 1, "they are scanned")

    def scans(self, daemon):
        return daemon.value("parkwatch_scan_duration_seconds_count", source="threads")
