# SPDX-License-Identifier: Apache-2.0
"""Every kind of park, against the truth of its fixture: count, reason, stack, line, object, owner,
age."""

import collections
import os
import time

from harness import (
    LiveTest,
    describe,
    expected_stacks,
    match_stack,
    plugin_path,
    report,
    switches,
    wait_until_old,
)

PLAIN = [
    "accept", "barrier", "child", "cond", "deadlock", "epoll", "handler", "inlined", "join",
    "leader", "mutex", "pi", "pipe", "poll", "rwlock", "sem", "signal", "sleep", "vfork", "waitv",
]  # fmt: skip

KINDS = {"pipe": "pipe", "accept": "unix"}  # what the detail of a file names


class Parks(LiveTest):
    def check(self, name, *arguments, modules=()):
        fixture = self.fixture(name, *arguments)
        taken = report(fixture.pid, "-t", "0")
        for (function, line), threads in by_site(fixture.threads).items():
            group = taken.group(function, line)
            self.check_group(name, group, threads, modules)
            self.check_waits(group, threads)
            if name in KINDS:
                self.assertIn(KINDS[name], group["waits_on"][0]["detail"])
        self.check_totals(taken, fixture)
        self.assertEqual(taken.target["losses"], {})
        for (function, line), threads in by_site(fixture.threads).items():
            self.check_ages(taken, taken.group(function, line), threads)

    def check_ages(self, taken, group, threads):
        since = [thread["since_ns"] for thread in threads]
        self.assert_age(taken, group, min(since))
        self.assert_age(taken, group, max(since), newest=True)

    def check_group(self, name, group, threads, modules):
        site = threads[0]
        self.assertEqual(group["kind"], "thread")
        self.assertEqual(group["count"], len(threads))
        self.assertEqual(group["reason"], site["reason"])
        self.assertEqual(group["rewaits"], 0)
        self.assertRegex(group["stack_id"], r"^[0-9a-f]{16}$")
        self.assertGreaterEqual(group["memory_bytes"], 4096 * len(threads))
        source = "plugin.c" if modules else f"{name}.c"
        self.assertEqual(group["site"], f"{site['function']} {source}:{site['line']}")
        wrong = [
            match_stack(stack, group["frames"], {name, *modules}) for stack in expected_stacks(name)
        ]
        self.assertIn(None, wrong, describe(group["frames"]))
        self.check_caller(group, site)

    def check_caller(self, group, site):
        names = [frame["function"] for frame in group["frames"]]
        index = names.index(site["function"])
        frame = group["frames"][index]
        self.assertEqual(frame["line"], site["line"])
        if site["caller_line"]:
            self.assertEqual(group["frames"][index + 1]["line"], site["caller_line"])

    def check_waits(self, group, threads):
        for thread in threads:
            if not thread["object"]:
                continue
            end = thread["object"] + thread["size"]
            waits = [
                wait
                for wait in group["waits_on"]
                if wait["address"] and thread["object"] <= int(wait["address"], 16) < end
            ]
            self.assertEqual(len(waits), 1, f"{thread} in {group['waits_on']}")
            sharing = [other for other in threads if other["object"] == thread["object"]]
            self.assertEqual(waits[0]["count"], len(sharing))
            self.assertEqual(waits[0]["owner_tid"], thread["owner_tid"] or None)

    def check_totals(self, taken, fixture):
        target = taken.target
        self.assertEqual(target["pid"], fixture.pid)
        self.assertEqual(target["runtime"], "native")
        self.assertEqual(target["threads"]["parked"], sum(g["count"] for g in target["groups"]))
        running = len(os.listdir(f"/proc/{fixture.pid}/task"))
        self.assertIn(running - target["threads"]["total"], (0, 1), "a zombie leader may count")

    def test_dlopen(self):
        self.check("dlopen", plugin_path(self.directory()), modules=["plugin.so"])

    def test_deadlock_of_three(self):
        self.check("deadlock", 3)


def by_site(threads):
    sites = collections.defaultdict(list)
    for thread in threads:
        sites[thread["function"], thread["line"]].append(thread)
    return sites


def add_tests():
    for name in PLAIN:

        def test(self, name=name):
            self.check(name)

        setattr(Parks, f"test_{name}", test)


add_tests()


class Threshold(LiveTest):
    def test_default_is_one_second(self):
        fixture = self.fixture("cond")
        taken = report(fixture.pid)
        self.assertEqual(taken.data["threshold_seconds"], 1)
        group = taken.group("wait_for_work")
        self.assertEqual(group["count"], 3)
        self.assertGreaterEqual(group["oldest_seconds_at_least"], 0.9)
        self.assert_age(taken, group, fixture.threads[0]["since_ns"])

    def test_nobody_is_old_enough(self):
        fixture = self.fixture("cond")
        taken = report(fixture.pid, "-t", "1h")
        self.assertEqual(taken.groups, [])
        self.assertEqual(taken.target["threads"]["parked"], 0)
        self.assertGreaterEqual(taken.target["threads"]["total"], 4)

    def test_parked_before_the_attach(self):
        """The age is known at once: nothing is observed for as long as it."""
        fixture = self.fixture("cond")
        wait_until_old(fixture, 3)
        taken = report(fixture.pid, "-t", "3s", "--duration", "100ms")
        group = taken.group("wait_for_work")
        self.assertEqual(group["count"], 3)
        self.assert_age(taken, group, fixture.threads[0]["since_ns"])
        self.assertLess(taken.ended - taken.started, 3)

    def test_served_waiter_is_not_old(self):
        fixture = self.fixture("rewait")
        taken = report(fixture.pid, "-t", "500ms", "--duration", "2s")
        self.assertEqual(taken.having("wait_served"), [])
        self.assertEqual(taken.group("wait_unserved")["count"], 1)


class LogicalWaits(LiveTest):
    def test_timeouts_do_not_end_a_wait(self):
        fixture = self.fixture("rewait")
        tid = fixture.threads[0]["tid"]
        (before, _), started = switches(fixture.pid)[tid], time.monotonic()
        taken = report(fixture.pid, "-t", "1s", "--duration", "2s")
        (after, _), lasted = switches(fixture.pid)[tid], time.monotonic() - started
        group = taken.group("wait_unserved")
        self.assertGreaterEqual(group["oldest_seconds"], 1.7)
        waits = after - before
        self.assertGreaterEqual(waits, 10)
        self.assertLessEqual(group["rewaits"], waits)
        # In the time that it was watched, which is a part of that.
        self.assertGreaterEqual(
            group["rewaits"], 0.8 * waits * group["oldest_seconds"] / lasted - 1
        )
        _, last = taken.moment()
        since = fixture.threads[0]["since_ns"] / 1e9
        self.assertLessEqual(group["oldest_seconds"], last - since + 0.05)

    def test_a_served_wait_starts_anew(self):
        fixture = self.fixture("rewait")
        taken = report(fixture.pid, "-t", "0", "--duration", "1s")
        for group in taken.having("wait_served"):
            self.assertLess(group["oldest_seconds"], 0.15)
            self.assertEqual(group["rewaits"], 0)

    def test_without_the_futex_tracepoints(self):
        fixture = self.fixture("rewait")
        taken = report(fixture.pid, "-t", "0", "--duration", "1s", "--futex", "off")
        for group in taken.having("wait_unserved"):
            self.assertLess(group["oldest_seconds"], 0.2)
            self.assertEqual(group["rewaits"], 0)
            self.assertEqual(group["reason"], "futex wait")


class Idle(LiveTest):
    """What waits for the outside by design is marked, and a name says why; other waits are not."""

    def check(self, name, function, idle):
        fixture = self.fixture(name)
        group = report(fixture.pid, "-t", "0").group(function)
        self.assertEqual(group["idle"], idle)
        self.assertEqual(bool(group["idle_rule"]), idle)

    def test_by_design(self):
        self.check("epoll", "next_event", True)
        self.check("sleep", "nap", True)
        self.check("accept", "next_client", True)

    def test_not_by_design(self):
        self.check("cond", "wait_for_work", False)
        self.check("mutex", "take", False)
        self.check("pipe", "drain", False)


class Deadlocks(LiveTest):
    def check(self, ring):
        fixture = self.fixture("deadlock", ring)
        wait_until_old(fixture, 1.1)
        target = report(fixture.pid).target
        self.assertEqual(len(target["deadlocks"]), 1)
        members = target["deadlocks"][0]["members"]
        self.assertEqual(
            {(member["tid"], member["owner_tid"]) for member in members},
            {(thread["tid"], thread["owner_tid"]) for thread in fixture.threads},
        )
        objects = {thread["tid"]: thread["object"] for thread in fixture.threads}
        for member in members:
            self.assertEqual(int(member["address"], 16), objects[member["tid"]])
            self.assertIn(member["stack_id"], {group["stack_id"] for group in target["groups"]})

    def test_two(self):
        self.check(2)

    def test_three(self):
        self.check(3)

    def test_a_chain_is_none(self):
        fixture = self.fixture("mutex")
        self.assertEqual(report(fixture.pid).target["deadlocks"], [])


class Many(LiveTest):
    def test_ten_thousand(self):
        fixture = self.fixture("many", 10000)
        taken = report(fixture.pid, "-t", "0")
        site = fixture.threads[0]
        self.assertEqual(taken.group(site["function"], site["line"])["count"], 10000)
        self.assertEqual(taken.target["threads"]["total"], 10001)
        self.assertEqual(taken.target["losses"], {})

    def test_ten_thousand_past_the_threshold(self):
        fixture = self.fixture("many", 10000)
        taken = report(fixture.pid)
        group = taken.group("wait_for_reply")
        self.assertEqual(group["count"], 10000)
        self.assert_age(taken, group, min(t["since_ns"] for t in fixture.threads))
