# SPDX-License-Identifier: Apache-2.0
"""What has to prove itself before it is believed of a Go program, where that is hard: programs that
are not what they say, obfuscated ones, finalizers that block, libraries that come late."""

import collections
import pathlib
import re
import signal
import tempfile

import go_truth
import harness
import test_go

NEWER = "1.39"  # no release that is known

# From these versions on module data are other than before, and what of them is looked at first.
MAGICS = ((1, 18), (1, 20))
SECTIONS = ((1, 26), (1, 27))
MAGIC_WRONG = "the magic of its function table is not this version's"
SECTIONS_WRONG = "its list of code sections "
# What only parked goroutines tell apart.
WITNESS = re.compile(r'^[\w./()*]+ waits for "[^"]*" \(\d+\) instead of "[^"]*"$')

# The check of the function table's magic, and the table itself (runtime/symtab.go,
# moduledataverify1()): cmp $magic,%reg; jne.
MAGIC_CHECK = re.compile(rb"\x83[\xf8-\xff][\xf0\xf1]\x0f\x85", re.DOTALL)
MAGIC = re.compile(rb"[\xf0\xf1]\xff\xff\xff\0\0\x01\x08", re.DOTALL)
OTHER_MAGIC = b"\xd3"


def replace_once(pattern, replace, data):
    data, n = pattern.subn(replace, data)
    if n != 1:
        raise AssertionError(f"{pattern.pattern!r} occurs {n} times")
    return data


class Changed(test_go.GoTest):
    def changed(self, version, program, change, *arguments):
        """A running fixture, the bytes of whose program were changed."""
        folder = self.enterContext(tempfile.TemporaryDirectory())
        path = pathlib.Path(folder) / program
        path.write_bytes(change((go_truth.BUILT / version / "stripped" / program).read_bytes()))
        path.chmod(0o755)
        fixture = go_truth.GoFixture(version, "stripped", program, *arguments, path=path)
        self.addCleanup(fixture.end)
        return fixture

    def claiming(self, version, claimed, program, *arguments):
        def change(data):
            return data.replace(f"go{version}".encode(), f"go{claimed}".encode())

        return self.changed(version, program, change, *arguments)

    def text(self, fixture):
        """What a person is told, as one line."""
        return " ".join(harness.run("report", "-p", fixture.pid).stdout.decode().split())

    def is_refused(self, report):
        """Then nothing is said of its goroutines but why."""
        target = report.target
        self.assertEqual(target["runtime"], "go")
        if target["goroutines"] is not None:
            return False
        self.assertTrue(target["note"])
        self.assertGreaterEqual(target["losses"]["go_refused"], 1)
        self.assertEqual([g for g in report.groups if g["kind"] == "goroutine"], [])
        return True


class Obfuscated(Changed):
    """As garble leaves programs: no version, and function tables of a magic of their own."""

    def check(self, version):
        def change(data):
            data = data.replace(f"go{version}".encode(), b"unknwn")
            data = replace_once(MAGIC, lambda m: OTHER_MAGIC + m[0][1:], data)
            return replace_once(MAGIC_CHECK, lambda m: m[0][:2] + OTHER_MAGIC + m[0][3:], data)

        fixture = self.changed(version, "leak", change, 10)
        report = harness.report(fixture.pid)
        self.assertTrue(self.is_refused(report))
        for word in ("unknown version", "no function table of a known kind", "obfuscated"):
            self.assertIn(word, report.target["note"])
        self.assertIn(f"its goroutines cannot be read: {report.target['note']}", self.text(fixture))


class Claims(Changed):
    """Programs of each version that say they are of another: what is shown is true, or nothing
    is."""

    def check(self, version, claimed):
        self.wrong = None if claimed == NEWER else self.wrong_with(version, claimed)
        self.check_waits(self.claiming(version, claimed, "park"), claimed)
        self.check_labels(self.claiming(version, claimed, "labels"), claimed)

    def wrong_with(self, version, claimed):
        """The first check that fails whatever the goroutines do; None: there is no such."""
        numbers = [go_truth.version_number(one) for one in (version, claimed)]
        for changes, wrong in ((MAGICS, MAGIC_WRONG), (SECTIONS, SECTIONS_WRONG)):
            if len({sum(number >= since for since in changes) for number in numbers}) > 1:
                return wrong
        return None

    def check_refusal(self, report, claimed):
        """Whether it was refused, and for what had to be refused."""
        refused = self.is_refused(report)
        note = report.target["note"]
        if self.wrong:
            self.assertTrue(refused, f"believed, though: {self.wrong}")
            self.assertTrue(note.startswith(f"go{claimed}"), note)
            self.assertIn(f": {self.wrong}", note)
        elif refused:
            self.assertNotEqual(claimed, NEWER)
            self.assertRegex(note, WITNESS)
        return refused

    def check_waits(self, fixture, claimed):
        for collected in (False, True):
            if collected:
                fixture.collect_garbage()
            report = harness.report(fixture.pid, "-t", "0")
            if self.check_refusal(report, claimed):
                return
            self.assertEqual(bool(report.target["note"]), claimed == NEWER)
            found, expected = test_go.found_of(report), test_go.expected_of(fixture.stacks())
            go_truth.assert_same(self, found, expected, "runtime.Stack()")
            self.check_objects(report, fixture, claimed)
            self.check_ages(report, report.ended - fixture.started)

    def check_objects(self, report, fixture, claimed):
        for function, address in fixture.objects.items():
            for group in report.having(function):
                if claimed == NEWER and function in test_go.SYNC_TYPES:
                    self.assertEqual(group["waits_on"], [], function)
                else:
                    self.assertEqual([wait["address"] for wait in group["waits_on"]], [address])

    def check_ages(self, report, uptime):
        """None is older than its process."""
        for group in report.groups:
            self.assertLessEqual(group["oldest_seconds"], uptime + harness.AGE_TOLERANCE)

    def check_labels(self, fixture, claimed):
        report = harness.report(fixture.pid, "-t", "0")
        if self.check_refusal(report, claimed):
            return
        expected = collections.Counter()
        for labels, functions, count in fixture.labels():
            if "main.hold" in functions:
                expected[() if claimed == NEWER else tuple(sorted(labels.items()))] += count
        found = collections.Counter()
        for group in report.having("main.hold"):
            found[tuple(group["labels"].items())] += group["count"]
        n_lost = report.target["losses"].get("labels_unreadable", 0)
        if n_lost >= expected.total() - expected[()]:
            self.assertEqual(found, {(): expected.total()})
        else:
            self.assertEqual(found, expected)


class Newer(Changed):
    """A release yet unknown: the newest layout, as far as it proves itself."""

    def check(self, version):
        fixture = self.claiming(version, NEWER, "leak", test_go.N_LEAKED)
        harness.wait_for(lambda: self.n_leaked(fixture) == test_go.N_LEAKED, "all of them send")
        report = harness.report(fixture.pid)
        self.assertTrue(report.target["runtime_version"].startswith(f"go{NEWER}"))
        self.assertIn("not known yet", report.target["note"])
        self.assertEqual(report.having("main.fetchScores"), [], "an age without a proof")
        self.assertEqual(
            harness.report(fixture.pid, "-t", "0").group("main.fetchScores")["count"],
            test_go.N_LEAKED,
        )
        fixture.collect_garbage()
        group = harness.report(fixture.pid).group("main.fetchScores")
        self.assertEqual((group["count"], group["reason"]), (test_go.N_LEAKED, "chan send"))
        self.assertIn(f"about its goroutines: {report.target['note']}", self.text(fixture))

    def n_leaked(self, fixture):
        return sum(
            one.reason == "chan send" and go_truth.calls(one, "main.fetchScores")
            for one in fixture.stacks()
        )


class Finalizers(test_go.GoTest):
    """A finalizer that blocks holds the runtime's own goroutine: all others are read as ever."""

    REASONS = {
        "receive": ("chan receive",),
        "send": ("chan send",),
        "lock": ("sync.Mutex.Lock", "semacquire"),
        "sleep": ("sleep",),
    }

    def check(self, version, how):
        fixture = self.start(version, "stripped", "finalizer", how)
        harness.wait_for(lambda: self.is_blocked(fixture, how), "the finalizer blocks")
        report = harness.report(fixture.pid, "-t", "0")
        stacks = fixture.stacks()
        self.assertEqual(report.target["losses"], {})
        # runtime.Stack() leaves out that the runtime made it.
        found = test_go.counted(
            (one._replace(creator=None) if go_truth.calls(one, "main.finalize") else one, count)
            for one, count in go_truth.reported(report)
        )
        go_truth.assert_same(self, found, test_go.expected_of(stacks), "runtime.Stack()")
        self.assertIn(report.group("main.finalize")["reason"], self.REASONS[how])
        self.assertEqual(report.group("main.hold")["count"], 3)

    def is_blocked(self, fixture, how):
        calls = [one for one in fixture.stacks() if go_truth.calls(one, "main.finalize")]
        return calls and calls[0].reason in self.REASONS[how]


class Later(test_go.GoTest):
    """A C program that loads a Go library long after the attach."""

    SCANS = 20  # before it does

    def check(self, version):
        fixture = self.start(version, "shared", "park", "later")
        watch = self.watch(fixture.pid, "-t", "1s", "--interval", "100ms")
        harness.wait_for(lambda: self.scans(watch) > self.SCANS, "scans of the C program")
        self.assertEqual(watch.report().target["runtime"], "native")
        fixture.process.send_signal(signal.SIGUSR1)
        harness.read_line(fixture.process.stdout, b"ready")
        report = harness.wait_for(lambda: self.parked(watch), "the library's goroutines are shown")
        stacks = fixture.stacks()
        self.assertGreater(len(stacks), 35)
        self.assertEqual(report.target["runtime"], "go")
        self.assertTrue(report.target["runtime_version"].startswith(f"go{version}"))
        self.assertEqual(len(watch.analysts()), 1)
        found, expected = map(self.waits, (test_go.found_of(report), test_go.expected_of(stacks)))
        go_truth.assert_same(self, found, expected, "runtime.Stack()")

    def scans(self, watch):
        return watch.value("parkwatch_scan_duration_seconds_count", source="threads")

    def waits(self, counts):
        """Without system calls, whose age has no proof from Go 1.26 on."""
        return collections.Counter(
            {text: n for text, n in counts.items() if not text.startswith("syscall\n")}
        )

    def parked(self, watch):
        """Everything that is parked there has been for longer than the threshold."""
        report = watch.report()
        shrunk = report.having("main.shrunk")
        return report if shrunk and shrunk[0]["oldest_seconds_at_least"] > 1.5 else None


def define_all():
    versions = go_truth.versions()
    for version in versions:
        tag = "go" + version.replace(".", "_")
        for claimed in versions:
            if claimed != version:
                name = f"{tag}_as_{claimed.replace('.', '_')}"
                test_go.define(Claims, name, "check", version, claimed)
        test_go.define(Obfuscated, tag, "check", version)
        test_go.define(Later, tag, "check", version)
        for how in Finalizers.REASONS:
            test_go.define(Finalizers, f"{tag}_{how}", "check", version, how)
    if versions:
        test_go.define(Claims, "newest_as_newer", "check", versions[-1], NEWER)
        test_go.define(Newer, "newest", "check", versions[-1])


define_all()
