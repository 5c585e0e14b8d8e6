# SPDX-License-Identifier: Apache-2.0
"""What was, over time: /api/v1/history against what programs and /proc say, and the page."""

import gzip
import html.parser
import json
import os
import pathlib
import signal
import time
import urllib.parse

import go_truth
from harness import LiveTest, monotonic, read_line, wait_for

INTERVAL = 0.2
QUICK = ("--interval", "200ms", "-t", "0")
CLOCK_STEP = 0.002  # seconds that times may be rounded by, on their way
COLUMNS = (
    "resident_memory_bytes", "cgroup_memory_usage_bytes", "cgroup_memory_rss_bytes", "cpu_cores",
    "network_receive_bytes_per_second", "network_transmit_bytes_per_second", "threads",
    "goroutines", "parked_threads", "parked_goroutines",
)  # fmt: skip


def status_bytes(pid, name):
    """A size in /proc/PID/status."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8").split("\n"):
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"no {name}")


def cpu_seconds(pid):
    text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    fields = text[text.rindex(")") + 2 :].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def counts_of(target, function):
    """The counts at the one site in a function."""
    [site] = [s for s in target["sites"] if s["site"].split(" ")[0] == function]
    return site["counts"]


class HistoryTest(LiveTest):
    def history(self, watch, **query):
        path = "/api/v1/history?" + urllib.parse.urlencode(query)
        status, headers, body = watch.fetch(path, Accept_Encoding="gzip")
        self.assertEqual((status, headers.get_content_type()), (200, "application/json"), path)
        history = json.loads(gzip.decompress(body))
        for target in history["targets"]:
            self.check_form(target)
        return history

    def check_form(self, target):
        times = target["times"]
        self.assertTrue(all(a < b for a, b in zip(times, times[1:])), times)
        arrays = [target[name] for name in COLUMNS] + [s["counts"] for s in target["sites"]]
        self.assertEqual({len(array) for array in arrays}, {len(times)})

    def target(self, watch, **query):
        [target] = self.history(watch, **query)["targets"]
        return target

    def wait_points(self, watch, n, **query):
        """The target once it has n more points."""
        last = (self.target(watch, **query)["times"] or [0])[-1]

        def enough():
            target = self.target(watch, **query)
            return sum(t > last for t in target["times"]) >= n and target

        return wait_for(enough, f"{n} more points")


class Leak(HistoryTest):
    def grow(self, fixture, n):
        """Orders n more waiters. Returns the program's own count of them."""
        fixture.process.stdin.write(b"%d\n" % n)
        return int(read_line(fixture.process.stdout, b"held "))

    def test_counts_rise_as_the_program_says(self):
        fixture = self.fixture("hoard")
        watch = self.watch(fixture.pid, *QUICK)
        steps = []
        for n in (5, 15, 40):
            total = self.grow(fixture, n)
            grown = time.time()
            self.wait_points(watch, 4)
            steps.append((grown, time.time(), total))
        target = self.target(watch)
        counts = counts_of(target, "wait_for_reply")
        known = [count for count in counts if count is not None]
        self.assertEqual(known, sorted(known))
        self.assertEqual(max(known), 60)
        for begin, end, total in steps:
            seen = [
                count
                for at, count in zip(target["times"], counts)
                if begin + CLOCK_STEP < at < end - CLOCK_STEP and count is not None
            ]
            self.assertGreaterEqual(len(seen), 2)
            self.assertEqual(set(seen), {total})
        self.assert_first(target, fixture)

    def assert_first(self, target, fixture):
        site = target["sites"][0]
        self.assertRegex(site["site"], r"^wait_for_reply hoard\.c:\d+$")
        self.assertEqual((site["kind"], site["reason"]), ("thread", "futex wait"))
        self.assertFalse(site["idle"])
        self.assertEqual((target["pid"], target["target"]), (fixture.pid, "hoard"))
        self.assertEqual((target["runtime"], target["up"], target["ended"]), ("native", True, None))

    def test_a_late_site_has_zeros_before(self):
        fixture = self.fixture("hoard")
        watch = self.watch(fixture.pid, *QUICK)
        self.wait_points(watch, 3)
        self.grow(fixture, 7)
        target = self.wait_points(watch, 3)
        counts = [count for count in counts_of(target, "wait_for_reply") if count is not None]
        self.assertEqual((counts[0], counts[1], counts[-1]), (0, 0, 7))

    def test_memory_is_that_of_proc(self):
        fixture = self.fixture("hoard")
        watch = self.watch(fixture.pid, *QUICK)
        self.wait_points(watch, 2)
        before = status_bytes(fixture.pid, "VmRSS")
        self.grow(fixture, 100)
        after = status_bytes(fixture.pid, "VmRSS")
        target = self.wait_points(watch, 2)
        resident = target["resident_memory_bytes"]
        slack = 512 * 1024  # that the kernel holds in counters of each CPU
        self.assertGreater(after - before, 100 * 64 * 1024 - slack)
        self.assertAlmostEqual(resident[0], before, delta=slack)
        self.assertAlmostEqual(resident[-1], after, delta=slack)
        self.assertEqual(target["threads"][-1], 101)
        self.assertEqual(target["parked_threads"][-1], 101)

    def test_goroutines(self):
        versions = go_truth.versions()
        self.assertTrue(versions, "no Go fixtures")
        fixture = go_truth.GoFixture(versions[-1], "stripped", "leak", 300)
        self.addCleanup(fixture.end)
        watch = self.watch(fixture.pid, *QUICK)

        def leaked():
            target = self.target(watch)
            return target["sites"] and target["sites"][0]["kind"] == "goroutine" and target

        target = wait_for(leaked, "the leak leads")
        stacks = fixture.stacks()
        own = [one for one in stacks if go_truth.calls(one, "main.fetchScores")]
        self.assertEqual(counts_of(target, "main.fetchScores")[-1], len(own))
        self.assertEqual(target["sites"][0]["reason"], "chan send")
        self.assertGreaterEqual(target["goroutines"][-1], len(stacks))
        self.assertGreaterEqual(target["parked_goroutines"][-1], len(own))
        self.assertEqual(target["runtime"], "go")
        sums = sum(site["counts"][-1] for site in target["sites"])
        self.assertEqual(sums, target["parked_threads"][-1] + target["parked_goroutines"][-1])


class Resources(HistoryTest):
    def test_cpu_is_that_of_proc(self):
        busy = self.server(["sh", "-c", "while :; do :; done"])
        watch = self.watch(busy.pid, *QUICK)
        begin, used_before = time.time(), cpu_seconds(busy.pid)
        target = self.wait_points(watch, 8)
        used_after, end = cpu_seconds(busy.pid), time.time()
        points = [
            (at, cores)
            for at, cores in zip(target["times"], target["cpu_cores"])
            if begin <= at <= end
        ]
        self.assertGreaterEqual(len(points), 7)
        # A rate is since the point before: the first one's lies outside.
        counted = sum(
            cores * (at - before) for (before, _), (at, cores) in zip(points, points[1:])
        )
        outside = (points[0][0] - begin) + (end - points[-1][0])
        tick = 1 / os.sysconf("SC_CLK_TCK")
        used = used_after - used_before
        self.assertGreater(counted, 0)
        self.assertLessEqual(counted, used + 3 * tick)
        self.assertGreaterEqual(counted, used - outside - 3 * tick)

    def test_cgroup_memory(self):
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, *QUICK)
        target = self.wait_points(watch, 2)
        usage = watch.value("parkwatch_target_cgroup_memory_usage_bytes")
        rss = watch.value("parkwatch_target_cgroup_memory_rss_bytes")
        # The group is shared with this test, and moves.
        self.assertAlmostEqual(target["cgroup_memory_usage_bytes"][-1], usage, delta=usage / 2)
        self.assertAlmostEqual(target["cgroup_memory_rss_bytes"][-1], rss, delta=rss / 2)


class Time(HistoryTest):
    def test_an_ended_target_stays(self):
        ending, staying = self.fixture("hoard"), self.fixture("cond")
        watch = self.watch([ending.pid, staying.pid], *QUICK)
        self.wait_points(watch, 3, target="hoard")
        began = time.time()
        ending.end()
        ended = wait_for(
            lambda: (t := self.target(watch, target="hoard")) and not t["up"] and t, "it ended"
        )
        self.assertGreaterEqual(ended["ended"], began - CLOCK_STEP)
        self.assertLessEqual(ended["ended"], time.time() + CLOCK_STEP)
        self.wait_points(watch, 5, target="cond")
        later = self.target(watch, target="hoard")
        self.assertGreaterEqual(len(later["times"]), 3)
        self.assertEqual(later, ended)
        self.assertEqual(len(self.history(watch)["targets"]), 2)

    def test_polling_misses_nothing(self):
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, *QUICK)
        times, threads, counts = [], [], []
        while len(times) < 12:
            part = self.target(watch, since=times[-1] if times else 0)
            times += part["times"]
            threads += part["threads"]
            counts += counts_of(part, "wait_for_work")
            wait_for(
                lambda: self.target(watch, since=times[-1] if times else 0)["times"],
                "another point",
            )
        whole = self.target(watch)
        n = len(times)
        self.assertEqual(whole["times"][:n], times)
        self.assertEqual(whole["threads"][:n], threads)
        self.assertEqual(counts_of(whole, "wait_for_work")[:n], counts)
        gaps = [b - a for a, b in zip(times, times[1:])]
        self.assertAlmostEqual(sum(gaps) / len(gaps), INTERVAL, delta=INTERVAL)

    def test_while_it_stands_still_there_is_a_gap(self):
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, *QUICK)
        before = self.wait_points(watch, 3)["times"][-1]
        os.kill(watch.pid, signal.SIGSTOP)
        until = monotonic() + 8 * INTERVAL
        wait_for(lambda: monotonic() > until, "some intervals pass")
        os.kill(watch.pid, signal.SIGCONT)
        target = self.wait_points(watch, 3)
        rows = list(zip(target["times"], target["threads"], target["resident_memory_bytes"]))
        self.assertIn((None, None), [row[1:] for row in rows if row[0] > before])
        self.assertIsNotNone(rows[-1][1])

    def test_query(self):
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, *QUICK, "--web.telemetry-path", "/m")
        history = self.history(watch, target="cond")
        self.assertEqual(history["interval_seconds"], INTERVAL)
        self.assertEqual(history["threshold_seconds"], 0)
        self.assertEqual(history["telemetry_path"], "/m")
        self.assertAlmostEqual(history["time"], time.time(), delta=60)
        self.assertEqual(watch.fetch("/api/v1/history?target=nobody")[0], 404)
        self.assertEqual(watch.fetch("/api/v1/history?since=yesterday")[0], 400)


class References(html.parser.HTMLParser):
    """The files that a page names."""

    def __init__(self):
        super().__init__()
        self.paths = []

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if (tag, name) in (("script", "src"), ("link", "href"), ("img", "src")):
                self.paths.append(urllib.parse.urljoin("/", value))


class Page(HistoryTest):
    def test_page_and_its_files(self):
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, *QUICK)
        status, headers, body = watch.fetch("/")
        self.assertEqual((status, headers.get_content_type()), (200, "text/html"))
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        references = References()
        references.feed(body.decode())
        for path in [p for p in references.paths if not p.startswith("data:")]:
            status, headers, body = watch.fetch(path)
            self.assertEqual(status, 200, path)
            packed = watch.fetch(path, Accept_Encoding="gzip")
            self.assertEqual(gzip.decompress(packed[2]), body, path)

    def test_a_browser_asks_again_and_gets_nothing(self):
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, *QUICK)
        etag = watch.fetch("/")[1]["ETag"]
        status, headers, body = watch.fetch("/", If_None_Match=etag)
        self.assertEqual((status, headers["ETag"], body), (304, etag, b""))
