# SPDX-License-Identifier: Apache-2.0
"""Profiles, as Go's own tool reads them from a file and over HTTP."""

import collections
import os
import re
import subprocess

import go_truth
import harness

N_LEAKED = 30
LISTED = 16  # of them


class Pprof(harness.LiveTest):
    def setUp(self):
        harness.need("go")
        versions = go_truth.versions()
        if not versions:
            self.skipTest("no Go fixtures: scripts/go-toolchains.sh && scripts/go-fixtures.sh")
        self.go = go_truth.GoFixture(versions[-1], "stripped", "leak", N_LEAKED)
        self.addCleanup(self.go.end)

    def pprof(self, *arguments):
        done = subprocess.run(
            ["go", "tool", "pprof", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PPROF_TMPDIR": str(self.directory())},
            timeout=60,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode()

    def check_leak(self, text):
        """The leak in the output of -traces."""
        line = go_truth.line_of("leak", "LEAK")
        self.assertRegex(text, rf"wait_reason: +chan send\n(?:.*\n)*? +{N_LEAKED} +runtime\.gopark")
        self.assertRegex(text, rf"main\.fetchScores .*leak\.go:{line}\n")

    def test_file(self):
        path = self.directory() / "profile.pb.gz"
        done = harness.run("report", "-p", self.go.pid, "--format", "pprof", "-o", path)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.check_leak(self.pprof("-lines", "-traces", path))
        raw = self.pprof("-raw", path)
        self.assertIn("goroutine/count[dflt] threads/count", raw)
        self.assertIn("created_by:[main.recommend]", raw)
        top = self.pprof("-top", "-sample_index=threads", path)
        self.assertIn("Type: threads", top)

    def test_http(self):
        watch = self.watch(self.go.pid, "-t", "0", "--interval", "500ms")
        url = f"http://127.0.0.1:{watch.port}/debug/pprof"
        self.check_leak(self.pprof("-lines", "-traces", f"{url}/goroutine"))
        self.assertIn("Type: threads", self.pprof("-top", f"{url}/threads"))
        counts = watch.fetch("/debug/pprof/goroutine?debug=1")[2].decode()
        total = int(re.match(r"goroutine profile: total (\d+)\n", counts)[1])
        self.assertEqual(total, sum(map(int, re.findall(r"^(\d+) @", counts, re.M))))
        self.assertRegex(counts, rf"(?m)^{N_LEAKED} @( 0x[0-9a-f]+)+$")

    def test_stacks(self):
        """?debug=2 reads like Go's own: the reader of tracebacks takes it, goroutine by goroutine as
        far as they are listed."""
        watch = self.watch(self.go.pid, "-t", "0", "--interval", "500ms")
        text = watch.fetch("/debug/pprof/goroutine?debug=2")[2].decode()
        truth = [one for one in self.go.stacks() if go_truth.calls(one, "main.fetchScores")]
        leaks = [one for one in go_truth.parse(text) if go_truth.calls(one, "main.fetchScores")]
        self.assertEqual(len({leak.id for leak in leaks}), LISTED)
        self.assertEqual(len(leaks), LISTED)
        self.assertLessEqual({leak.id for leak in leaks}, {one.id for one in truth})
        self.assertIn(f"\n# and {N_LEAKED - LISTED} more goroutines, parked no longer", text)
        for leak in leaks:
            self.assertEqual(leak.reason, "chan send")
            self.assertEqual(leak.creator.function, "main.recommend")
            self.assertEqual(leak.frames[0].line, go_truth.line_of("leak", "LEAK"))

    def test_labels(self):
        """?debug=1 has the labels that Go's own has, beside the reason."""
        labelled = go_truth.GoFixture(go_truth.versions()[-1], "stripped", "labels")
        self.addCleanup(labelled.end)
        watch = self.watch(labelled.pid, "-t", "0", "--interval", "500ms")
        text = watch.fetch("/debug/pprof/goroutine?debug=1")[2].decode()
        found, expected = collections.Counter(), collections.Counter()
        for labels, functions, count in go_truth.parse_profile(text):
            self.assertIn("wait_reason", labels)
            if "main.hold" in functions:
                labels.pop("wait_reason")
                found[tuple(labels.items())] += count
        for labels, functions, count in labelled.labels():
            if "main.hold" in functions:
                expected[tuple(labels.items())] += count
        self.assertGreater(len(expected), 180)
        self.assertEqual(found, expected)
