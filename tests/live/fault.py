# SPDX-License-Identifier: Apache-2.0
"""tests/fixtures/lib/fault.c from this side: parkwatch with calls of libc that fail."""

import mmap
import os
import pathlib
import signal
import struct
import subprocess

from harness import BOUND, PARKWATCH, SOURCES, compile_source, wait_for

NAME = 16
HEAD = struct.Struct("16s16sqqQQQqQqQQQQQ16s")
SITE = struct.Struct("Q16s16sQQ")
SITES_MAX = 8192
FIELDS = (
    *("role", "function", "error", "argument", "site", "first", "last", "shift_s", "record"),
    *("hoarder", "calls", "failed", "crashes", "own_crashes", "hoarded", "crashed"),
)
ALWAYS = 2**64 - 1

# Addresses are the same from run to run: sites can be told apart by them.
FIXED = ("setarch", "-R")


def build(directory):
    return compile_source(
        SOURCES / "lib" / "fault.c",
        pathlib.Path(directory) / "fault.so",
        *"gcc -std=gnu17 -O1 -g -Wall -Wextra -fno-builtin -Wno-builtin-declaration-mismatch".split(),
        *"-shared -fPIC -D_GNU_SOURCE".split(),
    )


class Site:
    def __init__(self, number, role, function, place):
        self.number = number
        self.role = role
        self.function = function
        self.place = place  # nearest call in the program

    def line(self):
        command = ["addr2line", "-f", "-s", "-e", str(PARKWATCH), hex(self.place)]
        return " ".join(subprocess.run(command, capture_output=True, check=True).stdout.decode().split())

    def __repr__(self):
        return f"{self.function} of {self.role} in {self.line()}"


class Fault:
    """What fails, for the processes that run with it."""

    def __init__(self, library, path):
        self.library = library
        self.path = path
        with open(path, "wb") as file:
            file.truncate(HEAD.size + SITES_MAX * SITE.size)
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)
        self.clear()

    def close(self):
        self.memory.close()

    def environment(self):
        return dict(os.environ, LD_PRELOAD=str(self.library), FAULT=str(self.path))

    def write(self, **fields):
        values = dict.fromkeys(FIELDS, 0) | {"role": b"", "function": b"", "crashed": b""}
        values |= {"argument": -1, "first": 1} | fields
        for key in ("role", "function"):
            if isinstance(values[key], str):
                values[key] = values[key].encode()
        values["last"] = values["last"] or values["first"]
        HEAD.pack_into(self.memory, 0, *(values[key] for key in FIELDS))

    def clear(self, **fields):
        """Nothing fails."""
        self.write(**fields)

    def arm(self, function, error, **fields):
        """The first call fails, unless `first` and `last` say otherwise."""
        self.write(function=function, error=error, **fields)

    def read(self, name):
        value = HEAD.unpack_from(self.memory, 0)[FIELDS.index(name)]
        return value.rstrip(b"\0").decode() if isinstance(value, bytes) else value

    def sites(self):
        found = []
        for i in range(SITES_MAX):
            number, role, function, _, place = SITE.unpack_from(
                self.memory, HEAD.size + i * SITE.size
            )
            if number:
                role, function = (text.rstrip(b"\0").decode() for text in (role, function))
                found.append(Site(number, role, function, place))
        return sorted(found, key=lambda site: (site.role, site.function, site.number))

    def run(self, *arguments, seconds=60, **streams):
        """Like harness.run(), in a process group of its own, which has to be empty then."""
        process = subprocess.Popen(
            [*BOUND, *FIXED, str(PARKWATCH), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=streams.pop("stdout", subprocess.PIPE),
            stderr=streams.pop("stderr", subprocess.PIPE),
            start_new_session=True,
            env=self.environment(),
            **streams,
        )
        try:
            output, errors = process.communicate(timeout=seconds)
            wait_for(lambda: not group_lives(process.pid), "its roles end")
        finally:
            if group_lives(process.pid):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return Done(process.returncode, output, errors)


class Done:
    def __init__(self, status, output, errors):
        self.status = status
        self.output = output
        self.errors = (errors or b"").decode()


def group_lives(group):
    """Is anybody in this process group? A zombie is nobody's loss."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
