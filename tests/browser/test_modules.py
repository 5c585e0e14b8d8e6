# SPDX-License-Identifier: Apache-2.0
"""The page's modules that take values and return values, in the browser that they run in."""

import harness
from chromium import BrowserTest, watch


class Modules(BrowserTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        fixture = harness.Fixture("cond")
        cls.addClassCleanup(fixture.end)
        cls.daemon = watch(fixture.pid)
        cls.addClassCleanup(cls.daemon.end)

    def setUp(self):
        self.show(self.daemon)

    def check(self, module, cases):
        """{expression of `m`, the module: its value}"""
        expressions = ",".join(f"() => {expression}" for expression in cases)
        values = self.browser.run_async(
            f"const m = await import('/assets/{module}.js'); return [{expressions}].map((f) => f());"
        )
        for (expression, expected), value in zip(cases.items(), values):
            self.assertEqual(value, expected, expression)

    def test_format(self):
        self.check(
            "format",
            {
                "m.count(14235)": "14,235",
                "m.count(null)": "–",
                "m.counted(1, 'stack')": "1 stack",
                "m.counted(1012, 'stack')": "1,012 stacks",
                "m.bytes(0)": "0 B",
                "m.bytes(1023)": "1,023 B",
                "m.bytes(2040109466)": "1.90 GiB",
                "m.bytes(29150412)": "27.8 MiB",
                "m.bytes(1048575)": "1.00 MiB",
                "m.bytes(2 ** 60)": "1,024 PiB",
                "m.rate(999)": "999 B/s",
                "m.rate(1234)": "1.23 kB/s",
                "m.shortBytes(16777216)": "16 MiB",
                "m.shortRate(1500)": "1.5 kB/s",
                "m.shortCpu(0.025)": "2.5 %",
                "m.cpu(0.004)": "0.4 %",
                "m.cpu(3.99)": "399 %",
                "m.share(1, 100000)": "< 0.1 %",
                "m.share(1, 3)": "33.3 %",
                "m.share(0, 0)": "0.0 %",
                "m.duration(0.0404)": "40 ms",
                "m.duration(-1)": "0 ms",
                "m.duration(1.99)": "1.9 s",
                "m.duration(59.9)": "59 s",
                "m.duration(60)": "1 min",
                "m.duration(10279)": "2 h 51 min",
                "m.duration(277200)": "3 d 5 h",
                "m.exact(30)": "30 s",
                "m.exact(1.5)": "1.5 s",
                "m.exact(0.5)": "500 ms",
                "m.exact(90)": "1 min 30 s",
                "m.splitSite('main.f leak.go:69')": ["main.f", "leak.go:69"],
                "m.splitSite('alone')": ["alone", ""],
                "m.splitSite('std::f(int, char)')": ["std::f(int, char)", ""],
                "m.splitSite('std::f(int, char) f.cc:3')": ["std::f(int, char)", "f.cc:3"],
                "m.frameName({module: '/usr/lib/libx.so.2', offset: '0x10', address: '0x7f'})": "libx.so.2+0x10",
                "m.frameName({address: '0x7f'})": "0x7f",
                "m.framePlace({function: 'f', file: '/a/b.c', line: 3})": "b.c:3",
                "m.framePlace({function: 'f', file: null, module: '/lib/libc.so.6'})": "libc.so.6",
            },
        )

    def test_hash(self):
        self.check(
            "hash",
            {
                "m.compose(m.parse(''))": "",
                "m.compose(m.parse('#target=a%26b&stack=00ff&q=x+y&kind=thread'))": "target=a%26b&stack=00ff&q=x+y&kind=thread",
                "m.parse('#sort=__proto__&kind=daemon&view=flame').sort": "count",
                "m.parse('#sort=__proto__&kind=daemon&view=flame').kind": "",
                "m.parse('#sort=oldest&dir=asc&idle=1').dir": "asc",
            },
        )

    # Points 1 and 2 with one site; then 2 (again), 3 and 4 with another and the first one.
    HISTORY = """(() => {
        const base = (times, sites) => Object.fromEntries([...m.SERIES.map((name) => [name, times.map((t) => t * 10)]),
            ["times", times], ["sites", sites], ["up", true], ["ended", null]]);
        const site = (name, counts) => ({ site: name, kind: "thread", reason: "read", idle: false, counts });
        const old = base([1, 2], [site("a", [5, 6])]);
        const news = { ...base([2, 3, 4], [site("b", [0, 1, 2]), site("a", [6, 7, 8])]), up: false, ended: 5 };
        m.append(old, news);
        return [old.times, old.cpu_cores, old.sites.map((one) => [one.site, one.counts]), old.up, old.ended];
    })()"""

    def test_history(self):
        """What is there already is not added again; a new site has no past."""
        expected = [
            [1, 2, 3, 4],
            [10, 20, 30, 40],
            [["a", [5, 6, 7, 8]], ["b", [None, None, 1, 2]]],
            False,
            5,
        ]
        self.check("history", {self.HISTORY: expected})

    LAYERS = """(() => {
        const layers = new m.Layers();
        const site = (name, counts, more) => ({ site: name, kind: "thread", reason: "read", idle: false, counts, ...more });
        const sites = [..."abcdefghi"].map((name, i) => site(name, [null, 10 - i]));
        layers.update([...sites, site("idle", [9, 9], { idle: true }), site("other", [null, 1], { kind: null })]);
        const first = layers.colorOf(sites[3]);
        const stacked = layers.stacked(2);
        const names = layers.list().map((layer) => layer.name);
        layers.update([...sites.slice(1), site("j", [null, 100])]);
        return [names, stacked[0], stacked[7], stacked.length, layers.colorOf(sites[3]) === first, layers.colorOf(sites[8])];
    })()"""

    def test_layers(self):
        """Seven sites and the rest, stacked to the sum; colours stay; a gap is no zero."""
        names = ["a", "b", "c", "d", "e", "f", "g", "other sites"]
        expected = [names, [None, sum(range(2, 11)) + 1], [None, 10], 8, True, None]
        self.check("layers", {self.LAYERS: expected})

    FLAME = """(() => {
        const frame = (name) => ({ function: name, module: "/bin/x" });
        const group = (id, count, ...names) => ({ stack_id: id, count, site: "", reason: "", frames: names.map(frame) });
        const root = m.buildTree([group("1", 60, "read", "a", "main"), group("2", 39, "read", "b", "main"),
            group("3", 1, "write", "main")], [/read/i, /b/i], "/bin/x");
        const { placed, narrow } = m.layOut(root, 150);
        const zoomed = m.layOut(root.children.get("main").children.get("b"), 150);
        const show = (list) => list.map(({ node, x, width, isAbove }) => [node.name, x, width, node.found, isAbove]);
        return [show(placed), narrow, show(zoomed.placed)];
    })()"""

    def test_flame(self):
        """Outermost on top, widths by waiters, what is too narrow counted; the filter's matches."""
        everything = [
            ["all", 0, 150, 39, False],
            ["main", 0, 150, 39, False],
            ["a", 0, 90, 0, False],
            ["read", 0, 90, 0, False],
            ["b", 90, 58.5, 39, False],
            ["read", 90, 58.5, 39, False],
        ]
        zoomed = [
            ["all", 0, 150, 39, True],
            ["main", 0, 150, 39, True],
            ["b", 0, 150, 39, False],
            ["read", 0, 150, 39, False],
        ]
        self.check("flame", {self.FLAME: [everything, 1, zoomed]})

    SORT = """(() => {
        const group = (id, count, oldest) => ({ stack_id: id, count, oldest_seconds: oldest, site: "", reason: "" });
        const groups = [group("b", 1, 5), group("a", 1, 5), group("c", 2, 1)];
        const ids = (sort, dir) => m.sortGroups(groups, sort, dir).map((one) => one.stack_id).join("");
        return [ids("count", "desc"), ids("count", "asc"), ids("oldest", "desc"), ids("oldest", "asc")];
    })()"""

    MATCHES = """((text) => {
        const frame = { function: "main.(*T).f", file: "/src/a.go", line: 3, module: "/bin/x" };
        const group = { site: "main.f a.go:3", reason: "chan send", stack_id: "00ff", frames: [frame],
            created_by: { function: "main.g" }, labels: { job: "nightly" } };
        return m.matches(group, m.words(text));
    })"""

    def test_matches(self):
        """Words, not patterns, and all of them."""
        found = ("", " ", "SEND (*t)", "a.go:3 main", "main.g", "job=night", "00ff", "/src/")
        missed = ("a.go:4", "main chan zzz", ".*", "thread", "[")
        cases = {f"{self.MATCHES}({text!r})": text in found for text in found + missed}
        self.check("groups", cases)

    def test_sort(self):
        self.check("groups", {self.SORT: ["cab", "abc", "abc", "cab"]})
