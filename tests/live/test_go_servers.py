# SPDX-License-Identifier: Apache-2.0
"""Debian's own Go servers, all stripped, position-independent and linked by the C linker: their
goroutines against what their own endpoints say, with clients connected."""

import base64
import collections
import http.client
import json
import re
import subprocess
import threading
import urllib.request

import go_truth
import harness

CLIENTS = 20  # connections that stay open
REQUESTS = 30  # of each of them
PATIENCE = 60  # seconds that all of them may take
# What the metric counts of itself: the connection that asks, its background read, and what gathers:
# two goroutines of Gather(), one of the Go collector, and a worker or a few more.
METRIC_OWN = 8
# Under load each request comes and goes with its background read and what its handler starts.
LOAD_SLACK = 2 * CLIENTS
TRIES = 10  # for the process to hold still
# What a look over HTTP itself keeps busy.
LOOKING = ("net/http.(*conn).serve", "net/http.(*connReader).backgroundRead")


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


class Load:
    """Clients at work, each on a connection of its own that stays open afterwards."""

    def __init__(self, port, requests):
        self.connections = [
            http.client.HTTPConnection("127.0.0.1", port, timeout=10) for _ in range(CLIENTS)
        ]
        self.requests = requests  # (method, path, body), taken in turn
        self.statuses = collections.Counter()
        self.threads = [
            threading.Thread(target=self.work, args=[connection], daemon=True)
            for connection in self.connections
        ]
        for thread in self.threads:
            thread.start()

    def work(self, connection):
        for number in range(REQUESTS):
            method, path, body = self.requests[number % len(self.requests)]
            connection.request(method, path, body)
            response = connection.getresponse()
            response.read()
            self.statuses[response.status] += 1

    def is_over(self):
        return not any(thread.is_alive() for thread in self.threads)

    def close(self):
        for thread in self.threads:
            thread.join(PATIENCE)
        for connection in self.connections:
            connection.close()


class GoServers(harness.LiveTest):
    def stacks(self, port):
        text = fetch(port, "/debug/pprof/goroutine?debug=2")
        return texts_of((goroutine, 1) for goroutine in go_truth.parse(text))

    def metric(self, port):
        return int(re.search(r"^go_goroutines (\d+)$", fetch(port, "/metrics"), re.M)[1])

    def look(self, process, port, slack=0):
        """A report whose total has to lie between what the metric says before and after."""
        before = self.metric(port)
        report = harness.report(process.pid, "-t", "0")
        least, most = sorted((before, self.metric(port)))
        total = report.target["goroutines"]["total"]
        self.assertGreaterEqual(total, least - METRIC_OWN - slack)
        self.assertLessEqual(total, most + slack)
        return report

    def hold_still(self, process, port):
        """What stands, by the process itself, and a report that was made meanwhile. Nothing may be in
        that alone; it lacks who woke for a moment as it was made, and then is made again."""
        for _ in range(TRIES):
            before = self.stacks(port)
            report = self.look(process, port)
            found = texts_of(go_truth.reported(report))
            if self.stacks(port) != before:
                continue
            self.assertEqual(found - before, collections.Counter())
            if found == before:
                return before, report
        self.fail(f"never the same stacks before and after, in {TRIES} looks")

    def compare(self, process, port, requests, service=None):
        """While clients are served (by the port `service`), and when they only stay connected."""
        load = Load(service or port, requests)
        self.addCleanup(load.close)
        looks = 0
        while not load.is_over():
            self.look(process, port, LOAD_SLACK)
            looks += 1
        self.assertGreater(looks, 0)
        self.assertEqual(load.statuses, {200: CLIENTS * REQUESTS})
        stands, report = self.hold_still(process, port)
        self.assertEqual(report.target["runtime_version"], "go1.19.8")
        self.assertGreater(len(stands), 3)
        go_truth.assert_same(self, texts_of(go_truth.reported(report)), stands, "its own stacks")
        serving = [group for group in report.having("net/http.(*conn).serve")]
        self.assertGreaterEqual(sum(group["count"] for group in serving), CLIENTS)

    def run_client(self, *command):
        harness.need(command[0])
        subprocess.run(command, check=True, timeout=PATIENCE, stdout=subprocess.DEVNULL)

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
        self.run_client("promtool", "query", "instant", f"http://127.0.0.1:{port}", "vector(1)")
        query = "/api/v1/query_range?query=vector(time())&start=1&end=3600&step=10"
        labels = "/api/v1/labels"
        self.compare(process, port, [("GET", query, None), ("GET", labels, None)])

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
        key, value = (base64.b64encode(text).decode() for text in (b"key", b"value"))
        put = ("POST", "/v3/kv/put", json.dumps({"key": key, "value": value}))
        self.compare(process, port, [put, ("POST", "/v3/kv/range", json.dumps({"key": key}))])

    def test_caddy(self):
        port, site = harness.free_port(), harness.free_port()
        config = self.directory() / "Caddyfile"
        config.write_text(
            f"{{\n\tadmin 127.0.0.1:{port}\n\tauto_https off\n}}\n"
            f"http://127.0.0.1:{site} {{\n\trespond hello\n}}\n",
            encoding="utf-8",
        )
        process = self.start(port, "/config/", ["caddy", "run", "--config", str(config)])
        self.compare(process, port, [("GET", "/", None)], service=site)

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
        url = f"--alertmanager.url=http://127.0.0.1:{port}"
        self.run_client("amtool", url, "alert", "add", "alertname=Leak", "target=recommendd")
        self.compare(process, port, [("GET", "/api/v2/alerts", None), ("GET", "/-/ready", None)])
