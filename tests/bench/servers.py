# SPDX-License-Identifier: Apache-2.0
"""What servers that nobody here wrote lose under benchmarks that nobody here wrote: each server and
what it waits for on one CPU, its clients and the tracer on the other.

A round is of short slices, without the tracer, with it twice, and without it, so that what changes
steadily meanwhile changes both alike. Each slice tells requests a second and what one took of the
server's CPU time, by the scheduler's own clock; a round's ratio is of both slices to both. CPU time
says more: throughput is also the clients' and the other CPU's."""

import contextlib
import os
import pathlib
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import peers
import processes
from bars import Bar
from rounds import Budget, count, median, percent, quartiles, ratios
from table import Row, Table

SECONDS_OF_EACH = 25  # for each server and tracer
ROUNDS_MOST = 25
SLICE_SECONDS = 0.4
CLIENTS = 8
INTERVAL = ("--interval", "1s")  # its scans are part of it

EMPTY = "empty programs there"  # at sched_switch and sys_exit: what the kernel asks for the hooks
MODES = {  # name: (options of parkwatch, the part that it may cost)
    "--futex off": (("--futex", "off", *INTERVAL), 0.01),
    "--futex on": (("--futex", "on", *INTERVAL), 0.03),
    EMPTY: (None, None),
    peers.OFFCPUTIME: (None, None),
}


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


def requests(port, n):
    """A second, of so many over connections that stay."""
    url = f"http://127.0.0.1:{port}/"
    text = output_of("ab", "-q", "-k", "-c", CLIENTS, "-n", n, url)
    return found(r"^Requests per second: +([0-9.]+)", text)


def sets(port, n):
    """SET commands a second, of so many."""
    command = ["redis-benchmark", "-p", port, "-c", CLIENTS, "-n", n, "-t", "set", "--csv"]
    return found(r'^"SET","([0-9.]+)"', output_of(*command))


FIRST = 5000  # requests, to learn how many make a slice


class Server:
    """One that answers a fixed count of requests in each slice; `run` does so many."""

    def __init__(self, pid, run):
        self.pids = [pid]
        self.run = run
        self.n = max(int(run(FIRST) * SLICE_SECONDS), CLIENTS)

    def slice(self):
        """(requests a second, seconds of the server's CPU time for one)"""
        before = cpu_seconds(self.pids)
        rate = self.run(self.n)
        return rate, (cpu_seconds(self.pids) - before) / self.n


def cpu_seconds(pids):
    return sum(map(processes.cpu_ns, pids)) / 1e9


@contextlib.contextmanager
def redis(directory, port):
    command = ["redis-server", "--port", port, "--save", "", "--dir", directory]
    with served(command, port) as pid:
        yield Server(pid, lambda n: sets(port, n))


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
        yield Server(pid, lambda n: requests(port, n))


@contextlib.contextmanager
def caddy(directory, port):
    command = ["caddy", "respond", "--listen", f"127.0.0.1:{port}", "--body", "hello"]
    with served(command, port, env={**os.environ, "HOME": directory}) as pid:
        yield Server(pid, lambda n: requests(port, n))


class Session:
    """Servers of a pgbench that goes on, and says each second how many transactions there were."""

    def __init__(self, pids, started):
        self.pids = pids
        self.seconds = []  # (the moment, CPU time so far, transactions a second)
        threading.Thread(target=self.listen, args=[started.stderr], daemon=True).start()

    def listen(self, lines):
        for line in lines:
            rate = re.match(r"progress: [0-9.]+ s, ([0-9.]+) tps", line)
            if rate:
                self.seconds.append((time.monotonic(), cpu_seconds(self.pids), float(rate[1])))

    def slice(self):
        """Of the first whole second from now on."""
        n = len(self.seconds)
        processes.wait_for(lambda: len(self.seconds) >= n + 2, "two seconds of pgbench")
        (start, before, _), (end, after, rate) = self.seconds[n : n + 2]
        return rate, (after - before) / (rate * (end - start))


def title(pid):
    """What a process calls itself; nothing once it has ended."""
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    return ""


def backends(pid):
    """Those that serve clients: pgbench's own connections."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [child for child in children if title(child).startswith("postgres: postgres postgres")]


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
            yield Session(pids, p)


SERVERS = {  # text: (what it is, commands that it needs)
    "redis, redis-benchmark SET": (redis, ("redis-server", "redis-benchmark")),
    "postgres, pgbench -S": (postgres, ("pgbench",)),
    "nginx, ab -k": (nginx, ("nginx", "ab")),
    "caddy (Go), ab -k": (caddy, ("caddy", "ab")),
}


@contextlib.contextmanager
def empty_programs():
    with processes.empty("empty_switch") as one, processes.empty("empty_exit") as other:
        yield one | other


def tracer(mode, pids):
    """What is attached for the mode, as a context that yields the ids of its BPF programs."""
    if mode == EMPTY:
        return empty_programs()
    if mode in peers.COMMANDS:
        return peers.attached(mode, pids)
    options, _ = MODES[mode]
    return processes.watch_ids(pids, *options)


def measure_mode(server, budget, mode):
    """[{"bare": two slices, "traced": two slices} of each round]"""
    pids = ",".join(map(str, server.pids))

    def one(_):
        processes.check_alone()
        bare = [server.slice()]
        with tracer(mode, pids) as ids:
            processes.check_alone(ids)
            traced = [server.slice(), server.slice()]
            processes.check_alone(ids)
        return {"bare": [*bare, server.slice()], "traced": traced}

    return budget.rounds(one, ROUNDS_MOST)


def modes():
    return [mode for mode in MODES if mode not in peers.COMMANDS or peers.works(mode)]


def measure_server(server):
    """{mode: rounds}"""
    there = modes()
    with tempfile.TemporaryDirectory(prefix="parkwatch-bench-") as directory:
        with server(directory, processes.free_port()) as running:
            budget = Budget(SECONDS_OF_EACH * len(there), len(there))
            return {mode: measure_mode(running, budget, mode) for mode in there}


def measure():
    there = {
        text: server
        for text, (server, commands) in SERVERS.items()
        if all(shutil.which(command, path=processes.PATH) for command in commands)
    }
    return {text: measure_server(server) for text, server in there.items()}


# Views

RATE, CPU = 0, 1  # of a slice


def sums(rounds, what, which):
    return [sum(part[which] for part in one[what]) for one in rounds]


def lower_by(rounds):
    """The part of the throughput that is lost, in each round."""
    factors = ratios(sums(rounds, "traced", RATE), sums(rounds, "bare", RATE))
    return [1 - factor for factor in factors if factor]


def more_by(rounds):
    """The part that the CPU time of a request grows by, in each round."""
    factors = ratios(sums(rounds, "traced", CPU), sums(rounds, "bare", CPU))
    return [factor - 1 for factor in factors if factor]


def spread(parts):
    between = quartiles(parts)
    return f"({between[0] * 100:+.1f} to {between[1] * 100:+.1f})" if between else ""


def table_of(title, results, parts_of):
    rows = []
    for text in SERVERS:
        parts = {mode: parts_of(results.get(text, {}).get(mode, ())) for mode in MODES}
        rows.append(
            Row(
                text,
                [median(parts[mode]) for mode in MODES],
                percent,
                bars=[Bar(limit) if limit else None for _, limit in MODES.values()],
                notes=[spread(parts[mode]) for mode in MODES],
            )
        )
    return Table(title, list(MODES), rows)


def rates_table(results):
    rows = []
    for text in SERVERS:
        rounds = [one for mode in results.get(text, {}).values() for one in mode]
        rates = median([part / 2 for part in sums(rounds, "bare", RATE)])
        cpu = median([part / 2 for part in sums(rounds, "bare", CPU)])
        rows.append(Row(f"{text}, alone", [rates, cpu and 1 / cpu], count))
    return Table("Servers without a tracer", ["requests/s", "per CPU second"], rows)


def tables(results):
    return [
        rates_table(results),
        table_of("Throughput: how much lower (quartiles)", results, lower_by),
        table_of("The server's CPU time for a request: how much more", results, more_by),
    ]


def as_json(results):
    return results
