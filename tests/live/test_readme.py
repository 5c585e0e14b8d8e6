# SPDX-License-Identifier: Apache-2.0
"""What README says of metrics and losses is what there is, and its costs are what is measured."""

import pathlib
import re
import sys
import unittest

from harness import ROOT, LiveTest

README = (pathlib.Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def section(title):
    """From the heading to the next of its level or above."""
    level = title.split()[0]
    text = README.split(f"\n{title}\n", 1)[1]
    return re.split(rf"\n#{{2,{len(level)}}} ", text, maxsplit=1)[0]


def first_cells(text):
    return [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]


class Tables(LiveTest):
    def exported(self):
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, "-t", "100ms", "--interval", "200ms")
        return watch.fetch("/metrics")[2].decode()

    def test_metrics(self):
        families = set()
        for name in re.findall(r"^# TYPE (\S+) ", self.exported(), re.M):
            families.add(name)
        listed = set()
        for cell in first_cells(section("## Metrics")):
            listed |= set(re.findall(r"`((?:parkwatch|process)_\w+)`", cell))
        self.assertEqual(listed, families)

    def test_losses(self):
        named = set(re.findall(r'^parkwatch_losses_total\{.*what="(\w+)"', self.exported(), re.M))
        listed = {cell.strip().strip("`") for cell in first_cells(section("### Losses"))}
        self.assertEqual(listed, named)


class Cost(unittest.TestCase):
    """The table is the output of `make bench`, whole: the same tables with the same rows, in the
    same order. Numbers are those of a machine at a time."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        sys.path.append(str(ROOT / "tests" / "bench"))
        cls.addClassCleanup(sys.path.pop)
        import bench

        cls.tables = [
            table for name in bench.UNASKED for table in bench.PARTS[name].tables({})
        ]

    def test_rows(self):
        [block] = re.findall(r"^```\n(.*?)^```$", section("## Cost"), re.M | re.S)
        lines = block.splitlines()
        titles = [line for line in lines if line and not line.startswith(" ")]
        rows = [line.strip().split("  ")[0] for line in lines if re.match(r"  \S", line)]
        self.assertEqual(titles[1:], [table.title for table in self.tables])  # after the machine
        self.assertEqual(rows, [row.name for table in self.tables for row in table.rows])

    def test_bars(self):
        """What is to be reached is beside the value."""
        text = " ".join(section("## Cost").split())
        for table in self.tables:
            for row in table.rows:
                for bar, _ in row.to_reach():
                    with self.subTest(table=table.title, row=row.name):
                        self.assertRegex(text, re.escape(f"{bar.text(row.form)}: ") + r"\w")
