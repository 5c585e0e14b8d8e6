# SPDX-License-Identifier: Apache-2.0
"""What README says of metrics and losses is what there is."""

import pathlib
import re

from harness import LiveTest

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
