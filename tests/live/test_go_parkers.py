# SPDX-License-Identifier: Apache-2.0
"""What parker.c says of the runtime's functions, against the runtime's own sources."""

import collections
import re
import unittest

import go_truth
import harness

TABLE = harness.ROOT / "user" / "analyst" / "go" / "parker.c"
ENTRY = re.compile(r'\{"([^"]+)",\s*PARKER_\w+,\s*\{([^}]*)\}\}')
FUNCTION = re.compile(r"^func (?:\((?:\w+ )?(\*?)(\w+)\) )?(\w+)\((.*?)^\}", re.M | re.S)
LINKNAME = re.compile(r"^//go:linkname (\w+) (\S+)$", re.M)
REASON = re.compile(r'^\t(waitReason\w+): +"([^"]*)"', re.M)
PARKING = re.compile(r"\b(?:gopark|goparkunlock|semacquire1)\(")
CHOSEN = re.compile(r"\b(?:reason|waitReason|waitreason) :?= (waitReason\w+)")

# On the stack is the function, but another on the system's stack gives the reason.
ELSEWHERE = {"runtime.coroswitch": "runtime.coroswitch_m"}
# What only releases before these gave.
OLDER = {"runtime.bgscavenge": {"GC scavenge wait", "sleep"}}


def table():
    """{function: its reasons} as parkwatch has them."""
    return {
        function: set(re.findall(r'"([^"]+)"', reasons))
        for function, reasons in ENTRY.findall(TABLE.read_text(encoding="utf-8"))
    }


def arguments(text):
    """What stands up to the parenthesis that closes the call."""
    depth = 1
    for i, byte in enumerate(text):
        depth += {"(": 1, ")": -1}.get(byte, 0)
        if not depth:
            return text[:i]
    raise AssertionError(f"a call without an end: {text[:60]}")


def given(body):
    """Names of the reasons for which this function parks."""
    calls = [arguments(body[call.end() :]) for call in PARKING.finditer(body)]
    names = set(CHOSEN.findall(body))
    for call in calls:
        names |= set(re.findall(r"\bwaitReason\w+", call))
    return names


def runtime(version):
    """{function, as the linker names it: its reasons} of all that park by themselves."""
    folder = go_truth.TOOLCHAINS / version / "src" / "runtime"
    files = [path for path in folder.glob("*.go") if not re.search(r"_(test|js)\.go$", path.name)]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    words, links = dict(REASON.findall(text)), dict(LINKNAME.findall(text))
    bodies = collections.defaultdict(str)
    for pointer, receiver, name, body in FUNCTION.findall(text):
        method = f"({pointer}{receiver})." if pointer else f"{receiver}." if receiver else ""
        name = links.get(name, f"runtime.{method}{name}")
        bodies[name] += body
    found = {}
    for name, body in bodies.items():
        if PARKING.search(body):
            # Before 1.20 it gave the reason by itself.
            named = given(body) or given(bodies["runtime.semacquire1"])
            found[name] = {words[reason] for reason in named}
    for name, other in ELSEWHERE.items():
        found[name] = {words[reason] for reason in given(bodies[other])}
    return found


class Parkers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        versions = go_truth.versions()
        if not versions:
            raise unittest.SkipTest("no Go fixtures: scripts/go-toolchains.sh && scripts/go-fixtures.sh")
        cls.table = table()
        cls.runtimes = {version: runtime(version) for version in versions}

    def test_each_reason_of_the_runtime_is_known(self):
        """Or a goroutine that parks there would speak against the right layout."""
        for version, functions in self.runtimes.items():
            for function in set(functions) & set(self.table):
                self.assertLessEqual(
                    functions[function], self.table[function], f"{function} of {version}"
                )

    def test_nothing_is_known_that_no_runtime_has(self):
        for function, reasons in self.table.items():
            had = set().union(*(all.get(function, set()) for all in self.runtimes.values()))
            self.assertEqual(reasons - OLDER.get(function, set()), had, function)
