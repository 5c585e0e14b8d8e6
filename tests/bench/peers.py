# SPDX-License-Identifier: Apache-2.0
"""Tools that follow a process's context switches as well, attached to it: those of them that are
installed and work on this kernel."""

import contextlib
import functools
import pathlib
import shutil
import subprocess
import tempfile
import time

import processes
from rounds import say

OFFCPUTIME = "target of offcputime -p"
BPFTRACE = "target of bpftrace, the same"
BCC = "target of bcc's offcputime -p"
SCRIPT = pathlib.Path(__file__).parent / "offcputime.bt"

# bpftrace reads its tracepoints from tracefs, which is not mounted everywhere.
WITH_TRACEFS = "[ -d /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing"
COMMANDS = {
    OFFCPUTIME: ["offcputime", "-p"],
    BPFTRACE: ["unshare", "-m", "sh", "-c", WITH_TRACEFS + '; exec bpftrace "$@"', "sh", SCRIPT],
    BCC: ["offcputime-bpfcc", "-p"],
}
NEEDS = {OFFCPUTIME: "offcputime", BPFTRACE: "bpftrace", BCC: "offcputime-bpfcc"}
PROGRAMS = {  # its BPF program at the switch
    OFFCPUTIME: "sched_switch",
    BPFTRACE: "sched_switch",
    BCC: "oncpu",
}


def wait_for_programs(process):
    """The ids of its BPF programs once one has run; none if it ends before."""
    end = time.monotonic() + processes.PATIENCE
    with processes.bpf_statistics():
        while process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                ids = processes.program_ids(process.pid)
                if any(processes.has_run(i) for i in ids):
                    return ids
            time.sleep(processes.POLL)
    return set()


@contextlib.contextmanager
def attached(peer, pid, errors=subprocess.DEVNULL):
    """The tool, attached to the process. Yields the ids of its BPF programs."""
    outputs = {"stdout": subprocess.DEVNULL, "stderr": errors}
    with processes.process([*COMMANDS[peer], pid], processes.TOOLS_CPU, **outputs) as p:
        ids = wait_for_programs(p)
        try:
            yield ids
        finally:
            p.kill()  # what they would print now takes long, and nobody reads it
    processes.wait_for_end(ids)


@functools.cache
def works(peer):
    if not shutil.which(NEEDS[peer], path=processes.PATH):
        return False
    with tempfile.TemporaryFile("w+") as errors, processes.load() as load:
        with attached(peer, load.pid, errors) as ids:
            if ids:
                return True
        errors.seek(0)
        why = (errors.read().strip() or "it says nothing").splitlines()[-1]
    say(f"bench: {NEEDS[peer]} cannot be attached here and is left out: {why}")
    return False


def there():
    return [peer for peer in COMMANDS if works(peer)]
