# SPDX-License-Identifier: Apache-2.0
"""The service: its unit as systemd judges it, what the daemon tells its manager, and the daemon as
the unit starts it. Where systemd runs, it starts it; elsewhere the test is the manager."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

from harness import BUILD, FIXTURES, PARKWATCH, ROOT, LiveTest, run, wait_for
from stranger import STRANGER, StrangerTest, as_user

UNIT = ROOT / "deploy" / "parkwatch@.service"
EXPOSURE_MAX = 3.0


def systemd(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def settings():
    """{key: [values]} of the unit."""
    found = {}
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


class Manager:
    """The socket of a service manager."""

    def __init__(self, test):
        self.path = str(test.directory() / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o777)
        self.socket.settimeout(0.02)
        self.told = []
        test.addCleanup(self.socket.close)

    def environment(self, **more):
        return dict(os.environ, NOTIFY_SOCKET=self.path, **more)

    def listen(self):
        with contextlib.suppress(TimeoutError):
            while True:
                self.told += self.socket.recv(4096).decode().splitlines()
        return self.told

    def wait(self, text, seconds=30):
        wait_for(lambda: text in self.listen(), f"{text} among {self.told}", seconds)


class Unit(LiveTest):
    def test_is_sound(self):
        """As it is installed: the program has to be where the unit says."""
        place = self.directory()
        done = subprocess.run(
            ["make", "-C", str(ROOT), "install", f"DESTDIR={place}", "PREFIX=/usr"],
            capture_output=True,
            timeout=120,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        unit = place / "usr/lib/systemd/system/parkwatch@.service"
        self.assertIn("ExecStart=/usr/bin/parkwatch watch ", unit.read_text(encoding="utf-8"))
        self.assertTrue((place / "etc/default/parkwatch").is_file())
        checked = place / "parkwatch@.service"
        checked.write_text(unit.read_text().replace("/usr/bin/parkwatch", str(PARKWATCH)))
        done = systemd("systemd-analyze", "verify", "--man=no", str(checked))
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_installing_again_keeps_the_options(self):
        place = self.directory()
        options = place / "etc/default/parkwatch"
        options.parent.mkdir(parents=True)
        options.write_text("ARGS=--threshold 1m\n")
        subprocess.run(
            ["make", "-C", str(ROOT), "install", f"DESTDIR={place}"],
            capture_output=True,
            timeout=120,
            check=True,
        )
        self.assertEqual(options.read_text(), "ARGS=--threshold 1m\n")

    def test_exposure(self):
        done = systemd(
            *("systemd-analyze", "security", "--offline=true", "--no-pager"),
            *(f"--threshold={EXPOSURE_MAX * 10:.0f}", str(UNIT)),
        )
        self.assertEqual(done.returncode, 0, done.stdout[-300:])
        level = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
        self.assertLessEqual(float(level[1]), EXPOSURE_MAX)

    def test_its_filter_lets_the_roles_work(self):
        """Every system call that a daemon makes, from its start to its end, is in the unit's list."""
        allowed = set()
        for word in settings()["SystemCallFilter"][0].split():
            if word.startswith("@"):
                done = systemd("systemd-analyze", "--no-pager", "syscall-filter", word)
                allowed |= self.expand(done.stdout)
            else:
                allowed.add(word)
        for word in settings()["SystemCallFilter"][1].removeprefix("~").split():
            done = systemd("systemd-analyze", "--no-pager", "syscall-filter", word)
            allowed -= self.expand(done.stdout)
        trace = self.directory() / "trace"
        watch = self.watch(
            self.fixture("cond").pid,
            *("--interval", "200ms", "-t", "0"),
            program=["strace", "-f", "-qq", "-o", str(trace), str(PARKWATCH)],
        )
        wait_for(lambda: watch.value("parkwatch_parked", target="cond"), "stacks")
        [probe] = [pid for pid in watch.family if watch_name(pid) == "parkwatch"]
        os.kill(probe, signal.SIGTERM)
        self.assertEqual(watch.process.wait(30), 0)
        used = set(re.findall(r"^\d+ +(\w+)\(", trace.read_text(errors="replace"), re.M))
        self.assertIn("process_vm_readv", used)
        self.assertEqual(used - allowed - {"execve"}, set())

    def expand(self, text):
        """The names of a group, and those of the groups in it."""
        names = set()
        for line in text.splitlines()[1:]:
            word = line.strip()
            if word.startswith("@"):
                done = systemd("systemd-analyze", "--no-pager", "syscall-filter", word)
                names |= self.expand(done.stdout)
            elif word and not word.startswith("#"):
                names.add(word)
        return names


def watch_name(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


class Told(LiveTest):
    def start(self, manager, *options, **environment):
        return self.watch(
            self.fixture("cond").pid,
            *("--interval", "100ms", *options),
            env=manager.environment(**environment),
        )

    def test_ready_and_stopping(self):
        manager = Manager(self)
        watch = self.start(manager)
        manager.wait("READY=1")
        self.assertIn("STATUS=Watching 1 process.", manager.told)
        self.assertNotIn("WATCHDOG=1", manager.told)
        self.assertEqual(watch.stop(), 0)
        manager.wait("STOPPING=1")

    def test_an_unreadable_target_is_never_ready(self):
        manager = Manager(self)
        done = run("watch", "-p", 2, env=manager.environment())
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("READY=1", manager.listen())

    def test_signs_of_life_end_with_a_stopped_probe(self):
        manager = Manager(self)
        watch = self.start(manager, WATCHDOG_USEC="300000")
        manager.wait("WATCHDOG=1")
        manager.told.clear()
        manager.wait("WATCHDOG=1")
        os.kill(watch.pid, signal.SIGSTOP)
        wait_for(lambda: "T" in watch_state(watch.pid), "it is stopped")
        manager.listen()
        manager.told.clear()
        manager.socket.settimeout(1.5)  # five times the time that a manager would wait
        self.assertEqual(manager.listen(), [])
        manager.socket.settimeout(0.02)
        os.kill(watch.pid, signal.SIGCONT)
        manager.wait("WATCHDOG=1")

    def test_a_target_cannot_end_the_signs_of_life(self):
        """An analyst that hangs is the target's loss, not the daemon's."""
        manager = Manager(self)
        watch = self.start(manager, "-t", "0", WATCHDOG_USEC="300000")
        wait_for(watch.analysts, "an analyst")
        os.kill(watch.analysts()[0], signal.SIGSTOP)
        wait_for(
            lambda: watch.value("parkwatch_losses_total", what="scan_late"), "a scan is late"
        )
        for _ in range(3):
            manager.listen()
            manager.told.clear()
            manager.wait("WATCHDOG=1")


def watch_state(pid):
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    return text[text.rindex(")") + 2]


class Targets(LiveTest):
    def test_by_name(self):
        """All that have it; other tests' fixtures have others."""
        program = shutil.copy(FIXTURES / "cond", self.directory() / "named-so")
        fixtures = [self.fixture("cond", command=[str(program)]) for _ in range(2)]
        watch = self.watch("named-so", "--interval", "200ms")
        for fixture in fixtures:
            name = f"named-so:{fixture.pid}"
            self.assertEqual(watch.value("parkwatch_target_up", target=name), 1)

    def test_an_unknown_name(self):
        done = run("watch", "-p", "nobody-has-this")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(
            done.stderr.decode(),
            "parkwatch: no process has the name 'nobody-has-this'; 'ps -e' lists those there are\n",
        )

    def test_it_ends_with_the_last_of_them(self):
        first, second = self.fixture("cond"), self.fixture("sem")
        watch = self.watch(
            [first.pid, second.pid], "--interval", "200ms", "--exit-with-targets"
        )
        first.end()
        wait_for(
            lambda: watch.value("parkwatch_target_up", target="cond") == 0, "the first has ended"
        )
        self.assertEqual(watch.value("parkwatch_target_up", target="sem"), 1)
        second.end()
        self.assertEqual(watch.process.wait(15), 0)
        wait_for(watch.nothing_lives, "all roles end")


class Started(StrangerTest):
    """As the unit starts it."""

    def test_it_serves(self):
        if systemd("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"):
            self.start_by_systemd()
        else:
            self.start_alike()

    def start_alike(self):
        """User, capabilities, limits, variables and arguments of the unit; not its mounts."""
        unit, manager = settings(), Manager(self)
        fixture = self.target(0)
        capabilities = {name[4:] for name in unit["AmbientCapabilities"][0].split()}
        self.assertEqual(unit["AmbientCapabilities"], unit["CapabilityBoundingSet"])
        words = unit["ExecStart"][0].split()
        self.assertEqual(words[1:], ["watch", "--exit-with-targets", "-p", "%i", "$ARGS"])
        limits = ["prlimit", f"--nofile={unit['LimitNOFILE'][0]}", "--core=0"]
        watch = self.watch(
            fixture.pid,
            *("--exit-with-targets", "-t", "0", "--interval", "200ms"),
            program=[*limits, *as_user(STRANGER, capabilities), self.parkwatch],
            env=manager.environment(WATCHDOG_USEC="1000000"),
        )
        manager.wait("READY=1")
        manager.wait("WATCHDOG=1")
        wait_for(lambda: watch.report().having("wait_for_work"), "stacks")
        self.assertGreater(watch.value("parkwatch_parked_memory_bytes", target="cond"), 0)
        fixture.end()
        self.assertEqual(watch.process.wait(15), 0)

    def start_by_systemd(self):
        fixture = self.target(0)
        name = f"parkwatch@{fixture.pid}.service"
        unit = pathlib.Path("/run/systemd/system/parkwatch@.service")
        program = pathlib.Path("/run/parkwatch-test")
        shutil.copy(BUILD / "parkwatch", program)
        self.addCleanup(program.unlink)
        unit.write_text(UNIT.read_text().replace("/usr/local/bin/parkwatch", str(program)))
        self.addCleanup(systemd, "systemctl", "daemon-reload")
        self.addCleanup(unit.unlink)
        self.addCleanup(systemd, "systemctl", "stop", name)
        systemd("systemctl", "daemon-reload")
        done = systemd("systemctl", "start", name)
        self.assertEqual(done.returncode, 0, done.stderr)
        shown = systemd("systemctl", "show", "-p", "ActiveState,StatusText", name).stdout
        self.assertIn("ActiveState=active", shown)
        self.assertIn("StatusText=Watching 1 process.", shown)
