# SPDX-License-Identifier: Apache-2.0
"""A real terminal for a program: a pane of a tmux server of its own, with a shell in it."""

import re
import shlex
import subprocess
import tempfile

from harness import wait_for

PROMPT = "ready$ "


class Terminal:
    def __init__(self, columns=100, rows=30, environment=()):
        self.outputs = 0
        self.directory = tempfile.TemporaryDirectory(prefix="parkwatch-tmux-")
        settings = {"TERM": "tmux-256color", "LC_ALL": "C.UTF-8", "PS1": PROMPT}
        settings.update(environment)
        words = [f"{key}={value}" for key, value in settings.items()]
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", columns, "-y", rows,
                  "env", "-u", "NO_COLOR", *words, "bash", "--norc", "--noprofile")  # fmt: skip
        self.wait(lambda text: text.startswith(PROMPT.strip()), "the shell's prompt")

    def tmux(self, *arguments):
        done = subprocess.run(
            ["tmux", "-S", f"{self.directory.name}/socket", *map(str, arguments)],
            capture_output=True,
            timeout=30,
            check=True,
        )
        return done.stdout.decode()

    def screen(self, *options):
        return self.tmux("capture-pane", "-p", *options)

    def cursor(self):
        """Whether it shows, its column and its row."""
        return self.tmux("display-message", "-p", "#{cursor_flag} #{cursor_x} #{cursor_y}").strip()

    def in_full_screen(self):
        return self.tmux("display-message", "-p", "#{alternate_on}").strip() == "1"

    def wait(self, condition, what):
        """The first screen of which condition() is true."""
        seen = []

        def look():
            seen[:] = [self.screen()]
            return seen[0] if condition(seen[0]) else None

        try:
            return wait_for(look, what)
        except AssertionError as error:
            raise AssertionError(f"{error}; on the screen:\n{seen[0]}") from None

    def wait_text(self, pattern):
        """The match of a regular expression, lines being lines."""
        regex = re.compile(pattern, re.M)
        return regex.search(self.wait(regex.search, f"/{pattern}/ on the screen"))

    def press(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def run(self, *words):
        """Types a command."""
        self.type(shlex.join(map(str, words)))
        self.press("Enter")

    def output(self, command):
        """What a command prints, on a screen that was cleared."""
        self.outputs += 1
        end = f"end-of-output-{self.outputs}"
        self.type(f"clear; {command}; echo {end[:-1]}''{end[-1]}")
        self.press("Enter")
        return self.wait(lambda text: f"{end}\n" in text, command).split(end)[0]

    def modes(self):
        return self.output("stty -g").replace("\n", "")

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", columns, "-y", rows)

    def end(self):
        try:
            self.tmux("kill-server")
        except subprocess.CalledProcessError:
            pass
        self.directory.cleanup()
