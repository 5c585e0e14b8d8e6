# SPDX-License-Identifier: Apache-2.0
"""What the live tests share: fixtures, parkwatch's commands, gdb as the independent witness, and
what is left behind. Every wait has a deadline and ends with the condition that it waits for."""

import contextlib
import datetime
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build")).resolve()
PARKWATCH = BUILD / "parkwatch"
FIXTURES = BUILD / "fixtures"
SOURCES = ROOT / "tests" / "fixtures"

AGE_TOLERANCE = 0.050  # seconds
PATIENCE = 30  # seconds that a condition may take to come true
POLL = 0.02  # seconds between two looks at it


def monotonic():
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def wait_for(condition, what, seconds=PATIENCE):
    """Returns the first true value of condition()."""
    end = monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(POLL)


# Processes


def read_stat(pid):
    """State and parent of a process, or None when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(b")") + 2 :].split()
    return fields[0].decode(), int(fields[1])


def alive(pid):
    stat = read_stat(pid)
    return stat is not None and stat[0] not in "ZX"


def children(pid):
    """All living descendants."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            stat = read_stat(int(entry))
            if stat and stat[0] not in "ZX":
                parents[int(entry)] = stat[1]
    found, front = [], [pid]
    while front:
        front = [child for child, parent in parents.items() if parent in front]
        found += front
    return found


def comm_of(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return pathlib.Path(f"/proc/{pid}/comm").read_bytes().rstrip(b"\n").decode(errors="replace")
    return ""


def end_process(process):
    """Ends one process that the test started, first politely."""
    if process.stdin and not process.stdin.closed:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    for attempt in (signal.SIGTERM, signal.SIGKILL):
        process.send_signal(attempt)
        try:
            process.wait(10)
            break
        except subprocess.TimeoutExpired:
            continue
    if process.stdout:
        process.stdout.close()
    if process.stderr:
        process.stderr.close()


def read_line(stream, start, seconds=PATIENCE):
    """The first line of an unbuffered stream that begins with `start`."""
    end = monotonic() + seconds
    data = b""
    while True:
        for line in data.split(b"\n")[:-1]:
            if line.startswith(start):
                return line[len(start) :]
        ready, _, _ = select.select([stream], [], [], max(0, end - monotonic()))
        if not ready:
            raise AssertionError(f"no {start!r} within {seconds} s, only {data[:200]!r}")
        chunk = os.read(stream.fileno(), 1 << 20)
        if not chunk:
            raise AssertionError(f"ended before {start!r}, after {data[:200]!r}")
        data += chunk


def thread_statuses(pid):
    """{tid: the lines of its status as a dictionary} of all threads."""
    return {
        int(task.name): dict(
            line.split(":\t", 1)
            for line in (task / "status").read_text(encoding="utf-8").splitlines()
            if ":\t" in line
        )
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
    }


def switches(pid):
    """{tid: how often the thread was switched out, by itself and by others}, as the kernel counts."""
    return {
        tid: (int(status["voluntary_ctxt_switches"]), int(status["nonvoluntary_ctxt_switches"]))
        for tid, status in thread_statuses(pid).items()
    }


# The child ends with us, however we end.
BOUND = ("setpriv", "--pdeathsig", "KILL")


class Fixture:
    """A running fixture and the truth that it told."""

    def __init__(self, name, *arguments, command=None, **options):
        self.name = name
        command = command or [str(FIXTURES / name)]
        self.process = subprocess.Popen(
            [*command, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            **options,
        )
        try:
            self.read_truth()
        except BaseException:
            end_process(self.process)
            raise

    def read_truth(self):
        self.truth = json.loads(read_line(self.process.stdout, b"ready ", 90))
        self.threads = self.truth["threads"]
        self.pid = self.process.pid

    def end(self):
        end_process(self.process)


def wait_until_old(fixture, seconds):
    """Until the youngest park has lasted so long."""
    end = max(thread["since_ns"] for thread in fixture.threads) / 1e9 + seconds
    time.sleep(max(0, end - monotonic()))


# The expectation in a fixture's header comment


class Expected:
    def __init__(self, count, reason, frames):
        self.count = count
        self.reason = reason
        self.frames = frames  # (function, inlined), innermost first

    def own(self, functions):
        """Frames that are in the set of functions."""
        return [function for function, _ in self.frames if function in functions]

    def __repr__(self):
        return f"{self.count} × {self.reason}: {', '.join(name for name, _ in self.frames)}"


STACK = re.compile(r'^ \*   (\d+|N) threads?, "([^"]+)".*\n \*       (.*)$', re.MULTILINE)


def expected_stacks(name):
    """What the header comment of a fixture states."""
    text = (SOURCES / f"{name}.c").read_text(encoding="utf-8")
    stacks = []
    for count, reason, line in STACK.findall(text):
        frames = [re.fullmatch(r"(\S+)( \(inlined\))?", token) for token in line.split(", ")]
        stacks.append(
            Expected(
                None if count == "N" else int(count),
                reason,
                [(frame[1], bool(frame[2])) for frame in frames],
            )
        )
    return stacks


def plain(function):
    """glibc's functions have several names at one address: __GI___libc_read is read."""
    if function is None:
        return None
    function = re.sub(r"(\.(constprop|isra|part|cold)\.?\d*)+$", "", function)
    return re.sub(r"^_*(GI_+)?(libc_|new_)?", "", function) or function


def match_stack(expected, frames, own_modules):
    """What is wrong, or None when all expected frames occur in order and no other frame of the
    program's own does."""
    wanted = list(expected.frames)
    for frame in frames:
        module = os.path.basename(frame["module"] or "")
        if wanted and plain(frame["function"]) == plain(wanted[0][0]):
            if wanted[0][1] != frame["inlined"] and module in own_modules:
                return f"{frame['function']}: inlined is {frame['inlined']}"
            wanted.pop(0)
        elif module in own_modules:
            return f"unexpected {frame['function']} of {module}"
    return f"missing {wanted[0][0]}" if wanted else None


def describe(frames):
    return "\n".join(
        f"    {frame['function']} {os.path.basename(frame['file'] or '?')}:{frame['line']}"
        f" [{os.path.basename(frame['module'] or '?')}]{' (inlined)' if frame['inlined'] else ''}"
        for frame in frames
    )


# parkwatch


def run(*arguments, seconds=60, **options):
    return subprocess.run(
        [str(PARKWATCH), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=seconds,
        check=False,
        **options,
    )


class Report:
    """The JSON of `report` or of /api/v1/report, and when it was made."""

    def __init__(self, data, started, ended):
        self.data = data
        self.started = started
        self.ended = ended
        self.targets = data["targets"]

    @property
    def target(self):
        if len(self.targets) != 1:
            raise AssertionError(f"{len(self.targets)} targets")
        return self.targets[0]

    @property
    def groups(self):
        return self.target["groups"]

    def moment(self):
        """Earliest and latest CLOCK_MONOTONIC at which the ages can have been taken."""
        text = self.data["time"].replace("Z", "+00:00")
        if not re.search(r":\d\d\.\d{2,}", text):
            return self.started, self.ended
        text = re.sub(r"(\.\d{6})\d+", r"\1", text)
        wall = datetime.datetime.fromisoformat(text).timestamp()
        at = wall - time.time() + monotonic()
        return max(self.started, at), min(self.ended, at)

    def having(self, function, line=None):
        """Groups with this function, at this line, among their frames."""
        return [
            group
            for group in self.groups
            if any(
                plain(frame["function"]) == plain(function)
                and (line is None or frame["line"] == line)
                for frame in group["frames"]
            )
        ]

    def group(self, function, line=None):
        groups = self.having(function, line)
        if len(groups) != 1:
            shown = "\n".join(
                f"{group['count']} × {group['reason']}\n{describe(group['frames'])}"
                for group in self.groups
            )
            raise AssertionError(f"{len(groups)} groups with {function}:{line} among\n{shown}")
        return groups[0]


def report(pids, *options, seconds=60):
    pids = [pids] if isinstance(pids, int) else pids
    started = monotonic()
    done = run(
        "report", "-p", ",".join(map(str, pids)), "--format", "json", *options, seconds=seconds
    )
    ended = monotonic()
    if done.returncode != 0:
        raise AssertionError(f"report exits {done.returncode}: {done.stderr.decode()}")
    return Report(json.loads(done.stdout), started, ended)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Watch:
    """A running daemon."""

    def __init__(
        self,
        pids,
        *options,
        ready=True,
        port=None,
        program=(*BOUND, str(PARKWATCH)),
        **keywords,
    ):
        pids = [pids] if isinstance(pids, (int, str)) else pids
        self.port = port or free_port()
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [
                *program,
                "watch",
                "-p",
                ",".join(map(str, pids)),
                "--web.listen-address",
                f"127.0.0.1:{self.port}",
                *options,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.errors,
            **keywords,
        )
        self.pid = self.process.pid
        self.family = []
        if ready:
            self.wait_ready()

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"watch exits {self.process.returncode}: {self.log()}")
            try:
                return self.fetch("/-/ready")[0] == 200
            except OSError:
                return False

        wait_for(ready, "daemon is ready")
        self.family = children(self.pid)

    def log(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def fetch(self, path, **headers):
        """Status, headers, body."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            headers={key.replace("_", "-"): value for key, value in headers.items()},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def report(self):
        started = monotonic()
        status, _, body = self.fetch("/api/v1/report")
        if status != 200:
            raise AssertionError(f"/api/v1/report: {status}")
        return Report(json.loads(body), started, monotonic())

    def metrics(self):
        """{(name, ((label, value), ...)): number}, read with Prometheus' own parser."""
        from prometheus_client.parser import text_string_to_metric_families

        status, _, body = self.fetch("/metrics")
        if status != 200:
            raise AssertionError(f"/metrics: {status}")
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(body.decode())
            for sample in family.samples
        }

    def value(self, name, **labels):
        """The sum of the series that carry these labels, or None without one."""
        wanted = set(labels.items())
        values = [
            value
            for (series, pairs), value in self.metrics().items()
            if series == name and wanted <= set(pairs)
        ]
        return sum(values) if values else None

    def role(self, name):
        return [pid for pid in children(self.pid) if comm_of(pid) == name]

    def analysts(self):
        return self.role("pw-analyst")

    def remember_family(self):
        self.family = sorted(set(self.family) | set(children(self.pid)))

    def stop(self, number=signal.SIGTERM):
        """Ends the daemon; its exit status. All of its processes have to be gone."""
        self.remember_family()
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            status = self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("watch does not stop") from None
        wait_for(self.nothing_lives, f"children {self.family} end")
        return status

    def nothing_lives(self):
        return not any(alive(pid) for pid in self.family)

    def kill(self):
        self.remember_family()
        self.process.kill()
        self.process.wait(10)

    def end(self):
        """For clean-up: whatever state it is in."""
        if self.process.poll() is None:
            self.kill()
        for pid in self.family:
            if alive(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.errors.close()


# What BPF leaves behind

BPFTOOL = shutil.which("bpftool", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def bpf_entries():
    """(kind, entry) of all BPF programs, links and maps, as bpftool lists them."""
    for kind in ("prog", "link", "map"):
        for _ in range(10):
            done = subprocess.run(
                [BPFTOOL, "-j", kind, "show"], capture_output=True, timeout=30, check=False
            )
            if done.returncode == 0:
                break  # else an object ended between its listing and the look at it: look again
        done.check_returncode()
        for entry in json.loads(done.stdout or b"[]"):
            yield kind, entry


def holders(entry):
    return {holder["pid"] for holder in entry.get("pids", [])}


def bpf_objects(but=()):
    """(kind, id) of all programs, links and maps but those that living processes in `but` hold."""
    return {
        (kind, entry["id"]) for kind, entry in bpf_entries() if not holders(entry) & set(but)
    }


def bpf_held():
    """(kind, id) of all that some process has open, which bpftool does not tell on every kernel."""
    kinds = {"bpf-prog": "prog", "bpf-map": "map", "bpf_link": "link"}
    for fd in pathlib.Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            kind = kinds.get(os.readlink(fd).removeprefix("anon_inode:"))
            if kind:
                info = (fd.parents[1] / "fdinfo" / fd.name).read_text(encoding="utf-8")
                yield kind, int(re.search(rf"^{kind}_id:\s*(\d+)", info, re.M)[1])


def bpf_leftovers():
    """(kind, id) of all that no process holds: pinned, or about to be freed. Who runs daemons of
    their own meanwhile is no matter of ours."""
    return {(kind, entry["id"]) for kind, entry in bpf_entries()} - set(bpf_held())


def strangers():
    """Processes that hold BPF objects now: not ours, as long as no test runs a daemon."""
    return set().union(*(holders(entry) for _, entry in bpf_entries()))


# gdb, the witness


def gdb_stacks(pid, seconds=120):
    """{tid: frames} as gdb sees them. It stops the process meanwhile."""
    with tempfile.NamedTemporaryFile(suffix=".json") as output:
        environment = dict(os.environ, GDB_STACKS=output.name)
        environment.pop("DEBUGINFOD_URLS", None)
        done = subprocess.run(
            [
                "gdb",
                "-nx",
                "-batch",
                "-iex",
                "set debuginfod enabled off",
                "-iex",
                "set auto-load off",
                "-ex",
                "set backtrace past-main on",
                "-ex",
                "set backtrace past-entry on",
                "-p",
                str(pid),
                "-x",
                str(pathlib.Path(__file__).with_name("gdb_stacks.py")),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            env=environment,
            check=False,
        )
        text = pathlib.Path(output.name).read_text(encoding="utf-8")
        if not text:
            raise AssertionError(f"gdb: {done.stderr.decode(errors='replace')[-500:]}")
        return {int(tid): frames for tid, frames in json.loads(text).items()}


def compile_source(source, output, *command):
    subprocess.run([*command, str(source), "-o", str(output)], check=True, timeout=120)
    return output


def libraries(program):
    """Files that a program is linked with, the loader among them."""
    done = subprocess.run(["ldd", program], capture_output=True, text=True, check=True, timeout=30)
    words = done.stdout.split()
    return [pathlib.Path(word) for word in words if word.startswith("/")]


def plugin_path(directory, name="plugin.so", *more):
    """The library that fixture dlopen loads."""
    return compile_source(
        SOURCES / "lib" / "plugin.c",
        pathlib.Path(directory) / name,
        *"gcc -std=gnu17 -O1 -g -fomit-frame-pointer -shared -fPIC -D_GNU_SOURCE".split(),
        *more,
    )


def need(*programs):
    """Skips the test where a program is missing."""
    for program in programs:
        if not shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
            raise unittest.SkipTest(f"{program} is not installed")


class LiveTest(unittest.TestCase):
    maxDiff = None

    def directory(self):
        path = tempfile.mkdtemp(prefix="parkwatch-test-")
        os.chmod(path, 0o755)
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return pathlib.Path(path)

    def fixture(self, name, *arguments, **options):
        fixture = Fixture(name, *arguments, **options)
        self.addCleanup(fixture.end)
        return fixture

    def server(self, command, **options):
        process = subprocess.Popen(
            [*BOUND, *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=options.pop("stdout", subprocess.DEVNULL),
            stderr=options.pop("stderr", subprocess.DEVNULL),
            bufsize=0,
            **options,
        )
        self.addCleanup(end_process, process)
        return process

    def watch(self, pids, *options, **keywords):
        watch = Watch(pids, *options, **keywords)
        self.addCleanup(watch.end)
        return watch

    def assert_age(self, taken, group, since_ns, newest=False):
        """The oldest (or newest) of a group has been parked since since_ns."""
        since = since_ns / 1e9
        first, last = taken.moment()
        age = group["newest_seconds" if newest else "oldest_seconds"]
        self.assertGreaterEqual(age, first - since - AGE_TOLERANCE, "too young")
        self.assertLessEqual(age, last - since + AGE_TOLERANCE, "too old")
        if not newest:
            self.assert_bounds(group, first - since, last - since)

    def assert_bounds(self, group, shortest, longest):
        self.assertLessEqual(group["oldest_seconds_at_least"], longest + AGE_TOLERANCE)
        self.assertLessEqual(group["oldest_seconds_at_least"], group["oldest_seconds"] + 1e-3)
        if group["oldest_seconds_at_most"] is not None:
            self.assertGreaterEqual(group["oldest_seconds_at_most"], shortest - AGE_TOLERANCE)
            self.assertGreaterEqual(
                group["oldest_seconds_at_most"], group["oldest_seconds"] - 1e-3
            )

    def assert_stack(self, expected, frames, own_modules):
        wrong = match_stack(expected, frames, own_modules)
        if wrong:
            self.fail(f"{wrong}; expected {expected}, got\n{describe(frames)}")
