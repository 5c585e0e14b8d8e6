# SPDX-License-Identifier: Apache-2.0
"""Throughput of servers that nobody here wrote, under benchmarks that nobody here wrote, with and
without a tracer: each server and what it waits for on one CPU, its clients and the tracer on the
other. A round has all modes, in turning order; a ratio is of one round."""

import contextlib
import os
import pathlib
import pwd
import re
import shutil
import socket
import subprocess
import tempfile

import operations
import processes
from rounds import Budget, median, ratio

SECONDS_OF_EACH = 30
MODES = (operations.BARE, "target, --futex off", "target, --futex on", operations.OFFCPUTIME)
CLIENTS = "8"


def answers_at(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def served(command, port, **options):
    nowhere = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with processes.process(command, processes.LOAD_CPU, **nowhere, **options) as p:
        processes.wait_for(lambda: answers_at(port), f"an answer of {command[0]}")
        yield p.pid


def output_of(*command):
    return processes.run_on(processes.TOOLS_CPU, *command).stdout


def found(pattern, text):
    return float(re.search(pattern, text, re.M)[1])


def requests(port):
    """Requests a second over connections that stay."""
    url = f"http://127.0.0.1:{port}/"
    text = output_of("ab", "-q", "-k", "-c", CLIENTS, "-t", "1", "-n", "1000000", url)
    return found(r"^Requests per second: +([0-9.]+)", text)


@contextlib.contextmanager
def redis(directory, port):
    command = ["redis-server", "--port", port, "--save", "", "--dir", directory]
    with served(command, port) as pid:
        yield pid, lambda: found(
            r'^"SET","([0-9.]+)"',
            output_of("redis-benchmark", "-p", port, "-c", CLIENTS, "-n", "40000", "-t", "set",
                      "--csv"),
        )  # fmt: skip


@contextlib.contextmanager
def nginx(directory, port):
    configuration = pathlib.Path(directory) / "nginx.conf"
    configuration.write_text(
        f"""daemon off; master_process off; pid {directory}/pid; error_log {directory}/error.log;
        events {{ worker_connections 64; }}
        http {{ access_log off; keepalive_requests 1000000;
                server {{ listen 127.0.0.1:{port}; location / {{ return 200 "hello"; }} }} }}
        """,
        encoding="utf-8",
    )
    with served(["nginx", "-p", directory, "-c", configuration], port) as pid:
        yield pid, lambda: requests(port)


@contextlib.contextmanager
def caddy(directory, port):
    command = ["caddy", "respond", "--listen", f"127.0.0.1:{port}", "--body", "hello"]
    with served(command, port, env={**os.environ, "HOME": directory}) as pid:
        yield pid, lambda: requests(port)


class Session:
    """A pgbench that goes on: how many transactions it did in each second."""

    def __init__(self, started):
        self.lines = started.stderr

    def second(self):
        self.lines.readline()  # which began before
        return found(r"^progress: [0-9.]+ s, ([0-9.]+) tps", self.lines.readline())


def backends(pid):
    """Those that serve clients: pgbench's own connections."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    title = "postgres: postgres postgres"
    return [
        child
        for child in children
        if pathlib.Path(f"/proc/{child}/cmdline").read_bytes().decode().startswith(title)
    ]


@contextlib.contextmanager
def postgres(directory, port):
    programs = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
    owner = pwd.getpwnam("postgres")
    os.chown(directory, owner.pw_uid, owner.pw_gid)
    who = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": [], "cwd": directory}
    cluster, host = f"{directory}/cluster", ["-h", directory, "-p", str(port)]
    client = ["pgbench", *host, "-U", "postgres"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
    subprocess.run([programs / "initdb", "-D", cluster, "-A", "trust", "-N"], **quiet, **who)
    server = [programs / "postgres", "-D", cluster, "-k", directory, "-p", port]
    with served(server, port, **who) as pid:
        subprocess.run([*client, "-i", "-q", "postgres"], **quiet, **who)
        loop = [*client, "-S", "-c", "2", "-T", "100000", "-P", "1", "postgres"]
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        with processes.process(loop, processes.TOOLS_CPU, **pipes, **who) as p:
            pids = processes.wait_for(lambda: len(backends(pid)) == 2 and backends(pid), "backends")
            yield ",".join(pids), Session(p).second


SERVERS = {  # text: (what it is, commands that it needs)
    "redis, redis-benchmark SET": (redis, ("redis-server", "redis-benchmark")),
    "postgres, pgbench -S": (postgres, ("pgbench",)),
    "nginx, ab -k": (nginx, ("nginx", "ab")),
    "caddy (Go), ab -k": (caddy, ("caddy", "ab")),
}


def measure_server(server):
    """{mode: [operations a second, of each round]}"""
    with tempfile.TemporaryDirectory(prefix="parkwatch-bench-") as directory:
        with server(directory, processes.free_port()) as (pid, throughput):

            def one(number):
                turn = number % len(MODES)
                result = {}
                for mode in (*MODES[turn:], *MODES[:turn]):
                    with operations.mode_in_force(mode, pid, pid):
                        result[mode] = throughput()
                return result

            results = Budget(SECONDS_OF_EACH).rounds(one)
    return {mode: [result[mode] for result in results] for mode in MODES}


def measure():
    there = {
        text: server
        for text, (server, commands) in SERVERS.items()
        if all(shutil.which(command, path=processes.PATH) for command in commands)
    }
    return {text: measure_server(server) for text, server in there.items()}


def lower_by(values, mode):
    """The part of the throughput that the mode costs."""
    factor = ratio(values[mode], values[operations.BARE])
    return 1 - factor if factor else None


def show(results):
    print("\nThroughput of servers under their own benchmarks: how much lower than without a tracer")
    print(f"  {'':30}{'not attached':>18}" + "".join(f"{mode:>25}" for mode in MODES[1:]))
    for text, values in results.items():
        bare = median(values[operations.BARE])
        costs = [lower_by(values, mode) for mode in MODES[1:]]
        cells = [f"{cost * 100:.1f} %" if cost is not None else "unknown" for cost in costs]
        rate = f"{bare:,.0f}/s" if bare else "unknown"
        print(f"  {text:30}{rate:>18}" + "".join(f"{cell:>25}" for cell in cells))
