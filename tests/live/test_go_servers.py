# SPDX-License-Identifier: Apache-2.0
"""Debian's own Go servers, all stripped, position-independent and linked by the C linker: their
goroutines against what their own endpoints say, with clients connected."""

import collections
import http.client
import re
import urllib.request

import go_truth
import harness

CLIENTS = 20  # connections that stay open
# What a look over HTTP itself keeps busy.
LOOKING = ("net/http.(*conn).serve", "net/http.(*connReader).backgroundRead")
# The metric counts what takes it, too: the connection that asks, and the collectors at work.
METRIC_SLACK = 16


def fetch(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
        return response.read().decode()


def is_up(port, path):
    try:
        return fetch(port, path)
    except OSError:
        return None


def is_steady(goroutine):
    return goroutine.reason not in ("running", "runnable") and not any(
        go_truth.calls(goroutine, function) for function in LOOKING
    )


def texts_of(pairs):
    """How many (goroutine, count) look the same."""
    counts = collections.Counter()
    for goroutine, count in pairs:
        shown = go_truth.without_runtime(goroutine)
        # Whether it was inlined into a wrapper that neither side shows, they tell differently.
        frames = [frame._replace(inlined=False) for frame in shown.frames]
        shown = shown._replace(frames=frames)
        if frames and is_steady(goroutine):
            counts[go_truth.describe(shown)] += count
    return counts


class GoServers(harness.LiveTest):
    def connect(self, port):
        """Clients that asked once and stay."""
        for _ in range(CLIENTS):
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            self.addCleanup(client.close)
            client.request("GET", "/metrics")
            client.getresponse().read()

    def stacks(self, port):
        text = fetch(port, "/debug/pprof/goroutine?debug=2")
        return texts_of((goroutine, 1) for goroutine in go_truth.parse(text))

    def metric(self, port):
        return int(re.search(r"^go_goroutines (\d+)$", fetch(port, "/metrics"), re.M)[1])

    def compare(self, process, port):
        self.connect(port)
        for _ in range(5):
            before, counted = self.stacks(port), self.metric(port)
            report = harness.report(process.pid, "-t", "0")
            after = self.stacks(port)
            if before == after:
                break
        self.assertEqual(report.target["runtime_version"], "go1.19.8")
        total = report.target["goroutines"]["total"]
        self.assertLessEqual(abs(total - counted), METRIC_SLACK, f"{total} goroutines, {counted}")
        found = texts_of(go_truth.reported(report))
        for text in before.keys() & after.keys():
            least, most = sorted((before[text], after[text]))
            self.assertGreaterEqual(found[text], least, text)
            if least == most:
                self.assertLessEqual(found[text], most, text)
        self.assertGreater(len(before.keys() & after.keys()), 3)
        serving = [group for group in report.having("net/http.(*conn).serve")]
        self.assertGreaterEqual(sum(group["count"] for group in serving), CLIENTS)

    def start(self, port, path, command):
        harness.need(command[0])
        process = self.server(command, cwd=self.directory())
        harness.wait_for(lambda: is_up(port, path), f"{command[0]} answers")
        return process

    def test_prometheus(self):
        port = harness.free_port()
        config = self.directory() / "prometheus.yml"
        config.write_text("global: {scrape_interval: 1h}\n", encoding="utf-8")
        process = self.start(
            port,
            "/-/ready",
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={self.directory()}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
        )
        self.compare(process, port)

    def test_etcd(self):
        port, peer = harness.free_port(), harness.free_port()
        process = self.start(
            port,
            "/health",
            [
                "etcd",
                f"--data-dir={self.directory() / 'data'}",
                f"--listen-client-urls=http://127.0.0.1:{port}",
                f"--advertise-client-urls=http://127.0.0.1:{port}",
                f"--listen-peer-urls=http://127.0.0.1:{peer}",
                f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
                f"--initial-cluster=default=http://127.0.0.1:{peer}",
                "--enable-pprof",
            ],
        )
        self.compare(process, port)

    def test_caddy(self):
        port = harness.free_port()
        config = self.directory() / "Caddyfile"
        config.write_text(
            f"{{\n\tadmin 127.0.0.1:{port}\n\tauto_https off\n}}\n"
            f"http://127.0.0.1:{harness.free_port()} {{\n\trespond hello\n}}\n",
            encoding="utf-8",
        )
        process = self.start(port, "/config/", ["caddy", "run", "--config", str(config)])
        self.compare(process, port)

    def test_alertmanager(self):
        port = harness.free_port()
        config = self.directory() / "alertmanager.yml"
        config.write_text("route: {receiver: none}\nreceivers: [{name: none}]\n", encoding="utf-8")
        process = self.start(
            port,
            "/-/ready",
            [
                "prometheus-alertmanager",
                f"--config.file={config}",
                f"--storage.path={self.directory()}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
        )
        self.compare(process, port)
