# SPDX-License-Identifier: Apache-2.0
"""`parkwatch top` in a real terminal, on real targets."""

import os
import re
import signal
import subprocess
import unittest

import go_truth
from harness import (
    BOUND, PARKWATCH, LiveTest, children, comm_of, need, read_line, run, wait_for,
)  # fmt: skip
from terminal import PROMPT, Terminal

ROW = re.compile(r"^ *([\d,]+) .* (\S+ \S+:\d+)( \(.*\))?$")


def rows_of(screen):
    """[(count, site)] of the table."""
    lines = screen.split("\n")
    heads = [i for i, line in enumerate(lines) if "COUNT" in line and "SITE" in line]
    if not heads:
        return []
    found = [ROW.match(line.rstrip()) for line in lines[heads[0] + 1 :]]
    return [(int(row[1].replace(",", "")), row[2]) for row in found if row]


class TopTest(LiveTest):
    def setUp(self):
        need("tmux")

    def terminal(self, *arguments, **options):
        terminal = Terminal(*arguments, **options)
        self.addCleanup(terminal.end)
        return terminal

    def top(self, pids, *options, **keywords):
        """A terminal that shows the table."""
        terminal = self.terminal(**keywords)
        self.start(terminal, pids, *options)
        return terminal

    def start(self, terminal, pids, *options):
        pids = [pids] if isinstance(pids, int) else pids
        terminal.run(*BOUND, PARKWATCH, "top", "-p", ",".join(map(str, pids)),
                     "--interval", "200ms", *options)  # fmt: skip
        terminal.wait(lambda text: "COUNT" in text, "the table")

    def process_of(self, terminal):
        """The PID of the top that runs in a terminal."""
        shell = int(terminal.tmux("display-message", "-p", "#{pane_pid}"))
        found = [pid for pid in children(shell) if comm_of(pid) == "parkwatch"]
        self.assertEqual(len(found), 1)
        return found[0]

    def monitor_of(self, terminal):
        found = [pid for pid in children(self.process_of(terminal)) if comm_of(pid) == "pw-monitor"]
        self.assertEqual(len(found), 1)
        return found[0]

    def go_leak(self, n):
        versions = sorted(go_truth.versions(), key=go_truth.version_number)
        if not versions:
            raise unittest.SkipTest("no Go fixtures are built")
        fixture = go_truth.GoFixture(versions[-1], "stripped", "leak", n)
        self.addCleanup(fixture.end)
        return fixture


class GoLeak(TopTest):
    """On a busy machine a request or two may be answered after all: the program knows how many leak."""

    def leak(self):
        fixture = self.go_leak(321)
        leaked = [one for one in fixture.stacks() if go_truth.calls(one, "main.fetchScores")]
        return fixture, len(leaked)

    def test_first_row(self):
        """The leak is on top, counted and located; opened it is whole."""
        fixture, n = self.leak()
        terminal = self.top(fixture.pid, columns=130)
        line = go_truth.line_of("leak", "LEAK")
        screen = terminal.wait(
            lambda text: rows_of(text)[:1] == [(n, f"main.fetchScores leak.go:{line}")],
            "the leak in the first row",
        )
        self.assertIn(f"leak · pid {fixture.pid} · go1.", screen)
        self.assertRegex(screen, r"(?m)^waiters \d+ ")
        self.assertRegex(screen, rf"(?m)^ *{n}  goroutine +chan send ")
        terminal.press("Enter")
        created = go_truth.line_of("leak", "CREATOR")
        terminal.wait_text(rf"main\.fetchScores +leak\.go:{line}$")
        terminal.wait_text(rf"created by main\.recommend +leak\.go:{created}$")
        terminal.wait_text(rf"on {n} channels, each unbuffered, open, with 1 sender and no receiver$")
        terminal.press("Escape")
        terminal.wait(rows_of, "the table again")

    def test_sorting(self):
        fixture, n = self.leak()
        terminal = self.top(fixture.pid, columns=130)
        terminal.wait(lambda text: rows_of(text)[:1] and rows_of(text)[0][0] == n, "the leak")
        terminal.press("r")  # the least first
        terminal.wait(lambda text: rows_of(text)[0][0] == 1, "another one first")
        terminal.press("m")
        terminal.wait_text("MEMORY▼")
        terminal.wait(lambda text: rows_of(text)[0][0] == n, "the most memory first")
        terminal.press("a")
        terminal.wait_text("OLDEST▼")
        # The thread that reads standard input was there before the leak could be proven.
        terminal.wait(lambda text: "main.waitForEnd" in rows_of(text)[0][1], "the oldest first")
        terminal.press("Left")
        terminal.wait_text("COUNT▼")
        terminal.press("g")
        terminal.wait_text("GROWTH▼")

    def test_filter(self):
        fixture, n = self.leak()
        terminal = self.top(fixture.pid, columns=130)
        terminal.wait(lambda text: len(rows_of(text)) > 5, "many stacks")
        terminal.type("/FETCHs")
        terminal.wait(lambda text: len(rows_of(text)) == 1, "one stack")
        terminal.wait_text(r"^/FETCHs_ ")
        terminal.press("Enter")
        screen = terminal.wait_text(r"^only stacks with \"FETCHs\"; \d+ are not shown$").string
        self.assertEqual([row[0] for row in rows_of(screen)], [n])
        terminal.press("Escape")
        terminal.wait(lambda text: len(rows_of(text)) > 5, "many stacks")
        terminal.press("i")
        terminal.wait_text(r"^\d+ idle by design are hidden \(i\)$")
        terminal.wait(
            lambda text: all("main." in row[1] for row in rows_of(text)), "the program's own"
        )
        self.assertEqual(rows_of(terminal.screen())[0][0], n)


class Threads(TopTest):
    def more(self, fixture):
        fixture.process.stdin.write(b".")
        return int(read_line(fixture.process.stdout, b"parked "))

    def test_pause(self):
        """Numbers stand still while more park, and all else can still be looked at."""
        fixture = self.fixture("grow")
        terminal = self.top(fixture.pid, "-t", "100ms")

        def shows(n):
            return lambda text: any(
                count == n and site.startswith("wait_for_turn") for count, site in rows_of(text)
            )

        terminal.wait(shows(5), "five threads")
        self.assertEqual(self.more(fixture), 6)
        terminal.wait(shows(6), "six threads")
        terminal.wait_text(r" \+1 ")
        terminal.press("p")
        terminal.wait_text(r" PAUSED$")
        before = terminal.screen()
        for n in range(7, 10):
            self.assertEqual(self.more(fixture), n)
        # Of a scan after that the daemon's twin would tell; this one shows what it did.
        self.watch(fixture.pid, "-t", "0", "--interval", "100ms")
        self.assertEqual(terminal.screen(), before)
        terminal.press("Enter")
        terminal.wait_text(r"^ +6 threads   futex wait")
        terminal.wait_text(r"^ +wait_for_turn +grow\.c:")
        terminal.press("Escape", "p")
        terminal.wait(shows(9), "nine threads")
        terminal.wait_text(r" \+4 ")

    def test_deadlock(self):
        fixture = self.fixture("deadlock")
        terminal = self.top(fixture.pid)
        terminal.wait_text("^DEADLOCK: 2 threads wait for each other's locks$")
        first, second = sorted(thread["tid"] for thread in fixture.threads)
        terminal.wait_text(rf"^    thread {first} waits for 0x\w+, held by thread {second}, in lock_n")
        # Bold and red, as the terminal has it.
        self.assertRegex(terminal.screen("-e"), r"\x1b\[1m\x1b\[31m(\x1b\[\d+m)?DEADLOCK")
        terminal.press("d")
        terminal.wait_text("^DEADLOCKS$")

    def test_hostile_names(self):
        """Nothing that a target is called moves a cursor or sets a colour."""
        fixture = self.fixture("hostile")
        terminal = self.top(fixture.pid, "-t", "0", environment={"NO_COLOR": "1"})
        terminal.wait_text(re.escape("ho\ufffds t<i>;{l=\ufffd}e"))
        terminal.press("Enter")
        terminal.wait_text("^STACK")
        screen = terminal.screen("-e")
        self.assertNotIn("\x1b[31m", screen)
        self.assertIn('a"b\\c\ufffd\ufffd[31m\ufffd · pid', re.sub(r"\x1b\[[\d;]*m", "", screen))

    def test_several_targets(self):
        first, second = self.fixture("cond"), self.fixture("grow")
        terminal = self.top([first.pid, second.pid])
        terminal.wait_text(rf"^cond · pid {first.pid} .* 1/2$")
        terminal.press("Tab")
        terminal.wait_text(rf"^grow · pid {second.pid} .* 2/2$")
        terminal.wait_text(r"wait_for_turn grow\.c:\d+$")
        terminal.press("BTab")
        terminal.wait_text(r"^cond .* 1/2$")

    def test_end_of_target(self):
        """It is said, and what was seen last stays readable."""
        fixture = self.fixture("grow")
        terminal = self.top(fixture.pid, "-t", "0")
        terminal.wait_text(r"wait_for_turn grow\.c:\d+$")
        fixture.end()
        terminal.wait_text(rf"^grow · pid {fixture.pid} .* ended ")
        terminal.wait_text("^the target has ended; this is its last scan$")
        terminal.wait_text(rf"^parkwatch: process {fixture.pid} ended$")
        terminal.wait_text(r"^ *5  .*wait_for_turn grow\.c:\d+$")
        terminal.press("q")
        # Held back until there was room for it.
        terminal.wait_text(rf"^parkwatch: process {fixture.pid} ended\n{re.escape(PROMPT.strip())}")


class Screen(TopTest):
    def test_resize(self):
        fixture = self.fixture("grow")
        terminal = self.top(fixture.pid)
        for columns, rows in ((20, 5), (200, 60), (80, 24), (40, 10)):
            terminal.resize(columns, rows)
            screen = terminal.wait(
                lambda text, rows=rows: text.count("\n") == rows
                and rows_or_count(text)
                and text.rstrip("\n").split("\n")[-1].startswith("q quit"),
                f"a screen of {columns} x {rows}",
            )
            self.assertTrue(screen.startswith("grow · pid "), screen)

    def test_plain_terminal(self):
        """ASCII where the locale has no more, and no colours where they are not wanted."""
        fixture = self.fixture("grow")
        terminal = self.top(fixture.pid, environment={"LC_ALL": "C", "NO_COLOR": "1"})
        terminal.wait_text(rf"^grow - pid {fixture.pid} - native - up ")
        terminal.wait_text(r"^ *COUNTv")
        terminal.wait_text("#")
        self.assertTrue(terminal.screen().isascii())
        self.assertNotRegex(terminal.screen("-e"), r"\x1b\[(\d+;)*([34][0-7]|9\d|10\d)[;m]")

    def test_help(self):
        fixture = self.fixture("grow")
        terminal = self.top(fixture.pid)
        terminal.press("?")
        terminal.wait_text("^HELP")
        help_text = run("top", "--help").stdout.decode()
        keys = re.findall(r"^  \S.*", help_text.split("Keys:\n")[1].split("\n\n")[0], re.M)
        self.assertGreater(len(keys), 10)
        terminal.resize(100, 60)
        for line in keys:
            terminal.wait_text(rf"^{re.escape(line)}$")

    def test_typed_ahead(self):
        """Keys that are there before anything is shown."""
        terminal = self.terminal()
        terminal.run(*BOUND, PARKWATCH, "top", "-p", self.fixture("grow").pid)
        terminal.press("j", "Enter", "Tab", "x", "?")
        terminal.wait_text("^HELP")

    def test_losses(self):
        fixture = self.fixture("grow")
        terminal = self.top(fixture.pid)
        terminal.press("l")
        terminal.wait_text("^(Nothing was lost.|This report is incomplete:)$")


def rows_or_count(text):
    return rows_of(text) or re.search(r"^ *5  wait", text, re.M)


class Restored(TopTest):
    """However it ends, the terminal is as it was."""

    def setUp(self):
        super().setUp()
        self.target = self.fixture("cond")
        self.shell = self.terminal()
        self.modes = self.shell.modes()
        self.shell.output("echo before")

    def check(self, message=""):
        self.shell.wait(
            lambda text: text.rstrip("\n").split("\n")[-1].strip() == PROMPT.strip(), "a new prompt"
        )
        screen = self.shell.wait(lambda text: not self.shell.in_full_screen(), "the old screen")
        self.assertIn("before\n", screen)
        self.assertIn(message, screen)
        self.assertTrue(self.shell.cursor().startswith("1 "), "no cursor")
        self.assertEqual(self.shell.modes(), self.modes)
        wait_for(self.all_ended, "all end")

    def all_ended(self):
        return not any(os.path.exists(f"/proc/{pid}") for pid in self.family)

    def begin(self, *options):
        self.start(self.shell, self.target.pid, *options)
        self.pid = self.process_of(self.shell)
        self.family = [self.pid, *children(self.pid)]

    def status(self):
        text = self.shell.output("echo status $?")
        return int(re.search(r"^status (\d+)$", text, re.M)[1])

    def test_quit(self):
        self.begin()
        self.assertTrue(self.shell.in_full_screen())
        self.shell.press("q")
        self.shell.wait(lambda text: not self.shell.in_full_screen(), "the old screen")
        self.assertEqual(self.status(), 0)
        self.check_modes()

    def check_modes(self):
        self.assertEqual(self.shell.modes(), self.modes)
        self.assertTrue(self.shell.cursor().startswith("1 "), "no cursor")

    def test_interrupt(self):
        self.begin()
        self.shell.press("C-c")
        self.check()

    def test_terminate(self):
        self.begin()
        os.kill(self.pid, signal.SIGTERM)
        self.check()

    def test_quit_signal(self):
        self.begin()
        self.shell.press("C-\\")
        self.check()

    def test_killed_monitor(self):
        self.begin()
        os.kill(self.monitor_of(self.shell), signal.SIGKILL)
        self.check("parkwatch: the monitor was ended by signal 9\n")

    def test_killed_analyst(self):
        """It goes on, and says so."""
        self.begin()
        analysts = [pid for pid in children(self.pid) if comm_of(pid) == "pw-analyst"]
        os.kill(analysts[0], signal.SIGKILL)
        self.shell.wait_text(r"incomplete \(l\): .*1 analyst_restarts")
        self.shell.wait_text(r"^ *3  .*wait_for_\w+ cond\.c:\d+$")
        self.shell.press("q")
        self.check()

    def test_suspend(self):
        """Ctrl-Z gives the terminal back, fg takes it again, in another size."""
        self.begin()
        self.shell.press("C-z")
        self.shell.wait_text(r"^\[1\]\+  Stopped")
        self.assertFalse(self.shell.in_full_screen())
        self.check_modes()
        self.shell.resize(80, 24)
        self.shell.run("bg")  # it has nothing to do there, and stops again
        self.shell.wait(lambda text: "Stopped" in self.shell.output("jobs"), "stopped again")
        self.assertFalse(self.shell.in_full_screen())
        self.shell.run("fg")
        self.shell.wait(
            lambda text: "COUNT" in text and text.rstrip("\n").split("\n")[-1].startswith("q quit"),
            "the table",
        )
        self.assertTrue(self.shell.in_full_screen())
        self.shell.press("q")
        self.shell.wait(lambda text: not self.shell.in_full_screen(), "the old screen")
        self.check_modes()

    def test_lost_terminal(self):
        """Where there is no terminal any more, nothing is left of it."""
        self.begin()
        self.shell.tmux("kill-server")
        wait_for(self.all_ended, "all end")

    def test_stopped_from_outside(self):
        self.begin()
        os.kill(self.pid, signal.SIGTSTP)
        self.shell.wait_text(r"^\[1\]\+  Stopped")
        self.check_modes()
        self.shell.run("kill", "%1")  # which also continues it, in the background
        wait_for(self.all_ended, "all end")
        self.shell.output("true")  # the shell tells of the job's end first
        self.check_modes()


class Refused(TopTest):
    def check(self, text, done):
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, b"")
        self.assertRegex(done.stderr.decode(), rf"\Aparkwatch: {text}.*\n\Z")

    def test_no_terminal(self):
        self.check("top needs a terminal on standard input and output", run("top", "-p", os.getpid()))

    def test_unknown_terminal(self):
        fixture = self.fixture("cond")
        terminal = self.terminal()
        for kind, text in (("nowhere-1", "the terminal 'nowhere-1' (TERM) is not known"),
                           ("dumb", "the terminal 'dumb' (TERM) is not known or cannot"),
                           ("", "TERM is not set")):  # fmt: skip
            shown = terminal.output(f"TERM={kind} {PARKWATCH} top -p {fixture.pid}; echo status $?")
            self.assertIn(f"parkwatch: {text}", shown)
            self.assertIn("\nstatus 1\n", shown)

    def test_no_process(self):
        """The one line is there once the screen is not."""
        process = subprocess.Popen(["true"])
        process.wait()
        terminal = self.terminal()
        shown = terminal.output(f"{PARKWATCH} top -p {process.pid}; echo status $?")
        self.assertIn(f"parkwatch: no process has PID {process.pid}", shown)
        self.assertIn("\nstatus 1\n", shown)
