# SPDX-License-Identifier: Apache-2.0
"""Files that a target puts where they are looked for: what is no plain ELF file is left alone at
once, and beside it the other target is seen as ever. The name under which it is looked for comes
from the target, too: it is the debug link of a library."""

import os
import pathlib
import shutil
import socket
import stat
import subprocess
import tempfile
import threading

from harness import FIXTURES, LiveTest, libraries, plugin_path, report

LARGEST = 2**63 - 4096
ROUNDS = 6  # of a file that changes while it is read


def bind(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def make_zero(path):
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))


def make_sparse(path):
    """As large as files can be: 8 EiB less a page, which tmpfs lets it be."""
    with open(path, "wb") as file:
        file.write(b"\177ELF")
        file.truncate(LARGEST)


TRICKS = {
    "fifo": os.mkfifo,
    "socket": bind,
    "device": make_zero,
    "directory": os.mkdir,
    "empty_file": lambda path: path.touch(),
    "link_to_shadow": lambda path: path.symlink_to("/etc/shadow"),
    "link_up_to_shadow": lambda path: path.symlink_to("../" * 60 + "etc/shadow"),
    "link_to_device": lambda path: path.symlink_to("/dev/zero"),
    "link_to_memory_of_the_kernel": lambda path: path.symlink_to("/proc/kcore"),
    "link_through_root": lambda path: path.symlink_to("/proc/self/root/usr/bin/true"),
    "link_through_descriptor": lambda path: path.symlink_to("/proc/self/fd/0"),
    "link_to_itself": lambda path: path.symlink_to(path),
}


class Opening(LiveTest):
    def linked_plugin(self, directory=None):
        """A library without debug information, and the file that it says has it."""
        directory = directory or self.directory()
        plugin = plugin_path(directory)
        debug = directory / "plugin.debug"
        for command in (
            ["objcopy", "--only-keep-debug", plugin, debug],
            ["objcopy", "--strip-debug", f"--add-gnu-debuglink={debug}", plugin],
        ):
            subprocess.run(command, check=True, timeout=60)
        return plugin, debug

    def look(self, fixture):
        """Reports of this target and of a healthy one beside it."""
        healthy = self.fixture("cond")
        first, second = report([fixture.pid, healthy.pid], "-t", "0").targets
        self.assertEqual(second["losses"], {})
        self.assertIn(3, [group["count"] for group in second["groups"]])
        return first

    def line_of(self, target, function):
        frames = [
            frame
            for group in target["groups"]
            for frame in group["frames"]
            if frame["function"] == function
        ]
        self.assertEqual(len(frames), 1, target["groups"])
        return frames[0]["line"]

    def check_trick(self, make, directory=None):
        plugin, debug = self.linked_plugin(directory)
        debug.unlink()
        make(debug)
        fixture = self.fixture("dlopen", plugin)
        target = self.look(fixture)
        self.assertIsNone(self.line_of(target, "plugin_wait"))
        self.assertNotIn("reader_restarts", target["losses"])
        self.assertNotIn("analyst_restarts", target["losses"])
        self.assertNotIn("scan_failed", target["losses"])

    def test_sparse_file(self):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="parkwatch-test-", dir="/dev/shm"))
        self.addCleanup(shutil.rmtree, directory)
        directory.chmod(0o755)

        def make(path):
            make_sparse(path)
            self.assertEqual(path.stat().st_size, LARGEST)

        self.check_trick(make, directory)

    def own_root(self):
        """A root directory with the program that loads the library, and the library's file there."""
        root = self.directory()
        for name in ("proc", "lib", "host"):
            (root / name).mkdir()
        for path in [FIXTURES / "dlopen", *libraries(FIXTURES / "dlopen")]:
            copy = root / (path.name if path.name == "dlopen" else str(path).lstrip("/"))
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
        plugin, debug = self.linked_plugin()
        shutil.copy(plugin, root / "lib")
        return root, debug

    def line_in(self, root):
        """The line that a report has of the library in this root, as a container's, and the true
        one; it is loaded from /lib."""
        enter = (
            'cd "$1" && mount --bind . . && cd "$1" && mount -t proc proc proc &&'
            " pivot_root . host && exec /dlopen /lib/plugin.so"
        )
        fixture = self.fixture("dlopen", command=["unshare", "-m", "sh", "-c", enter, "sh", root])
        return self.line_of(self.look(fixture), "plugin_wait"), fixture.threads[0]["line"]

    def test_link_out_of_its_root(self):
        """An absolute link to a file that is right, and only outside."""
        root, debug = self.own_root()
        (root / "lib" / "plugin.debug").symlink_to(debug)
        self.assertFalse((root / str(debug).lstrip("/")).exists())
        self.assertIsNone(self.line_in(root)[0])

    def test_link_within_its_root(self):
        """An absolute link to a file that is only inside: it is followed as the target would."""
        root, debug = self.own_root()
        (root / "hidden").mkdir()
        debug.rename(root / "hidden" / "plugin.debug")
        (root / "lib" / "plugin.debug").symlink_to("/hidden/plugin.debug")
        self.assertFalse(os.path.exists("/hidden/plugin.debug"))
        found, line = self.line_in(root)
        self.assertEqual(found, line)

    def line_for_nobody(self, mode):
        """Of the library whose debug file is root's and has this mode, in a process of nobody's."""
        plugin, debug = self.linked_plugin()
        debug.chmod(mode)
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        fixture = self.fixture("dlopen", command=[*nobody, FIXTURES / "dlopen", plugin])
        return self.line_of(self.look(fixture), "plugin_wait"), fixture.threads[0]["line"]

    def test_file_that_it_may_not_read(self):
        """What a target could not read it does not get read by us."""
        for mode in (0o600, 0o640):
            with self.subTest(mode=oct(mode)):
                self.assertIsNone(self.line_for_nobody(mode)[0])

    def test_file_of_another_that_it_may_read(self):
        found, line = self.line_for_nobody(0o644)
        self.assertEqual(found, line)

    def test_true_file(self):
        """Otherwise the tricks would show nothing."""
        plugin, _ = self.linked_plugin()
        fixture = self.fixture("dlopen", plugin)
        line = fixture.threads[0]["line"]
        self.assertEqual(self.line_of(self.look(fixture), "plugin_wait"), line)

    def test_file_that_changes_while_it_is_read(self):
        plugin, debug = self.linked_plugin()
        fixture = self.fixture("dlopen", plugin)
        whole = debug.read_bytes()
        stop = threading.Event()

        def change():
            while not stop.is_set():
                os.truncate(debug, len(whole) // 3)
                with open(debug, "r+b") as file:
                    file.write(whole)

        changer = threading.Thread(target=change)
        changer.start()
        try:
            for _ in range(ROUNDS):
                self.assertTrue(self.look(fixture)["groups"])
        finally:
            stop.set()
            changer.join()

    def test_file_bound_over_the_program(self):
        program = self.directory() / "mutex"
        shutil.copy(FIXTURES / "mutex", program)
        fixture = self.fixture("mutex", command=[str(program)])
        subprocess.run(["mount", "--bind", "/bin/true", program], check=True, timeout=30)
        self.addCleanup(subprocess.run, ["umount", program], check=True, timeout=30)
        take = next(thread for thread in fixture.threads if thread["function"] == "take")
        self.assertEqual(self.line_of(self.look(fixture), "take"), take["line"])

    def test_program_in_memory_alone(self):
        code = (
            "import os, sys; fd = os.memfd_create('program');"
            "os.write(fd, open(sys.argv[1], 'rb').read());"
            "os.execv(f'/proc/self/fd/{fd}', ['program'])"
        )
        command = ["/usr/bin/python3", "-c", code, str(FIXTURES / "mutex")]
        fixture = self.fixture("mutex", command=command)
        take = next(thread for thread in fixture.threads if thread["function"] == "take")
        self.assertEqual(self.line_of(self.look(fixture), "take"), take["line"])

    def test_program_that_was_deleted(self):
        program = self.directory() / "mutex"
        shutil.copy(FIXTURES / "mutex", program)
        fixture = self.fixture("mutex", command=[str(program)])
        program.unlink()
        os.mkfifo(program)
        take = next(thread for thread in fixture.threads if thread["function"] == "take")
        self.assertEqual(self.line_of(self.look(fixture), "take"), take["line"])


def add_tests():
    for name, make in TRICKS.items():

        def test(self, make=make):
            self.check_trick(make)

        setattr(Opening, f"test_{name}", test)


add_tests()
