# SPDX-License-Identifier: Apache-2.0
"""One program, built in the ways that distributions build programs: its stack is the same."""

import subprocess

from harness import SOURCES, LiveTest, compile_source, describe, expected_stacks, gdb_stacks, report

FLAGS = "-std=gnu17 -fno-optimize-sibling-calls -D_GNU_SOURCE -pthread".split()


def tool(*command):
    subprocess.run(list(map(str, command)), check=True, timeout=60)


class Binaries(LiveTest):
    def build(self, *flags):
        return compile_source(
            SOURCES / "cond.c", self.directory() / "cond", "gcc", *FLAGS, *flags
        )

    def stack(self, program):
        fixture = self.fixture("cond", command=[str(program)])
        taken = report(fixture.pid, "-t", "0")
        self.assertEqual(taken.target["threads"]["parked"], 4)
        self.assertEqual(taken.target["losses"], {})
        return fixture, taken

    def check(self, *flags, lines=True):
        self.check_program(self.build(*flags), lines)

    def check_program(self, program, lines=True):
        fixture, taken = self.stack(program)
        line = fixture.threads[0]["line"] if lines else None
        group = taken.group("wait_for_work", line)
        self.assertEqual(group["count"], 3)
        self.assert_stack(expected_stacks("cond")[0], group["frames"], {"cond"})

    def test_without_optimisation(self):
        self.check("-O0", "-g", "-fno-omit-frame-pointer")

    def test_optimised(self):
        self.check("-O3", "-g", "-fomit-frame-pointer")

    def test_at_a_fixed_address(self):
        self.check("-O1", "-g", "-no-pie")

    def test_dwarf_4(self):
        self.check("-O1", "-gdwarf-4")

    def test_compressed_debug_information(self):
        self.check("-O1", "-g", "-gz")

    def test_no_debug_information(self):
        self.check("-O1", "-g0", lines=False)

    def test_static(self):
        """No libraries; glibc's own functions are in the program."""
        fixture, taken = self.stack(self.build("-O1", "-g", "-static"))
        group = taken.group("wait_for_work", fixture.threads[0]["line"])
        self.assertEqual(group["count"], 3)
        names = [frame["function"] for frame in group["frames"]]
        self.assertIn("start_thread", names)
        self.assertGreater(names.index("worker"), names.index("wait_for_work"))

    def test_stripped(self):
        """No names: modules and addresses, and as many frames."""
        program = self.build("-O1", "-g")
        tool("strip", program)
        fixture, taken = self.stack(program)
        [group] = [group for group in taken.groups if group["count"] == 3]
        own = [frame for frame in group["frames"] if frame["module"] == "cond"]
        self.assertEqual([frame["function"] for frame in own], [None, None])
        self.assertRegex(group["site"], r"^cond\+0x[0-9a-f]+$")
        witness = gdb_stacks(fixture.pid)[fixture.threads[0]["tid"]]
        self.assertEqual(len(group["frames"]), len(witness), describe(group["frames"]))
        self.assertEqual(
            [int(frame["address"], 16) for frame in own],
            [frame["address"] for frame in witness if frame["module"] == str(program)],
        )

    def move_apart(self, program):
        """Debug information to a file that is found by name beside the program, in .debug."""
        apart = program.parent / ".debug" / "cond.debug"
        apart.parent.mkdir()
        tool("objcopy", "--only-keep-debug", program, apart)
        tool("strip", program)
        tool("objcopy", f"--add-gnu-debuglink={apart}", program)

    def test_debug_link(self):
        program = self.build("-O1", "-g", "-Wl,--build-id=none")
        self.move_apart(program)
        self.check_program(program)

    def test_debug_frame(self):
        """Call frame information for debuggers alone."""
        flags = "-O1 -g -fno-asynchronous-unwind-tables -fno-unwind-tables".split()
        self.check(*flags)
        self.check(*flags, "-gz=zlib-gnu")
        self.check(*flags, "-gz")
        program = self.build(*flags, "-gz")
        self.move_apart(program)
        self.check_program(program)

    def test_wrong_debug_link(self):
        """A file of that name that is not of this program is refused."""
        program = self.build("-O1", "-g", "-Wl,--build-id=none")
        apart = program.parent / "cond.debug"
        tool("objcopy", "--only-keep-debug", program, apart)
        tool("strip", program)
        tool("objcopy", f"--add-gnu-debuglink={apart}", program)
        with open(apart, "ab") as file:
            file.write(b"\0")
        _, taken = self.stack(program)
        self.assertEqual(taken.having("wait_for_work"), [])

    def test_lines_of_the_c_library(self):
        """Its debug information is in /usr/lib/debug, by build ID: gdb reads the same."""
        fixture, taken = self.stack(self.build("-O1", "-g"))
        group = taken.group("wait_for_work")
        witness = gdb_stacks(fixture.pid)[fixture.threads[0]["tid"]]
        self.assertEqual(
            [(frame["line"], frame["inlined"]) for frame in group["frames"]],
            [(frame["line"], frame["inlined"]) for frame in witness],
            f"{describe(group['frames'])}\ngdb:\n{describe(witness)}",
        )

    def test_kernel_frames(self):
        """An uninterruptible wait shows where in the kernel."""
        fixture = self.fixture("vfork")
        group = report(fixture.pid, "-t", "0").group("spawn", fixture.threads[0]["line"])
        self.assertEqual(group["frames"][0]["module"], "[kernel]", describe(group["frames"]))
        modules = [frame["module"] for frame in group["frames"]]
        self.assertNotIn("[kernel]", modules[modules.index("vfork") :])
