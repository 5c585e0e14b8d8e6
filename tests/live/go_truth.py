# SPDX-License-Identifier: Apache-2.0
"""Go fixtures (tests/fixtures/go) and what they say about themselves: runtime.Stack(), and the dump
that the runtime prints when it ends on SIGQUIT."""

import ast
import collections
import os
import re
import signal
import subprocess
import tempfile

import harness

BUILT = harness.ROOT / "build" / "go-fixtures"
FIXTURES = harness.SOURCES / "go"
TOOLCHAINS = harness.ROOT / "build" / "go"
FORMS = ("exe", "stripped", "pie", "bare", "cgo", "plugin", "shared", "archive")
LIBRARIES = ("shared", "archive")  # their runtimes leave SIGQUIT to the C program

Frame = collections.namedtuple("Frame", "function file line inlined address")
Channel = collections.namedtuple("Channel", "length capacity senders receivers")
Goroutine = collections.namedtuple("Goroutine", "id reason frames creator")


def versions():
    return sorted(path.name for path in BUILT.glob("*") if (path / "stripped" / "leak").exists())


def version_number(version):
    return tuple(int(part) for part in version.split("."))


def line_of(program, mark):
    """The line of a fixture's source that ends with this mark."""
    lines = (FIXTURES / f"{program}.go").read_text(encoding="utf-8").split("\n")
    return 1 + next(i for i, line in enumerate(lines) if line.endswith(f"// {mark}"))


class GoFixture:
    """A running Go fixture that is ready."""

    def __init__(self, version, form, program, *arguments, path=None):
        path = path or BUILT / version / form / program
        command = [str(path), *map(str, arguments)]
        if form in ("plugin", "shared"):
            command.insert(1, f"{path}.so")
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*harness.BOUND, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            bufsize=0,
            env={**os.environ, "GOTRACEBACK": "system"},
        )
        self.pid = self.process.pid
        self.started = harness.monotonic()
        try:
            facts = harness.read_line(self.process.stdout, b"ready").decode().split()
        except BaseException:
            self.end()
            raise
        told = {function: fact.split(":") for function, fact in (f.split("=") for f in facts)}
        self.objects = {function: fact[0] for function, fact in told.items()}
        self.channels = {
            function: Channel(*map(int, fact[1:])) for function, fact in told.items() if fact[1:]
        }

    def stacks(self):
        """What runtime.Stack() says: not the runtime's own frames and goroutines."""
        self.process.send_signal(signal.SIGUSR1)
        text = read_until(self.process.stdout, b"\nend\n")
        return parse(text[text.index(b"\n") + 1 :].decode())

    def labels(self):
        """[(labels, functions, count)] of runtime/pprof's goroutine profile."""
        self.process.send_signal(signal.SIGHUP)
        text = read_until(self.process.stdout, b"\nend\n")
        return parse_profile(text[text.index(b"\n") + 1 :].decode())

    def count(self):
        """Of churn: what runtime.NumGoroutine() is; it stands still, and goes on the next time."""
        self.process.send_signal(signal.SIGWINCH)
        return int(harness.read_line(self.process.stdout, b"counts"))

    def collect_garbage(self):
        self.process.send_signal(signal.SIGUSR2)
        harness.read_line(self.process.stdout, b"collected")

    def dump(self):
        """Ends the fixture: every frame of every goroutine, but for g0."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(harness.PATIENCE)
        self.errors.seek(0)
        return [goroutine for goroutine in parse(self.errors.read().decode()) if goroutine.id]

    def end(self):
        harness.end_process(self.process)
        self.errors.close()


def read_until(stream, end):
    data = b""
    while not data.endswith(end):
        chunk = os.read(stream.fileno(), 1 << 20)
        if not chunk:
            raise AssertionError(f"ended after {data[-200:]!r}")
        data += chunk
    return data[: -len(end)]


# goroutine 7 gp=0xc000007340 m=nil [chan receive (durable), 2 minutes, locked to thread]:
HEADER = re.compile(
    r"goroutine (\d+)(?: gp=\S+)?(?: m=\S+)?(?: mp=\S+)? \[([^,\]]+)(?:, [^\]]*)?\]"
)
NOTES = re.compile(r" \((scan|leaked|durable)\)")
PLACE = re.compile(r"\t(.*):(\d+)(?: \+0x[0-9a-f]+)?(?: fp=\S+ sp=\S+ pc=(0x[0-9a-f]+))?$")
CREATED = re.compile(r"created by (.*?)(?: in goroutine \d+)?$")


def parse(text):
    """Goroutines of a traceback."""
    return [
        goroutine
        for block in re.split(r"\n\n+", text)
        if (goroutine := parse_block(block.split("\n"))) is not None
    ]


def parse_block(lines):
    start = next((i for i, line in enumerate(lines) if line.startswith("goroutine ")), None)
    header = HEADER.match(lines[start]) if start is not None else None
    if header is None:
        return None
    frames, creator = [], None
    for call, place in zip(lines[start + 1 :: 2], lines[start + 2 :: 2]):
        at = PLACE.match(place)
        if at is None:
            break
        created = CREATED.match(call)
        name = created[1] if created else call[: argument_list(call)]
        inlined = not created and call.endswith("(...)")
        frame = Frame(unescape(name), at[1], int(at[2]), inlined, at[3] and int(at[3], 16))
        if created:
            creator = frame
        else:
            frames.append(frame)
    return Goroutine(int(header[1]), NOTES.sub("", header[2]), frames, creator)


# 2 @ 0x43ac0e 0x43ac94
# # labels: {"key":"value"}
# #	0x4be9f4	main.hold+0x14	/src/labels.go:30
RECORD = re.compile(r"(\d+) @ ")
LABELS = re.compile(r"# labels: \{(.*)\}$")
LABEL = re.compile(r'("(?:[^"\\]|\\.)*"):("(?:[^"\\]|\\.)*")(?:, |$)')
CALL = re.compile(r"#\t0x[0-9a-f]+\t(.*?)(?:\+0x[0-9a-f]+)?\t")


def parse_profile(text):
    """The records of a goroutine profile under debug=1."""
    records = []
    for block in text.split("\n\n"):
        lines = block.split("\n")
        start = next((i for i, line in enumerate(lines) if RECORD.match(line)), None)
        if start is None:
            continue
        # The goroutine of a thread of C code has a record without a line of its own.
        labels = next((found for line in lines[start + 1 :] if (found := LABELS.match(line))), None)
        pairs = LABEL.findall(labels[1]) if labels else []
        functions = [call[1] for line in lines if (call := CALL.match(line))]
        count = int(RECORD.match(lines[start])[1])
        records.append(
            ({ast.literal_eval(k): ast.literal_eval(v) for k, v in pairs}, functions, count)
        )
    return records


def argument_list(call):
    """Where the arguments of "main.(*T).f({0x1, 0x2}, 0x3)" start."""
    depth = 0
    for at in range(len(call) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(call[at], 0)
        if depth == 0:
            return at
    return len(call)


def unescape(name):
    return in_main(re.sub(r"%([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), name))


def in_main(name):
    """What is in package main, by the name that it has in a program; in a plugin it has another."""
    return re.sub(r"^plugin/unnamed-[0-9a-f]+\.", "main.", name)


def without_plugin(report):
    """The report, as if a plugin were the program."""
    for group in report.groups:
        for frame in [*group["frames"], group["created_by"] or {}]:
            if frame.get("function"):
                frame["function"] = in_main(frame["function"])
    return report


# Both sides in one shape


def reported(report):
    """The report's groups of goroutines as (Goroutine, count)."""
    return [
        (
            Goroutine(
                None,
                NOTES.sub("", group["reason"]),
                [
                    Frame(
                        frame["function"],
                        frame["file"],
                        frame["line"],
                        frame["inlined"],
                        int(frame["address"], 16),
                    )
                    for frame in group["frames"]
                ],
                group["created_by"] and Frame(
                    group["created_by"]["function"],
                    group["created_by"]["file"],
                    group["created_by"]["line"],
                    False,
                    None,
                ),
            ),
            group["count"],
        )
        for group in report.groups
        if group["kind"] == "goroutine"
    ]


def is_runtime(frame):
    """Frames that runtime.Stack() leaves out, or names otherwise: panic is runtime.gopanic."""
    return (
        frame.function is None
        or frame.function.startswith("runtime.")
        or "." not in frame.function  # panic, what cgo makes: showframe() in runtime/traceback.go
        or frame.file == "<autogenerated>"
    )


# What the runtime itself takes for a wrapper.
RUNTIME_WRAPPER = re.compile(
    r"runtime\.(call\d+|reflectcall|deferCallSave|runOpenDeferFrame|goexit|.*\.gowrap\d+)$"
)


def is_wrapper(frame, goroutine, shown):
    """What runtime.Stack() leaves out of a goroutine that it shows; of others, the function that
    the compiler makes for "go f(x)", which stands at the line of that statement."""
    if shown is not None and not frame.function.startswith("runtime."):
        return frame.function not in shown
    if goroutine.creator and frame[1:3] == goroutine.creator[1:3]:
        return True
    if frame.file == "<autogenerated>":
        return True
    return bool(RUNTIME_WRAPPER.match(frame.function))


def without_wrappers(dump, stacks):
    """A dump as all other views show it; stacks are runtime.Stack()'s."""
    shown = {one.id: {frame.function for frame in one.frames} for one in stacks}
    return [one._replace(frames=own_frames(one, shown.get(one.id))) for one in dump]


def own_frames(goroutine, shown):
    """What was inlined into a wrapper stands in its place."""
    frames = []
    for frame in goroutine.frames:
        if frame.function == "panic":
            frame = frame._replace(function="runtime.gopanic")
        if not is_wrapper(frame, goroutine, shown):
            frames.append(frame)
        elif frames and frames[-1].inlined and not frame.inlined:
            frames[-1] = frames[-1]._replace(inlined=False, address=frame.address)
    return frames


def describe(goroutine):
    """Reason, frames and creator as one text, to count and to compare."""
    lines = [goroutine.reason]
    for frame in goroutine.frames:
        lines.append(f"  {frame.function}{' (inlined)' * frame.inlined} {frame.file}:{frame.line}")
    if goroutine.creator:
        creator = goroutine.creator
        lines.append(f"  created by {creator.function} {creator.file}:{creator.line}")
    return "\n".join(lines)


def assert_same(test, found, expected, what):
    """Counts of texts that describe goroutines."""
    if found == expected:
        return
    missing = "\n".join(f"{n} × {text}" for text, n in (expected - found).items())
    extra = "\n".join(f"{n} × {text}" for text, n in (found - expected).items())
    test.fail(f"{what}\nin the truth alone:\n{missing}\n\nin the report alone:\n{extra}")


def without_runtime(goroutine):
    frames = [frame for frame in goroutine.frames if not is_runtime(frame)]
    return goroutine._replace(frames=frames)


def calls(goroutine, function):
    return any(frame.function == function for frame in goroutine.frames)
