# SPDX-License-Identifier: Apache-2.0
"""Recording and alerting rules, and the example configurations that use them."""

import re
import unittest

import boards
import yaml

RULES, ALERTS = "rules.yml", "alerts.yml"


def sections():
    """{anchor: text} of the runbooks."""
    text = (boards.ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    return {title.lower(): body for title, body in zip(parts[::2], parts[1::2])}


class Tools(unittest.TestCase):
    def test_check_rules(self):
        for name in (RULES, ALERTS):
            boards.check_tool(self, "promtool", "check", "rules", boards.DASHBOARDS / name)

    def test_test_rules(self):
        boards.check_tool(self, "promtool", "test", "rules", boards.DASHBOARDS / "alerts_test.yml")

    def test_prometheus_config(self):
        said = boards.check_tool(
            self, "promtool", "check", "config", boards.DASHBOARDS / "prometheus.yml"
        )
        self.assertIn("2 rule files found", said)

    def test_alertmanager_config(self):
        boards.check_tool(self, "amtool", "check-config", boards.DASHBOARDS / "alertmanager.yml")


class Recording(unittest.TestCase):
    def test_names(self):
        for rule in boards.rules(RULES):
            self.assertRegex(rule["record"], r"^(stack|process):parkwatch_\w+:\w+$")

    def test_each_is_used(self):
        expressions = "".join(rule["expr"] for rule in boards.rules(ALERTS))
        for rule in boards.rules(RULES):
            self.assertIn(rule["record"], expressions)


class Alerts(unittest.TestCase):
    def setUp(self):
        self.alerts = boards.rules(ALERTS)
        self.runbooks = sections()

    def test_parts(self):
        for rule in self.alerts:
            name = rule["alert"]
            self.assertRegex(name, r"^Parkwatch([A-Z][a-z]+)+$")
            self.assertIn("for", rule, name)
            self.assertIn(rule["labels"]["severity"], ("info", "warning", "critical"), name)
            self.assertEqual(set(rule["annotations"]), {"summary", "description", "runbook"}, name)
            self.assertEqual(rule["annotations"]["runbook"], f"docs/runbooks.md#{name.lower()}")

    def test_site(self):
        """An alert of a stack names function and line."""
        summed = "sum by (job, instance, target) (stack:"
        of_stacks = [
            rule for rule in self.alerts if "stack:" in rule["expr"].replace(summed, "")
        ]
        self.assertEqual(len(of_stacks), 3)
        for rule in of_stacks:
            for annotation in ("summary", "description"):
                self.assertIn("{{ $labels.site }}", rule["annotations"][annotation], rule["alert"])
        [deadlock] = [rule for rule in self.alerts if rule["alert"] == "ParkwatchDeadlock"]
        self.assertIn(".Labels.site", deadlock["annotations"]["description"])

    def test_idle_never_fires(self):
        """Alerts of stacks are made of those alone that no rule calls idle, merged ones too."""
        for rule in self.alerts:
            stacks = re.findall(r"\b\w*:?parkwatch_parked\w*(?::\w+)?(?:\{[^}]*\})?", rule["expr"])
            for stack in stacks:
                self.assertRegex(
                    stack, ":not_idle|stack_id=\"other\", reason!=\"idle\"", rule["alert"]
                )

    def test_links_take_any_name(self):
        """A comm can have an ampersand, a number sign, a space or a plus sign."""
        for rule in self.alerts:
            links = re.findall(r"#target=\{\{(.*?)\}\}", rule["annotations"]["description"])
            for link in links:
                self.assertEqual(
                    link.strip(), r'$labels.target | urlquery | reReplaceAll "\\+" "%20"'
                )

    def test_runbooks(self):
        """One section each, with the same four parts."""
        names = {rule["alert"].lower() for rule in self.alerts}
        self.assertEqual(names, set(self.runbooks))
        for name, text in self.runbooks.items():
            for part in (
                "**Meaning.**",
                "**First look.**",
                "**What to do.**",
                "**Harmless when**",
            ):
                self.assertIn(part, text, name)

    def test_tested_firing_and_not(self):
        text = (boards.DASHBOARDS / "alerts_test.yml").read_text(encoding="utf-8")
        seen = {}
        for case in yaml.safe_load(text)["tests"]:
            for check in case["alert_rule_test"]:
                seen.setdefault(check["alertname"], set()).add(bool(check["exp_alerts"]))
        self.assertEqual(seen, {rule["alert"]: {False, True} for rule in self.alerts})
