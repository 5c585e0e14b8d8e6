# SPDX-License-Identifier: Apache-2.0
"""Outputs that take nothing: a full disk, a pipe that nobody reads, standard error that is closed."""

import fcntl
import os
import select
import subprocess

from harness import BOUND, PARKWATCH, LiveTest, run, wait_for

FORMATS = ("text", "json", "folded", "pprof")
FULL = "/dev/full"  # each write to it is ENOSPC


class FullDisk(LiveTest):
    def setUp(self):
        self.target = self.fixture("cond")

    def check_refused(self, done, what):
        self.assertEqual(done.returncode, 1)
        self.assertRegex(
            done.stderr.decode(), rf"\Aparkwatch: [^\n]*{what}[^\n]*: No space left[^\n]*\n\Z"
        )

    def report_to(self, *options, **streams):
        command = [PARKWATCH, "report", "-p", self.target.pid, "-t", "0", *options]
        return subprocess.run(
            [*BOUND, *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=streams.get("stdout", subprocess.DEVNULL),
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )

    def test_report_to_a_file(self):
        for form in FORMATS:
            with self.subTest(format=form):
                self.check_refused(self.report_to("--format", form, "-o", FULL), "report")

    def test_report_to_standard_output(self):
        for form in FORMATS:
            with self.subTest(format=form), open(FULL, "wb") as full:
                self.check_refused(self.report_to("--format", form, stdout=full), "report")

    def test_what_is_said_without_a_target(self):
        for command in (["doctor"], ["--help"], ["--version"], ["report", "--help"]):
            with self.subTest(command=command), open(FULL, "wb") as full:
                done = subprocess.run(
                    [PARKWATCH, *command], stdout=full, stderr=subprocess.PIPE, timeout=60, check=False
                )
                self.check_refused(done, "")

    def test_log_to_a_full_disk(self):
        """There is nobody to tell; the exit status is as ever."""
        with open(FULL, "wb") as full:
            done = subprocess.run(
                [PARKWATCH, "report", "-p", "1", "-p", "x"], stderr=full, timeout=60, check=False
            )
        self.assertEqual(done.returncode, run("report", "-p", "1", "-p", "x").returncode)


def full_pipe():
    """Both ends of a pipe that has no room left."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * select.PIPE_BUF)
    except BlockingIOError:
        os.set_blocking(writer, True)
        return reader, writer


def unread(fd):
    data = bytearray(4)
    fcntl.ioctl(fd, 0x541B, data)  # FIONREAD
    return int.from_bytes(data, "little")


class FullPipe(LiveTest):
    def start(self, writer):
        """A daemon whose standard error is the pipe."""
        self.targets = [self.fixture("cond"), self.fixture("sem")]
        pids = [target.pid for target in self.targets]
        daemon = self.watch(
            pids,
            *("--interval", "100ms", "-t", "0"),
            program=["sh", "-c", f'exec "$@" 2> /proc/self/fd/{writer}', "sh", *BOUND, PARKWATCH],
            pass_fds=[writer],
        )
        os.close(writer)
        return daemon

    def scans(self, daemon, name):
        series = "parkwatch_scan_duration_seconds_count"
        return daemon.value(series, target=name, source="threads") or 0

    def test_nobody_reads_the_log(self):
        """All that makes it write: killed roles, a target that ends, its own end."""
        reader, writer = full_pipe()
        self.addCleanup(os.close, reader)
        full = unread(reader)
        daemon = self.start(writer)
        wait_for(lambda: daemon.value("parkwatch_parked", target="cond"), "first stacks")
        for role in ("pw-analyst", "pw-reader"):
            for pid in daemon.role(role):
                os.kill(pid, 9)
            wait_for(lambda role=role: len(daemon.role(role)) == 2, f"each {role} is back")
        self.targets[1].end()
        wait_for(lambda: daemon.value("parkwatch_target_up", target="sem") == 0, "it is down")
        before = self.scans(daemon, "cond")
        wait_for(lambda: self.scans(daemon, "cond") > before + 5, "scans go on")
        self.assertEqual(unread(reader), full, "nothing was written")
        self.assertEqual(daemon.stop(), 0)
