# SPDX-License-Identifier: Apache-2.0
"""What a part of the benchmarks shows: tables of named rows, for people and for programs. Rows have
a value in each column, unknown where it is None."""

import dataclasses
import typing

from bars import Bar, verdict
from rounds import UNITS, exponent

CELL_WIDTH = 14


@dataclasses.dataclass
class Row:
    name: str
    values: typing.Sequence[float | None]
    form: typing.Callable[[float], str]
    bars: typing.Sequence[Bar | None] = ()  # by column
    notes: typing.Sequence[str] = ()  # by column, behind the value
    grows: bool = False  # the columns are sizes a decade apart

    def cells(self):
        texts = ["unknown" if value is None else self.form(value) for value in self.values]
        notes = [*self.notes, *[""] * len(texts)]
        return [f"{text} {note}".strip() for text, note in zip(texts, notes)]

    def exponents(self):
        return [exponent(*pair) for pair in zip(self.values, self.values[1:])] if self.grows else []

    def to_reach(self):
        return [(bar, value) for bar, value in zip(self.bars, self.values) if bar]

    def end(self):
        """Growth by decade, and what is to be reached."""
        powers = [f"n^{power:.2f}" if power is not None else "n^?" for power in self.exponents()]
        asked = [f"{bar.text(self.form)}: {verdict(bar, value)}" for bar, value in self.to_reach()]
        return "   ".join(filter(None, (" ".join(powers), ", ".join(asked))))

    def as_json(self):
        bars = [*self.bars, *[None] * len(self.values)]
        return {
            "name": self.name,
            "unit": UNITS[self.form],
            "values": list(self.values),
            "exponents": self.exponents(),
            "to_reach": [bar.limit if bar else None for bar, _ in zip(bars, self.values)],
            "reached": [
                bar.reached(value) if bar else None for bar, value in zip(bars, self.values)
            ],
        }


@dataclasses.dataclass
class Table:
    title: str
    columns: typing.Sequence[str]
    rows: typing.Sequence[Row]

    def print(self):
        cells = [row.cells() for row in self.rows]
        name_width = max(len(row.name) for row in self.rows)
        widths = [
            max(CELL_WIDTH, *(len(text) + 2 for text in column))
            for column in zip(self.columns, *cells)
        ]
        print(f"\n{self.title}")
        if any(self.columns):
            self.print_line(" " * name_width, self.columns, widths, "")
        for row, texts in zip(self.rows, cells):
            self.print_line(f"{row.name:{name_width}}", texts, widths, row.end())

    @staticmethod
    def print_line(name, cells, widths, end):
        text = "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths))
        print(f"  {name}{text}   {end}".rstrip())

    def as_json(self):
        return {
            "title": self.title,
            "columns": list(self.columns),
            "rows": [row.as_json() for row in self.rows],
        }
