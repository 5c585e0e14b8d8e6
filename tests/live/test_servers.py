# SPDX-License-Identifier: Apache-2.0
"""Programs that nobody here wrote, against gdb: the same threads, the same frames and names."""

import collections
import functools
import os
import pathlib
import pwd
import shutil
import subprocess

from harness import (
    LiveTest,
    alive,
    children,
    compile_source,
    describe,
    gdb_stacks,
    need,
    read_line,
    report,
    wait_for,
)

PROGRAMS = pathlib.Path(__file__).with_name("programs")
ATTEMPTS = 3  # servers have timers: a thread can be elsewhere when gdb comes


@functools.cache
def symbols_at(module):
    """{name: (address, ...)} of a file and of its separate debug information."""
    found = collections.defaultdict(set)
    for path in (module, debug_file(module)):
        if not path:
            continue
        done = subprocess.run(
            ["readelf", "-W", "-s", path], capture_output=True, text=True, timeout=60, check=False
        )
        for line in done.stdout.splitlines():
            fields = line.split()
            if len(fields) >= 8 and fields[3] in ("FUNC", "IFUNC", "NOTYPE"):
                found[fields[7].split("@")[0]].add(int(fields[1], 16))
    return found


def debug_file(module):
    done = subprocess.run(
        ["readelf", "-n", module], capture_output=True, text=True, timeout=30, check=False
    )
    for line in done.stdout.splitlines():
        if "Build ID:" in line:
            build_id = line.split()[-1]
            path = f"/usr/lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug"
            return path if os.path.exists(path) else None
    return None


def aliases(one, other, module):
    """Two names of the same code? gdb and elfutils choose differently among glibc's."""
    if not module or not os.path.exists(module):
        return False
    symbols = symbols_at(module)
    return bool(symbols.get(one, set()) & symbols.get(other, set()))


def without_arguments(name):
    """gdb shows C++ functions without their parameters where it has debug information."""
    depth = 0
    for index, character in enumerate(name):
        if character == "<":
            depth += 1
        elif character == ">":
            depth -= 1
        elif character == "(" and depth <= 0 and index and not name[:index].endswith("operator"):
            if name[index:].startswith("(anonymous"):
                continue
            return name[:index]
    return name


def same_name(seen, witness):
    """Frames that both can name have to have the same name."""
    ours, theirs = seen["function"], witness["function"]
    if ours is None or theirs is None or witness["signal"]:
        return True
    ours, theirs = without_arguments(ours), without_arguments(theirs)
    return ours == theirs or aliases(ours, theirs, witness["module"])


def difference(frames, witness, names=True):
    """None when gdb's stack is the same, else what differs. C++ and Rust functions with debug
    information have other names in gdb, which composes them itself: then lines have to be equal."""
    if len(frames) != len(witness):
        return f"{len(frames)} frames, gdb has {len(witness)}"
    for index, (ours, theirs) in enumerate(zip(frames, witness)):
        if not ours["inlined"] and not theirs["inlined"]:
            if int(ours["address"], 16) != theirs["address"] and index == 0:
                return f"at {ours['address']}, gdb at {theirs['address']:#x}"
        if ours["inlined"] != theirs["inlined"]:
            return f"frame {index}: inlined {ours['inlined']}"
        if not names and ours["line"] != theirs["line"]:
            return f"frame {index}: line {ours['line']}, gdb says {theirs['line']}"
        if names and not same_name(ours, theirs):
            return f"frame {index}: {ours['function']}, gdb says {theirs['function']}"
        if ours["function"] is None and theirs["function"] is not None:
            return f"frame {index}: no name, gdb says {theirs['function']}"
    return None


def unmatched(groups, stacks, names):
    """Threads that gdb sees and no group accounts for, each with the nearest miss."""
    left = {group["stack_id"]: group["count"] for group in groups}
    missing = []
    for tid, witness in stacks.items():
        for group in groups:
            same = difference(group["frames"], witness, names) is None
            if same and left[group["stack_id"]]:
                left[group["stack_id"]] -= 1
                break
        else:
            missing.append((tid, witness))
    return missing, left


def explain(missing, left, groups, names):
    lines = []
    for tid, witness in missing:
        lines.append(f"gdb's thread {tid}:\n{describe(witness)}")
        for group in groups:
            if left[group["stack_id"]]:
                lines.append(f"  {difference(group['frames'], witness, names)} with")
                lines.append(describe(group["frames"]))
    return "\n".join(lines)


class Servers(LiveTest):
    def compare(self, pid, cut=lambda frames: frames, names=True, losses=()):
        """All waiters of parkwatch, then all threads of gdb; `cut` shortens both stacks alike."""
        need("gdb")
        for attempt in range(ATTEMPTS):
            taken = report(pid, "-t", "0")
            stacks = {tid: cut(frames) for tid, frames in gdb_stacks(pid).items()}
            groups = [dict(group, frames=cut(group["frames"])) for group in taken.groups]
            missing, left = unmatched(groups, stacks, names)
            if not missing and not any(left.values()):
                break
        else:
            self.fail(f"after {ATTEMPTS} attempts\n{explain(missing, left, groups, names)}")
        self.assertEqual(sum(group["count"] for group in groups), len(stacks))
        self.assertEqual(set(taken.target["losses"]) - set(losses), set())
        return taken

    def test_redis(self):
        need("redis-server")
        socket = self.directory() / "redis.sock"
        process = self.server(
            ["redis-server", "--port", "0", "--unixsocket", socket, "--save", "",
             "--dir", socket.parent]
        )  # fmt: skip
        wait_for(socket.exists, "redis listens")
        taken = self.compare(process.pid)
        self.assertIn("poll", {group["reason"] for group in taken.groups})
        self.assertIn("futex wait", {group["reason"] for group in taken.groups})

    def test_nginx(self):
        need("nginx")
        directory = self.directory()
        configuration = directory / "nginx.conf"
        configuration.write_text(
            f"""daemon off; user root; worker_processes 1; pid {directory}/pid;
            error_log {directory}/error.log;
            events {{ worker_connections 16; }}
            http {{ access_log off; server {{ listen unix:{directory}/http.sock; }} }}
            """,
            encoding="utf-8",
        )
        process = self.server(["nginx", "-p", directory, "-c", configuration])
        [worker] = wait_for(lambda: children(process.pid), "nginx has a worker")
        wait_for(lambda: parked_in(worker, "232", "281"), "the worker polls")
        self.assertEqual({g["reason"] for g in self.compare(worker).groups}, {"poll"})
        self.assertEqual({g["reason"] for g in self.compare(process.pid).groups}, {"signal"})

    def test_postgres(self):
        programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
        if not programs:
            need("postgres")
        owner = pwd.getpwnam("postgres")
        directory = self.directory()
        os.chown(directory, owner.pw_uid, owner.pw_gid)
        as_owner = [
            "setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"
        ]  # fmt: skip
        cluster = directory / "cluster"
        subprocess.run(
            [*as_owner, programs[-1] / "initdb", "-D", cluster, "-A", "trust", "-N"],
            check=True, stdout=subprocess.DEVNULL, timeout=120, cwd=directory,
        )  # fmt: skip
        family = []
        self.addCleanup(wait_for, lambda: not any(map(alive, family)), "postgres ends")
        process = self.server(
            [*as_owner, programs[-1] / "postgres", "-D", cluster, "-k", directory,
             "-c", "listen_addresses="],
            cwd=directory,
        )  # fmt: skip
        wait_for((directory / ".s.PGSQL.5432").exists, "postgres listens", 60)
        family += wait_for(
            lambda: len(children(process.pid)) >= 4 and children(process.pid), "its helpers run"
        )
        for pid in [process.pid, *family]:
            with self.subTest(command=pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()):
                self.compare(pid)

    def test_java(self):
        need("java", "javac")
        directory = self.directory()
        subprocess.run(
            ["javac", "-d", directory, PROGRAMS / "Parked.java"], check=True, timeout=120
        )
        process = self.server(
            ["java", "-Xmx32m", "-XX:+UseSerialGC", "-Xint", "-cp", directory, "Parked"],
            stdout=subprocess.PIPE,
        )  # fmt: skip
        read_line(process.stdout, b"ready", 60)
        taken = self.compare(process.pid, up_to_generated_code, losses=["unwind_cut"])
        self.assertTrue(taken.having("Unsafe_Park"), "the parked Java thread")

    def test_stripped_cxx(self):
        need("g++")
        self.check_program("parked.cc", "g++", "-std=c++17", "-O2", "-s", "-pthread")

    def test_stripped_rust(self):
        rustc = shutil.which("rustc") or shutil.which("rustc", path="/root/.cargo/bin")
        if not rustc:
            need("rustc")
        self.check_program("parked.rs", rustc, "-O", "-C", "strip=symbols")

    def test_rust_names(self):
        rustc = shutil.which("rustc") or shutil.which("rustc", path="/root/.cargo/bin")
        if not rustc:
            need("rustc")
        taken = self.check_program("parked.rs", rustc, "-O", "-g", names=False)
        self.assertTrue(taken.having("parked::wait_for_work"))

    def test_cxx_names(self):
        need("g++")
        taken = self.check_program(
            "parked.cc", "g++", "-std=c++17", "-O2", "-g", "-pthread", names=False
        )
        self.assertTrue(taken.having("pool::Queue::take"))

    def check_program(self, source, *command, names=True):
        program = compile_source(PROGRAMS / source, self.directory() / "program", *command)
        process = self.server([program], stdout=subprocess.PIPE)
        read_line(process.stdout, b"ready")
        wait_for(lambda: all_parked(process.pid), "all threads sleep")
        taken = self.compare(process.pid, names=names)
        self.assertGreaterEqual(taken.target["threads"]["total"], 4)
        return taken


def up_to_generated_code(frames):
    """Frames above the first one outside of any file: nothing describes code made at run time."""
    for index, frame in enumerate(frames):
        if frame["function"] is None and not (frame["module"] or "").count(".so"):
            return frames[:index]
    return frames


def parked_in(pid, *syscalls):
    return pathlib.Path(f"/proc/{pid}/syscall").read_text(encoding="ascii").split()[0] in syscalls


def all_parked(pid):
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    states = [(task / "stat").read_text().rsplit(")", 1)[1].split()[0] for task in tasks]
    return len(states) >= 4 and set(states) == {"S"}
