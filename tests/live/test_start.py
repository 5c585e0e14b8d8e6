# SPDX-License-Identifier: Apache-2.0
"""What starting takes: megabytes that are read once are filled by huge pages, and given back; what
names take is read before it is known which there are."""

import ctypes
import json
import os
import pathlib
import re
import resource
import subprocess

from harness import PARKWATCH, LiveTest, children, comm_of, end_process, run, wait_for

PR_SET_THP_DISABLE = 41
HUGE_PAGES = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled")
DEBUG_INFORMATION = 8 << 20  # of libc6-dbg, less than it has unpacked
KERNEL_TYPES = pathlib.Path("/sys/kernel/btf/vmlinux")


def has_huge_pages():
    return HUGE_PAGES.exists() and "[never]" not in HUGE_PAGES.read_text(encoding="ascii")


def without_huge_pages():
    """In a child, for itself and its own."""
    if ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0):
        os._exit(1)


def resident_anonymous(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"^RssAnon:\s*(\d+) kB", status, re.M)[1]) * 1024


def analysts(probe):
    return [pid for pid in children(probe) if comm_of(pid) == "pw-analyst"]


class Start(LiveTest):
    def faults(self, target, **options):
        """Page faults of all roles of a report, which is whole."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
        done = run("report", "-p", target.pid, "-t", "0", "--format", "json", **options)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        [found] = json.loads(done.stdout)["targets"]
        self.assertEqual(found["losses"], {})
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt - before

    def test_page_faults(self):
        """Each page of the kernel's types is filled twice, by small pages at a fault for each."""
        target = self.fixture("cond")
        few, many = self.faults(target), self.faults(target, preexec_fn=without_huge_pages)
        spared = KERNEL_TYPES.stat().st_size / resource.getpagesize()
        if has_huge_pages():
            self.assertLess(few, many - spared)
        else:
            self.assertLess(few, many + spared)

    def test_the_types_are_given_back(self):
        watch = self.watch(self.fixture("cond").pid, "--interval", "200ms", "-t", "0")
        wait_for(lambda: watch.value("parkwatch_parked", target="cond"), "stacks")
        self.assertLess(resident_anonymous(watch.pid), KERNEL_TYPES.stat().st_size)
        self.assertEqual(watch.stop(), 0)

    def test_debug_information_is_read_ahead(self):
        """That of the library in which the target waits, while the probe is at something else: here
        it waits for somebody to read what it is to write."""
        target, output = self.fixture("cond"), self.directory() / "report"
        os.mkfifo(output)
        command = ["report", "-p", str(target.pid), "-t", "0", "--format", "json", "-o", output]
        probe = subprocess.Popen([PARKWATCH, *command])
        self.addCleanup(end_process, probe)
        wait_for(lambda: analysts(probe.pid), "an analyst")
        [analyst] = analysts(probe.pid)
        wait_for(lambda: resident_anonymous(analyst) > DEBUG_INFORMATION, "debug information")
        [found] = json.loads(output.read_bytes())["targets"]
        self.assertEqual(found["losses"], {})
        self.assertEqual(probe.wait(), 0)
