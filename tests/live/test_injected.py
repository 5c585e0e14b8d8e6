# SPDX-License-Identifier: Apache-2.0
"""Every call of the kernel and every allocation fails once, at each of its places: a report is
whole, or says what is missing, or there is none and one line says why. Nobody crashes or hangs."""

import concurrent.futures
import contextlib
import errno
import http.client
import json
import os
import signal

import fault
from harness import BOUND, PARKWATCH, LiveTest, bpf_objects, strangers, wait_for

WORKERS = 2
WAITERS = 3  # of the fixture, in one group

MEMORY = {name: errno.ENOMEM for name in ("malloc", "calloc", "realloc")}
DESCRIPTORS = {
    **dict.fromkeys(("open", "openat", "socketpair", "memfd_create", "signalfd"), errno.EMFILE),
    **dict.fromkeys(("fcntl", "dup2", "syscall", "accept", "epoll_create1"), errno.ENFILE),
}
DATA = {
    **dict.fromkeys(("read", "pread", "write", "fstat", "process_vm_readv"), errno.EIO),
    **dict.fromkeys(("recv", "recvmsg"), errno.ENOMEM),
    **dict.fromkeys(("send", "sendmsg"), errno.ENOBUFS),
}
KERNEL = {
    "bpf": errno.ENOMEM,
    "fork": errno.EAGAIN,
    "mmap": errno.ENOMEM,
    "madvise": errno.ENOMEM,
    "ftruncate": errno.ENOSPC,
    "poll": errno.ENOMEM,
    "prctl": errno.EPERM,
    "setsockopt": errno.ENOMEM,
    "epoll_ctl": errno.ENOSPC,
}


def is_whole(data):
    [target] = data["targets"]
    counts = [
        group["count"]
        for group in target["groups"]
        if any(frame["function"] == "wait_for_work" for frame in group["frames"])
    ]
    return counts == [WAITERS] and target["threads"]["parked"] >= WAITERS


def judge(done, state):
    """What is wrong with a run, or None. elfutils crashes where it lacks memory, which is what its
    process of its own is for: the analyst is started anew."""
    lines = done.errors.splitlines()
    crashed = state.read("crashed")
    if crashed and (crashed != "pw-analyst" or state.read("own_crashes")):
        return f"{crashed} crashed"
    if done.status not in (0, 1):
        return f"exits {done.status}"
    if not all(line.startswith("parkwatch: ") for line in lines):
        return "says what is not its own"
    if done.status == 1:
        return None if lines and not done.output else "fails without a word, or with half a report"
    try:
        data = json.loads(done.output)
    except ValueError:
        return "is no report"
    if is_whole(data) or data["targets"][0]["losses"]:
        return None
    return "lacks waiters and does not say so"


class EachPlace(LiveTest):
    ALONE = True  # counts the machine's BPF objects

    def setUp(self):
        self.library = fault.build(self.directory())
        self.target = self.fixture("cond")
        self.arguments = ("report", "-p", self.target.pid, "-t", "0", "--format", "json")

    def state(self):
        state = fault.Fault(self.library, self.directory() / "fault")
        self.addCleanup(state.close)
        return state

    def sites(self, errors):
        state = self.state()
        state.clear(record=1)
        done = state.run(*self.arguments)
        self.assertEqual(done.status, 0, done.errors)
        self.assertTrue(is_whole(json.loads(done.output)))
        return [site for site in state.sites() if site.function in errors]

    def fail_at(self, site, error):
        """(site, was it reached, what is wrong)"""
        state = fault.Fault(self.library, self.directory() / "fault")
        try:
            state.arm(site.function, error, role=site.role, site=site.number)
            done = state.run(*self.arguments)
            wrong = judge(done, state)
            return site, state.read("failed"), wrong and f"{wrong}: {done.errors}"
        finally:
            state.close()

    def check(self, errors):
        sites = self.sites(errors)
        reached = 0
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            tries = [pool.submit(self.fail_at, site, errors[site.function]) for site in sites]
            for done in concurrent.futures.as_completed(tries):
                site, failed, wrong = done.result()
                reached += bool(failed)
                with self.subTest(site=site, error=os.strerror(errors[site.function])):
                    self.assertIsNone(wrong)
        self.assertGreater(reached, len(sites) * 3 / 4, "places that a second run did not reach")
        wait_for(lambda: not bpf_objects(strangers()), "no BPF object is nobody's", 10)

    def test_memory(self):
        self.check(MEMORY)

    def test_descriptors(self):
        self.check(DESCRIPTORS)

    def test_data(self):
        self.check(DATA)

    def test_kernel(self):
        self.check(KERNEL)


# Calls that fail for a while in a daemon that is at work: whose, which, how.
SPELLS = {
    "memory of analysts": ("pw-analyst", "malloc", errno.ENOMEM),
    "tables of analysts": ("pw-analyst", "calloc", errno.ENOMEM),
    "growth of analysts": ("pw-analyst", "realloc", errno.ENOMEM),
    "files of readers": ("pw-reader", "openat", errno.EMFILE),
    "memory of targets": ("pw-reader", "process_vm_readv", errno.ENOMEM),
    "sweeps of readers": ("pw-reader", "bpf", errno.ENOMEM),
    "connections": ("pw-monitor", "accept", errno.EMFILE),
    "answers": ("pw-monitor", "send", errno.ENOBUFS),
    "messages to the monitor": ("pw-monitor", "recv", errno.ENOMEM),
    "tables of the monitor": ("pw-monitor", "calloc", errno.ENOMEM),
    "memory of the monitor": ("pw-monitor", "malloc", errno.ENOMEM),
    "tables of the probe": ("parkwatch", "calloc", errno.ENOMEM),
    "counters": ("parkwatch", "bpf", errno.ENOMEM),
}
# Those that only who starts a role needs.
BIRTHS = {
    "processes": ("parkwatch", "fork", errno.EAGAIN),
    "sockets": ("parkwatch", "socketpair", errno.EMFILE),
    "areas": ("parkwatch", "memfd_create", errno.EMFILE),
}
ENOUGH = 3  # failures, at which a spell is over
ANALYST_BYTES = 1 << 30  # of private memory: what an analyst may have


class WhileItRuns(LiveTest):
    """Nothing fails until the daemon is ready; then calls fail for a while. Afterwards it is as if
    nothing had been, or it has ended and one line says why: with all its roles, and never in a role
    that has no right to end it."""

    def setUp(self):
        self.state = fault.Fault(fault.build(self.directory()), self.directory() / "fault")
        self.addCleanup(self.state.close)
        self.targets = {self.fixture("cond").pid: 3, self.fixture("sem").pid: 2}

    def start(self):
        self.state.clear()
        daemon = self.watch(
            list(self.targets),
            *("--interval", "100ms", "-t", "0"),
            program=[*BOUND, *fault.FIXED, str(PARKWATCH)],
            env=self.state.environment(),
        )
        self.wait_right(daemon)
        return daemon

    def counts(self, daemon):
        return {
            target["pid"]: max([group["count"] for group in target["groups"]], default=0)
            for target in daemon.report().targets
        }

    def wait_right(self, daemon):
        wait_for(lambda: self.counts(daemon) == self.targets, "both targets are right", 60)

    def look(self, daemon):
        """Numbers are right or missing, whatever fails; a request may fail as well."""
        try:
            counts = self.counts(daemon)
        except (OSError, AssertionError, ValueError, http.client.HTTPException):
            return
        for pid, count in counts.items():
            self.assertIn(count, (0, self.targets[pid]))

    def live_through(self, daemon, role, function, error, spoil=lambda: None):
        self.state.arm(function, error, role=role, last=fault.ALWAYS)
        spoil()

        def is_over():
            if daemon.process.poll() is None:
                self.look(daemon)
            return self.state.read("failed") >= ENOUGH or daemon.process.poll() is not None

        wait_for(is_over, f"{ENOUGH} failures of {function} in {role}")
        self.state.clear()

    def is_right_or_gone(self, daemon):
        if daemon.process.poll() is not None:
            return True
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.counts(daemon) == self.targets
        return False

    def check_end(self, daemon):
        """One that cannot go on."""
        lines = daemon.log().splitlines()
        self.assertEqual(daemon.process.returncode, 1)
        self.assertTrue(lines and all(line.startswith("parkwatch: ") for line in lines), lines)
        wait_for(daemon.nothing_lives, "its roles end")

    def check_spell(self, role, function, error):
        daemon = self.start()
        self.live_through(daemon, role, function, error)
        self.assertIn(self.state.read("crashed"), ("", "pw-analyst"))
        self.assertEqual(self.state.read("own_crashes"), 0)
        wait_for(lambda: self.is_right_or_gone(daemon), "both targets are right, or it ends", 60)
        if daemon.process.poll() is None:
            self.assertEqual(daemon.stop(), 0)
            return
        self.assertIn(role, ("parkwatch", "pw-monitor"), daemon.log())
        self.check_end(daemon)

    def check_birth(self, role, function, error):
        """An analyst that has to be started anew meanwhile."""
        daemon = self.start()
        self.live_through(
            daemon, role, function, error, lambda: os.kill(daemon.analysts()[0], signal.SIGKILL)
        )
        self.wait_right(daemon)
        self.assertEqual(daemon.stop(), 0)

    def test_an_analyst_that_grows(self):
        """Ends at its limit and is started anew: that costs its own target some scans, nothing else."""
        daemon = self.start()
        restarts = self.restarts(daemon)
        self.assertEqual(set(restarts.values()), {0})
        scans = self.scans(daemon)
        self.state.clear(hoarder=daemon.analysts()[0])
        wait_for(lambda: any(self.restarts(daemon).values()), "it is started anew")
        self.wait_right(daemon)
        self.assertEqual(sorted(self.restarts(daemon).values()), [0, 1])
        [healthy] = [name for name, n in self.restarts(daemon).items() if not n]
        wait_for(lambda: self.scans(daemon)[healthy] > scans[healthy], "the other is scanned")
        hoarded = self.state.read("hoarded")
        self.assertLess(hoarded, ANALYST_BYTES)
        self.assertGreater(hoarded, ANALYST_BYTES / 2)
        self.assertEqual(self.state.read("own_crashes"), 0)
        self.assertEqual(daemon.stop(), 0)

    def of_targets(self, daemon, name, **labels):
        values = {}
        for (series, pairs), value in daemon.metrics().items():
            if series == name and set(labels.items()) <= set(pairs):
                values[dict(pairs)["target"]] = value
        self.assertEqual(len(values), len(self.targets))
        return values

    def restarts(self, daemon):
        return self.of_targets(daemon, "parkwatch_losses_total", what="analyst_restarts")

    def scans(self, daemon):
        return self.of_targets(daemon, "parkwatch_scan_duration_seconds_count", source="threads")


def add_tests():
    for check, spells in ((WhileItRuns.check_spell, SPELLS), (WhileItRuns.check_birth, BIRTHS)):
        for name, spell in spells.items():

            def test(self, check=check, spell=spell):
                check(self, *spell)

            setattr(WhileItRuns, f"test_{name.replace(' ', '_')}", test)


add_tests()
