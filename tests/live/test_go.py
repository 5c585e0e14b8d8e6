# SPDX-License-Identifier: Apache-2.0
"""Goroutines against what the Go programs say about themselves, for each toolchain that
scripts/go-toolchains.sh fetched and each linking form that scripts/go-fixtures.sh built."""

import collections
import pathlib
import signal
import tempfile
import time
import unittest

import go_truth
import harness

# Those in park.go that do not stand still, those whom a signal wakes that asks for the truth, and
# the runtime's own that naps between two looks.
MOVING = ("main.again", "main.serve", "main.answer", "os/signal.loop", "runtime.bgscavenge")
N_LEAKED = 100
WAITERS_MAX = 1000  # of one channel that are counted

# Where a thread of the scheduler stands, as a reader of runtime/proc.go knows it.
SCHEDULER = (
    "runtime.findRunnable", "runtime.findrunnable", "runtime.stoplockedm", "runtime.startlockedm",
    "runtime.gcstopm", "runtime.exitsyscall0", "runtime.exitsyscallNoP", "runtime.sysmon",
    "runtime.templateThread",
)

# What the goroutines in these functions of park.go wait on.
SYNC_TYPES = {
    "main.lock": "sync.Mutex",
    "main.lockInline": "sync.Mutex",
    "main.readLock": "sync.RWMutex",
    "main.writeLock": "sync.RWMutex",
    "main.waitGroup": "sync.WaitGroup",
    "main.condition": "sync.Cond",
}


def moves(goroutine):
    return any(go_truth.calls(goroutine, function) for function in MOVING)


def counted(goroutines):
    """How many (goroutine, count) look the same, in the words of runtime.Stack()."""
    counts = collections.Counter()
    for goroutine, count in goroutines:
        shown = go_truth.without_runtime(goroutine)
        if shown.frames and not moves(goroutine):
            counts[go_truth.describe(shown)] += count
    return counts


def waiters_text(count, noun):
    if count > WAITERS_MAX:
        return f"{WAITERS_MAX:,} or more {noun}s"
    return f"{count or 'no'} {noun}{'s' if count > 1 else ''}"


def channel_text(channel):
    """What is to be said of a channel that is open, of which the program told this."""
    length, capacity = channel.length, channel.capacity
    buffer = (
        "unbuffered"
        if not capacity
        else f"buffer empty (0 of {capacity})"
        if not length
        else f"buffer full ({capacity})"
        if length == capacity
        else f"buffered {length} of {capacity}"
    )
    waiters = [waiters_text(channel.senders, "sender"), waiters_text(channel.receivers, "receiver")]
    return f"{buffer}, open, with " + " and ".join(waiters if channel.senders else waiters[::-1])


def expected_of(stacks):
    return counted((goroutine, 1) for goroutine in stacks)


def found_of(report):
    return counted(go_truth.reported(report))


class GoTest(harness.LiveTest):
    maxDiff = None

    def start(self, *arguments):
        fixture = go_truth.GoFixture(*arguments)
        self.addCleanup(fixture.end)
        return fixture


class Parked(GoTest):
    """Every kind of wait: reasons, frames with file, line and inlining, creators, counts."""

    def check(self, version, form):
        fixture = self.start(version, form, "park")
        report = go_truth.without_plugin(harness.report(fixture.pid, "-t", "0"))
        stacks = fixture.stacks()
        self.assertGreater(len(stacks), 35)
        self.assertEqual(report.target["runtime"], "go")
        self.assertTrue(report.target["runtime_version"].startswith(f"go{version}"))
        go_truth.assert_same(self, found_of(report), expected_of(stacks), "runtime.Stack()")
        self.check_objects(report, fixture.objects, fixture.channels)
        self.check_threads(report)
        fixture.collect_garbage()
        report = go_truth.without_plugin(harness.report(fixture.pid, "-t", "0"))
        stacks = fixture.stacks()
        go_truth.assert_same(self, found_of(report), expected_of(stacks), "after a collection")
        if form not in go_truth.LIBRARIES:
            self.check_dump(report, go_truth.without_wrappers(fixture.dump(), stacks))

    def check_objects(self, report, objects, channels):
        self.assertGreaterEqual(len(objects), 12)
        self.assertGreaterEqual(len(channels), 6)
        for function, address in objects.items():
            groups = report.having(function)
            self.assertTrue(groups, function)
            for group in groups:
                kind = "semaphore" if function in SYNC_TYPES else "channel"
                (wait,) = group["waits_on"]
                self.assertEqual((wait["kind"], wait["address"]), (kind, address), function)
                self.assertEqual(wait["count"], group["count"], function)
                expected = SYNC_TYPES.get(function) or channel_text(channels[function])
                self.assertEqual(wait["detail"], expected, function)

    def check_threads(self, report):
        """Those that have no goroutine to run stand in the scheduler."""
        idle = [group for group in report.groups if group["idle_rule"] == "go scheduler"]
        self.assertTrue(idle)
        for group in idle:
            function = group["site"].split()[0]
            self.assertIn(function, SCHEDULER, group["site"])

    def check_dump(self, report, dump):
        """The dump has the runtime's frames and goroutines too, and addresses."""
        found, addresses = collections.Counter(), {}
        for goroutine, count in go_truth.reported(report):
            if not moves(goroutine):
                text = go_truth.describe(goroutine)
                found[text] += count
                addresses[text] = [f.address for f in goroutine.frames if not f.inlined]
        expected = collections.Counter()
        for goroutine in dump:
            if moves(goroutine) or goroutine.reason in ("running", "runnable", "idle"):
                continue
            text = go_truth.describe(goroutine)
            expected[text] += 1
            pcs = [f.address for f in goroutine.frames if not f.inlined]
            self.assertEqual(addresses.get(text, pcs), pcs, text)
        go_truth.assert_same(self, found, expected, "the dump on SIGQUIT")


class Patched(GoTest):
    """Programs that say of themselves what they are not: what is claimed of them is proven."""

    def patched(self, version, *pairs):
        """A copy of a leaking program, its bytes changed; what a report says of it."""
        folder = self.enterContext(tempfile.TemporaryDirectory())
        path = pathlib.Path(folder) / "leak"
        data = (go_truth.BUILT / version / "stripped" / "leak").read_bytes()
        for old, new in pairs:
            self.assertEqual(len(old), len(new))
            self.assertIn(old, data)
            data = data.replace(old, new)
        path.write_bytes(data)
        path.chmod(0o755)
        fixture = go_truth.GoFixture(version, "stripped", "leak", N_LEAKED, path=path)
        self.addCleanup(fixture.end)
        report = harness.report(fixture.pid)
        self.assertEqual(report.target["runtime"], "go")
        return report

    def check_refused(self, version, claimed):
        """A layout of another version is found out."""
        own = f"go{version}".encode()
        report = self.patched(version, (own, claimed.encode()))
        self.assertEqual(report.having("main.fetchScores"), [])
        self.assertTrue(report.target["note"].startswith(claimed), report.target["note"])
        self.assertGreaterEqual(report.target["losses"]["go_refused"], 1)
        return report.target["note"]

    def check_older(self, version):
        self.assertIn("older than 1.17", self.check_refused(version, "go1.16"))

    def check_obfuscated(self, version):
        report = self.patched(version, (b"\0runtime.sigpanic\0", b"\0Vq1Zx9_.aB3cD4e5\0"))
        self.assertIn("obfuscated", report.target["note"])
        self.assertEqual(report.having("main.fetchScores"), [])


class Later(GoTest):
    """Go code that is loaded after the attach."""

    def check(self, version):
        fixture = self.start(version, "plugin", "park", "later")
        watch = self.watch(fixture.pid, "-t", "1s", "--interval", "200ms")
        harness.wait_for(lambda: watch.report().having("runtime.forcegchelper"), "a first scan")
        fixture.process.send_signal(signal.SIGUSR1)
        harness.read_line(fixture.process.stdout, b"ready")
        report = harness.wait_for(lambda: self.parked(watch), "the plugin's goroutines are shown")
        stacks = fixture.stacks()
        self.assertGreater(len(stacks), 35)
        self.assertEqual(len(watch.analysts()), 1)
        found, expected = self.waits(found_of(report)), self.waits(expected_of(stacks))
        go_truth.assert_same(self, found, expected, "runtime.Stack()")

    def waits(self, counts):
        """Without system calls, whose age has no proof from Go 1.26 on."""
        return collections.Counter(
            {text: n for text, n in counts.items() if not text.startswith("syscall\n")}
        )

    def parked(self, watch):
        """Everything that is parked in the plugin has been for longer than the threshold."""
        report = go_truth.without_plugin(watch.report())
        shrunk = report.having("main.shrunk")
        old = shrunk and shrunk[0]["oldest_seconds_at_least"] > 1.5
        return report if old else None


class Leak(GoTest):
    """The incident, by version."""

    def check(self, version):
        fixture = self.start(version, "stripped", "leak", N_LEAKED)
        report = harness.report(fixture.pid)
        groups = report.having("main.fetchScores")
        self.assertEqual(len(groups), 1)
        group = groups[0]
        self.assertEqual(group["count"], N_LEAKED)
        self.assertEqual(group["reason"], "chan send")
        self.assertTrue(group["site"].startswith("main.fetchScores leak.go:"), group["site"])
        self.assertTrue(group["site"].endswith(f":{go_truth.line_of('leak', 'LEAK')}"))
        self.assertEqual(group["created_by"]["function"], "main.recommend")
        self.assertEqual(group["created_by"]["line"], go_truth.line_of("leak", "CREATOR"))
        self.assertFalse(group["idle"])
        leaked = [one for one in fixture.stacks() if go_truth.calls(one, "main.fetchScores")]
        self.assertEqual(len(group["ids"]), 16)
        self.assertLessEqual(set(group["ids"]), {one.id for one in leaked})
        self.assertGreaterEqual(group["memory_bytes"], N_LEAKED * 2048)
        self.check_channels(group)

    def check_channels(self, group):
        addresses = {wait["address"] for wait in group["waits_on"]}
        self.assertEqual(len(addresses), len(group["waits_on"]))
        for wait in group["waits_on"]:
            self.assertEqual(wait["count"], 1)
            self.assertEqual(wait["detail"], channel_text(go_truth.Channel(0, 0, 1, 0)))
        self.assertEqual(group["waits_on_total"], N_LEAKED)
        self.assertTrue(group["waits_on_same_detail"])

    def check_repaired(self, version, how):
        fixture = self.start(version, "stripped", "leak", f"--fixed={how}", N_LEAKED)
        report = harness.report(fixture.pid, "-t", "0")
        self.assertLess(report.target["goroutines"]["total"], N_LEAKED // 4)
        for function in ("main.fetchScores", "main.fetchUnlessGone", "main.recommend"):
            self.assertEqual(report.having(function), [])


class Labels(GoTest):
    """What programs say of their goroutines, by version: kept in a map up to 1.23."""

    def check(self, version, form):
        fixture = self.start(version, form, "labels")
        report = harness.report(fixture.pid, "-t", "0")
        expected = collections.Counter()
        for labels, functions, count in fixture.labels():
            if "main.hold" in functions:
                expected[tuple(sorted(labels.items()))] += count
        self.assertGreater(len(expected), 180)
        found = collections.Counter()
        for group in report.having("main.hold"):
            found[tuple(group["labels"].items())] += group["count"]
        self.assertEqual(found, expected)
        (many,) = report.having("main.holdMany")
        self.assertEqual(many["labels"], {})
        self.assertEqual(report.target["losses"], {"labels_unreadable": 1})


class Special(GoTest):
    """What few programs have, by version and form: cgo, coroutines, what Go itself finds leaked."""

    def check(self, version, form, program, functions):
        """Functions: how many goroutines stand in each."""
        fixture = self.start(version, form, program)
        report = harness.report(fixture.pid, "-t", "0")
        stacks = fixture.stacks()
        for function, (reason, count) in functions.items():
            groups = [one for one in report.having(function) if one["kind"] == "goroutine"]
            self.assertEqual({group["reason"] for group in groups}, {reason}, function)
            self.assertEqual(sum(group["count"] for group in groups), count, function)
        go_truth.assert_same(self, found_of(report), expected_of(stacks), "runtime.Stack()")

    def check_calls(self, version):
        functions = {"main.inC": ("syscall", 2), "main.calledBack": ("chan receive", 1)}
        self.check(version, "cgo", "calls", functions)

    def check_coroutines(self, version):
        functions = {
            "main.numbers": ("coroutine", 5),
            "main.asks": ("coroutine", 1),
            "main.receiver.func1": ("chan receive", 1),
        }
        self.check(version, "stripped", "coroutines", functions)

    def check_bubble(self, version):
        functions = {
            "main.bubbleSend": ("chan send (durable)", 1),
            "main.bubbleReceive": ("chan receive (durable)", 1),
            "main.bubbleSelect": ("select (durable)", 1),
            "main.bubbleWait": ("sync.WaitGroup.Wait (durable)", 1),
            "main.bubbleRoot": ("syscall", 1),
        }
        self.check(version, "stripped", "bubble", functions)

    def check_leaked(self, version):
        functions = {"main.lost": ("chan send", 10), "main.kept": ("chan receive", 1)}
        self.check(version, "stripped", "leaked", functions)


class Ages(GoTest):
    """A park that goes on beside those that only look like one: served at one line, every 20 ms and
    at full speed, where trackingSeq comes round between two scans."""

    SCANS = 50

    def check(self, version, form):
        fixture = self.start(version, form, "ages")
        watch = self.watch(fixture.pid, "-t", "1500ms", "--interval", "100ms")
        harness.wait_for(
            lambda: watch.report().having("main.leaked"), "a goroutine's age is proven", 10
        )
        first = watch.report()
        end = scans_of(watch) + self.SCANS
        while scans_of(watch) < end:
            report = watch.report()
            for function in ("main.again", "main.pong"):
                self.assertEqual(report.having(function), [], function)
            self.assertEqual(report.group("main.leaked")["count"], 1)
            time.sleep(0.1)
        fixture.collect_garbage()
        older, passed = (
            last - before
            for last, before in zip(
                (watch.report().group("main.leaked")["oldest_seconds_at_least"], report.started),
                (first.group("main.leaked")["oldest_seconds_at_least"], first.ended),
            )
        )
        self.assertGreater(older, passed - 1)


def scans_of(watch):
    """How many scans of goroutines there have been."""
    return int(watch.value("parkwatch_scan_duration_seconds_count", source="goroutines") or 0)


class Churn(GoTest):
    """Goroutines that come and go at full speed."""

    STAYERS = 50
    LIMIT = 1000
    SCANS = 200
    PATIENCE = 300  # seconds; where scans take long, there are fewer a second
    KNOWN = ("main.stay", "main.live", "main.breed", "main.answer", "main.main", "main.control")

    def check(self, version):
        fixture = self.start(version, "stripped", "churn", self.STAYERS, self.LIMIT)
        watch = self.watch(fixture.pid, "-t", "0", "--interval", "100ms")
        first = scans_of(watch)
        deadline = harness.monotonic() + self.PATIENCE
        while scans_of(watch) < first + self.SCANS:
            self.assertLess(harness.monotonic(), deadline, f"{self.SCANS} scans")
            for _ in range(20):
                self.check_report(watch.report())
                time.sleep(0.1)
            self.check_count(fixture, watch)
        self.assertEqual(len(watch.analysts()), 1)
        self.assertEqual(watch.value("parkwatch_losses_total", what="analyst_restarts"), 0)
        self.assertTrue(harness.alive(fixture.pid))
        stayers = [one for one in fixture.stacks() if go_truth.calls(one, "main.stay")]
        self.assertEqual(len(stayers), self.STAYERS)

    def check_count(self, fixture, watch):
        """When it stands still a scan finds as many as the program says, before and after."""
        before = fixture.count()
        scan = scans_of(watch)
        harness.wait_for(lambda: scans_of(watch) >= scan + 2, "a scan that began since")
        report = watch.report()
        self.assertEqual(fixture.count(), before)
        self.assertEqual(report.target["goroutines"]["total"], before)
        self.check_report(report)

    def check_report(self, report):
        total = report.target["goroutines"]["total"]
        self.assertGreaterEqual(total, self.STAYERS)
        self.assertLessEqual(total, self.STAYERS + self.LIMIT + 20)
        stayers = [group for group in report.having("main.stay")]
        self.assertEqual(sum(group["count"] for group in stayers), self.STAYERS)
        for goroutine, _ in go_truth.reported(report):
            shown = go_truth.without_runtime(goroutine)
            if shown.frames:
                functions = [frame.function for frame in shown.frames]
                self.assertTrue(
                    any(name.startswith(self.KNOWN + ("os/signal.",)) for name in functions),
                    functions,
                )


def define(case, name, method, *arguments):
    def test(self):
        getattr(self, method)(*arguments)

    setattr(case, f"test_{name}", test)


# What came with which version.
SPECIAL = {"coroutines": (1, 23), "bubble": (1, 25), "leaked": (1, 27)}


def define_all():
    versions = go_truth.versions()
    for version in versions:
        tag = "go" + version.replace(".", "_")
        for form in go_truth.FORMS:
            define(Parked, f"{tag}_{form}", "check", version, form)
        define(Leak, tag, "check", version)
        for how in ("select", "call"):
            define(Leak, f"{tag}_fixed_by_{how}", "check_repaired", version, how)
        define(Later, tag, "check", version)
        for form in ("stripped", "pie", "cgo", "shared"):
            define(Labels, f"{tag}_{form}", "check", version, form)
        define(Ages, f"{tag}_stripped", "check", version, "stripped")
        define(Special, f"{tag}_calls", "check_calls", version)
        for program, since in SPECIAL.items():
            if go_truth.version_number(version) >= since:
                define(Special, f"{tag}_{program}", f"check_{program}", version)
        define(Patched, f"{tag}_obfuscated", "check_obfuscated", version)
        define(Patched, f"{tag}_as_older", "check_older", version)
    if versions:
        newest = versions[-1]
        define(Patched, "as_another", "check_refused", newest, "go1.19")
        for form in ("bare", "archive"):
            define(Ages, f"newest_{form}", "check", newest, form)
    # The two ways to tell parks apart: up to 1.25 system calls count in trackingSeq, then no more.
    for version in {versions[0], versions[-1]} if versions else ():
        define(Churn, "go" + version.replace(".", "_"), "check", version)


class Toolchains(unittest.TestCase):
    def test_fixtures_are_built(self):
        if not go_truth.versions():
            self.skipTest("no Go fixtures: scripts/go-toolchains.sh && scripts/go-fixtures.sh")


define_all()
