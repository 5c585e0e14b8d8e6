# SPDX-License-Identifier: Apache-2.0
"""What the page says when something is the matter: a deadlock, a target or a daemon that has gone,
names that would be markup, more groups than fit."""

import os
import re
import signal
import subprocess
import urllib.parse

import harness
from chromium import BrowserTest, compile_program, start_leak, watch

REFUSED = "ERR_CONNECTION_REFUSED"


class States(BrowserTest):
    def start_watch(self, pids, **keywords):
        daemon = watch(pids, **keywords)
        self.addCleanup(daemon.end)
        return daemon

    def start_leak(self, count):
        target = start_leak(count)
        self.addCleanup(target.end)
        return target

    def start_program(self, name, *arguments, flags=()):
        program = compile_program(name, self.directory(), *flags)
        process = self.server([program, *arguments], stdout=subprocess.PIPE)
        harness.read_line(process.stdout, b"ready")
        return process


class Deadlock(States):
    def test_red_and_on_top(self):
        target = self.fixture("deadlock")
        daemon = self.start_watch(target.pid)
        self.show(daemon)
        self.assertIn("2 threads", self.browser.wait_text(".deadlock h2", "Deadlock"))
        look = self.browser.run(
            """
            const style = getComputedStyle(document.querySelector(".deadlock h2"));
            const top = (css) => document.querySelector(css).getBoundingClientRect().top;
            return { color: style.color, above: top(".deadlock") < top(".charts") };
            """
        )
        red, green, blue = map(int, look["color"].removeprefix("rgb(").rstrip(")").split(","))
        self.assertGreater(red, 2 * max(green, blue))
        self.assertTrue(look["above"])
        [deadlock] = daemon.report().target["deadlocks"]
        text = self.browser.text(".deadlock")
        for member in deadlock["members"]:
            self.assertIn(f"thread {member['tid']} waits for {member['address']}", text)
        sites = {group["stack_id"]: group["site"] for group in daemon.report().groups}
        self.assertEqual(
            self.browser.texts(".deadlock a"),
            [sites[member["stack_id"]] for member in deadlock["members"]],
        )
        self.assertIn(
            "Deadlock", self.browser.run("return document.querySelector('#announcer').textContent")
        )
        self.browser.shoot("deadlock-light")
        self.assert_accessible(".deadlock")
        self.browser.shoot("deadlock-dark")
        self.browser.click(".deadlock a")
        self.browser.one(".detail")
        self.assertIn("held by thread", self.browser.text(".facts"))
        self.assert_accessible(".detail")

    def test_focus_stays(self):
        """When another notice comes or goes, in front of it or behind."""
        target = self.fixture("deadlock")
        daemon = self.start_watch(target.pid)
        self.show(daemon)
        self.browser.focus(".deadlock a")
        self.browser.run("window.link = document.activeElement")
        focused = "return document.activeElement === window.link"
        self.browser.run("location.hash = '#target=nobody'")
        self.browser.wait_text(".missing h2", "No target is called nobody")
        self.assertTrue(self.browser.run(focused))
        self.browser.run("location.hash = ''")
        harness.wait_for(lambda: self.browser.count(".missing") == 0, "nothing is missing")
        self.assertTrue(self.browser.run(focused))
        self.expected_errors = (REFUSED,)
        daemon.stop()
        self.browser.wait_text(".gone h2", "has not answered since")
        self.assertTrue(self.browser.run(focused))


class Gone(States):
    def test_target_ended(self):
        target = self.start_leak(20)
        daemon = self.start_watch(target.pid)
        self.show(daemon)
        self.browser.wait_text("tbody tr.group", "main.fetchScores")
        target.end()
        self.assertRegex(self.browser.wait_text(".ended h2", "leak ended"), r"at \d\d:\d\d:\d\d$")
        self.browser.wait_text(".headline", "Ended")
        self.browser.shoot("ended")
        self.assertIn("known no more", self.browser.text(".empty"))
        self.assert_accessible(".ended")
        self.browser.click("#tab-flame")
        self.assertIn("known no more", self.browser.text("#view-flame"))
        self.assertEqual(self.browser.count(".box"), 0)
        self.assert_accessible("#view-flame .empty")

    def test_daemon_gone_and_back(self):
        self.expected_errors = (REFUSED,)
        target = self.start_leak(20)
        daemon = self.start_watch(target.pid)
        self.show(daemon)
        self.browser.wait_text("tbody tr.group", "main.fetchScores")
        daemon.stop()
        self.assertRegex(
            self.browser.wait_text(".gone h2", "has not answered since"), r"\d\d:\d\d:\d\d$"
        )
        self.assertRegex(self.browser.text(".gone p"), r"as of \d\d:\d\d:\d\d")
        self.assertIn("No answer", self.browser.text("#status"))
        self.assertIn("main.fetchScores", self.browser.text("tbody tr.group"))
        self.browser.shoot("gone")
        self.assert_accessible(".gone")
        self.start_watch(target.pid, port=daemon.port)
        harness.wait_for(lambda: self.browser.count(".gone") == 0, "it answers again")
        self.browser.wait_text("#status", "Live")

    def test_daemon_hangs_and_goes_on(self):
        target = self.start_leak(20)
        daemon = self.start_watch(target.pid)
        self.show(daemon)
        self.browser.wait_text("#status", "Live")
        self.send(daemon, signal.SIGSTOP)
        try:
            self.browser.wait_text("#status", "Waiting")
            self.browser.wait_text(".gone h2", "has not answered since")
        finally:
            self.send(daemon, signal.SIGCONT)
        harness.wait_for(lambda: self.browser.count(".gone") == 0, "it answers again")

    def send(self, daemon, number):
        for pid in [daemon.pid, *harness.children(daemon.pid)]:
            os.kill(pid, number)


class Links(States):
    """Links that are older than what they lead to."""

    def test_gone(self):
        target = self.start_leak(20)
        daemon = self.start_watch(target.pid)
        self.show(daemon, "target=nobody&stack=00000000000000ff")
        self.browser.wait_text(".missing h2", "No target is called nobody")
        self.browser.wait_text(".missing h2", "No waiter has stack 00000000000000ff")
        self.browser.wait_text("tbody tr.group", "main.fetchScores")
        self.assert_accessible(".missing")
        stack = daemon.report().group("main.fetchScores")["stack_id"]
        self.browser.run("location.hash = arguments[0]", f"target=leak&stack={stack}")
        self.browser.one(".detail")
        harness.wait_for(lambda: self.browser.count(".missing") == 0, "nothing is missing")


class Names(States):
    def marked(self, daemon):
        """The group with a function that looks like an image, and that function."""
        for group in daemon.report().groups:
            for frame in group["frames"]:
                if "<img" in (frame["function"] or ""):
                    return group, frame["function"]
        return None

    def test_markup_stays_text(self):
        target = self.start_program("markup", flags=("-g0",))
        daemon = self.start_watch(target.pid)
        name = daemon.report().target["target"]
        self.assertIn("<b>", name)
        group, function = harness.wait_for(lambda: self.marked(daemon), "the group")
        query = urllib.parse.urlencode({"target": name, "stack": group["stack_id"]})
        self.show(daemon, query)
        self.browser.one(".detail")
        self.assertEqual(self.browser.text(".target-name"), name)
        self.assertIn(function, self.browser.texts(".frame .function"))
        self.browser.click("#tab-flame")
        self.browser.wait_text(".box text", "<img")
        self.assertEqual(self.browser.run("return document.querySelectorAll('img, b').length"), 0)
        self.assertEqual(
            self.browser.run("return document.querySelectorAll('body script').length"), 0
        )
        self.assertEqual(self.browser.run("return document.title"), f"{name} · parkwatch")


CHOOSE = """
    const select = document.querySelector("#chooser select");
    select.value = arguments[0];
    select.dispatchEvent(new Event("change"));
"""


class Several(States):
    def test_no_points_of_another_target(self):
        """Not even until those of the chosen one have come."""
        leaks = [self.start_leak(20), self.start_leak(30)]
        daemon = self.start_watch([leak.pid for leak in leaks])
        names = [target["target"] for target in daemon.report().targets]
        self.show(daemon, f"target={names[0]}")
        line = "return document.querySelector('tr.group .spark-line')?.getAttribute('d') ?? ''"
        harness.wait_for(lambda: self.browser.run(line), "a line")
        self.browser.click("tbody tr.group .opener")
        self.assertIn(names[0].replace(":", "%3A"), self.browser.attribute(".link a", "href"))
        now = self.browser.run(
            f"""
            {CHOOSE}
            const over = document.querySelector("#strip-cpu .u-over");
            const {{ x, y, width, height }} = over.getBoundingClientRect();
            const at = {{ clientX: x + width / 2, clientY: y + height / 2, bubbles: true }};
            over.dispatchEvent(new MouseEvent("mousemove", at));
            return {{
                line: (() => {{ {line} }})(),
                charts: document.querySelector(".strip").checkVisibility(
                    {{ visibilityProperty: true }}),
            }};
            """,
            names[1],
        )
        self.assertEqual(now, {"line": "", "charts": False})
        harness.wait_for(lambda: self.browser.run(line), "its own line")
        self.browser.one(".strip")

    def test_choose(self):
        leak = self.start_leak(50)
        other = self.fixture("cond")
        daemon = self.start_watch([leak.pid, other.pid])
        self.show(daemon, "target=leak")
        self.browser.wait_text("tbody tr.group", "main.fetchScores")
        names = self.browser.run(
            "return [...document.querySelector('#chooser select')].map((one) => one.value)"
        )
        self.assertEqual(names, [target["target"] for target in daemon.report().targets])
        self.browser.run(CHOOSE, "cond")
        self.browser.wait_text("tbody tr.group", "futex wait")
        self.assertEqual(self.browser.fragment()["target"], "cond")
        self.browser.wait_text("#strip-waiters .legend", "cond.c")
        self.assertNotIn("main.fetchScores", self.browser.text("#strip-waiters .legend"))
        self.assert_accessible("#chooser select")
        self.show(daemon, "target=cond")
        self.assertEqual(
            self.browser.run("return document.querySelector('#chooser select').value"), "cond"
        )


class Many(States):
    GROUPS = 230  # more than the rows that are shown at first, and no stack too deep

    def test_bounded(self):
        target = self.start_program("depths", self.GROUPS)
        daemon = self.start_watch(target.pid)
        self.show(daemon)
        self.browser.wait_text("#matches", f"{self.GROUPS + 1} stacks")  # and main's
        self.assertEqual(self.browser.count("tbody:first-of-type tr.group"), 200)
        report = daemon.report()
        shown = {node.get_attribute("id") for node in self.browser.all("tbody .opener")}
        last = next(
            g for g in report.groups if f"group-{g['stack_id']}" not in shown and not g["idle"]
        )
        self.show(daemon, f"stack={last['stack_id']}")
        self.browser.one(".detail")
        self.assertEqual(self.browser.count(".frame"), len(last["frames"]))
        self.browser.click(".more")
        harness.wait_for(
            lambda: self.browser.count("tbody:first-of-type tr.group") >= self.GROUPS, "all rows"
        )
        self.assertEqual(self.browser.count(".more"), 0)


class Losses(States):
    def test_said(self):
        """One stack too deep for the bound of frames counts as a loss, and the page says so."""
        target = self.start_program("depths", 300)
        daemon = self.start_watch(target.pid)
        harness.wait_for(lambda: "frames_capped" in daemon.report().target["losses"], "a loss")
        self.show(daemon)
        self.browser.wait_text(".losses", "The data is incomplete")
        self.assertRegex(self.browser.text(".losses"), r"[Ss]tacks longer than the bound: \d+")
        self.assert_accessible(".losses")
        self.check_words(daemon)

    def check_words(self, daemon):
        """The page has words for every loss that the daemon counts, and for no other."""
        metrics = daemon.metrics()
        counted = {
            dict(labels)["what"] for name, labels in metrics if name == "parkwatch_losses_total"
        }
        text = daemon.fetch("/assets/notices.js")[2].decode()
        table = text.split("const LOSSES = {", 1)[1].split("};", 1)[0]
        self.assertEqual(set(re.findall(r"^ +(\w+):", table, re.M)), counted)


# What the style sheets put on what, and what WCAG 2.2 asks of it: 4.5 of text (1.4.3), 3 of what has
# to be told apart in charts (1.4.11). axe-core sees no text in SVG and no canvas.
TEXT_ON = {
    "text": "panel raised ground bad-ground warn-ground found",
    "muted": "panel raised ground",
    "accent": "panel raised ground bad-ground",
    "bad": "panel raised ground bad-ground",
    "warn": "warn-ground",
    "flame-text": "flame",
    "flame-library-text": "flame-library",
}
DRAWN = ("memory", "memory-2", "memory-3", "cpu", "net-in", "net-out", "good")
COLOR_OF = """
    const style = getComputedStyle(document.documentElement);
    return Object.fromEntries(arguments[0].map((name) =>
        [name, style.getPropertyValue(`--${name}`).trim()]));
"""


def luminance(color):
    """Of "#rrggbb", as WCAG defines it."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


class Colors(States):
    def test_contrast(self):
        daemon = self.start_watch(self.fixture("cond").pid)
        pairs = [(text, ground, 4.5) for text in TEXT_ON for ground in TEXT_ON[text].split()]
        drawn = [*DRAWN, *(f"layer-{i}" for i in range(8))]
        pairs += [(color, "panel", 3) for color in drawn]
        names = sorted({name for one, other, _ in pairs for name in (one, other)})
        for dark in (False, True):
            self.show(daemon, dark=dark)
            colors = self.browser.run(COLOR_OF, names)
            for one, other, least in pairs:
                ratio = contrast(colors[one], colors[other])
                self.assertGreaterEqual(ratio, least, (one, other, f"dark: {dark}"))
