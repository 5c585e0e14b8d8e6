# SPDX-License-Identifier: Apache-2.0
"""A kernel that refuses one of the BPF programs: what can be left out is, and one line says so."""

import errno
import json

import fault
from harness import LiveTest, run

REFUSALS = {"EINVAL": errno.EINVAL, "EACCES": errno.EACCES, "E2BIG": errno.E2BIG}


class Refused(LiveTest):
    def setUp(self):
        self.state = fault.Fault(fault.build(self.directory()), self.directory() / "fault")
        self.addCleanup(self.state.close)
        self.target = self.fixture("cond")

    def look(self, program, error, *options):
        """A report on a kernel that loads anything but this program."""
        self.state.arm(program, error, last=fault.ALWAYS)
        done = self.state.run(
            "report", "-p", self.target.pid, "-t", "0", "--format", "json", *options
        )
        return done, self.state.read("failed")

    def test_on_sys_exit(self):
        for name, error in REFUSALS.items():
            with self.subTest(error=name):
                done, refused = self.look("on_sys_exit", error)
                self.assertGreater(refused, 0)
                self.assertEqual(done.status, 0, done.errors)
                [line] = done.errors.splitlines()
                self.assertIn("futex waits are not followed, as with --futex off", line)
                self.assertEqual(self.counts(done), [3])

    def test_on_sys_exit_that_nobody_asked_for(self):
        done, refused = self.look("on_sys_exit", errno.EINVAL, "--futex", "off")
        self.assertEqual((done.status, done.errors, refused), (0, "", 0))
        self.assertEqual(self.counts(done), [3])

    def test_a_daemon_says_so_too(self):
        """Whether it is the exit of syscalls or the calls themselves that this kernel takes."""
        for program in ("on_sys_exit", "on_futex"):
            self.state.arm(program, errno.EINVAL, last=fault.ALWAYS)
            watch = self.watch(
                self.target.pid, "--interval", "100ms", env=self.state.environment()
            )
            is_followed = watch.value(
                "parkwatch_futex_waits_total", target="cond", outcome="woken"
            ) is not None
            self.assertEqual("as with --futex off" in watch.log(), not is_followed)
            if program == "on_futex" or not is_followed:
                self.assertGreater(self.state.read("failed"), 0)
            watch.end()

    def test_what_cannot_be_left_out(self):
        for program in ("on_sched_switch", "threads", "cpu_times", "kernel_frames"):
            with self.subTest(program=program):
                done, refused = self.look(program, errno.EINVAL)
                self.assertGreater(refused, 0)
                self.assertEqual((done.status, done.output), (1, b""))
                self.assertRegex(done.errors, r"\Aparkwatch: this kernel .* refuses [^\n]+\n\Z")

    def test_the_doctor_says_the_same(self):
        self.state.arm("on_sys_exit", errno.EINVAL, last=fault.ALWAYS)
        done = self.state.run("doctor")
        lines = done.output.decode().splitlines()
        [line] = [line for line in lines if "BPF futex calls" in line]
        self.assertTrue(line.startswith("reduced"), line)
        self.assertEqual(done.status, 0)
        self.assertTrue(lines[-1].startswith("reduced: "), lines[-1])
        self.assertEqual(run("doctor").returncode, 0)

    def counts(self, done):
        [target] = json.loads(done.output)["targets"]
        return [
            group["count"]
            for group in target["groups"]
            if "wait_for_work" in [frame["function"] for frame in group["frames"]]
        ]
