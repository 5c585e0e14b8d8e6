# SPDX-License-Identifier: Apache-2.0
"""The rules that Grafana's dashboard linter states (docs/index.md of grafana/dashboard-linter), by
their names there, and what makes a file provision unchanged."""

import itertools
import json
import re
import tempfile
import unittest

import boards
import yaml

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Those of Grafana's units (categories.ts of @grafana/data) that mean something here.
UNITS = {"short", "bytes", "Bps", "s", "ops", "percentunit", "dateTimeFromNow"}
OWN_VARIABLES = {"__rate_interval", "__range", "__url_time_range"}
COLUMNS = 24


class Dashboards(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.boards = [(path, boards.load(path)) for path in boards.FILES]
        self.assertEqual(len(self.boards), 2)

    def each_panel(self):
        for _, board in self.boards:
            for panel in boards.panels(board):
                yield f"{board['title']}: {panel['title']}", panel

    def each_query(self):
        for _, board in self.boards:
            yield from boards.queries(board)

    def test_template_datasource(self):
        for path, board in self.boards:
            variable = boards.variables(board)["datasource"]
            self.assertEqual(variable["type"], "datasource", path)
            self.assertEqual(variable["query"], "prometheus")
            self.assertEqual(variable["label"], "Data source")

    def check_template(self, name):
        for path, board in self.boards:
            variable = boards.variables(board)[name]
            self.assertEqual(variable["type"], "query", path)
            self.assertEqual(variable["datasource"], DATASOURCE)
            self.assertEqual(variable["label"], name.title())
            self.assertTrue(variable["multi"] and variable["includeAll"])
            self.assertEqual(variable["allValue"], ".+")

    def test_template_job(self):
        self.check_template("job")

    def test_template_instance(self):
        self.check_template("instance")

    def test_template_on_time_change_reload(self):
        for path, board in self.boards:
            for variable in boards.variables(board).values():
                if variable["type"] == "query":
                    self.assertEqual(variable["refresh"], 2, f"{path}: {variable['name']}")

    def test_template_label_promql(self):
        label_values = re.compile(r"label_values\((\w+)(\{[^}]*\})?, (\w+)\)")
        for path, board in self.boards:
            for variable in boards.variables(board).values():
                if variable["type"] == "query":
                    match = label_values.fullmatch(variable["query"]["query"])
                    self.assertTrue(match, f"{path}: {variable['query']}")
                    self.assertEqual(match[3], variable["name"])
                    self.assertEqual(variable["definition"], variable["query"]["query"])

    def test_panel_datasource(self):
        for where, panel in self.each_panel():
            self.assertEqual(panel["datasource"], DATASOURCE, where)
            for target in panel["targets"]:
                self.assertEqual(target["datasource"], DATASOURCE, where)

    def test_panel_title_description(self):
        for where, panel in self.each_panel():
            self.assertTrue(panel["title"], where)
            self.assertRegex(panel["description"], r"^\S.*\.$", where)
        for path, board in self.boards:
            self.assertTrue(board["description"], path)
            titles = [panel["title"] for panel in boards.panels(board)]
            self.assertEqual(sorted(titles), sorted(set(titles)), "titles are distinct")

    def test_panel_units(self):
        for where, panel in self.each_panel():
            if panel["type"] == "heatmap":
                units = [panel["options"]["yAxis"]["unit"], panel["options"]["cellValues"]["unit"]]
            else:
                units = [panel["fieldConfig"]["defaults"]["unit"]]
            for override in panel["fieldConfig"]["overrides"]:
                units += [item["value"] for item in override["properties"] if item["id"] == "unit"]
            self.assertLessEqual(set(units), UNITS, where)

    def test_panel_no_targets(self):
        for where, panel in self.each_panel():
            self.assertTrue(panel["targets"], where)
            names = [target["refId"] for target in panel["targets"]]
            self.assertEqual(names, list("ABCDEFGHIJ"[: len(names)]), where)

    def test_target_promql(self):
        """promtool parses them as rules, with values for the variables."""
        records = []
        for _, board in self.boards:
            values = {name: "x" for name in boards.variables(board)}
            for number, (_, expression) in enumerate(boards.queries(board)):
                expr = boards.substitute(expression, values)
                records.append(
                    {"record": f"q:{board['uid'].replace('-', '_')}:{number}", "expr": expr}
                )
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            yaml.safe_dump({"groups": [{"name": "queries", "rules": records}]}, file)
            file.flush()
            boards.check_tool(self, "promtool", "check", "rules", file.name)
        self.assertGreater(len(records), 80)

    def test_target_rate_interval(self):
        for where, expression in self.each_query():
            for function, window in re.findall(r"\b(\w+)\(\w+\{[^}]*\}\[([^]]+)\]", expression):
                allowed = {"$__rate_interval"} | (
                    {"$__range"} if function == "increase" else set()
                )
                self.assertIn(window, allowed, f"{where}: {expression}")

    def check_matcher(self, label):
        for where, expression in self.each_query():
            found = boards.selectors(expression)
            self.assertEqual(
                {name for name, _ in found}, boards.metrics(expression), f"{where}: {expression}"
            )
            for name, matchers in found:
                self.assertIn(f'{label}=~"${label}"', matchers.split(", "), f"{where}: {name}")

    def test_target_job(self):
        self.check_matcher("job")

    def test_target_instance(self):
        self.check_matcher("instance")

    def test_target_counter_agg(self):
        for where, expression in self.each_query():
            plain = without_matchers(expression)
            for before, name, after in re.findall(
                r"(\w*\(?)\b(\w+_total|\w+_(?:bucket|count|sum))\b(\[?)", plain
            ):
                self.assertIn(before, ("rate(", "irate(", "increase("), f"{where}: {name}")
                self.assertEqual(after, "[", f"{where}: {name}")

    def test_uneditable(self):
        for path, board in self.boards:
            self.assertIs(board["editable"], False, path)

    def test_provisions_unchanged(self):
        for path, board in self.boards:
            text = path.read_text(encoding="utf-8")
            self.assertEqual(board["uid"], f"parkwatch-{path.stem}")
            self.assertNotIn("id", board, "a database's")
            self.assertNotIn("__inputs", text)
            self.assertNotIn("DS_PROMETHEUS", text)

    def test_variables_are_defined(self):
        for path, board in self.boards:
            text = path.read_text(encoding="utf-8")
            used = set(re.findall(r"\$\{?(\w+)", text)) - OWN_VARIABLES
            used -= {"__field", "__data", "__all"}
            self.assertEqual(used, set(boards.variables(board)), path)

    def test_layout(self):
        for path, board in self.boards:
            numbers = [panel["id"] for panel in board["panels"]]
            self.assertEqual(len(numbers), len(set(numbers)), path)
            cells = [cell for panel in board["panels"] for cell in cells_of(panel["gridPos"])]
            self.assertEqual(len(cells), len(set(cells)), f"{path}: panels overlap")
            self.assertEqual({x for x, _ in cells}, set(range(COLUMNS)))

    def test_links(self):
        uids = {board["uid"] for _, board in self.boards}
        for path, board in self.boards:
            text = path.read_text(encoding="utf-8")
            self.assertLessEqual(set(re.findall(r'"/d/([\w-]+)', text)), uids)
            self.assertEqual([link["tags"] for link in board["links"]], [board["tags"]])
            for link in links_of(board):
                self.assertRegex(
                    link["url"],
                    r"^(/d/parkwatch-target\?|\$\{scheme\}://\$\{__\w+\.[\w.]+\}/#target=\$)",
                )
                for name in re.findall(r"=\$\{(__(?:field|data)[^}]*)\}", link["url"]):
                    self.assertTrue(name.endswith(":percentencode"), f"{link['url']}: & and #")
        texts = "".join(path.read_text(encoding="utf-8") for path, _ in self.boards)
        self.assertIn("/d/parkwatch-target?", texts)
        self.assertIn("&stack=${__field.labels.stack_id:percentencode}", texts)

    def test_scheme(self):
        """parkwatch can have certificates."""
        for path, board in self.boards:
            options = boards.variables(board)["scheme"]["options"]
            self.assertEqual([option["value"] for option in options], ["http", "https"], path)

    def test_links_have_their_labels(self):
        """What a link takes from a series is what its queries keep, by sum by (...) or whole."""
        for where, panel in self.each_panel():
            links = panel["fieldConfig"]["defaults"].get("links", [])
            wanted = {
                label
                for link in links
                for label in re.findall(r"__field\.labels\.(\w+)", link["url"])
            }
            for target in panel["targets"]:
                for labels in re.findall(r"\b(?:sum|max) by \(([^)]*)\)", target["expr"])[:1]:
                    self.assertLessEqual(wanted, set(labels.split(", ")), where)

    def test_links_have_their_columns(self):
        """What a table's link takes from a row is a column by the name that it is shown with."""
        n_links = 0
        for where, panel in self.each_panel():
            for link in links_of_panel(panel):
                wanted = set(re.findall(r"__data\.fields\.(\w+)", link["url"]))
                self.assertLessEqual(wanted, columns_of(panel), where)
                n_links += bool(wanted)
        self.assertEqual(n_links, 3)

    def test_format(self):
        """As json.dump writes it: a change shows as what it is."""
        for path, board in self.boards:
            text = json.dumps(board, indent=2, ensure_ascii=False) + "\n"
            self.assertEqual(path.read_text(encoding="utf-8"), text)


def without_matchers(expression):
    return boards.SELECTOR.sub(lambda match: match[1], expression)


def cells_of(grid):
    return itertools.product(
        range(grid["x"], grid["x"] + grid["w"]), range(grid["y"], grid["y"] + grid["h"])
    )


def links_of(board):
    for panel in boards.panels(board):
        yield from links_of_panel(panel)


def links_of_panel(panel):
    yield from panel["fieldConfig"]["defaults"].get("links", [])
    for override in panel["fieldConfig"]["overrides"]:
        for item in override["properties"]:
            if item["id"] == "links":
                yield from item["value"]


def columns_of(panel):
    """Those of a table that have a name of their own and are shown."""
    shown = set()
    for step in panel.get("transformations", []):
        if step["id"] == "organize":
            renamed, left_out = step["options"]["renameByName"], step["options"]["excludeByName"]
            shown |= {title for name, title in renamed.items() if not left_out.get(name)}
    return shown
