# SPDX-License-Identifier: Apache-2.0
"""Targets that hold up whoever looks at them: it costs them their own monitoring, and nobody else's.
Scans of the others are compared with what the same clock of the daemon gave the one that hangs."""

import os
import signal

from harness import FIXTURES, LiveTest, children, comm_of, plugin_path, report, wait_for

QUICK = ("--interval", "250ms", "-t", "0")
TICKS = 10  # that have to pass while a target hangs
ON_TIME = 0.8  # of the scans


def losses(watch, target, what):
    return watch.value("parkwatch_losses_total", target=target, what=what) or 0


def scans(watch, target):
    name = "parkwatch_scan_duration_seconds_count"
    return watch.value(name, target=target, source="threads") or 0


class Held(LiveTest):
    def fuse(self, how):
        directory = self.directory()
        content = plugin_path(directory) if how == "file" else FIXTURES / "cond"
        (directory / "mount").mkdir()
        return self.fixture("fuse", how, directory / "mount", content)

    def is_held(self, watch, name):
        """Whether a reader was given up for it and enough scans were due meanwhile. The other
        target is right at every look."""
        self.assertLessEqual(len(watch.role("pw-reader")), 2, "one for each target")
        healthy = self.healthy_target(watch)
        waiting = [g for g in healthy["groups"] if g["site"].startswith("wait_for_work ")]
        if scans(watch, "cond") > 1:
            self.assertEqual([g["count"] for g in waiting], [3])
        late = losses(watch, name, "scan_late") + losses(watch, name, "scan_failed")
        return losses(watch, name, "reader_restarts") and late >= TICKS

    def healthy_target(self, watch):
        return next(t for t in watch.report().targets if t["target"] == "cond")

    def watch_both(self, held, name):
        healthy = self.fixture("cond")
        watch = self.watch([held.pid, healthy.pid], *QUICK)
        wait_for(lambda: self.is_held(watch, name), "a reader is given up", 60)
        due = losses(watch, name, "scan_late") + losses(watch, name, "scan_failed")
        self.assertGreaterEqual(scans(watch, "cond"), ON_TIME * due, "the other is on time")
        self.assertEqual(losses(watch, "cond", "reader_restarts"), 0)
        self.assertEqual(losses(watch, "cond", "scan_failed"), 0)
        self.assertEqual(watch.value("parkwatch_target_up", target=name), 1)
        return watch

    def check(self, held, name):
        watch = self.watch_both(held, name)
        watch.remember_family()
        watch.process.send_signal(signal.SIGTERM)
        self.assertEqual(watch.process.wait(15), 0, "it ends, whatever its readers do")
        held.end()
        wait_for(watch.nothing_lives, "the readers end with what held them")

    def check_end(self, held, name):
        """A target that goes sets its readers free."""
        watch = self.watch_both(held, name)
        held.end()
        wait_for(lambda: watch.value("parkwatch_target_up", target=name) == 0, "it is down")
        wait_for(lambda: len(watch.role("pw-reader")) == 1, "its reader ends")
        self.assertEqual(watch.stop(), 0)

    def check_report(self, held):
        healthy = self.fixture("cond")
        taken = report([held.pid, healthy.pid])
        first, second = taken.targets
        self.assertEqual(first["groups"], [])
        self.assertIn("reader_restarts", first["losses"])
        self.assertIn("scan_failed", first["losses"])
        self.assertEqual(second["losses"], {})
        self.assertIn(3, [group["count"] for group in second["groups"]])

    def test_page_under_userfaultfd(self):
        self.check(self.fixture("userfault"), "userfault")

    def test_page_of_a_fuse_file(self):
        self.check(self.fuse("page"), "fuse")

    def test_fuse_file_that_is_opened(self):
        self.check(self.fuse("file"), "fuse")

    def test_lock_of_the_memory(self):
        self.check(self.fuse("lock"), "fuse")

    def test_end_of_a_userfaultfd(self):
        self.check_end(self.fixture("userfault"), "userfault")

    def test_end_of_a_fuse_file(self):
        self.check_end(self.fuse("file"), "fuse")

    def test_report_of_a_userfaultfd(self):
        self.check_report(self.fixture("userfault"))

    def test_report_of_a_fuse_page(self):
        self.check_report(self.fuse("page"))

    def test_it_is_left_alone_for_a_while(self):
        """Each scan that it spoils costs the machine two processes: so it gets fewer of them."""
        watch = self.watch_both(self.fixture("userfault"), "userfault")
        given_up = "reader_restarts"
        wait_for(
            lambda: losses(watch, "userfault", "scan_failed") > losses(watch, "userfault", given_up),
            "ticks pass without a scan",
            60,
        )

    def test_it_comes_back(self):
        """The file system is gone, and with it what held its readers up."""
        held = self.fuse("page")
        watch = self.watch_both(held, "fuse")
        self.assertEqual(scans(watch, "fuse"), 0)
        [server] = [pid for pid in children(held.pid) if comm_of(pid) == "fuse"]
        os.kill(server, signal.SIGKILL)
        wait_for(lambda: scans(watch, "fuse") > 2, "it is scanned")
        target = next(t for t in watch.report().targets if t["target"] == "fuse")
        self.assertIn("hold", str(target["groups"]))
        self.assertEqual(watch.stop(), 0)
