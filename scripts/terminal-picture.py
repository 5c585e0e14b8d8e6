#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""terminal-picture.py [-t TITLE] < SCREEN > PICTURE.svg: draws what `tmux capture-pane -e -p` gave.

Knows what tmux writes: text and SGR sequences. A block element becomes a rectangle, so that charts
have no gaps between rows, whatever the font."""

import argparse
import html
import re
import sys
import unicodedata

CELL_WIDTH, CELL_HEIGHT, FONT_SIZE = 8.4, 18, 14
MARGIN, TITLE_HEIGHT = 12, 28
BACKGROUND, FOREGROUND, FRAME = "#1e2127", "#d4d7dd", "#2b2f37"
COLORS = ["#3f4451", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d4d7dd",
          "#5c6370", "#ff7b85", "#b5e890", "#ffd68a", "#82c4ff", "#de9bf0", "#7fd6e0", "#ffffff"]  # fmt: skip
BLACK = "#16181d"
SGR = re.compile(r"\x1b\[([\d;]*)m|\x1b[()][0AB]|\x0e|\x0f")


class Style:
    def __init__(self):
        self.reset()

    def reset(self):
        self.front = self.back = None
        self.bold = self.dim = self.underline = self.reverse = False

    def set(self, codes):
        for code in codes:
            if code == 0:
                self.reset()
            elif code in (1, 2, 4, 7):
                setattr(self, {1: "bold", 2: "dim", 4: "underline", 7: "reverse"}[code], True)
            elif 30 <= code <= 37 or 90 <= code <= 97:
                self.front = code % 10 + (8 if code >= 90 else 0)
            elif 40 <= code <= 47 or 100 <= code <= 107:
                self.back = code % 10 + (8 if code >= 100 else 0)
            elif code == 39:
                self.front = None
            elif code == 49:
                self.back = None

    def look(self):
        """Colours of text and ground, weight, opacity, line."""
        front = FOREGROUND if self.front is None else COLORS[self.front]
        back = None if self.back is None else COLORS[self.back]
        if self.front == 0 and back:
            front = BLACK
        if self.reverse:
            front, back = back or BACKGROUND, front
        return front, back, self.bold, self.dim, self.underline


def cells_of(line, style):
    """[(character, look)]; a wide character is followed by an empty one."""
    cells = []
    position = 0
    while position < len(line):
        escape = SGR.match(line, position)
        if escape:
            if escape[1] is not None:
                style.set([int(code or 0) for code in escape[1].split(";")])
            position = escape.end()
            continue
        character = line[position]
        cells.append((character, style.look()))
        if unicodedata.east_asian_width(character) in "WF":
            cells.append(("", style.look()))
        position += 1
    return cells


def rectangle(x, y, width, height, color, dim=False):
    opacity = ' opacity=".55"' if dim else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
        f' fill="{color}"{opacity} shape-rendering="crispEdges"/>'
    )


def runs_of(cells):
    """(column, cells) of neighbours that look the same."""
    start = 0
    for i in range(1, len(cells) + 1):
        if i == len(cells) or cells[i][1] != cells[start][1]:
            yield start, cells[start:i]
            start = i


def draw_run(column, run, top):
    front, back, bold, dim, underline = run[0][1]
    x, width = MARGIN + column * CELL_WIDTH, len(run) * CELL_WIDTH
    if back:
        yield rectangle(x, top, width, CELL_HEIGHT, back)
    text = ""
    for i, (character, _) in enumerate(run):
        if "\u2581" <= character <= "\u2588":
            height = CELL_HEIGHT * (ord(character) - 0x2580) / 8
            yield rectangle(x + i * CELL_WIDTH, top + CELL_HEIGHT - height, CELL_WIDTH, height, front)
            character = " "
        text += character
    attributes = f' fill="{front}"' if front != FOREGROUND else ""
    attributes += ' font-weight="bold"' if bold else ""
    attributes += ' opacity=".55"' if dim else ""
    attributes += ' text-decoration="underline"' if underline else ""
    for words in re.finditer(r"\S+( \S+)*", text):  # blanks side by side may be drawn as one
        yield (
            f'<text x="{x + words.start() * CELL_WIDTH:.1f}" y="{top + CELL_HEIGHT - 5:.1f}"'
            f' textLength="{len(words[0]) * CELL_WIDTH:.1f}"{attributes}>{html.escape(words[0])}</text>'
        )


def draw(lines, title):
    style = Style()
    rows = [cells_of(line, style) for line in lines]
    columns = max((len(row) for row in rows), default=1)
    width = columns * CELL_WIDTH + 2 * MARGIN
    height = len(rows) * CELL_HEIGHT + 2 * MARGIN + TITLE_HEIGHT
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}"'
        f' width="{width:.0f}" height="{height:.0f}" font-family="DejaVu Sans Mono,Menlo,Consolas,'
        f'monospace" font-size="{FONT_SIZE}" fill="{FOREGROUND}" role="img">'
    )
    yield f"<title>{html.escape(title)}</title>"
    yield f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>'
    yield f'<path d="M0 {TITLE_HEIGHT}V8a8 8 0 0 1 8-8h{width - 16:.0f}a8 8 0 0 1 8 8v{TITLE_HEIGHT - 8}z" fill="{FRAME}"/>'
    yield (
        f'<text x="{width / 2:.0f}" y="{TITLE_HEIGHT - 9}" text-anchor="middle" opacity=".7">'
        f"{html.escape(title)}</text>"
    )
    for number, row in enumerate(rows):
        top = TITLE_HEIGHT + MARGIN + number * CELL_HEIGHT
        for column, run in runs_of(row):
            yield from draw_run(column, run, top)
    yield "</svg>"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-t", "--title", default="parkwatch top", help="in the frame of the picture")
    arguments = parser.parse_args()
    lines = sys.stdin.read().rstrip("\n").split("\n")
    for part in draw(lines, arguments.title):
        print(part)


main()
