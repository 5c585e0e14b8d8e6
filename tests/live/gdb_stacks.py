# SPDX-License-Identifier: Apache-2.0
"""Runs inside gdb: writes the stacks of all threads, as gdb sees them, to $GDB_STACKS as JSON.

Not the frames that gdb infers: a function that jumped to another one has left the stack, and gdb
shows it only where the compiler wrote call sites (DW_TAG_call_site)."""

import json
import os

import gdb

FRAMES_MAX = 256


def module_of(pc):
    return gdb.solib_name(pc) or gdb.current_progspace().filename


def frame_truth(frame):
    sal = frame.find_sal()
    return {
        "function": frame.name(),
        "address": frame.pc(),
        "file": sal.symtab.filename if sal.symtab else None,
        "line": sal.line or None,
        "inlined": frame.type() == gdb.INLINE_FRAME,
        "signal": frame.type() == gdb.SIGTRAMP_FRAME,
        "module": module_of(frame.pc()),
    }


def stack_of(thread):
    thread.switch()
    frames = []
    frame = gdb.newest_frame()
    try:
        while frame is not None and len(frames) < FRAMES_MAX:
            if frame.type() != gdb.TAILCALL_FRAME:
                frames.append(frame_truth(frame))
            frame = frame.older()
    except gdb.error:
        pass  # gdb itself prints "Backtrace stopped"
    return frames


def main():
    stacks = {thread.ptid[1]: stack_of(thread) for thread in gdb.selected_inferior().threads()}
    with open(os.environ["GDB_STACKS"], "w", encoding="utf-8") as output:
        json.dump(stacks, output)


main()
