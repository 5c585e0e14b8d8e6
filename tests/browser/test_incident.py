# SPDX-License-Identifier: Apache-2.0
"""The page on the incident: a Go program whose goroutines wait for ever to send."""

import go_truth
import harness
from chromium import NARROW, WIDE, BrowserTest, Keys, start_leak, watch

LEAKED = 300
STRIPS = ("memory", "cpu", "network", "waiters")

# The colours of a strip's canvas, as "r,g,b,a".
COLORS = """
    const canvas = document.querySelector(`#strip-${arguments[0]} canvas`);
    const plot = canvas.getContext("2d");
    const { data } = plot.getImageData(80, 0, canvas.width - 80, canvas.height);
    const seen = new Set();
    for (let i = 0; i < data.length; i += 4) {
        seen.add(data.slice(i, i + 4).join());
    }
    return [...seen];
"""
PICTURES = "return [...document.querySelectorAll('.strip canvas')].map((one) => one.toDataURL())"
CURSORS = "return [...document.querySelectorAll('.u-cursor-x')].map((one) => one.style.transform)"
PIXEL = """
    const color = getComputedStyle(document.documentElement).getPropertyValue(arguments[0]);
    return [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16)).join() + ",255";
"""
COLOR = {"memory": "--memory", "cpu": "--cpu", "network": "--net-out", "waiters": "--layer-0"}


class Incident(BrowserTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.target = start_leak(LEAKED)
        cls.addClassCleanup(cls.target.end)
        cls.daemon = watch(cls.target.pid)
        cls.addClassCleanup(cls.daemon.end)
        cls.site = f"leak.go:{go_truth.line_of('leak', 'LEAK')}"
        harness.wait_for(cls.has_history, "points, and the leak among them")

    @classmethod
    def has_history(cls):
        status, _, body = cls.daemon.fetch("/api/v1/history")
        [target] = harness.json.loads(body)["targets"] if status == 200 else [None]
        leaks = [site["counts"] for site in target["sites"] if cls.site in site["site"]]
        return bool(leaks) and leaks[0].count(LEAKED) >= 3

    def leak(self):
        return self.daemon.report().group("main.fetchScores")

    def test_charts_have_data(self):
        self.show(self.daemon)
        self.browser.wait_text("#strip-waiters .value", str(LEAKED))
        for strip in STRIPS:
            color = self.browser.run(PIXEL, COLOR[strip])
            self.assertIn(color, self.browser.run(COLORS, strip), strip)
            summary = self.browser.run(
                "return document.querySelector(`#strip-${arguments[0]} figcaption p`).textContent",
                strip,
            )
            self.assertNotIn("no data", summary.lower(), strip)
        self.assertIn("main.fetchScores", self.browser.text("#strip-waiters .legend li"))
        self.assertRegex(self.browser.text("#strip-memory .value"), r"^\d+(\.\d+)? MiB$")

    def test_headline(self):
        self.show(self.daemon)
        groups = [group for group in self.daemon.report().groups if not group["idle"]]
        waiters = sum(group["count"] for group in groups)
        self.browser.wait_text(".headline strong", f"{waiters:,}")
        self.assertIn(f"in {len(groups)} stacks", self.browser.text(".headline"))
        n_idle = sum(group["idle"] for group in self.daemon.report().groups)
        self.assertEqual(
            self.browser.text("#matches"), f"{len(groups)} stacks, {n_idle} more idle by design"
        )

    def test_first_row_is_the_leak(self):
        self.show(self.daemon)
        row = self.browser.text("tbody tr.group")
        for part in ("main.fetchScores", self.site, str(LEAKED), "goroutine", "chan send"):
            self.assertIn(part, row)

    def test_live(self):
        """Points are added as time goes by."""
        self.show(self.daemon)
        self.browser.wait_text("#status", "Live")
        before = int(self.browser.attribute(".scrubber", "max"))
        harness.wait_for(
            lambda: int(self.browser.attribute(".scrubber", "max")) >= before + 3, "three points"
        )

    def test_pauses_while_hidden(self):
        self.show(self.daemon)
        self.browser.run(
            "window.seen = []; document.addEventListener('visibilitychange', "
            "() => seen.push(document.visibilityState))"
        )
        first = self.browser.driver.current_window_handle
        self.browser.driver.switch_to.new_window("tab")
        try:
            self.browser.collect()
            before = len(self.browser.urls)
            scans = self.daemon.value("parkwatch_scan_duration_seconds_count")
            harness.wait_for(
                lambda: self.daemon.value("parkwatch_scan_duration_seconds_count") >= scans + 16,
                "eight scans of threads and goroutines",
            )
        finally:
            self.browser.driver.close()
            self.browser.driver.switch_to.window(first)
        self.assertEqual(self.browser.run("return seen"), ["hidden", "visible"])
        self.browser.collect()
        hidden = [url for url in self.browser.urls[before:] if "/api/" in url]
        self.assertLessEqual(len(hidden), 4, "what was under way, and the poll on coming back")

    def test_cursor_is_shared(self):
        self.show(self.daemon)
        self.browser.drag("#strip-memory .u-over")
        harness.wait_for(lambda: self.browser.text("#readout"), "the time at the cursor")
        cursors = self.browser.run(CURSORS)
        self.assertEqual(len(cursors), len(STRIPS))
        self.assertEqual(len(set(cursors)), 1, cursors)

    def test_zoom_is_shared(self):
        self.show(self.daemon)
        before = self.browser.run(PICTURES)
        self.browser.drag("#strip-cpu .u-over", by=-200)
        self.browser.one("#ranges .back")
        after = self.browser.run(PICTURES)
        for strip, old, new in zip(STRIPS, before, after):
            self.assertNotEqual(old, new, strip)
        self.browser.click("#ranges .back")
        harness.wait_for(lambda: self.browser.count("#ranges .back") == 0, "no zoom")

    def test_double_click_resets_the_zoom(self):
        self.show(self.daemon)
        self.browser.drag("#strip-cpu .u-over", by=-200)
        self.browser.one("#ranges .back")
        self.browser.double_click("#strip-memory .u-over")
        harness.wait_for(lambda: self.browser.count("#ranges .back") == 0, "no zoom")

    def test_range(self):
        self.show(self.daemon)
        self.browser.click("#ranges button:nth-child(2)")
        self.assertEqual(self.browser.fragment()["range"], "300")
        self.assertEqual(
            self.browser.attribute("#ranges button:nth-child(2)", "aria-pressed"), "true"
        )

    def test_values_by_keyboard(self):
        self.show(self.daemon)
        self.browser.wait_text("#strip-waiters .value", str(LEAKED))
        self.browser.focus(".scrubber")
        is_last = "const one = document.querySelector('.scrubber'); return one.value === one.max"
        self.assertTrue(self.browser.run(is_last))
        self.browser.press(Keys.HOME)
        first = self.browser.attribute(".scrubber", "aria-valuetext")
        self.browser.press(Keys.ARROW_RIGHT)
        second = self.browser.attribute(".scrubber", "aria-valuetext")
        self.assertNotEqual(first, second)
        self.assertIn("RSS", second)
        self.assertIn("main.fetchScores", second)

    def test_line_is_hidden(self):
        self.show(self.daemon)
        css = "#strip-network .legend button"
        self.assertEqual(self.browser.attribute(css, "aria-pressed"), "true")
        before = self.browser.run(COLORS, "network")
        self.browser.click(css)
        self.assertEqual(self.browser.attribute(css, "aria-pressed"), "false")
        self.assertNotEqual(before, self.browser.run(COLORS, "network"))

    def test_open(self):
        self.show(self.daemon)
        leak = self.leak()
        self.browser.click("tbody tr.group .opener")
        self.assertEqual(self.browser.attribute(".opener", "aria-expanded"), "true")
        shown = self.browser.texts(".frame .function")
        self.assertEqual(shown, [frame["function"] for frame in leak["frames"]])
        self.assertIn(self.site, self.browser.text(".frame-site"))
        inlined = [frame["function"] for frame in leak["frames"] if frame["inlined"]]
        self.assertEqual(self.browser.count(".frame .tag"), len(inlined))
        self.assertIn("created by main.recommend", " ".join(self.browser.text(".creator").split()))
        facts = self.browser.text(".facts")
        self.assertIn(f"{LEAKED} channels, each unbuffered, open, with 1 sender and no receiver", facts)
        self.assertIn("at least", facts)
        self.assertEqual(self.browser.fragment()["stack"], leak["stack_id"])

    def test_link_opens(self):
        leak = self.leak()
        self.show(self.daemon, f"target=leak&stack={leak['stack_id']}")
        self.browser.one(".detail")
        self.assertEqual(self.browser.focused(), f"group-{leak['stack_id']}")

    def test_link_opens_an_idle_group(self):
        idle = next(group for group in self.daemon.report().groups if group["idle"])
        self.show(self.daemon, f"target=leak&stack={idle['stack_id']}")
        self.assertIn(idle["idle_rule"], self.browser.wait_text(".facts", "by the rule"))

    def test_stays_open(self):
        """A scan renews what an open group says, and leaves focus and stack alone."""
        self.show(self.daemon)
        self.browser.click("tbody tr.group .opener")
        self.browser.run("document.querySelector('.frame').mark = true")
        facts = self.browser.text(".facts")
        harness.wait_for(lambda: self.browser.text(".facts") != facts, "older waiters")
        self.assertTrue(self.browser.run("return document.querySelector('.frame').mark"))
        self.assertTrue(self.browser.focused().startswith("group-"))

    def test_rows_by_keyboard(self):
        self.show(self.daemon)
        openers = [node.get_attribute("id") for node in self.browser.all("tbody .opener")]
        self.browser.focus("tbody .opener")
        self.browser.press(Keys.ARROW_DOWN)
        self.assertEqual(self.browser.focused(), openers[1])
        self.browser.press(Keys.ENTER)
        self.browser.one(".detail")
        self.browser.press(Keys.ESCAPE)
        harness.wait_for(lambda: self.browser.count(".detail") == 0, "closed")
        self.assertEqual(self.browser.focused(), openers[1])
        self.browser.press(Keys.ARROW_UP, Keys.SPACE)
        self.assertIn("main.fetchScores", self.browser.wait_text(".frame-site", self.site))

    def test_sort(self):
        self.show(self.daemon)
        self.assertEqual(self.browser.attribute("[data-sort=count]", "aria-sort"), "descending")
        self.browser.click("[data-sort=count] button")
        self.assertEqual(self.browser.attribute("[data-sort=count]", "aria-sort"), "ascending")
        counts = [
            int(text.replace(",", "")) for text in self.browser.texts("tbody:first-of-type .count")
        ]
        self.assertEqual(counts, sorted(counts))
        self.assertGreater(len(counts), 1)
        self.browser.click("[data-sort=site] button")
        names = self.browser.texts("tbody:first-of-type .opener .function")
        self.assertEqual(names, sorted(names, key=str.lower))
        self.assertEqual(self.browser.attribute("[data-sort=count]", "aria-sort"), "none")
        self.assertEqual(self.browser.fragment()["sort"], "site")

    def test_filter(self):
        self.show(self.daemon)
        self.browser.one("#filter").send_keys("chansend FETCH")
        harness.wait_for(lambda: self.browser.count("tr.group") == 1, "one row")
        self.assertIn("1 of ", self.browser.text("#matches"))
        self.assertEqual(self.browser.fragment()["q"], "chansend FETCH")
        self.browser.press("nothing has this")
        self.browser.wait_text(".empty", "No stack matches")
        none = r"^0 of \d+ stacks, 0 of \d+ idle by design$"
        self.assertRegex(self.browser.text("#matches"), none)
        self.browser.press(Keys.ESCAPE)
        harness.wait_for(lambda: self.browser.count("tr.group") > 1, "all rows")
        self.assertNotIn("q", self.browser.fragment())

    def test_kinds(self):
        self.show(self.daemon, "idle=1")
        self.browser.click("#kinds button:nth-child(3)")
        harness.wait_for(lambda: set(self.browser.texts("td.kind")) == {"thread"}, "threads alone")
        self.browser.click("#kinds button:nth-child(2)")
        harness.wait_for(lambda: set(self.browser.texts("td.kind")) == {"goroutine"}, "goroutines")

    def test_trend(self):
        """Said wherever there is room for no line."""
        for size in (WIDE, (800, 1000), NARROW):
            self.show(self.daemon, size=size)
            self.assertIn("steady", self.browser.wait_text("tbody tr.group", "main.fetchScores"))
            self.assertEqual(self.browser.count(".spark") > 0, size == WIDE)

    def test_idle(self):
        self.show(self.daemon)
        self.assertEqual(self.browser.count("tr.idle"), 0)
        self.browser.click(".idle-switch")
        self.browser.one("tr.idle")
        self.assertEqual(self.browser.attribute(".idle-switch", "aria-expanded"), "true")
        self.assertEqual(self.browser.fragment()["idle"], "1")

    def test_flame(self):
        self.show(self.daemon)
        self.browser.click("#tab-flame")
        self.assertEqual(self.browser.attribute("#tab-flame", "aria-selected"), "true")
        labels = self.browser.texts(".box text")
        leak = [frame["function"] for frame in self.leak()["frames"]]
        self.assertEqual([name for name in labels if name in leak], leak[::-1])
        self.browser.focus(".box.root")
        self.browser.press(Keys.ARROW_DOWN)
        self.assertIn("main.recommend", self.browser.text(".flame-text"))
        self.browser.press(Keys.ARROW_DOWN, Keys.ENTER)
        self.browser.one(".box.above")
        self.assertIn(f"{LEAKED} waiters in 1 stack", self.browser.text(".flame-text"))
        self.browser.press(Keys.ESCAPE, Keys.ESCAPE)
        harness.wait_for(lambda: self.browser.count(".box.above") == 0, "zoomed out")
        self.browser.one("#filter").send_keys("fetchscores")
        self.assertEqual(self.browser.wait_text(".box.hit text", "main"), "main.fetchScores")

    def test_flame_switches_kinds(self):
        self.show(self.daemon, "view=flame&kind=thread&idle=1")
        self.browser.wait_text(".box text", "runtime.futex")
        self.assertNotIn("main.fetchScores", self.browser.texts(".box text"))
        self.browser.click("#kinds button:nth-child(2)")
        self.browser.wait_text(".box text", "main.fetchScores")

    def test_flame_leads_to_the_table(self):
        self.show(self.daemon, "view=flame")
        self.browser.focus(".box.root")
        self.browser.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
        self.browser.click(".flame-bar button")
        harness.wait_for(lambda: self.browser.count("tr.group") == 1, "its group alone")
        self.assertEqual(self.browser.fragment()["q"], "main.fetchScores")

    def test_narrow(self):
        """Nothing sticks out sideways, whatever is open."""
        stack = self.leak()["stack_id"]
        for view in (f"stack={stack}&idle=1", "view=flame&idle=1"):
            for size in ((320, 640), NARROW, (800, 1000)):
                self.show(self.daemon, view, size=size)
                self.browser.one("#strip-waiters canvas")
                over = self.browser.run(
                    "const { scrollWidth, clientWidth } = document.documentElement;"
                    "return scrollWidth - clientWidth;"
                )
                self.assertLessEqual(over, 0, (view, size))

    def test_accessibility(self):
        stack = self.leak()["stack_id"]
        views = {"table": f"stack={stack}&idle=1", "flame": "view=flame&idle=1&q=main"}
        for size in (WIDE, NARROW):
            for name, view in views.items():
                with self.subTest(size=size, view=view):
                    self.show(self.daemon, view, size=size)
                    self.browser.one("#strip-waiters canvas")
                    self.assert_accessible()
                    self.browser.shoot(f"{name}-dark-{size[0]}")
                    self.browser.set_dark(False)
                    self.browser.shoot(f"{name}-light-{size[0]}")

    def test_nothing_found_is_accessible(self):
        for view, text in (
            ("q=nothing+has+this", "No stack matches"),
            ("q=nothing+has+this&view=flame", "0 match"),
        ):
            self.show(self.daemon, view)
            self.browser.wait_text(".groups", text)
            self.assert_accessible()

    def test_dark(self):
        """The charts' colours follow, without a reload."""
        self.show(self.daemon)
        self.browser.wait_text("#strip-waiters .value", str(LEAKED))
        light = {strip: self.browser.run(PIXEL, COLOR[strip]) for strip in STRIPS}
        self.browser.set_dark(True)
        for strip in STRIPS:
            dark = self.browser.run(PIXEL, COLOR[strip])
            self.assertNotEqual(dark, light[strip])
            self.wait_for_turn(strip, light[strip], dark)

    def wait_for_turn(self, strip, light, dark):
        def has_turned():
            colors = self.browser.run(COLORS, strip)
            return dark in colors and light not in colors

        harness.wait_for(has_turned, f"dark {strip}")
