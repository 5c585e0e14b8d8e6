# SPDX-License-Identifier: Apache-2.0
"""lab.py KERNEL...: parkwatch on Debian's kernels, in virtual machines (machine.py).

Each environment of each kernel has a declared level, full, reduced or refused: what `doctor` calls
reduced or missing there, and whether a report is whole or refused in one line. The truth of a whole report comes from the
programs that were watched. The last line is "N passed, N failed, N skipped"."""

import concurrent.futures
import functools
import itertools
import json
import os
import re
import shutil
import sys
import unittest

import machine

ROOT = machine.ROOT
GO = ROOT / "build" / "go-fixtures"
LEAKED = 100  # goroutines, as init says

CAPABILITIES = {"CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH", "CAP_CHECKPOINT_RESTORE"}
PROGRAMS = {"BPF task iterator", "BPF sched_switch", "BPF kernel stacks"}

# Environment: (what is reduced, what is missing). With something missing the report is refused.
WHOLE = {
    "root": (set(), set()),
    "capabilities": (CAPABILITIES, set()),
    "memlock": (CAPABILITIES, set()),
    "no-btf": ({"BPF futex calls"}, PROGRAMS | {"kernel types"}),
    "integrity": (set(), set()),
    "confidentiality": ({"lockdown"}, set()),
}
REFUSED = {
    name: (reduced | {"BPF futex calls"}, missing | PROGRAMS)
    for name, (reduced, missing) in WHOLE.items()
}
for name in ("capabilities", "memlock"):  # Linux 5.10 gives a user 64 KiB
    REFUSED[name][1].add("locked memory")

# Kernel: (its environments, what it lacks in each of them).
LEVELS = {
    "5.10": (REFUSED, {"pagemap"}),
    "6.1": (WHOLE, {"pagemap"}),
    "6.12": (WHOLE, set()),
    "6.18": (WHOLE, set()),
    "newest": (WHOLE, set()),
}
NEWEST_AT_LEAST = (7, 2)

# Where futex calls are followed for a while.
FOLLOWED = ("root", "capabilities", "confidentiality")
PROGRAMS_OF_ALL = {"on_sched_switch", "threads", "cpu_times", "kernel_frames"}
FUTEX_PROGRAMS = {"on_futex"}  # that run there: no other syscall pays for it

# What the guest wrote of an environment that is not as others: without it nothing would be shown.
TAKES_EFFECT = {
    "memlock": ("memlock.limit", r"\A64\n\Z"),
    "integrity": ("lockdown-integrity", r"\[integrity\]"),
    "confidentiality": ("lockdown-confidentiality", r"\[confidentiality\]"),
}


def programs():
    newest = sorted(GO.glob("*.*"))[-1]
    return {
        "/init": machine.INIT,
        "/bin/busybox": shutil.which("busybox"),
        "/setpriv": shutil.which("setpriv"),
        "/parkwatch": ROOT / "build" / "parkwatch",
        "/cond": ROOT / "build" / "fixtures" / "cond",
        "/rewait": ROOT / "build" / "fixtures" / "rewait",
        "/leak": newest / "stripped" / "leak",
    }


def verdicts(doctor):
    """{verdict: names} of doctor's lines."""
    found = {"ok": set(), "reduced": set(), "missing": set()}
    for line in doctor.splitlines():
        verdict, name = line[:8].strip(), line[9:31].strip()
        if verdict in found:
            found[verdict].add(name)
    return found


def line_of(source, mark):
    lines = (ROOT / "tests" / "fixtures" / source).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if mark in line)


class Kernel(unittest.TestCase):
    """One environment of one kernel."""

    def __init__(self, version, environment, results):
        super().__init__("check")
        self.version, self.environment, self.results = version, environment, results

    def id(self):
        return f"{self.version} {self.environment} ({self.results['release'].strip()})"

    def text(self, suffix):
        return self.results[f"{self.environment}.{suffix}"]

    def check_release(self):
        release = self.results["release"]
        if self.version != "newest":
            self.assertTrue(release.startswith(f"{self.version}."), release)
        else:
            self.assertGreaterEqual(tuple(map(int, release.split(".")[:2])), NEWEST_AT_LEAST)

    def check_environment(self):
        self.check_release()
        if self.environment in TAKES_EFFECT:
            file, pattern = TAKES_EFFECT[self.environment]
            self.assertRegex(self.results[file], pattern)

    def check(self):
        self.check_environment()
        environments, lacking = LEVELS[self.version]
        reduced, missing = environments[self.environment]
        reduced = reduced | lacking
        level = "refused" if missing else "reduced" if reduced else "full"
        found = verdicts(self.text("doctor"))
        self.assertEqual(self.text("doctor").splitlines()[-1].split(":")[0], level)
        if "BPF futex calls" in found["ok"]:
            self.assertRegex(self.text("doctor"), r"BPF futex calls +can be loaded\n")
        self.assertEqual(found["missing"], missing, self.text("doctor"))
        self.assertEqual(found["reduced"], reduced, self.text("doctor"))
        self.assertEqual(self.text("doctor.status"), f"{1 if missing else 0}\n")
        if missing:
            self.check_refused()
        else:
            self.check_report()
            if self.environment in FOLLOWED:
                self.check_metrics()
                self.check_watched()

    def check_refused(self):
        self.assertEqual(self.text("report.status"), "1\n")
        self.assertEqual(self.text("report"), "")
        self.assertRegex(self.text("report.error"), r"\Aparkwatch: [^\n]+\n\Z")

    def check_report(self):
        self.assertEqual(self.text("report.error"), "")
        self.assertEqual(self.text("report.status"), "0\n")
        targets = {target["comm"]: target for target in json.loads(self.text("report"))["targets"]}
        for target in targets.values():
            self.check_losses(target)
        self.check_threads(targets["cond"])
        self.check_goroutines(targets["leak"])

    def check_losses(self, target):
        """A slow machine's programs are interrupted in their midst, and left out meanwhile."""
        self.assertEqual(target["losses"].keys() - {"bpf_missed"}, set())

    def check_threads(self, target):
        truth = json.loads(self.results["cond.truth"].removeprefix("ready "))
        (group,) = [group for group in target["groups"] if group["reason"] == "futex wait"]
        frames = [(frame["function"], frame["line"]) for frame in group["frames"]]
        self.assertEqual(group["count"], truth["count"])
        self.assertIn(("wait_for_work", truth["threads"][0]["line"]), frames)
        self.assertIn("worker", [function for function, _ in frames])
        self.assertEqual(group["frames"][-1]["module"], "libc.so.6")  # clone3, of which nothing tells
        self.assertGreaterEqual(group["newest_seconds"], 1)

    def check_goroutines(self, target):
        truth = self.results["leak.truth"].splitlines()
        self.assertEqual(truth[-1].split(), ["ready"])
        in_time = len(truth) - 1  # a slow machine's timeouts are late: those goroutines have sent
        (group,) = [group for group in target["groups"] if group["reason"] == "chan send"]
        self.assertEqual(group["count"], LEAKED - in_time)
        self.assertEqual(group["site"], f"main.fetchScores leak.go:{line_of('go/leak.go', '// LEAK')}")
        self.assertEqual(group["created_by"]["function"], "main.recommend")

    def check_metrics(self):
        text = self.text("metrics")
        ran = set(re.findall(r'^parkwatch_bpf_runs_total{program="(\w+)"} [1-9]', text, re.M))
        self.assertEqual(ran - PROGRAMS_OF_ALL, FUTEX_PROGRAMS)
        for outcome in ("timeout", "woken"):
            pattern = rf'^parkwatch_futex_waits_total{{target="rewait",outcome="{outcome}"}} \d\d'
            self.assertRegex(text, re.compile(pattern, re.M))

    def check_watched(self):
        """A wait goes on through its timeouts, one that is served does not."""
        (target,) = json.loads(self.text("watched"))["targets"]
        self.check_losses(target)
        groups = {
            function: group
            for group in target["groups"]
            for function in (frame["function"] for frame in group["frames"])
        }
        self.assertNotIn("wait_served", groups)
        group = groups["wait_unserved"]
        self.assertGreaterEqual(group["rewaits"], 4)
        self.assertGreaterEqual(group["oldest_seconds"], 0.5)


class Boot(unittest.TestCase):
    """A kernel that did not come to the end."""

    def __init__(self, version, fault):
        super().__init__("check")
        self.version, self.fault = version, fault

    def id(self):
        return f"{self.version} boot"

    def check(self):
        self.fail(self.fault)


def tests_of(version):
    try:
        results = machine.boot(version, programs(), functools.partial(print, flush=True))
    except machine.LabFault as fault:
        return [Boot(version, str(fault))]
    return [Kernel(version, name, results) for name in LEVELS[version][0]]


def main(versions):
    unknown = set(versions) - set(LEVELS)
    if unknown:
        print(f"lab.py: no level is declared for: {' '.join(unknown)}", file=sys.stderr)
        return 2
    passed = failed = 0
    # An emulated machine is one thread of the host, whatever processors it has.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for test in itertools.chain.from_iterable(pool.map(tests_of, versions)):
            result = test.run()
            wrong = result.failures + result.errors
            print(f"{'FAIL' if wrong else 'ok  '} {test.id()}", flush=True)
            for _, text in wrong:
                print(text, flush=True)
            failed += bool(wrong)
            passed += not wrong
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
