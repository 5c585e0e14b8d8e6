# SPDX-License-Identifier: Apache-2.0
"""The two commands of the README, as a user runs them."""

import os
import re
import signal
import subprocess
import urllib.request

from harness import ROOT, LiveTest, children, end_process, read_line, wait_for


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

    def test_once(self):
        process = self.demo("--once")
        text = process.stdout.read().decode()
        self.assertEqual(process.wait(60), 0, text)
        leak = re.search(r"(\d+) threads\s+futex wait.*\n(?:.*\n){0,4}.*channel_send", text)
        self.assertTrue(leak, text)
        self.assertGreaterEqual(int(leak[1]), 50)
        pid = int(re.search(r"PID (\d+)", text)[1])
        self.assertFalse(os.path.exists(f"/proc/{pid}"), "the leaking program is gone")

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
