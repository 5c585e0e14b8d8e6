# SPDX-License-Identifier: Apache-2.0
"""The page's modules that take values and return values, in the browser that they run in: what
modules/NAME.js says about NAME.js, which it knows as `m`."""

import pathlib

import harness
from chromium import BrowserTest, watch

MODULES = pathlib.Path(__file__).resolve().parent / "modules"
CHECK = """
    const m = await import(`/assets/${given[0]}.js`);
    const wrong = [];
    let checks = 0;
    function same(actual, expected) {
        const [is, wanted] = [actual, expected].map((value) => JSON.stringify(value));
        checks++;
        if (is !== wanted) {
            wrong.push(`${is} is not ${wanted}`);
        }
    }
"""


class Modules(BrowserTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        fixture = harness.Fixture("cond")
        cls.addClassCleanup(fixture.end)
        cls.daemon = watch(fixture.pid)
        cls.addClassCleanup(cls.daemon.end)

    def check(self, module):
        self.show(self.daemon)
        text = (MODULES / f"{module}.js").read_text(encoding="utf-8")
        wrong, checks = self.browser.run_async(f"{CHECK}\n{text}\nreturn [wrong, checks];", module)
        self.assertEqual(wrong, [])
        self.assertGreater(checks, 0)

    def test_detail(self):
        self.check("detail")

    def test_flame(self):
        self.check("flame")

    def test_flametree(self):
        self.check("flametree")

    def test_format(self):
        self.check("format")

    def test_groups(self):
        self.check("groups")

    def test_hash(self):
        self.check("hash")

    def test_history(self):
        self.check("history")

    def test_notices(self):
        self.check("notices")

    def test_summary(self):
        self.check("summary")

    def test_layers(self):
        self.check("layers")

    def test_sparkline(self):
        self.check("sparkline")

    def test_strip(self):
        self.check("strip")

    def test_waits(self):
        self.check("waits")
