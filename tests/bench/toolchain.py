# SPDX-License-Identifier: Apache-2.0
"""A Go toolchain, and what the benchmarks build with it."""

import functools
import pathlib
import shutil
import subprocess

import processes

SOURCE = processes.ROOT / "tests" / "fixtures" / "go" / "million.go"
INTO = processes.BUILD / "bench"
KNOWN_TO_DLV = "1.19"  # Debian's dlv is of 2023


def goroots():
    """Those of scripts/go-toolchains.sh, oldest first."""
    found = (processes.ROOT / "build" / "go").glob("*/bin/go")
    return sorted((path.parents[1] for path in found), key=lambda path: as_numbers(path.name))


def as_numbers(version):
    return [int(part) for part in version.split(".")]


def installed():
    """Debian's own."""
    go = shutil.which("go")
    return pathlib.Path(go).resolve().parents[1] if go else None


def newest():
    """The root of the toolchain to use."""
    found = [*goroots()]
    root = found[-1] if found else installed()
    if not root:
        raise SystemExit(
            "bench: goroutines cannot be measured: no Go toolchain, neither in build/go "
            "(scripts/go-toolchains.sh) nor as `go` (scripts/setup.sh bench); "
            "or choose other parts with --part"
        )
    return root


def for_dlv():
    """The root of one whose programs dlv can read, or None."""
    named = {root.name: root for root in goroots()}
    return named.get(KNOWN_TO_DLV, installed())


@functools.cache
def build(name, root, *flags):
    """The path of million.go, built."""
    output = INTO / name
    variables = {
        "PATH": processes.PATH,
        "HOME": str(INTO),
        "GOROOT": str(root),
        "GOENV": "off",
        "GOTOOLCHAIN": "local",
        "GOPROXY": "off",
        "GOCACHE": str(INTO / "go-cache"),
        "GOPATH": str(INTO / "go-path"),
        "CGO_ENABLED": "0",
    }
    command = [f"{root}/bin/go", "build", "-trimpath", *flags, "-o", output, SOURCE]
    subprocess.run(command, env=variables, check=True)
    return output


def million():
    return build("million", newest(), "-ldflags=-s -w")


def million_with_dwarf():
    """What dlv can read, or None."""
    root = for_dlv()
    return build("million-dwarf", root) if root else None
