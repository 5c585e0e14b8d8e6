# SPDX-License-Identifier: Apache-2.0
"""The dashboards against Grafana's published types: TypeScript's compiler checks each file as a
value of the type in types.ts. Its packages are pinned by package-lock.json and installed into
build/."""

import copy
import json
import pathlib
import shutil
import unittest

import boards

HERE = pathlib.Path(__file__).parent
BUILD = boards.ROOT / "build" / "grafana"
OPTIONS = "--noEmit --strict --skipLibCheck --target es2022 --module nodenext".split()


def first(board, kind):
    return next(panel for panel in board["panels"] if panel["type"] == kind)


# What Grafana would pass over in silence, each in a dashboard that is right but for it.
WRONG = {
    "dashboard_key": lambda board: board.update(bogus=1),
    "inputs": lambda board: board.update(__inputs=[]),
    "dashboard_value": lambda board: board.update(graphTooltip=7),
    "panel_type": lambda board: first(board, "timeseries").update(type="timeserie"),
    "panel_key": lambda board: first(board, "timeseries").update(bogus=1),
    "row_key": lambda board: first(board, "row").update(bogus=1),
    "target_key": lambda board: first(board, "stat")["targets"][0].update(bogus=1),
    "target_value": lambda board: first(board, "heatmap")["targets"][0].update(format="heat"),
    "option_key": lambda board: first(board, "heatmap")["options"].update(bogus=1),
    "option_value": lambda board: first(board, "stat")["options"].update(colorMode="bogus"),
    "others_options": lambda board: first(board, "stat").update(
        options=first(board, "timeseries")["options"]
    ),
    "unit": lambda board: first(board, "table")["fieldConfig"]["defaults"].update(unit=3),
    "variable_key": lambda board: board["templating"]["list"][0].update(bogus=1),
    "variable_value": lambda board: board["templating"]["list"][0].update(type="datasources"),
    "no_title": lambda board: first(board, "timeseries").pop("title"),
}


def install():
    BUILD.mkdir(parents=True, exist_ok=True)
    lock = (HERE / "package-lock.json").read_bytes()
    mark = BUILD / "installed"
    if not mark.exists() or mark.read_bytes() != lock:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, BUILD)
        yield "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"
        mark.write_bytes(lock)
    shutil.copy(HERE / "types.ts", BUILD)


class Types(unittest.TestCase):
    def setUp(self):
        for command in install():
            boards.check_tool(self, *command, cwd=BUILD)

    def write(self, name, board):
        text = f"import type {{ Dashboard }} from './types.js';\nexport const board: Dashboard =\n"
        (BUILD / name).write_text(f"{text}{json.dumps(board, indent=2)};\n", encoding="utf-8")
        return name

    def test_dashboards(self):
        files = [self.write(f"{path.stem}.ts", boards.load(path)) for path in boards.FILES]
        boards.check_tool(self, "node_modules/.bin/tsc", *OPTIONS, *files, cwd=BUILD)

    def test_wrong_ones(self):
        board = boards.load(boards.DASHBOARDS / "target.json")
        files = []
        for name, spoil in WRONG.items():
            wrong = copy.deepcopy(board)
            spoil(wrong)
            files.append(self.write(f"wrong_{name}.ts", wrong))
        with self.assertRaises(AssertionError) as said:
            boards.check_tool(self, "node_modules/.bin/tsc", *OPTIONS, *files, cwd=BUILD)
        for file in files:
            self.assertIn(f"{file}(", str(said.exception), "is refused")
