# SPDX-License-Identifier: Apache-2.0
"""What parkwatch is to reach, and whether a measured value does."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Bar:
    limit: float
    is_least: bool = False  # the value is to be no less; else no more

    def reached(self, value):
        if value is None:
            return None
        return value >= self.limit if self.is_least else value <= self.limit

    def text(self, form):
        return ("≥ " if self.is_least else "≤ ") + form(self.limit)


def verdict(bar, value):
    """In a word, and by how much it is missed."""
    reached = bar.reached(value)
    if reached is None:
        return "unknown"
    if reached:
        return "reached"
    if not value or not bar.limit:
        return "missed"
    factor = bar.limit / value if bar.is_least else value / bar.limit
    return f"missed x{factor:.2f}"
