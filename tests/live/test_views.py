# SPDX-License-Identifier: Apache-2.0
"""What a person sees: text and folded reports, doctor, help, and what bad input gets."""

import json
import re
import socket
import subprocess

from harness import LiveTest, PARKWATCH, monotonic, need, run


class Text(LiveTest):
    def test_text(self):
        fixture = self.fixture("mutex")
        done = run("report", "-p", fixture.pid)
        self.assertEqual(done.returncode, 0, done.stderr)
        text = done.stdout.decode()
        take = next(t for t in fixture.threads if t["function"] == "take")
        self.assertRegex(text, rf"take\s+\S*mutex\.c:{take['line']}\b")
        self.assertRegex(text, r"2 threads\s+futex lock")
        self.assertIn(f"{take['object']:x}", text)
        self.assertIn(str(take["owner_tid"]), text)
        self.assertRegex(text.splitlines()[0], rf"\bmutex\b.*\b{fixture.pid}\b")

    def test_no_colour_in_a_pipe(self):
        fixture = self.fixture("cond")
        done = run("report", "-p", fixture.pid, "-t", "0")
        self.assertIsNone(re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", done.stdout), done.stdout)

    def test_folded(self):
        fixture = self.fixture("cond")
        done = run("report", "-p", fixture.pid, "-t", "0", "--format", "folded")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.decode().splitlines()
        self.assertTrue(all(re.fullmatch(r"\S.* \d+", line) for line in lines), lines)
        mine = [line for line in lines if "wait_for_work" in line]
        self.assertEqual(len(mine), 1, lines)
        stack, count = mine[0].rsplit(" ", 1)
        self.assertEqual(count, "3")
        names = stack.split(";")
        self.assertLess(names.index("worker"), names.index("wait_for_work"), "outermost first")

    def test_ignored_stacks_are_marked_not_hidden(self):
        fixture = self.fixture("cond")
        done = run(
            "report", "-p", fixture.pid, "-t", "0", "--format", "json", "--ignore", "wait_for_w.rk"
        )
        groups = json.loads(done.stdout)["targets"][0]["groups"]
        mine = [g for g in groups if any(f["function"] == "wait_for_work" for f in g["frames"])]
        self.assertEqual([group["idle"] for group in mine], [True])
        self.assertTrue(mine[0]["idle_rule"])


class Doctor(LiveTest):
    def test_all_is_well(self):
        done = run("doctor")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertGreaterEqual(len(done.stdout.splitlines()), 3)

    def test_of_a_target(self):
        fixture = self.fixture("cond")
        done = run("doctor", "-p", fixture.pid)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_without_root(self):
        need("setpriv")
        done = subprocess.run(
            [*NOBODY, PARKWATCH, "doctor"], capture_output=True, timeout=30, check=False
        )
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)

    def test_help_and_version(self):
        for command in ([], ["report"], ["watch"], ["doctor"]):
            arguments = [*command, "--help"]
            done = run(*arguments)
            self.assertEqual((done.returncode, done.stderr), (0, b""), arguments)
            self.assertIn(b"parkwatch", done.stdout.lower())
        done = run("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout.decode(), r"\d+\.\d+\.\d+")


NO_PID = 4194303  # the greatest that there can be
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


class BadInput(LiveTest):
    """One line that says what and what to do, nothing on standard output, 1 for a failure, 2 for
    wrong usage."""

    def check(self, status, *arguments, command=(), seconds=10):
        began = monotonic()
        done = subprocess.run(
            [*command, str(PARKWATCH), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            check=False,
        )
        shown = f"{arguments}: {done}"
        self.assertEqual(done.returncode, status, shown)
        self.assertEqual(done.stdout, b"", shown)
        self.assertRegex(done.stderr, rb"\Aparkwatch: [^\n]+\n\Z", shown)
        self.assertLess(monotonic() - began, seconds, shown)
        return done.stderr.decode()

    def test_no_such_process(self):
        for command in ("report", "watch"):
            self.assertIn(str(NO_PID), self.check(1, command, "-p", NO_PID))

    def test_kernel_thread(self):
        self.assertIn("kernel", self.check(1, "report", "-p", 2))

    def test_one_of_two_is_missing(self):
        fixture = self.fixture("cond")
        self.assertIn(str(NO_PID), self.check(1, "report", "-p", f"{fixture.pid},{NO_PID}"))

    def test_a_thread_is_no_process(self):
        fixture = self.fixture("cond")
        tid = fixture.threads[0]["tid"]
        self.assertIn(str(tid), self.check(1, "report", "-p", tid))

    def test_not_a_pid(self):
        for text in ("", "0", "1,", ",1", "1,,2", "99999999999999999999"):
            with self.subTest(text=text):
                self.check(2, "report", "-p", text)

    def test_name_of_no_process(self):
        """What is no number is a name, and nothing is wrong with it."""
        for text in ("x", "-1", "1 2", "0x10"):
            with self.subTest(text=text):
                self.check(1, "report", "-p", text)

    def test_no_pid(self):
        self.check(2, "report")
        self.check(2, "watch")

    def test_not_a_duration(self):
        fixture = self.fixture("cond")
        for text in ("", "x", "-1s", "1", "s", "1s1", "1e400s", "1 s", "nan"):
            with self.subTest(text=text):
                self.check(2, "report", "-p", fixture.pid, "-t", text)
        self.check(2, "report", "-p", fixture.pid, "--duration", "soon")
        self.check(2, "watch", "-p", fixture.pid, "--interval", "0")

    def test_unknown_words(self):
        fixture = self.fixture("cond")
        self.check(2, "report", "-p", fixture.pid, "--format", "xml")
        self.check(2, "report", "-p", fixture.pid, "--no-such-option")
        self.check(2, "report", "-p", fixture.pid, "--kind", "fibre")
        self.check(2, "report", "-p", fixture.pid, "--futex", "maybe")
        self.check(2, "report", "-p", fixture.pid, "superfluous")
        self.check(2, "report", "-p", fixture.pid, "--ignore", "(")
        self.check(2, "watch", "-p", fixture.pid, "--max-stacks", "many")
        self.check(2, "observe")
        self.check(2)

    def test_bad_addresses(self):
        fixture = self.fixture("cond")
        for address in ("nonsense", "127.0.0.1", "127.0.0.1:99999", "127.0.0.1:x", ":", ""):
            with self.subTest(address=address):
                self.check(2, "watch", "-p", fixture.pid, "--web.listen-address", address)

    def test_port_in_use(self):
        fixture = self.fixture("cond")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            said = self.check(1, "watch", "-p", fixture.pid, "--web.listen-address", address)
        self.assertIn(address, said)

    def test_not_root(self):
        need("setpriv")
        fixture = self.fixture("cond")
        for command in ("report", "watch"):
            said = self.check(1, command, "-p", fixture.pid, command=NOBODY)
            self.assertRegex(said, "root|sudo|privilege|CAP_")
