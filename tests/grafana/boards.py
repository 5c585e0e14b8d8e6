# SPDX-License-Identifier: Apache-2.0
"""The files in dashboards/, and the queries in them."""

import json
import pathlib
import re
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DASHBOARDS = ROOT / "dashboards"
FILES = sorted(DASHBOARDS.glob("*.json"))

# What Grafana puts in for its own variables.
RANGES = {"$__rate_interval": "1m", "$__range": "1h"}
METRIC = re.compile(r"\b((?:parkwatch|process)_\w+|ALERTS|up)\b")
SELECTOR = re.compile(r'\b([a-zA-Z_]\w*)\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\}')


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def variables(board):
    return {variable["name"]: variable for variable in board["templating"]["list"]}


def panels(board):
    """All but rows, which are headings."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries(board):
    """(where it is, expression): of panels, annotations and variables."""
    for panel in panels(board):
        for target in panel["targets"]:
            yield f"{board['title']}: {panel['title']} {target['refId']}", target["expr"]
    for annotation in board["annotations"]["list"]:
        if "expr" in annotation:
            yield f"{board['title']}: annotation {annotation['name']}", annotation["expr"]


def without_texts(expression):
    """Without what is in quotes."""
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)


def metrics(expression):
    """The names of all metrics in it."""
    return set(
        METRIC.findall(re.sub(r"\b(on|by|group_left) \([^)]*\)", "", without_texts(expression)))
    )


def selectors(expression):
    """(metric, matchers) of each of its selectors."""
    return SELECTOR.findall(expression)


def substitute(expression, values):
    """As Grafana sends it, with these values of the dashboard's variables."""
    for name, value in RANGES.items():
        expression = expression.replace(name, value)
    return re.sub(r"\$(\w+)", lambda match: values[match[1]], expression)


def rules(name="alerts.yml"):
    """All rules of a file of them."""
    text = (DASHBOARDS / name).read_text(encoding="utf-8")
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def check_tool(test, *command, **options):
    """Fails the test with what the tool says."""
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        **options,
    )
    test.assertEqual(done.returncode, 0, done.stdout + done.stderr)
    return done.stdout
