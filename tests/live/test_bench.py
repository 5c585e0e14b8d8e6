# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks make of what they measured."""

import contextlib
import importlib
import io
import json
import sys
import unittest

from harness import ROOT


class Views(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        sys.path.append(str(ROOT / "tests" / "bench"))
        cls.addClassCleanup(sys.path.pop)
        for name in ("bars", "bench", "rounds", "table"):
            setattr(cls, name, importlib.import_module(name))

    def test_too_few_rounds_make_no_number(self):
        self.assertIsNone(self.rounds.median([1, 2, 3, 4]))
        self.assertIsNone(self.rounds.median([1, 2, 3, 4, None]))
        self.assertEqual(self.rounds.median([5, 1, 2, 4, 3]), 3)
        self.assertIsNone(self.rounds.quartiles([1, 2, 3, 4]))
        self.assertIsNone(self.rounds.ratio([2] * 4, [1] * 4))

    def test_ratios_are_of_one_round(self):
        self.assertEqual(self.rounds.ratio([2, 4, 8, 16, 32], [1, 2, 4, 8, 16]), 2)
        self.assertEqual(self.rounds.ratios([2, None, 3], [1, 1, 0]), [2, None, None])

    def test_the_first_round_warms_up(self):
        budget = self.rounds.Budget(60)
        self.assertEqual(budget.rounds(lambda number: number, most=5), [1, 2, 3, 4, 5])

    def row(self, *values, **more):
        return self.table.Row("row", values, self.rounds.milliseconds, **more)

    def test_growth_of_each_decade(self):
        row = self.row(0.001, 0.01, 1, grows=True)
        self.assertEqual(row.end(), "n^1.00 n^2.00")
        self.assertEqual(row.as_json()["exponents"], [1, 2])

    def test_what_is_to_be_reached(self):
        most, least = self.bars.Bar(0.01), self.bars.Bar(0.01, is_least=True)
        row = self.row(0.02, None, 0.01, bars=(most, most, most))
        self.assertEqual(row.as_json()["reached"], [False, None, True])
        self.assertEqual(
            row.end(), "≤ 10.0 ms: missed x2.00, ≤ 10.0 ms: unknown, ≤ 10.0 ms: reached"
        )
        self.assertEqual(self.row(0.02, bars=(least,)).end(), "≥ 10.0 ms: reached")
        self.assertEqual(self.row(0.005, bars=(least,)).end(), "≥ 10.0 ms: missed x2.00")

    def test_tables_of_nothing_are_whole(self):
        """For people and for programs."""
        for name, part in self.bench.PARTS.items():
            for table in part.tables({}):
                with self.subTest(part=name, table=table.title):
                    text = io.StringIO()
                    with contextlib.redirect_stdout(text):
                        table.print()
                    for row in table.rows:
                        self.assertIn(f"  {row.name} ", text.getvalue())
                    again = json.loads(json.dumps(table.as_json()))
                    self.assertEqual([row["name"] for row in again["rows"]],
                                     [row.name for row in table.rows])  # fmt: skip
