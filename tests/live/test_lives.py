# SPDX-License-Identifier: Apache-2.0
"""Lives and deaths of targets: they end, exec, stop, lose their leader, churn; PIDs come again."""

import os
import pathlib
import re
import shutil
import signal
import unittest

from harness import (
    FIXTURES,
    SOURCES,
    LiveTest,
    comm_of,
    compile_source,
    libraries,
    plugin_path,
    read_stat,
    report,
    wait_for,
    wait_until_old,
)

QUICK = ("--interval", "200ms", "-t", "100ms")
BIRTHS = 60_000  # of threads that a target is watched through
LOOKS = 10  # at it meanwhile


def target_series(watch, target):
    return {
        name
        for (name, pairs) in watch.metrics()
        if ("target", target) in pairs and name.startswith("parkwatch_")
    }


class Ends(LiveTest):
    def check_gone(self, watch, target):
        wait_for(
            lambda: watch.value("parkwatch_target_up", target=target) == 0, "the target is down"
        )
        wait_for(
            lambda: target_series(watch, target) == {"parkwatch_target_up"},
            "the other series are gone",
            5,
        )
        self.assertEqual(watch.fetch("/api/v1/report")[0], 200)

    def test_target_ends(self):
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, *QUICK)
        wait_for(lambda: watch.value("parkwatch_parked", target="cond"), "first stacks")
        fixture.end()
        self.check_gone(watch, "cond")
        wait_for(lambda: not watch.analysts(), "no analyst without a target")
        self.assertEqual(watch.stop(), 0)

    def test_target_is_killed_and_not_reaped(self):
        """A zombie has no threads and no memory: it has ended."""
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, *QUICK)
        os.kill(fixture.pid, signal.SIGKILL)
        self.check_gone(watch, "cond")

    def test_one_of_two_ends(self):
        first, second = self.fixture("cond"), self.fixture("sem")
        watch = self.watch([first.pid, second.pid], *QUICK)
        first.end()
        self.check_gone(watch, "cond")
        self.assertEqual(watch.value("parkwatch_target_up", target="sem"), 1)
        wait_for(lambda: watch.value("parkwatch_parked", target="sem"), "the other is served")

    def test_pid_comes_again(self):
        """Another process with the same PID is not the target."""
        launcher = compile_source(
            SOURCES / "lib" / "born_as.c",
            self.directory() / "born_as",
            *"gcc -std=gnu17 -O1 -Wall -Wextra -D_GNU_SOURCE".split(),
        )
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, *QUICK)
        wait_for(lambda: watch.value("parkwatch_parked", target="cond"), "first stacks")
        pid = fixture.pid
        fixture.end()
        stranger = self.fixture("sem", command=[launcher, str(pid), FIXTURES / "sem"])
        self.assertEqual(stranger.truth["pid"], pid)
        self.check_gone(watch, "cond")
        self.assertNotIn(b"next_job", watch.fetch("/api/v1/report")[2])


class Becomes(LiveTest):
    def check_exec(self, number):
        fixture = self.fixture("exec", FIXTURES / "mutex")
        watch = self.watch(fixture.pid, *QUICK)
        wait_for(lambda: watch.report().having("wait_for_order"), "stacks of the first program")
        os.kill(fixture.pid, number)
        fixture.read_truth()
        taken = wait_for(
            lambda: (lambda r: r.having("take") and r)(watch.report()),
            "stacks of the second program",
        )
        take = next(thread for thread in fixture.threads if thread["function"] == "take")
        group = taken.group("take", take["line"])
        self.assertEqual(group["count"], 2)
        self.assertEqual(group["waits_on"][0]["owner_tid"], take["owner_tid"])
        wait_for(lambda: not watch.report().having("wait_for_order"), "no stack of the first one")
        wait_for(lambda: watch.report().target["comm"] == "mutex", "the new name")
        self.assertEqual(watch.report().target["exe"], str(FIXTURES / "mutex"))

    def test_leader_execs(self):
        self.check_exec(signal.SIGUSR1)

    def test_other_thread_execs(self):
        self.check_exec(signal.SIGUSR2)

    def test_stopped(self):
        fixture = self.fixture("cond")
        os.kill(fixture.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, fixture.pid, signal.SIGCONT)
        wait_for(lambda: "T (stopped)" in status(fixture.pid), "it is stopped")
        group = report(fixture.pid, "-t", "0").group("wait_for_work")
        self.assertEqual((group["reason"], group["count"]), ("stopped", 3))

    def test_stopped_and_continued(self):
        fixture = self.fixture("cond")
        watch = self.watch(fixture.pid, *QUICK)

        def reason(wanted):
            groups = watch.report().having("wait_for_work")
            return [(group["reason"], group["count"]) for group in groups] == [(wanted, 3)]

        wait_for(lambda: reason("futex wait"), "parked")
        os.kill(fixture.pid, signal.SIGSTOP)
        wait_for(lambda: reason("stopped"), "stopped")
        self.assertGreaterEqual(
            watch.value("parkwatch_threads", target="cond", state="stopped"), 4
        )
        os.kill(fixture.pid, signal.SIGCONT)
        wait_for(lambda: reason("futex wait"), "parked again")

    def test_frozen(self):
        """The cgroup freezer: the target cannot run, and is read all the same."""
        freezer = Freezer()
        self.addCleanup(freezer.remove)
        fixture = self.fixture("cond")
        self.addCleanup(freezer.thaw)
        freezer.freeze(fixture.pid)
        self.assertEqual(report(fixture.pid, "-t", "0").group("wait_for_work")["count"], 3)

    def test_leader_exits(self):
        fixture = self.fixture("leader")
        watch = self.watch(fixture.pid, *QUICK)
        wait_for(lambda: watch.value("parkwatch_parked", target="leader"), "first stacks")
        self.assertEqual(watch.value("parkwatch_target_up", target="leader"), 1)
        self.assertEqual(watch.report().group("wait_for_work")["count"], 1)

    def test_forks(self):
        """A child is another process: its threads are not the target's."""
        fixture = self.fixture("child")
        taken = report(fixture.pid, "-t", "0")
        self.assertEqual(taken.target["threads"]["total"], 2)
        self.assertEqual(taken.having("pause"), [])


class Freezer:
    """A control group of version 2 or 1 that stops whoever is in it."""

    ROOTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/freezer")

    def __init__(self):
        roots = [root for root in self.ROOTS if os.path.exists(f"{root}/cgroup.procs")]
        if not roots:
            raise unittest.SkipTest("no cgroup freezer")
        self.path = pathlib.Path(roots[0]) / f"parkwatch-test-{os.getpid()}"
        self.path.mkdir()
        self.old = (self.path / "freezer.state").exists()

    def freeze(self, pid):
        (self.path / "cgroup.procs").write_text(str(pid), encoding="ascii")
        self.set("FROZEN" if self.old else "1")
        wait_for(self.is_frozen, "it is frozen")

    def is_frozen(self):
        if self.old:
            return self.read("freezer.state") == "FROZEN"
        return "frozen 1" in self.read("cgroup.events")

    def thaw(self):
        self.set("THAWED" if self.old else "0")

    def set(self, state):
        name = "freezer.state" if self.old else "cgroup.freeze"
        (self.path / name).write_text(state, encoding="ascii")

    def read(self, name):
        return (self.path / name).read_text(encoding="ascii").strip()

    def remove(self):
        wait_for(lambda: not self.read("cgroup.procs"), "it is empty")
        self.path.rmdir()


def status(pid):
    return pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")


def births():
    """Of processes and threads since the machine started; next to nothing but the fixture's."""
    text = pathlib.Path("/proc/stat").read_text(encoding="ascii")
    return int(re.search(r"^processes (\d+)", text, re.MULTILINE)[1])


class Churn(LiveTest):
    def test_threads_by_the_thousand(self):
        fixture = self.fixture("churn", 60)
        watch = self.watch(fixture.pid, *QUICK)
        wait_for(lambda: watch.report().having("wait_for_work"), "first stacks")
        start = births()
        looks = 0
        while births() - start < BIRTHS or looks < LOOKS:
            group = watch.report().group("wait_for_work")
            self.assertEqual(group["count"], 1)
            looks += 1
        self.assertEqual(watch.value("parkwatch_target_up", target="churn"), 1)
        self.assertEqual(watch.value("parkwatch_losses_total", what="task_storage"), 0)
        self.assertEqual(watch.value("parkwatch_losses_total", what="analyst_restarts"), 0)

    def test_one_look(self):
        fixture = self.fixture("churn", 8)
        taken = report(fixture.pid, "-t", "200ms")
        group = taken.group("wait_for_work")
        self.assertEqual(group["count"], 1)
        self.assert_age(taken, group, fixture.threads[0]["since_ns"])


class Several(LiveTest):
    def test_two_programs(self):
        first, second = self.fixture("cond"), self.fixture("sem")
        taken = report([first.pid, second.pid], "-t", "0")
        self.assertEqual([t["target"] for t in taken.targets], ["cond", "sem"])
        self.assertEqual([t["pid"] for t in taken.targets], [first.pid, second.pid])
        counts = [
            max(group["count"] for group in target["groups"]) for target in taken.targets
        ]
        self.assertEqual(counts, [3, 2])

    def test_same_name(self):
        pids = [self.fixture("cond").pid for _ in range(2)]
        other = self.fixture("sem")
        watch = self.watch([*pids, other.pid], *QUICK)
        for name in (*(f"cond:{pid}" for pid in pids), "sem"):
            wait_for(lambda name=name: watch.value("parkwatch_parked", target=name), name)
        self.assertIsNone(watch.value("parkwatch_target_up", target="cond"))


class Files(LiveTest):
    def test_deleted_program(self):
        program = self.directory() / "cond"
        shutil.copy(FIXTURES / "cond", program)
        fixture = self.fixture("cond", command=[str(program)])
        program.unlink()
        group = report(fixture.pid, "-t", "0").group("wait_for_work", fixture.threads[0]["line"])
        self.assertEqual(group["count"], 3)

    def test_replaced_program(self):
        """The file that has the name now is another one: what is mapped counts."""
        program = self.directory() / "cond"
        shutil.copy(FIXTURES / "cond", program)
        fixture = self.fixture("cond", command=[str(program)])
        program.unlink()
        shutil.copy(FIXTURES / "epoll", program)
        group = report(fixture.pid, "-t", "0").group("wait_for_work", fixture.threads[0]["line"])
        self.assertEqual(group["count"], 3)

    def test_replaced_library(self):
        directory = self.directory()
        plugin = plugin_path(directory)
        fixture = self.fixture("dlopen", plugin)
        plugin.unlink()
        shutil.copy("/bin/true", plugin)
        group = report(fixture.pid, "-t", "0").group("plugin_wait", fixture.threads[0]["line"])
        self.assertEqual(group["count"], 1)

    def test_truncated_program(self):
        """What is mapped of it is gone too: stacks suffer, the report does not."""
        directory = self.directory()
        plugin = plugin_path(directory)
        fixture = self.fixture("dlopen", plugin)
        os.truncate(plugin, 0)
        taken = report(fixture.pid, "-t", "0")
        self.assertEqual(taken.target["threads"]["parked"], 2)


OWN_PIDS = ["unshare", "-p", "-f", "-m", "--mount-proc", "--kill-child"]


class Namespaces(LiveTest):
    """The user names the PID that they see; what the target sees of itself is another matter."""

    def inner(self, launcher, name):
        """The target that a launcher started, by our PIDs."""

        def find():
            for entry in os.listdir("/proc"):
                if entry.isdigit() and is_descendant(int(entry), launcher, name):
                    return int(entry)
            return None

        return wait_for(find, f"{name} is running")

    def test_pid_namespace(self):
        fixture = self.fixture(
            "mutex",
            command=[*OWN_PIDS, FIXTURES / "mutex"],
        )
        pid = self.inner(fixture.pid, "mutex")
        self.assertNotEqual(pid, fixture.truth["pid"])
        taken = report(pid, "-t", "0")
        take = next(thread for thread in fixture.threads if thread["function"] == "take")
        group = taken.group("take", take["line"])
        self.assertEqual(group["count"], 2)
        owner = outer_tid(pid, take["owner_tid"])
        self.assertEqual(group["waits_on"][0]["owner_tid"], owner)
        self.assertEqual(taken.target["pid"], pid)

    def test_deadlock_in_a_pid_namespace(self):
        fixture = self.fixture(
            "deadlock",
            command=[*OWN_PIDS, FIXTURES / "deadlock"],
        )
        pid = self.inner(fixture.pid, "deadlock")
        wait_until_old(fixture, 1.1)
        deadlocks = report(pid).target["deadlocks"]
        self.assertEqual(len(deadlocks), 1)
        self.assertEqual(
            {member["tid"] for member in deadlocks[0]["members"]},
            {outer_tid(pid, thread["tid"]) for thread in fixture.threads},
        )

    def test_own_root(self):
        """Files are those of the target's root, which do not exist in ours."""
        root = self.directory()
        (root / "proc").mkdir()
        program = root / "opt" / "cond"
        for path in [FIXTURES / "cond", *libraries(FIXTURES / "cond")]:
            copy = program if path == FIXTURES / "cond" else root / str(path).lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
        fixture = self.fixture(
            "cond",
            command=["unshare", "-m", "sh", "-c",
                     'mount -t proc proc "$1/proc" && exec chroot "$1" /opt/cond', "sh", root],
        )  # fmt: skip
        self.assertFalse(os.path.exists("/opt/cond"))
        taken = report(fixture.pid, "-t", "0")
        group = taken.group("wait_for_work", fixture.threads[0]["line"])
        self.assertEqual(group["count"], 3)
        self.assertIn("start_thread", [frame["function"] for frame in group["frames"]])
        self.assertEqual(taken.target["losses"], {})

    def test_user_namespace(self):
        fixture = self.fixture("cond", command=["unshare", "-U", "-r", FIXTURES / "cond"])
        self.assertEqual(report(fixture.pid, "-t", "0").group("wait_for_work")["count"], 3)

    def test_network_namespace(self):
        """The network counted is the target's."""
        fixture = self.fixture("cond", command=["unshare", "-n", FIXTURES / "cond"])
        devices = report(fixture.pid, "-t", "0").target["resources"]["network"]
        self.assertEqual([device["device"] for device in devices], ["lo"])


def is_descendant(pid, ancestor, name):
    if comm_of(pid) != name:
        return False
    while pid > 1:
        if pid == ancestor:
            return True
        stat = read_stat(pid)
        if not stat:
            return False
        pid = stat[1]
    return False


def outer_tid(pid, inner):
    """Our TID of the thread that calls itself `inner`."""
    for tid in os.listdir(f"/proc/{pid}/task"):
        for line in pathlib.Path(f"/proc/{pid}/task/{tid}/status").read_text().splitlines():
            if line.startswith("NSpid:") and int(line.split()[-1]) == inner:
                return int(tid)
    raise AssertionError(f"no thread {inner}")
