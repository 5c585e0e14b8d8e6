# SPDX-License-Identifier: Apache-2.0
"""Virtual machines with Debian's kernels: a disk with parkwatch, what it is linked with and two
programs to watch, booted under emulation, and what the guest left on the disk.

The kernels have NVMe and ext4 built in and neither virtio nor 9p, so the disk is an emulated NVMe
one and is the root file system. QEMU exits with 0 after a panic too: only the guest's own files
count, the last of which is `end`."""

import pathlib
import re
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
KERNELS = ROOT / "build" / "kernels"
INIT = pathlib.Path(__file__).parent / "init"

DISK_SIZE = "96m"
MEMORY = "1024"
BOOT_SECONDS = 300  # an emulated machine is slow, a busy host makes it slower
TRIES = 3

# Faults of the emulator itself, seen with QEMU 7.2 while the kernel patches its own code (int3 in
# a tracepoint, LKML July 2023) and at random in 6.12.107: no frame of ours in the trace.
FAULT = re.compile(r"Oops|Kernel panic|double fault|general protection fault|BUG:")


class LabFault(Exception):
    """The machine did not come to its end, and not because of parkwatch."""


def libraries_of(program):
    """Files that the program is linked with, the loader among them; none of a static one."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return re.findall(r"(/\S+) \(0x", listed)


def place(source, root, name):
    target = root / name.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    target.chmod(0o755)


def fill(root, programs):
    """The guest's file system: {name there: file here}."""
    for name, source in programs.items():
        place(source, root, name)
        for library in libraries_of(source):
            place(library, root, library)
    (root / "out").mkdir()
    (root / "out").chmod(0o777)


def make_disk(programs, disk):
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        root.chmod(0o755)
        fill(root, programs)
        subprocess.run(
            ["/usr/sbin/mke2fs", "-q", "-t", "ext4", "-O", "^metadata_csum", "-d", root, disk, DISK_SIZE],
            check=True,
        )


def read_results(disk):
    """{name: text} of the guest's /out."""
    with tempfile.TemporaryDirectory() as name:
        subprocess.run(
            ["/usr/sbin/debugfs", "-R", f"rdump /out {name}", disk], check=True, capture_output=True
        )
        return {file.name: file.read_text() for file in pathlib.Path(name, "out").iterdir()}


def run_once(kernel, disk, log):
    command = (
        f"qemu-system-x86_64 -accel tcg,thread=single -cpu max -smp 2 -m {MEMORY} -nodefaults "
        "-no-user-config -nographic -serial stdio -monitor none -no-reboot".split()
        + ["-kernel", kernel, "-drive", f"file={disk},if=none,id=root,format=raw"]
        + ["-device", "nvme,serial=parkwatch,drive=root", "-append"]
        + ["console=ttyS0 root=/dev/nvme0n1 rw init=/init panic=-1 quiet mitigations=off"]
    )
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=BOOT_SECONDS,
        )
        console = done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as late:
        console = (late.stdout or b"").decode(errors="replace") + "\nkilled: too slow\n"
    log.write_text(console)
    return console


def is_lab_fault(console):
    return FAULT.search(console) and "bpf_prog_" not in console


def boot(version, programs, say):
    """Boots the kernel; {name: text} of what the guest left."""
    place_of = KERNELS / version
    disk, log = place_of / "disk.img", place_of / "console.log"
    for number in range(1, TRIES + 1):
        make_disk(programs, disk)
        console = run_once(place_of / "vmlinuz", disk, log)
        results = read_results(disk)
        if "end" in results:
            return results
        if not is_lab_fault(console):
            break
        say(f"{version}: the emulator failed in try {number} of {TRIES}: see {log.relative_to(ROOT)}")
    raise LabFault(f"the machine did not end: see {log.relative_to(ROOT)}: {console[-300:]!r}")
