# SPDX-License-Identifier: Apache-2.0
"""What is mapped changes between scans: names are those of what is there. It does not: a park that is
new costs no look at all that is mapped."""

import os
import pathlib
import platform
import re
import signal

from harness import PARKWATCH, LiveTest, need, plugin_path, read_line, wait_for

QUICK = ("-t", "0", "--interval", "100ms")
ROUNDS = 6
FUNCTIONS = ("plugin_wait", "unplug_wait")  # as long as one another: all else is the same
THREADS = 1000
MOVES = 20  # each before a scan


def code_of(pid, library):
    """Where the code of a library starts."""
    lines = pathlib.Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
    found = [line for line in lines if line.endswith(str(library)) and " r-xp " in line]
    return int(found[0].split("-")[0], 16)


class Libraries(LiveTest):
    """One is unloaded, another loaded, and a thread parks in it. Its stack, its registers and the
    code's addresses can be those of the thread before."""

    def begin(self):
        self.place = self.directory()
        self.loaded = plugin_path(self.place)
        self.target = self.fixture("dlopen", self.loaded)
        self.watching = self.watch(self.target.pid, *QUICK)
        self.expect("plugin_wait", "plugin.so")

    def build(self, name, function, *more):
        return plugin_path(self.place, name, f"-Dplugin_wait={function}", *more)

    def load(self, library, function):
        """Returns whether the one takes the place of the other."""
        before = code_of(self.target.pid, self.loaded)
        self.target.process.stdin.write(f"{library} {function}\n".encode())
        self.target.read_truth()
        self.loaded = library
        return code_of(self.target.pid, library) == before

    def named(self, function, module):
        """Once its thread is seen, its stack is right at the first look."""
        thread = self.target.threads[0]
        groups = [g for g in self.watching.report().groups if thread["tid"] in g["ids"]]
        for group in groups:
            frames = [f for f in group["frames"] if f["function"] in FUNCTIONS]
            self.assertEqual(
                [(f["function"], f["module"], f["line"]) for f in frames],
                [(function, module, thread["line"])],
            )
        return groups

    def expect(self, function, module):
        wait_for(lambda: self.named(function, module), f"{function} of {module}")

    def test_another_takes_its_place(self):
        self.begin()
        libraries = [(self.loaded, FUNCTIONS[0]), (self.build("b.so", FUNCTIONS[1]), FUNCTIONS[1])]
        for i in range(1, ROUNDS + 1):
            library, function = libraries[i % 2]
            self.assertTrue(self.load(library, function))
            self.expect(function, library.name)

    def test_another_file_of_its_name_takes_its_place(self):
        self.begin()
        for i in range(1, ROUNDS + 1):
            self.loaded.unlink()
            function = FUNCTIONS[i % 2]
            self.loaded = self.build("plugin.so", function)
            self.target.process.stdin.write(f"{self.loaded} {function}\n".encode())
            self.target.read_truth()
            self.expect(function, "plugin.so")

    def test_another_goes_elsewhere(self):
        self.begin()
        for i in range(ROUNDS):
            far = self.build(f"far{i}.so", FUNCTIONS[1], "-Wl,-z,max-page-size=0x200000")
            self.load(far, FUNCTIONS[1])
            self.expect(FUNCTIONS[1], far.name)


class Looks(LiveTest):
    """Every thread has two mappings. Whole readings of them are counted by the kernel's own end of
    the text."""

    def count(self, trace):
        text = trace.read_text(encoding="utf-8", errors="replace")
        readings = len(re.findall(r'read\(\d+</proc/\d+/task/\d+/maps>, "", \d+\) += 0', text))
        questions = len(re.findall(r"ioctl\(\d+</proc/\d+/task/\d+/maps>, .* = 0", text))
        return readings, questions

    def move(self, fixture, watch, n):
        """Wakes n of them; returns when a scan that began after that is over."""
        fixture.process.stdin.write(f"{n}\n".encode())
        read_line(fixture.process.stdout, b"moved")
        scans = self.scans(watch)
        wait_for(lambda: self.scans(watch) >= scans + 2, "a scan")

    def scans(self, watch):
        return int(watch.value("parkwatch_scan_duration_seconds_count", source="threads"))

    def test_new_parks_do_not_read_all_mappings(self):
        need("strace")
        trace = self.directory() / "trace"
        fixture = self.fixture("many", THREADS)
        command = ["strace", "-f", "--seccomp-bpf", "-qq", "-y", "-e", "trace=read,ioctl", "-o", str(trace)]
        watch = self.watch(fixture.pid, *QUICK, program=[*command, str(PARKWATCH)])
        for i in range(1, MOVES + 1):
            self.move(fixture, watch, i)
        scans = self.scans(watch)
        self.assertEqual(watch.report().group("wait_for_reply")["count"], THREADS)
        [probe] = watch.role("parkwatch")
        os.kill(probe, signal.SIGTERM)
        self.assertEqual(watch.process.wait(30), 0)
        readings, questions = self.count(trace)
        major, minor = map(int, platform.release().split(".")[:2])
        if (major, minor) < (6, 11):  # it takes PROCMAP_QUERY
            self.assertGreaterEqual(readings, MOVES)
            return
        # The second scan, the fourth, the eighth ... look whether it is a Go program by now.
        self.assertLessEqual(readings, (scans + 1).bit_length())
        self.assertLess((scans + 1).bit_length(), MOVES)
        # One for each stack, and a few for the code that they stand in.
        moved = MOVES * (MOVES + 1) // 2
        self.assertGreater(questions, 0)
        self.assertLess(questions, moved + 10 * scans)
