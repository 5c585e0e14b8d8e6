#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the browser tests as tests/live/run.py runs its own: browse.py [PATTERN...]."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "live"))
sys.dont_write_bytecode = True

import run

if __name__ == "__main__":
    sys.exit(run.main(sys.argv[1:], HERE))
