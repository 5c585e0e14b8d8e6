# SPDX-License-Identifier: Apache-2.0
"""Programs that others built with the releases of Go that Debian has no toolchain of
(scripts/go-binaries.sh): every goroutine against the dump that the program prints as it ends on
SIGQUIT."""

import collections
import http.client
import os
import re
import signal
import subprocess
import tempfile

import go_truth
import harness

BINARIES = harness.ROOT / "build" / "go-binaries"
CLIENTS = 5  # connections that stay open
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/")
# The runtime's own that naps between two looks.
MOVING = ("runtime.bgscavenge",)


def texts_of(pairs):
    """How many (goroutine, count) look the same."""
    counts = collections.Counter()
    for goroutine, count in pairs:
        if not any(go_truth.calls(goroutine, function) for function in MOVING):
            counts[go_truth.describe(goroutine)] += count
    return counts


def is_parked(goroutine):
    return goroutine.reason not in ("running", "runnable", "idle")


def is_asleep(goroutine):
    """For a while, by its own will."""
    return go_truth.calls(goroutine, "time.Sleep")


class GoBinaries(harness.LiveTest):
    maxDiff = None

    def start(self, command, **options):
        program = BINARIES / command[0]
        self.assertTrue(program.exists(), f"no {program}: scripts/go-binaries.sh")
        self.errors = self.enterContext(tempfile.TemporaryFile())
        process = subprocess.Popen(
            [*harness.BOUND, str(program), *command[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self.errors,
            env={**os.environ, "GOTRACEBACK": "system"},
            **options,
        )
        self.addCleanup(harness.end_process, process)
        return process

    def said(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def check(self, version, process):
        report = harness.wait_for(lambda: self.steady_report(process.pid), "it has settled")
        process.send_signal(signal.SIGQUIT)
        process.wait(harness.PATIENCE)
        dump = [goroutine for goroutine in go_truth.parse(self.said()) if goroutine.id]
        expected = texts_of((one, 1) for one in go_truth.without_wrappers(dump, []) if is_parked(one))
        self.assertTrue(report.target["runtime_version"].startswith(f"go{version}."))
        self.assertGreater(sum(expected.values()), 7)
        found = texts_of(go_truth.reported(report))
        go_truth.assert_same(self, found, expected, "the dump on SIGQUIT")
        self.assertEqual(report.target["losses"], {})

    def steady_report(self, pid):
        """A report that is like the one before it, of goroutines that stay: none sleeps."""
        before, after = (harness.report(pid, "-t", "0") for _ in range(2))
        found = go_truth.reported(after)
        same = texts_of(go_truth.reported(before)) == texts_of(found)
        return after if same and not any(is_asleep(one) for one, _ in found) else None

    def serve_with_esbuild(self, version):
        """A web server with clients that asked once and stay."""
        folder = self.enterContext(tempfile.TemporaryDirectory())
        process = self.start(
            [f"{version}/esbuild", "--servedir=.", f"--serve=127.0.0.1:{harness.free_port()}"],
            cwd=folder,
        )
        address = harness.wait_for(lambda: ADDRESS.search(self.said()), "esbuild serves")
        for _ in range(CLIENTS):
            client = http.client.HTTPConnection("127.0.0.1", int(address[1]), timeout=10)
            self.addCleanup(client.close)
            client.request("GET", "/")
            client.getresponse().read()
        self.check(version, process)

    def run_with_lefthook(self, version):
        """A git hook's command that waits."""
        folder = self.enterContext(tempfile.TemporaryDirectory())
        fifo = os.path.join(folder, "fifo")
        os.mkfifo(fifo)
        subprocess.run(["git", "init", "--quiet", folder], check=True)
        with open(os.path.join(folder, "lefthook.yml"), "w", encoding="utf-8") as settings:
            settings.write("wait:\n  commands:\n    wait:\n      run: cat fifo\n")
        process = self.start([f"{version}/lefthook", "run", "wait"], cwd=folder)
        with open(fifo, "wb"):  # opens once the command reads
            harness.wait_for(lambda: self.is_settled(process.pid), "lefthook waits")
            self.check(version, process)

    def is_settled(self, pid):
        """Its main goroutine waits for the command's end."""
        groups = harness.report(pid, "-t", "0", "--kind", "goroutine").groups
        return any(group["site"].startswith("os/exec.(*Cmd).watchCtx") for group in groups)


def define(version, how):
    def test(self):
        getattr(self, how)(version)

    setattr(GoBinaries, f"test_go{version.replace('.', '_')}", test)


for release in ("1.17", "1.18", "1.20", "1.22"):
    define(release, "serve_with_esbuild")
for release in ("1.21", "1.25"):
    define(release, "run_with_lefthook")
