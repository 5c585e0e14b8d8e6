# SPDX-License-Identifier: Apache-2.0
"""The processes that the benchmarks start, and what can be read of them. parkwatch and the other
tools run on CPU 0, what they are measured on runs on CPU 1."""

import contextlib
import ctypes
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build")).resolve()
PARKWATCH = str(BUILD / "parkwatch")

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
PROGRAMS = {"on_sched_switch", "on_sys_exit"}  # of parkwatch, attached while it runs
PATIENCE = 60  # seconds that anything may take to be ready
POLL = 0.01
PORTS = (20_000, 32_768)  # net.ipv4.ip_local_port_range begins there
SYS_BPF = 321  # x86-64
BPF_ENABLE_STATS = 32  # include/uapi/linux/bpf.h
TOOLS_CPU = "0"
LOAD_CPU = "1"


class Disturbed(Exception):
    """Something else on this machine was being traced as well: the round does not count."""


def wait_for(condition, what):
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        if time.monotonic() > end:
            raise SystemExit(f"bench: not within {PATIENCE} s: {what}")
        time.sleep(POLL)
    return value


@contextlib.contextmanager
def process(command, cpu, **options):
    with subprocess.Popen(["taskset", "-c", cpu, *map(str, command)], **options) as started:
        try:
            yield started
        finally:
            started.send_signal(signal.SIGTERM)
            started.wait(PATIENCE)


class Load:
    """A running load.c; see load()."""

    def __init__(self, started):
        self.pid = started.pid
        self.to = started.stdin
        self.answers = started.stdout

    def measure(self, operation, count):
        """What one of so many operations took, in ns."""
        self.to.write(f"{operation} {count}\n")
        self.to.flush()
        return float(self.answers.readline())


@contextlib.contextmanager
def load():
    command = [BUILD / "bench" / "load"]
    with process(command, LOAD_CPU, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as p:
        yield Load(p)


class Talker:
    """A process that answers lines with lines; see talker()."""

    def __init__(self, started):
        self.pid = started.pid
        self.to = started.stdin
        self.answers = started.stdout

    def ask(self, line):
        self.to.write(f"{line}\n")
        self.to.flush()
        return self.answers.readline().strip()


@contextlib.contextmanager
def talker(program, *arguments, cpu=LOAD_CPU):
    """A program that has said that it is ready."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with process([program, *arguments], cpu, **pipes) as p:
        if not p.stdout.readline().startswith("ready"):
            raise SystemExit(f"bench: this is not to be had here: {program} {arguments}")
        yield Talker(p)


def fixture(name, *arguments):
    """A program of tests/fixtures."""
    return talker(BUILD / "fixtures" / name, *arguments)


LIMITS = {  # what 100,000 threads take, each with a stack and a guard page of its own
    "kernel/pid_max": 262_144,
    "kernel/threads-max": 262_144,
    "vm/max_map_count": 400_000,
}


@contextlib.contextmanager
def many_threads():
    """The kernel's limits are such that a process can have very many threads."""
    before = {}
    try:
        for name, least in LIMITS.items():
            path = pathlib.Path("/proc/sys", name)
            now = int(path.read_text())
            if now < least:
                before[path] = now
                path.write_text(str(least))
        yield
    finally:
        for path, value in before.items():
            path.write_text(str(value))


def bpf_programs():
    """What the kernel says of all BPF programs there are, by their ids."""
    output = subprocess.run(
        ["bpftool", "-j", "prog", "show"], env={"PATH": PATH}, check=True, capture_output=True
    ).stdout
    return {program["id"]: program for program in json.loads(output) if "name" in program}


def has_run(program):
    """Within bpf_statistics()."""
    return bpf_programs().get(program, {}).get("run_cnt", 0) > 0


def program_ids(pid):
    """Of the BPF programs that the process holds."""
    ids = set()
    for path in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):
            ids.update(map(int, re.findall(r"^prog_id:\t(\d+)$", path.read_text(), re.M)))
    return ids


def check_alone(ids=frozenset()):
    """Raises Disturbed where a parkwatch is attached other than the one that has these programs."""
    if any(program["name"] in PROGRAMS for i, program in bpf_programs().items() if i not in ids):
        raise Disturbed


def wait_for_end(ids):
    """The kernel frees programs some time after their process has ended."""
    wait_for(lambda: not ids & set(bpf_programs()), "the end of BPF programs")


class Statistics:
    """Runs and time of programs by name, between two moments. Within bpf_statistics()."""

    def __init__(self, ids):
        self.ids = ids
        self.before = bpf_programs()

    def ns_per_run(self, name):
        now = bpf_programs()
        runs = spent = 0
        for i in self.ids:
            if i in now and i in self.before and now[i]["name"] == name:
                runs += now[i].get("run_cnt", 0) - self.before[i].get("run_cnt", 0)
                spent += now[i].get("run_time_ns", 0) - self.before[i].get("run_time_ns", 0)
        return spent / runs if runs else None


class Watch:
    """A parkwatch that serves; see watch()."""

    def __init__(self, pid, port):
        self.pid = pid
        self.port = port

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.read().decode()
        except OSError:  # not there yet, or no answer in time
            return None

    def scans(self, source="threads"):
        """How many scans there were, and the seconds that they took, as /metrics has them."""
        text = self.get("/metrics") or ""
        pattern = r'^parkwatch_scan_duration_seconds_%s\{.*source="%s".*\} (\S+)$'
        found = [re.search(pattern % (part, source), text, re.M) for part in ("count", "sum")]
        return (int(float(found[0][1])), float(found[1][1])) if all(found) else (0, 0.0)

    def next_scan(self, before, source):
        """(number of scans, seconds of all) once there is another one."""
        wait_for(lambda: self.scans(source)[0] > before[0], "a scan")
        return self.scans(source)

    def roles(self):
        """Proportional set size in bytes of each role: pages that roles share count in parts."""
        return {comm_of(pid): proportional_bytes(pid) for pid in self.pids()}

    def pids(self):
        children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [str(self.pid), *children]

    def cpu_seconds(self):
        """That all roles have taken."""
        return sum(map(cpu_ns, self.pids())) / 1e9


def comm_of(pid):
    return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()


def cpu_ns(pid):
    """Of all threads that the process has now, of the scheduler's own clock."""
    total = 0
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            total += int(path.read_text().split()[0])
    return total


def proportional_bytes(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+) kB$", text, re.M)[1]) * 1024


def free_port():
    """Below those that the kernel gives to clients, who may take it before it is listened on."""
    while True:
        port = random.randrange(*PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextlib.contextmanager
def watch(pid, *options, cpu=TOOLS_CPU):
    """A parkwatch that is attached to the process and has scanned it once."""
    port = free_port()
    command = [PARKWATCH, "watch", "-p", pid, "--web.listen-address", f"127.0.0.1:{port}", *options]
    with process(command, cpu, stderr=subprocess.DEVNULL) as p:
        watching = Watch(p.pid, port)
        wait_for(lambda: watching.get("/-/ready"), "an answer of parkwatch")
        yield watching


@contextlib.contextmanager
def watch_ids(pid, *options):
    """The ids of the BPF programs of such a parkwatch."""
    with watch(pid, *options) as watching:
        ids = program_ids(watching.pid)
        yield ids
    wait_for_end(ids)


@contextlib.contextmanager
def empty(program):
    """A program of empty.bpf.c, attached. Yields its id, in a set."""
    command = [BUILD / "bench" / "empty", BUILD / "bench" / "empty.bpf.o", program]
    with process(command, TOOLS_CPU, stdout=subprocess.PIPE) as p:
        if p.stdout.readline() != b"ready\n":
            raise SystemExit(f"bench: {program} cannot be attached")
        ids = program_ids(p.pid)
        yield ids
    wait_for_end(ids)


@contextlib.contextmanager
def bpf_statistics():
    """The kernel's run-time statistics of BPF programs, on as long as a descriptor is open: so they
    end with this process, however it ends, and kernel.bpf_stats_enabled stays as it is."""
    run_time = ctypes.c_uint32(0)  # BPF_STATS_RUN_TIME
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(SYS_BPF, BPF_ENABLE_STATS, ctypes.byref(run_time), ctypes.sizeof(run_time))
    if fd < 0:
        raise SystemExit(f"bench: no statistics of BPF programs: {os.strerror(ctypes.get_errno())}")
    try:
        yield
    finally:
        os.close(fd)


def run_on(cpu, *command, **options):
    return subprocess.run(
        ["taskset", "-c", cpu, *map(str, command)],
        timeout=PATIENCE,
        check=True,
        **({"capture_output": True, "text": True} | options),
    )


NOWHERE = {"capture_output": False, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def seconds_of(command, cpu=TOOLS_CPU, answer=None):
    """Wall clock of a command whose output goes nowhere; `answer` is what it reads."""
    start = time.monotonic()
    run_on(cpu, *command, input=answer, **NOWHERE)
    return time.monotonic() - start


def usage_of(command):
    """Wall clock and CPU time, of it and its children, of a command on any CPU."""
    before, start = os.times(), time.monotonic()
    run_on(f"0-{os.cpu_count() - 1}", *command, **NOWHERE)
    wall, after = time.monotonic() - start, os.times()
    cpu = after.children_user + after.children_system
    return {"wall": wall, "cpu": cpu - before.children_user - before.children_system}
