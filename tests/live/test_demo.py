# SPDX-License-Identifier: Apache-2.0
"""The two commands of the README, as a user runs them."""

import json
import os
import pathlib
import re
import signal
import subprocess
import urllib.request

from harness import ROOT, LiveTest, children, comm_of, end_process, read_line, wait_for

DEMO = str(ROOT / "scripts" / "demo.sh")
SLOWLY = 300  # seconds, for what builds before
N_AFTER = 3  # points after the load that are looked at
# As a container without rights to namespaces and cgroups has it.
CONFINED = (
    "unshare",
    "--mount",
    "sh",
    "-c",
    """
    while read -r _ at _; do
        case $at in /sys/fs/cgroup*) mount -o remount,bind,ro "$at" ;; esac
    done < /proc/mounts
    exec setpriv --bounding-set=-sys_admin,-net_admin "$0" "$@"
    """,
)


def line_of_leak():
    source = (ROOT / "scripts" / "demo" / "recommendd.go").read_text(encoding="utf-8")
    lines = source.split("\n")
    return 1 + next(at for at, line in enumerate(lines) if line.strip() == "result <- found")


def leftovers(pid):
    """What is there of the namespaces and cgroups of the demo.sh that had the PID."""
    name = f"parkwatch-demo-{pid}"
    parents = map(pathlib.Path, ("/run/netns", "/sys/fs/cgroup", "/sys/fs/cgroup/memory"))
    return [str(path) for parent in parents for path in parent.glob(name + "*")]


def known(values):
    return [value for value in values if value is not None]


def is_back(rates):
    """They had a peak, and have been next to nothing since."""
    rates = known(rates)
    return all(rate < max(rates) / 20 for rate in rates[-N_AFTER:])


class Demo(LiveTest):
    def demo(self, *arguments, before=()):
        process = subprocess.Popen(
            [*before, DEMO, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
            # As a shell starts it, also where the tests themselves run under nohup.
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        )
        self.addCleanup(end_process, process)
        return process

    def once(self, *arguments, before=()):
        """What the demonstration says; the service is gone then."""
        process = self.demo("--once", *arguments, before=before)
        text = process.stdout.read().decode()
        self.assertEqual(process.wait(60), 0, text)
        pid = int(re.search(r"PID (\d+)", text)[1])
        self.assertFalse(os.path.exists(f"/proc/{pid}"), "the service is gone")
        self.assertEqual(leftovers(process.pid), [])
        return text

    def end(self, process, number):
        family = children(process.pid)
        os.killpg(process.pid, number)
        process.wait(20)
        wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in family), "all end")
        self.assertEqual(leftovers(process.pid), [])

    def check_leak(self, text):
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

    def test_incident(self):
        self.check_leak(self.once())

    def test_without_rights(self):
        text = self.once(before=CONFINED)
        self.assertIn("no memory cgroup can be made here", text)
        self.assertIn("no network namespace can be made here", text)
        self.check_leak(text)

    def after_load(self, url):
        """The target's history some points after its load."""

        def settled():
            with urllib.request.urlopen(f"{url}api/v1/history", timeout=5) as answer:
                [target] = json.load(answer)["targets"]
            return is_back(target["cpu_cores"]) and target

        return wait_for(settled, "the load's end shows")

    def test_charts(self):
        """As in the incident: CPU and network are back at nothing, memory and waiters stay."""
        process = self.demo()
        text = ""
        while not (page := re.search(r"^  (http\S+/) ", text, re.MULTILINE)):
            line = process.stdout.readline().decode()
            self.assertTrue(line, f"it ended: {text}")
            text += line
        timed_out = int(re.search(r"(\d+) timed out", text)[1])
        target = self.after_load(page[1])
        for name in ("cpu_cores", "network_receive_bytes_per_second",
                     "network_transmit_bytes_per_second"):  # fmt: skip
            rates = known(target[name])
            self.assertTrue(is_back(rates), f"{name}: {rates}")
            self.assertLess(rates[0], max(rates) / 20, f"{name}: {rates}")
        memory = target["resident_memory_bytes"]
        self.assertGreater(memory[-1], 1.5 * memory[0])
        self.assertGreater(memory[-1], 0.8 * max(memory))
        group = target["cgroup_memory_rss_bytes"]
        self.assertLess(group[-1], memory[-1], "it is the service's own")
        [leak] = [site for site in target["sites"] if site["site"].startswith("main.fetchScores ")]
        self.assertFalse(leak["counts"][0])
        self.assertEqual(leak["counts"][-1], max(known(leak["counts"])))
        self.assertAlmostEqual(leak["counts"][-1], timed_out, delta=timed_out / 10)
        self.end(process, signal.SIGINT)

    def test_cleans_up(self):
        """However it is ended, while it has all it makes."""
        for number in (signal.SIGHUP, signal.SIGTERM):
            process = self.demo()
            read_line(process.stdout, b"scripts/demo/recommendd.go runs", SLOWLY)
            wait_for(lambda: "parkwatch" in map(comm_of, children(process.pid)), "it watches")
            self.assertTrue(leftovers(process.pid))
            self.end(process, number)

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
        page = "http" + read_line(process.stdout, b"  http", SLOWLY).split()[0].decode()
        with urllib.request.urlopen(f"{page}metrics", timeout=5) as answer:
            self.assertIn(b'parkwatch_target_up{target="cond"} 1', answer.read())
        self.end(process, signal.SIGINT)

    def test_wrong_usage(self):
        for arguments in (["--pid"], ["--pid", "x"], ["--forever"]):
            process = self.demo(*arguments)
            self.assertEqual(process.wait(20), 2, arguments)
