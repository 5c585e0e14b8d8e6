#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh [--json]: what parkwatch costs, measured here and now, in under four minutes. As root, with
# what `make all fixtures` builds. Asserts nothing; bench.py says what is measured and how.
set -eu

cd "$(dirname "$0")/../.."
build=${BUILD:-build}
if [ "$(id -u)" -ne 0 ]; then
    echo "run.sh: parkwatch needs root: sudo make bench" >&2
    exit 1
fi
if [ ! -x "$build/parkwatch" ] || [ ! -x "$build/fixtures/many" ]; then
    echo "run.sh: nothing is built: make all fixtures" >&2
    exit 1
fi
mkdir -p "$build/bench"
gcc -std=gnu17 -D_GNU_SOURCE -O2 -g -Wall -Wextra -o "$build/bench/load" tests/bench/load.c -pthread
exec /usr/bin/python3 -B tests/bench/bench.py "$@"
