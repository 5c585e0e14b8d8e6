# SPDX-License-Identifier: Apache-2.0
"""States that a target can be in, and what it can do as it is watched. The rest is in test_lives."""

import os
import pathlib
import pwd
import signal

from harness import FIXTURES, LiveTest, read_stat, report, wait_for

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
QUICK = ("--interval", "100ms", "-t", "50ms")
NAMES_MAX = 33  # that of the start, and the changes that are followed
SERIES_SLACK = 40  # series that come with a first wait, a first loss and the like


def labels(metrics):
    return {value for _, pairs in metrics for key, value in pairs if key == "target"}


class States(LiveTest):
    def check_cond(self, pid):
        self.assertEqual(report(pid, "-t", "0").group("wait_for_work")["count"], 3)

    def test_traced(self):
        """By a debugger, which has stopped it: it is read all the same, and the debugger stays."""
        fixture = self.fixture("cond")
        gdb = ["gdb", "-nx", "-q", "-iex", "set debuginfod enabled off", "-p", fixture.pid]
        tracer = self.server(gdb)
        self.wait_traced(fixture.pid, tracer.pid)
        self.check_cond(fixture.pid)
        self.assertIsNone(tracer.poll())
        tracer.kill()

    def wait_traced(self, pid, tracer):
        def traced():
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            return f"TracerPid:\t{tracer}\n" in status

        wait_for(traced, "it is traced")

    def test_not_dumpable(self):
        """Its /proc belongs to root, and so do its files there."""
        fixture = self.fixture("nodump", command=[*NOBODY, FIXTURES / "nodump"])
        memory = f"/proc/{fixture.pid}/mem"
        wait_for(lambda: os.stat(memory).st_uid == 0, "it is not dumpable")
        group = report(fixture.pid, "-t", "0").group("hold", fixture.threads[0]["line"])
        self.assertEqual(group["count"], 1)

    def test_other_user(self):
        fixture = self.fixture("cond", command=[*NOBODY, FIXTURES / "cond"])
        self.assertEqual(os.stat(f"/proc/{fixture.pid}").st_uid, pwd.getpwnam("nobody").pw_uid)
        self.check_cond(fixture.pid)

    def test_zombie(self):
        """Nothing can be attached to: that is said at once."""
        fixture = self.fixture("cond")
        os.kill(fixture.pid, signal.SIGKILL)
        wait_for(lambda: read_stat(fixture.pid)[0] == "Z", "it is a zombie")
        with self.assertRaisesRegex(AssertionError, "exits 1: parkwatch: no process has PID"):
            report(fixture.pid)

    def test_vfork(self):
        """The parent is suspended in the kernel, its memory is in use by the child."""
        fixture = self.fixture("vfork")
        watch = self.watch(fixture.pid, *QUICK)
        wait_for(lambda: watch.value("parkwatch_parked", target="vfork"), "first stacks")
        thread = fixture.threads[0]
        group = watch.report().group(thread["function"], thread["line"])
        self.assertEqual(group["count"], 1)
        self.assertEqual(watch.value("parkwatch_losses_total", what="reader_restarts"), 0)


class Names(LiveTest):
    def test_a_name_changed_every_millisecond(self):
        """Series stay bounded, and the one whose name it takes keeps its own."""
        healthy = self.fixture("cond")
        fixture = self.fixture("rename", "cond")
        watch = self.watch([fixture.pid, healthy.pid], *QUICK)
        wait_for(lambda: watch.value("parkwatch_parked", target="cond"), "first stacks")
        first = len(watch.metrics())
        seen = set()

        def is_bounded():
            metrics = watch.metrics()
            seen.update(labels(metrics))
            self.assertLessEqual(len(metrics), first + SERIES_SLACK)
            self.assertEqual(watch.value("parkwatch_target_info", pid=str(healthy.pid)), 1)
            self.assertEqual(self.name_of(metrics, healthy.pid), "cond")
            return watch.value("parkwatch_losses_total", what="renames_capped") > 10

        wait_for(is_bounded, "changes are not shown any more", 60)
        self.assertLessEqual(len(seen), NAMES_MAX + 1)
        target = next(t for t in watch.report().targets if t["target"] == "cond")
        self.assertEqual(target["pid"], healthy.pid)
        self.assertIn(3, [group["count"] for group in target["groups"]])

    def name_of(self, metrics, pid):
        for name, pairs in metrics:
            if name == "parkwatch_target_info" and dict(pairs)["pid"] == str(pid):
                return dict(pairs)["target"]
        return None
