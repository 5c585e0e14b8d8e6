# SPDX-License-Identifier: Apache-2.0
"""The two commands of the README, as a user runs them."""

import os
import re
import signal
import subprocess
import urllib.request

from harness import ROOT, LiveTest, children, comm_of, end_process, read_line, wait_for


def line_of_leak():
    source = (ROOT / "scripts" / "demo" / "recommendd.go").read_text(encoding="utf-8")
    lines = source.split("\n")
    return 1 + next(at for at, line in enumerate(lines) if line.strip() == "result <- found")


class Demo(LiveTest):
    def demo(self, *arguments):
        process = subprocess.Popen(
            [str(ROOT / "scripts" / "demo.sh"), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
        )
        self.addCleanup(end_process, process)
        return process

    def once(self, *arguments):
        """What the demonstration says; the service is gone then."""
        process = self.demo("--once", *arguments)
        text = process.stdout.read().decode()
        self.assertEqual(process.wait(60), 0, text)
        pid = int(re.search(r"PID (\d+)", text)[1])
        self.assertFalse(os.path.exists(f"/proc/{pid}"), "the service is gone")
        return text

    def test_incident(self):
        text = self.once()
        leak = re.search(
            r"([\d,]+) goroutines\s+chan send.*\n(?:.*\n){0,4}\s+main\.fetchScores +"
            r"recommendd\.go:(\d+)\n\s+created by main\.repair\.recommend ",
            text,
        )
        self.assertTrue(leak, text)
        timed_out = int(re.search(r"(\d+) timed out", text)[1])
        self.assertGreaterEqual(timed_out, 1000)
        # One that was given up while its answer came has its receiver still.
        self.assertAlmostEqual(int(leak[1].replace(",", "")), timed_out, delta=timed_out / 10)
        self.assertEqual(int(leak[2]), line_of_leak())

    def test_alert_arrives(self):
        """From real Prometheus by way of real Alertmanager; all that was started ends."""
        process = self.demo("--once", "--with-prometheus")
        read_line(process.stdout, b"waiting for an alert", 300)
        family = children(process.pid)
        running = {comm_of(pid) for pid in family}
        self.assertLessEqual({"prometheus", "prometheus-aler", "parkwatch", "recommendd"}, running)
        text = process.stdout.read().decode()
        self.assertEqual(process.wait(60), 0, text)
        words = " ".join(text.split())
        line = line_of_leak()
        self.assertIn("ParkwatchMemoryStays (warning) recommendd: the load is gone", words)
        self.assertIn(f"more waiters at main.fetchScores recommendd.go:{line} ", words)
        self.assertIn(f"stay at main.fetchScores recommendd.go:{line}.", words)
        wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in family), "all end")

    def test_repaired(self):
        for how in ("--fixed", "--fixed=select", "--fixed=call"):
            text = self.once(how)
            self.assertIn("timed out", text)
            self.assertNotIn("chan send", text)
            self.assertNotIn("main.fetchScores", text)

    def test_of_a_process(self):
        fixture = self.fixture("cond")
        process = self.demo("--once", "--pid", fixture.pid)
        text = process.stdout.read().decode()
        self.assertEqual(process.wait(60), 0, text)
        self.assertIn("wait_for_work", text)
        self.assertIsNone(fixture.process.poll(), "the user's process lives on")

    def test_serves_until_interrupted(self):
        fixture = self.fixture("cond")
        process = self.demo("--pid", fixture.pid)
        url = "http" + read_line(process.stdout, b"  http", 120).split()[0].decode()

        def served():
            with urllib.request.urlopen(url, timeout=5) as response:
                return b'parkwatch_target_up{target="cond"} 1' in response.read()

        def ready():
            try:
                return served()
            except OSError:
                return False

        wait_for(ready, "it serves")
        family = children(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        process.wait(20)
        wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in family), "all end")

    def test_wrong_usage(self):
        for arguments in (["--pid"], ["--pid", "x"], ["--forever"]):
            process = self.demo(*arguments)
            self.assertEqual(process.wait(20), 2, arguments)
