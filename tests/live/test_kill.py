# SPDX-License-Identifier: Apache-2.0
"""What is killed at any moment: the daemon leaves nothing, an analyst is started anew."""

import concurrent.futures
import os
import random
import signal
import time

from harness import LiveTest, bpf_leftovers, wait_for

KILLS = 20
KILLS_AT_START = 100
AT_ONCE = 4  # daemons that start beside each other
START_UP = 0.6  # seconds; it is ready before that


class KillDaemon(LiveTest):
    ALONE = True  # counts the machine's BPF objects

    def check(self, delay, ready):
        watch = self.watch(self.fixture_pid, "--interval", "100ms", "-t", "0", ready=ready)
        end = time.monotonic() + delay
        while time.monotonic() < end:
            watch.remember_family()
        watch.kill()
        wait_for(watch.nothing_lives, f"processes {watch.family} end", 10)

    def kill_often(self, kills, ready):
        self.fixture_pid = self.fixture("mutex").pid
        before = bpf_leftovers()
        moments = random.Random(17)
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            tries = [
                pool.submit(self.check, moments.uniform(0, START_UP), ready) for _ in range(kills)
            ]
            for done in concurrent.futures.as_completed(tries):
                done.result()
        wait_for(lambda: not bpf_leftovers() - before, "BPF objects are freed", 10)

    def test_while_it_starts(self):
        self.kill_often(KILLS_AT_START, ready=False)

    def test_when_it_is_ready(self):
        self.kill_often(KILLS, ready=True)

    def test_the_monitor(self):
        """Without it there is nobody to serve: the daemon ends as a whole."""
        fixture = self.fixture("mutex")
        watch = self.watch(fixture.pid, "--interval", "100ms", "-t", "0")
        [monitor] = watch.role("pw-monitor")
        os.kill(monitor, signal.SIGKILL)
        status = watch.process.wait(15)
        self.assertEqual(status, 1, watch.log())
        wait_for(watch.nothing_lives, f"processes {watch.family} end", 10)


class KillRoles(LiveTest):
    """Each of them at any moment; then the daemon. There are no processes left, no BPF objects,
    nothing pinned, and no files."""

    ALONE = True  # counts the machine's BPF objects
    places = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/sys/fs/bpf")

    def files(self):
        return {
            os.path.join(place, name)
            for place in self.places
            if os.path.isdir(place)
            for name in os.listdir(place)
            if name.startswith(("parkwatch", "pw-")) and not name.startswith("parkwatch-test-")
        }

    def kill_often(self, role):
        objects, files = bpf_leftovers(), self.files()
        fixture = self.fixture("mutex")
        moments = random.Random(role)
        for _ in range(KILLS // 4):
            watch = self.watch(fixture.pid, "--interval", "100ms", "-t", "0")
            wait_for(lambda watch=watch: watch.role(role), f"there is a {role}")
            time.sleep(moments.uniform(0, START_UP))
            for pid in watch.role(role):
                os.kill(pid, signal.SIGKILL)
            watch.kill()
            wait_for(watch.nothing_lives, f"processes {watch.family} end", 10)
        wait_for(lambda: not bpf_leftovers() - objects, "BPF objects are freed", 10)
        self.assertEqual(self.files() - files, set())

    def test_readers(self):
        self.kill_often("pw-reader")

    def test_analysts(self):
        self.kill_often("pw-analyst")

    def test_monitors(self):
        self.kill_often("pw-monitor")


class KillReader(LiveTest):
    def end_reader(self, number, seconds):
        """One target's reader; the other target does not notice."""
        first, second = self.fixture("cond"), self.fixture("sem")
        watch = self.watch([first.pid, second.pid], "--interval", "200ms", "-t", "100ms")
        wait_for(lambda: watch.value("parkwatch_parked", target="cond"), "first stacks")
        reader = min(watch.role("pw-reader"))
        os.kill(reader, number)
        restarts = {"target": "cond", "what": "reader_restarts"}
        wait_for(lambda: watch.value("parkwatch_losses_total", **restarts), "counted", seconds)
        wait_for(lambda: reader not in watch.role("pw-reader"), "it is gone")
        wait_for(lambda: len(watch.role("pw-reader")) == 2, "there is another one")
        wait_for(lambda: watch.value("parkwatch_parked", target="cond"), "stacks are back")
        self.assertEqual(len(watch.analysts()), 2)
        for what in ("reader_restarts", "analyst_restarts", "scan_failed"):
            value = watch.value("parkwatch_losses_total", target="sem", what=what)
            self.assertEqual(value, 0, what)
        self.assertEqual(watch.stop(), 0)

    def test_it_is_started_anew(self):
        self.end_reader(signal.SIGKILL, 30)

    def test_a_stopped_reader_is_replaced(self):
        self.end_reader(signal.SIGSTOP, 60)


class KillAnalyst(LiveTest):
    def test_it_is_started_anew(self):
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, "--interval", "200ms", "-t", "100ms")
        wait_for(lambda: watch.report().having("wait_for_work"), "first stacks")
        [analyst] = watch.analysts()
        os.kill(analyst, signal.SIGKILL)
        wait_for(
            lambda: watch.value("parkwatch_losses_total", target="cond", what="analyst_restarts"),
            "the restart is counted",
        )
        self.assertEqual(watch.value("parkwatch_target_up", target="cond"), 1)
        self.assertIsNotNone(
            watch.value("parkwatch_target_resident_memory_bytes", target="cond"),
            "the target keeps its metrics",
        )
        wait_for(lambda: set(watch.analysts()) - {analyst}, "another analyst")
        wait_for(lambda: watch.report().having("wait_for_work"), "stacks are back")
        group = watch.report().group("wait_for_work")
        self.assertEqual(group["count"], 3)

    def test_the_other_target_does_not_suffer(self):
        first, second = self.fixture("cond"), self.fixture("sem")
        watch = self.watch([first.pid, second.pid], "--interval", "200ms", "-t", "100ms")
        wait_for(lambda: len(watch.analysts()) == 2, "two analysts")
        os.kill(watch.analysts()[0], signal.SIGKILL)
        wait_for(
            lambda: watch.value("parkwatch_losses_total", what="analyst_restarts"),
            "the restart is counted",
        )
        self.assertEqual(watch.value("parkwatch_losses_total", what="analyst_restarts"), 1)
        wait_for(
            lambda: watch.value("parkwatch_parked", target="cond")
            and watch.value("parkwatch_parked", target="sem"),
            "both have stacks",
        )

    def test_a_stopped_analyst_is_replaced(self):
        """One that hangs is no better than one that died."""
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, "--interval", "200ms", "-t", "100ms")
        wait_for(watch.analysts, "an analyst")
        [analyst] = watch.analysts()
        os.kill(analyst, signal.SIGSTOP)
        wait_for(
            lambda: watch.value("parkwatch_losses_total", what="analyst_restarts"),
            "the restart is counted",
            90,
        )
        wait_for(lambda: watch.report().having("wait_for_work"), "stacks are back")


class StopMonitor(LiveTest):
    def test_one_that_hangs_ends_the_daemon(self):
        """It takes nothing any more, so there is nobody to scan for: one line says so."""
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, "--interval", "100ms", "-t", "0")
        [monitor] = watch.role("pw-monitor")
        os.kill(monitor, signal.SIGSTOP)
        self.assertEqual(watch.process.wait(120), 1)
        self.assertIn("the monitor hangs", watch.log().splitlines()[-1])
        wait_for(watch.nothing_lives, f"processes {watch.family} end", 10)

    def test_one_that_goes_on_in_time(self):
        """Nothing is lost but what was too late."""
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, "--interval", "100ms", "-t", "0")
        [monitor] = watch.role("pw-monitor")
        os.kill(monitor, signal.SIGSTOP)
        time.sleep(2)  # less than the probe's patience
        os.kill(monitor, signal.SIGCONT)
        wait_for(lambda: watch.report().group("wait_for_work")["count"] == 3, "stacks are there")
        self.assertEqual(watch.stop(), 0)


class StopProbe(LiveTest):
    def test_it_is_served_meanwhile(self):
        """The monitor needs nobody to answer with what it has."""
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, "--interval", "100ms", "-t", "0")
        wait_for(lambda: watch.report().having("wait_for_work"), "first stacks")
        os.kill(watch.pid, signal.SIGSTOP)
        for _ in range(10):
            self.assertEqual(watch.report().group("wait_for_work")["count"], 3)
        os.kill(watch.pid, signal.SIGCONT)
        self.assertEqual(watch.stop(), 0)
