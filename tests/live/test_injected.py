# SPDX-License-Identifier: Apache-2.0
"""Every call of the kernel and every allocation fails once, at each of its places: a report is
whole, or says what is missing, or there is none and one line says why. Nobody crashes or hangs."""

import concurrent.futures
import errno
import json
import os

import fault
from harness import LiveTest, bpf_objects, strangers, wait_for

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


