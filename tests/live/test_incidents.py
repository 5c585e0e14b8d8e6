# SPDX-License-Identifier: Apache-2.0
"""What hostile programs did to other tools of this kind, done to parkwatch."""

import os
import signal

from harness import LiveTest, compile_source, report, run, wait_for

# Names that keep a demangler busy for ever: so many lifetimes, and each part twice in the next one.
ENDLESS = "_RINvC1a1bFGzzzzzzzz_EuE"
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DOUBLING = "_Z1fI1AIiiE" + "".join(f"S_IS{d}_S{d}_E" for d in DIGITS) + "Evv"

PROGRAM = f"""
#include <unistd.h>
void endless(void) __asm__("{ENDLESS}");
void doubling(void) __asm__("{DOUBLING}");
void endless(void) {{ pause(); }}
void doubling(void) {{ endless(); endless(); }}
int main(void) {{ doubling(); doubling(); }}
"""


class Incidents(LiveTest):
    def test_symbols_that_stand_for_too_much(self):
        """Each of them cost the target's waiters, and a CPU, for as long as it lived."""
        directory = self.directory()
        source = directory / "names.c"
        source.write_text(PROGRAM, encoding="ascii")
        program = compile_source(source, directory / "names", "gcc", "-O0", "-g0")
        target = self.server([program])
        wait_for(lambda: parked(target.pid), "the program to wait")
        [group] = report(target.pid, "-t", "0").groups
        functions = [frame["function"] or "" for frame in group["frames"]]
        self.assertIn(ENDLESS, functions)
        cut = next(name for name in functions if name.startswith("f<A<int, int>"))
        self.assertGreater(len(cut), 1000)

    def test_places_that_the_target_names(self):
        """Nothing is written where a target's environment says that such things belong (OBI
        CVE-2026-41433)."""
        place = self.directory()
        names = "TMPDIR TMP TEMP HOME XDG_CACHE_HOME XDG_RUNTIME_DIR DEBUGINFOD_CACHE_PATH"
        places = {name: str(place) for name in names.split()}
        target = self.fixture("sleep", env={**os.environ, **places}, cwd=place)
        for form in ("text", "json", "folded", "pprof"):
            done = run("report", "-p", target.pid, "-t", "0", "--format", form)
            self.assertEqual(done.returncode, 0, done.stderr)
        watch = self.watch(target.pid)
        wait_for(lambda: watch.metrics(), "metrics")
        watch.stop(signal.SIGTERM)
        self.assertEqual(os.listdir(place), [])


    def test_an_assertion_of_a_library(self):
        """It aborts who parses, and nobody else (systemd#29585: libdwfl in a process of its own)."""
        target, other = self.fixture("cond"), self.fixture("sem")
        watch = self.watch([target.pid, other.pid], "--interval", "200ms", "-t", "100ms")
        analyst, others = min(watch.analysts()), {max(watch.analysts())}
        for number in range(1, 4):
            wait_for(lambda: watch.value("parkwatch_parked", target="cond"), "stacks are there")
            wait_for(lambda: watch.value("parkwatch_parked", target="sem"), "the other's, too")
            os.kill(analyst, signal.SIGABRT)
            others.add(analyst)
            lost = {"target": "cond", "what": "analyst_restarts"}
            wait_for(
                lambda number=number, lost=lost: watch.value("parkwatch_losses_total", **lost) == number,
                "it is counted",
            )
            [analyst] = wait_for(lambda: set(watch.analysts()) - others, "another analyst")
        self.assertEqual(
            watch.value("parkwatch_losses_total", target="sem", what="analyst_restarts"), 0
        )
        self.assertEqual(watch.stop(), 0)


def parked(pid):
    with open(f"/proc/{pid}/wchan", encoding="ascii") as wchan:
        return "pause" in wchan.read()
