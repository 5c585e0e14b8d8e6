# SPDX-License-Identifier: Apache-2.0
"""What the roles of a running daemon hold, and what parkwatch does with less than root's."""

import json
import os
import pathlib
import re
import subprocess

from harness import LiveTest, children, comm_of, wait_for
from stranger import STRANGER, StrangerTest, as_user

CAPABILITIES = {
    "DAC_READ_SEARCH": 2,
    "KILL": 5,
    "SETGID": 6,
    "SETUID": 7,
    "SYS_PTRACE": 19,
    "PERFMON": 38,
    "BPF": 39,
    "CHECKPOINT_RESTORE": 40,
}
PROBE = set(CAPABILITIES)
READER = {"SYS_PTRACE", "DAC_READ_SEARCH", "CHECKPOINT_RESTORE"}
NOBODY = 65534


def mask(names):
    return sum(1 << CAPABILITIES[name] for name in names)


def status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return {key: value.strip() for key, value in (line.split(":", 1) for line in lines)}


def oom_score(pid):
    return int(pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text(encoding="ascii"))


class Unprivileged(StrangerTest):
    def run_as(self, capabilities, *arguments):
        return subprocess.run(
            [*as_user(STRANGER, capabilities), self.parkwatch, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )

    def report(self, capabilities, fixture):
        done = self.run_as(
            capabilities, "report", "-p", fixture.pid, "-t", "0", "--format", "json"
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        [target] = json.loads(done.stdout)["targets"]
        [group] = [
            group
            for group in target["groups"]
            if any(frame["function"] == "wait_for_work" for frame in group["frames"])
        ]
        self.assertEqual(group["count"], 3)
        return target, group

    def test_bpf_and_perfmon_for_the_same_user(self):
        target, group = self.report({"BPF", "PERFMON"}, self.target(STRANGER))
        self.assertGreater(group["memory_bytes"], 0)
        self.assertEqual(target["losses"], {})

    def test_ptrace_and_dac_read_search_for_another_user(self):
        capabilities = {"BPF", "PERFMON", "SYS_PTRACE", "DAC_READ_SEARCH"}
        target, group = self.report(capabilities, self.target(0))
        self.assertGreater(group["memory_bytes"], 0)
        self.assertEqual(target["losses"], {})

    def test_without_dac_read_search_only_memory_is_missing(self):
        target, group = self.report({"BPF", "PERFMON", "SYS_PTRACE"}, self.target(0))
        self.assertEqual(group["memory_bytes"], 0)
        self.assertEqual(set(target["losses"]), {"resources_unreadable"})

    def refused(self, capabilities, fixture, text):
        """One line, which names the remedy."""
        done = self.run_as(capabilities, "report", "-p", fixture.pid)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, b"")
        self.assertEqual(done.stderr.decode(), f"parkwatch: {text}\n")

    def test_what_is_missing_is_said(self):
        own, other = self.target(STRANGER), self.target(0)
        bpf = (
            "not allowed to load BPF programs; run as root or with CAP_BPF and CAP_PERFMON"
        )
        for capabilities in (set(), {"BPF"}, {"PERFMON"}, {"SYS_PTRACE"}):
            with self.subTest(capabilities=capabilities):
                self.refused(capabilities, own, bpf)
        self.refused(
            {"BPF", "PERFMON"},
            other,
            f"not allowed to read process {other.pid}; run as root or with CAP_SYS_PTRACE",
        )

    def test_doctor_agrees(self):
        own, other = self.target(STRANGER), self.target(0)
        done = self.run_as({"BPF", "PERFMON"}, "doctor", "-p", own.pid)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(
            done.stdout.decode().splitlines()[-1], r"^reduced: parkwatch can work here, \d+ reduced$"
        )
        done = self.run_as({"BPF", "PERFMON"}, "doctor", "-p", other.pid)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertRegex(
            done.stdout.decode().splitlines()[-1],
            r"^refused: parkwatch cannot work here, 1 missing, \d+ reduced$",
        )

    def test_roles_of_a_service(self):
        """With ambient capabilities and a user of its own, each role keeps its part alone."""
        capabilities = {"BPF", "PERFMON", "SYS_PTRACE", "DAC_READ_SEARCH", "CHECKPOINT_RESTORE"}
        watch = self.watch(
            self.target(0).pid,
            *("--interval", "200ms", "-t", "0"),
            program=[*as_user(STRANGER, capabilities), self.parkwatch],
        )
        wait_for(lambda: watch.value("parkwatch_parked", target="cond"), "stacks")
        for role in ("probe", "reader", "analyst", "monitor"):
            for name in ("cpu_seconds_total", "resident_memory_bytes"):
                wait_for(lambda: watch.value(f"parkwatch_role_{name}", role=role) > 0, role)
        kept = {"pw-reader": capabilities & READER, "pw-analyst": set(), "pw-monitor": set()}
        scores = {comm_of(pid): oom_score(pid) for pid in children(watch.pid)}
        for name in ("pw-reader", "pw-analyst"):
            self.assertGreater(scores[name], max(oom_score(watch.pid), scores["pw-monitor"]), name)
        roles = {comm_of(pid): status(pid) for pid in children(watch.pid)}
        self.assertEqual(set(roles), set(kept))
        roles["parkwatch"] = status(watch.pid)
        kept["parkwatch"] = capabilities
        for name, held in roles.items():
            with self.subTest(role=name):
                for line in ("CapEff", "CapPrm"):
                    self.assertEqual(int(held[line], 16), mask(kept[name]), line)
                for line in ("CapInh", "CapAmb"):
                    self.assertEqual(int(held[line], 16), 0, line)
                self.assertEqual(held["Uid"].split(), [str(STRANGER)] * 4)
                self.assertEqual((held["NoNewPrivs"], held["Seccomp"]), ("1", "2"))
        self.assertEqual(watch.stop(), 0)


class Roles(LiveTest):
    """Of a daemon that root started. README's table of privileges has the same."""

    def roles(self):
        first, second = self.fixture("cond"), self.fixture("sem")
        watch = self.watch([first.pid, second.pid], "--interval", "200ms", "-t", "0")
        wait_for(lambda: watch.value("parkwatch_parked", target="sem"), "stacks")
        found = {}
        for pid in [watch.pid, *children(watch.pid)]:
            found.setdefault(comm_of(pid), []).append(pid)
        self.assertEqual(
            {name: len(pids) for name, pids in found.items()},
            {"parkwatch": 1, "pw-monitor": 1, "pw-reader": 2, "pw-analyst": 2},
        )
        return found

    def assert_holds(self, pid, capabilities):
        held = status(pid)
        for line in ("CapEff", "CapPrm"):
            self.assertEqual(int(held[line], 16), mask(capabilities), line)
        for line in ("CapInh", "CapAmb"):
            self.assertEqual(int(held[line], 16), 0, line)
        self.assertEqual(int(held["CapBnd"], 16) & ~mask(PROBE), 0)
        self.assertEqual((held["NoNewPrivs"], held["Seccomp"]), ("1", "2"))
        return held

    def assert_nobody(self, held):
        for line in ("Uid", "Gid"):
            self.assertEqual(held[line].split(), [str(NOBODY)] * 4, line)
        self.assertEqual(held["Groups"], "")

    def test_what_they_hold(self):
        roles = self.roles()
        [probe], [monitor] = roles["parkwatch"], roles["pw-monitor"]
        held = self.assert_holds(probe, PROBE)
        self.assertEqual(held["Uid"].split(), ["0"] * 4)
        self.assert_nobody(self.assert_holds(monitor, set()))
        for reader in roles["pw-reader"]:
            self.assert_nobody(self.assert_holds(reader, READER))
        for analyst in roles["pw-analyst"]:
            self.assert_nobody(self.assert_holds(analyst, set()))

    def test_who_goes_first(self):
        """Without memory the kernel ends first what can be started anew."""
        roles = self.roles()
        score = oom_score(roles["parkwatch"][0])
        self.assertEqual(score, oom_score(os.getpid()))
        self.assertEqual(oom_score(roles["pw-monitor"][0]), score)
        for pid in roles["pw-reader"] + roles["pw-analyst"]:
            self.assertEqual(oom_score(pid), min(score + 500, 1000))

    def open_files(self, pid):
        """(name, whether it can be written to), standard input, output and error aside."""
        for fd in os.listdir(f"/proc/{pid}/fd"):
            if int(fd) > 2:
                info = pathlib.Path(f"/proc/{pid}/fdinfo/{fd}").read_text(encoding="utf-8")
                flags = int(re.search(r"^flags:\s*(\d+)", info, re.M)[1], 8)
                yield os.readlink(f"/proc/{pid}/fd/{fd}"), flags & os.O_ACCMODE != os.O_RDONLY

    def test_what_they_have_open(self):
        """Nobody but the probe has BPF programs and maps, and nobody a file to write to."""
        roles = self.roles()
        for role in ("pw-analyst", "pw-monitor", "pw-reader"):
            for pid in roles[role]:
                for name, writable in self.open_files(pid):
                    with self.subTest(role=role, name=name):
                        self.assertFalse(writable and name.startswith("/"))
                        self.assertNotRegex(name, "bpf-(prog|map)")
                        if role != "pw-reader":
                            self.assertNotRegex(name, "bpf|pidfd")

    def test_readme_says_so(self):
        readme = (pathlib.Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
        table = readme.split("\n### Privileges\n", 1)[1].split("\n\n")[0]
        rows = {row.split("|")[1].strip(): row for row in table.strip().splitlines()}
        named = {
            role: set(re.findall(r"CAP_([A-Z_]+)", rows[role]))
            for role in ("probe", "reader", "analyst", "monitor")
        }
        self.assertEqual(
            named, {"probe": PROBE, "reader": READER, "analyst": set(), "monitor": set()}
        )


