# SPDX-License-Identifier: Apache-2.0
"""The fixtures themselves: does gdb, an independent witness, agree with what they say?"""

import os

from harness import LiveTest, expected_stacks, gdb_stacks, match_stack, describe, need, plugin_path

ALONE = [
    "accept", "barrier", "child", "cond", "deadlock", "epoll", "grow", "handler", "inlined", "join",
    "mutex", "pi", "pipe", "poll", "rwlock", "sem", "signal", "sleep", "waitv",
]  # fmt: skip


class FixtureTruth(LiveTest):
    """gdb cannot attach where the leader has ended, and waits for the child of vfork; hostile has
    no debug information, rewait moves."""

    def check(self, name, *arguments, modules=()):
        fixture = self.fixture(name, *arguments)
        stacks = gdb_stacks(fixture.pid)
        expected = expected_stacks(name)
        self.assertTrue(expected, "no stack in the header comment")
        for thread in fixture.threads:
            frames = stacks[thread["tid"]]
            wrong = [match_stack(stack, frames, {name, *modules}) for stack in expected]
            self.assertIn(None, wrong, f"{thread}\n{describe(frames)}")
            stated = expected[wrong.index(None)]
            self.assertEqual(thread["reason"], stated.reason)
            site = [f for f in frames if f["function"] == thread["function"]]
            self.assertEqual([f["line"] for f in site], [thread["line"]], describe(frames))
            self.assertEqual(os.path.basename(site[0]["module"]), [name, *modules][-1])
        for stated in expected:
            count = sum(thread["reason"] == stated.reason for thread in fixture.threads)
            self.assertGreaterEqual(count, stated.count or 1, stated)

    def test_dlopen(self):
        need("gdb")
        self.check("dlopen", plugin_path(self.directory()), modules=["plugin.so"])


def add_tests():
    for name in ALONE:

        def test(self, name=name):
            need("gdb")
            self.check(name)

        setattr(FixtureTruth, f"test_{name}", test)


add_tests()
