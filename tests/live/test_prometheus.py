# SPDX-License-Identifier: Apache-2.0
"""Real Prometheus and Alertmanager on real processes: every query of the dashboards and every rule
has data, the metrics are those that are exported, and alerts arrive that name function and line."""

import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.parse
import urllib.request

import go_truth
import harness

sys.path.append(str(harness.ROOT / "tests" / "grafana"))
import boards  # noqa: E402

N_LEAKED = 200
SLOWLY = 90  # seconds, for what takes scrapes, evaluations and a "for"
BPF_STATISTICS = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")
# Prometheus scrapes each second here.
boards.RANGES["$__rate_interval"] = "10s"
# Of Prometheus itself.
FOREIGN = {"ALERTS", "up"}


def fetch(url, **query):
    with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
        return json.load(answer)


def without_zeros(expression):
    """Without the 0 that stands where there is nothing."""
    return re.sub(r" or (sum|max)( by \([^)]*\))? ?\(0 \* .*\)$", "", expression)


def alternatives(expression):
    """The sides of its outermost "or"s."""
    parts, depth = [""], 0
    for word in re.split(r'("(?:[^"\\]|\\.)*"|[(){}]|\bor\b)', expression):
        depth += (word in ("(", "{")) - (word in (")", "}"))
        if word == "or" and depth == 0:
            parts.append("")
        else:
            parts[-1] += word
    return parts


def relaxed(expression):
    """The same as fast as it runs here, and with thresholds that all values are past: data, if all
    of its parts find each other, and if what may be absent is there."""
    expression = re.sub(r"\b(\d+)m\b", r"\1s", expression)
    expression = re.sub(r"\b(\d+)h\b", r"\1m", expression)
    expression = re.sub(r"< [\d.]+ \*", "<= 1 *", expression)
    expression = re.sub(r"> \(", ">= 0 * (", expression)
    expression = re.sub(r"absent\((.*)\)", r"\1", expression)
    return re.sub(r"(>|==) [\d.]+", ">= 0", expression)


class Prometheus(unittest.TestCase):
    """A Go program that leaks, C programs whose threads wait in each way, one that ends, a
    parkwatch that merges stacks, and one that is not there."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(BPF_STATISTICS.write_text, BPF_STATISTICS.read_text())
        BPF_STATISTICS.write_text("1")
        leak = cls.keep(go_truth.GoFixture("1.19", "stripped", "leak", N_LEAKED))
        cls.deadlock = cls.keep(harness.Fixture("deadlock"))
        ending = cls.keep(harness.Fixture("cond"))
        many = cls.keep(go_truth.GoFixture("1.19", "stripped", "park"))
        rewait = cls.keep(harness.Fixture("rewait"))
        pids = [leak.pid, cls.deadlock.pid, ending.pid, rewait.pid, many.pid]
        quick = ("-t", "1s", "--interval", "500ms")
        cls.watch = cls.keep(harness.Watch(pids, *quick))
        cls.merging = cls.keep(harness.Watch(many.pid, *quick, "--max-stacks", "1"))
        ports = (cls.watch.port, cls.merging.port, harness.free_port())
        cls.start(*(f"127.0.0.1:{port}" for port in ports))
        harness.wait_for(lambda: cls.ask('parkwatch_target_up{target="cond"}'), "a scrape", SLOWLY)
        ending.end()

    @classmethod
    def keep(cls, started):
        cls.addClassCleanup(started.end)
        return started

    @classmethod
    def start(cls, *addresses):
        directory = tempfile.TemporaryDirectory(prefix="parkwatch-test-")
        cls.addClassCleanup(directory.cleanup)
        process = subprocess.Popen(
            [
                *harness.BOUND,
                str(harness.ROOT / "scripts" / "prometheus.sh"),
                directory.name,
                *addresses,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        cls.addClassCleanup(harness.end_process, process)
        cls.alertmanager = harness.read_line(process.stdout, b"alertmanager ").decode()
        cls.prometheus = harness.read_line(process.stdout, b"prometheus ").decode()

    @classmethod
    def ask(cls, expression):
        return fetch(f"{cls.prometheus}/api/v1/query", query=expression)["data"]["result"]

    def has_numbers(self, expression):
        """A quotient of nothing by nothing is there, but shows nothing."""
        return any(math.isfinite(float(sample["value"][1])) for sample in self.ask(expression))

    def wait_for_data(self, expressions, what):
        """Until one of them has data."""
        harness.wait_for(
            lambda: any(map(self.has_numbers, expressions)), f"{what}: {expressions[0]}", SLOWLY
        )

    def values_of(self, board, idle):
        """What a user may have chosen: each target in turn, where one has to be."""
        everything = {"job": ".+", "instance": ".+", "datasource": "", "idle": idle}
        if "target" not in boards.variables(board):
            return [everything]
        return [{**everything, "target": name} for name in ("rewait", "leak", "deadlock", "cond")]

    def test_dashboards(self):
        for path in boards.FILES:
            board = boards.load(path)
            for idle in self.choices_of_idle(board):
                choices = self.values_of(board, idle)
                for where, query in boards.queries(board):
                    with self.subTest(where, idle=idle):
                        query = without_zeros(query)
                        asked = [boards.substitute(query, values) for values in choices]
                        self.wait_for_data(asked, where)

    def choices_of_idle(self, board):
        return [option["value"] for option in boards.variables(board)["idle"]["options"]]

    def waiters_of(self, watch, with_idle):
        """Of "park", as the report has them, which knows nothing of series."""
        targets = json.loads(watch.fetch("/api/v1/report")[2])["targets"]
        [groups] = [target["groups"] for target in targets if target["comm"] == "park"]
        return sum(group["count"] for group in groups if with_idle or not group["idle"])

    def test_idle_is_hidden(self):
        """Unless it is to be shown, be it with a series of its own or merged into "other"."""
        board = boards.load(boards.DASHBOARDS / "overview.json")
        queries = dict(boards.queries(board))
        query = queries[f"{board['title']}: Waiters by target A"]
        harness.wait_for(lambda: self.ask('parkwatch_parked{reason="idle"}'), "merged", SLOWLY)
        for idle, with_idle in zip(self.choices_of_idle(board), (False, True)):
            for watch in (self.watch, self.merging):
                values = {"job": ".+", "instance": f".+:{watch.port}", "idle": idle}
                expression = boards.substitute(query, values)

                def shown():
                    [sample] = [
                        sample
                        for sample in self.ask(expression)
                        if sample["metric"]["target"] == "park"
                    ] or [None]
                    return sample and int(sample["value"][1])

                with self.subTest(idle=idle, merging=watch is self.merging):
                    harness.wait_for(
                        lambda: shown() == self.waiters_of(watch, with_idle), expression, SLOWLY
                    )

    def test_variables(self):
        for name, label in (("parkwatch_build_info", "job"), ("parkwatch_target_up", "target")):
            found = fetch(f"{self.prometheus}/api/v1/label/{label}/values", **{"match[]": name})
            self.assertTrue(found["data"], name)

    def test_recording_rules(self):
        for rule in boards.rules("rules.yml"):
            self.wait_for_data([rule["record"]], "recorded")

    def test_alerting_rules(self):
        """Their labels meet: with thresholds out of the way there is data, on each side of an "or"."""
        for rule in boards.rules("alerts.yml"):
            with self.subTest(rule["alert"]):
                for expression in alternatives(relaxed(rule["expr"])):
                    self.wait_for_data([expression], rule["alert"])

    def test_rules_are_evaluated(self):
        def evaluated():
            groups = fetch(f"{self.prometheus}/api/v1/rules")["data"]["groups"]
            rules = [rule for group in groups for rule in group["rules"]]
            return all(rule["health"] != "unknown" for rule in rules) and rules

        rules = harness.wait_for(evaluated, "an evaluation", SLOWLY)
        self.assertEqual(
            len(rules), len(boards.rules("rules.yml")) + len(boards.rules("alerts.yml"))
        )
        self.assertEqual([rule for rule in rules if rule["health"] != "ok"], [])

    def test_metrics(self):
        """Every metric named in dashboards/ is exported, and every one exported is named there."""
        text = self.watch.fetch("/metrics")[2].decode()
        families = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))
        queries = [
            query for path in boards.FILES for _, query in boards.queries(boards.load(path))
        ]
        rules = [
            rule["expr"] for name in ("rules.yml", "alerts.yml") for rule in boards.rules(name)
        ]
        recorded = {rule["record"] for rule in boards.rules("rules.yml")}
        shown = {
            self.family(name, families) for query in queries for name in boards.metrics(query)
        }
        self.assertEqual(shown - FOREIGN, families)
        for record in recorded:
            rules = [rule.replace(record, "") for rule in rules]
        ruled = {self.family(name, families) for rule in rules for name in boards.metrics(rule)}
        self.assertLessEqual(ruled - FOREIGN, families)

    def family(self, name, families):
        plain = re.sub(r"_(bucket|sum|count)$", "", name)
        return plain if plain in families else name

    def wait_for_alert(self, name, **labels):
        """As Alertmanager has it."""
        filters = [f'{key}="{value}"' for key, value in dict(labels, alertname=name).items()]

        def arrived():
            query = urllib.parse.urlencode([("filter", text) for text in filters])
            with urllib.request.urlopen(
                f"{self.alertmanager}/api/v2/alerts?{query}", timeout=10
            ) as answer:
                return json.load(answer)

        [alert] = harness.wait_for(arrived, f"{name} {labels}", SLOWLY)
        return alert

    def test_deadlock_arrives(self):
        alert = self.wait_for_alert("ParkwatchDeadlock", target="deadlock")
        line = self.deadlock.threads[0]["line"]
        self.assertIn(f"2 at lock_next deadlock.c:{line};", alert["annotations"]["description"])
        self.assertEqual(alert["labels"]["severity"], "critical")

    def test_end_arrives(self):
        alert = self.wait_for_alert("ParkwatchTargetGone", target="cond")
        self.assertIn("cond ended", alert["annotations"]["summary"])

    def test_down_arrives(self):
        alert = self.wait_for_alert("ParkwatchDown")
        self.assertNotEqual(alert["labels"]["instance"], f"127.0.0.1:{self.watch.port}")

    def test_merged_stacks_arrive(self):
        alert = self.wait_for_alert("ParkwatchStacksMerged")
        self.assertEqual(alert["labels"]["target"], "park")
