# SPDX-License-Identifier: Apache-2.0
"""Names are hostile: of processes, threads, files and symbols. All output stays valid."""

import json
import re
import shutil
import subprocess

from harness import FIXTURES, LiveTest, need, run, wait_for

PATH = b"p\"a'\\th\nwith\x1b[31m\xff{}<>&"
UNCLEAN = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff]")


def strings(value):
    """All strings in a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from strings(key)
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


class Names(LiveTest):
    def setUp(self):
        program = bytes(self.directory()) + b"/" + PATH
        shutil.copy(bytes(FIXTURES / "hostile"), program)
        shutil.copymode(bytes(FIXTURES / "hostile"), program)
        self.target = self.fixture("hostile", command=[program])

    def test_json(self):
        done = run("report", "-p", self.target.pid, "-t", "0", "--format", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        data = json.loads(done.stdout.decode("utf-8", "strict"))
        for text in strings(data):
            self.assertIsNone(UNCLEAN.search(text), ascii(text))
        [target] = data["targets"]
        self.assertIn('a"b\\c', target["comm"])
        functions = [f["function"] for g in target["groups"] for f in g["frames"] if f["function"]]
        self.assertTrue(any(re.fullmatch(r"ho.* t<i>;\{l=.*\}e", f) for f in functions), functions)

    def test_text_and_folded(self):
        for form in ("text", "folded"):
            done = run("report", "-p", self.target.pid, "-t", "0", "--format", form)
            self.assertEqual(done.returncode, 0, done.stderr)
            text = done.stdout.decode("utf-8", "strict")
            self.assertIsNone(UNCLEAN.search(text.replace("\n", "")), ascii(text))

    def test_folded_keeps_its_grammar(self):
        """A semicolon inside a symbol must not look like another frame."""
        done = run("report", "-p", self.target.pid, "-t", "0", "--format", "folded")
        [line] = [line for line in done.stdout.decode().splitlines() if "{l=" in line]
        frames = line.rsplit(" ", 1)[0].split(";")
        self.assertEqual(sum("{l=" in frame or "t<i>" in frame for frame in frames), 1, frames)

    def test_metrics(self):
        from prometheus_client.openmetrics import parser as openmetrics

        need("promtool")
        watch = self.watch(self.target.pid, "--interval", "200ms", "-t", "100ms")
        wait_for(lambda: watch.value("parkwatch_parked"), "a group is exported")
        for name, pairs in watch.metrics():
            for _, value in pairs:
                self.assertIsNone(UNCLEAN.search(value), f"{name} {ascii(value)}")
        done = subprocess.run(
            ["promtool", "check", "metrics"],
            input=watch.fetch("/metrics")[2],
            capture_output=True,
            timeout=30,
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        _, _, body = watch.fetch("/metrics", Accept="application/openmetrics-text;version=1.0.0")
        families = openmetrics.text_string_to_metric_families(body.decode("utf-8", "strict"))
        samples = [sample for family in families for sample in family.samples]
        exe = [s.labels["exe"] for s in samples if s.name == "parkwatch_target_info"]
        self.assertEqual(len(exe), 1)
        self.assertIn("p\"a'\\th", exe[0])
