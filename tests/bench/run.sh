#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh [--json] [--part NAME]...: what parkwatch and its peers cost, measured here and now, in one
# run of some twenty minutes. As root, with what `make all fixtures` builds and `scripts/setup.sh
# bench` installs. Asserts nothing; bench.py says what is measured and how.
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
flags="-std=gnu17 -D_GNU_SOURCE -O2 -g -Wall -Wextra"
# shellcheck disable=SC2086 # a list
gcc $flags -o "$build/bench/load" tests/bench/load.c -pthread
# shellcheck disable=SC2086
gcc $flags -fno-optimize-sibling-calls -o "$build/bench/distinct" tests/bench/distinct.c -pthread
# shellcheck disable=SC2086
gcc $flags -o "$build/bench/empty" tests/bench/empty.c -lbpf
clang -target bpf -O2 -g -Wall -c -o "$build/bench/empty.bpf.o" \
    -idirafter "/usr/include/$(gcc -dumpmachine)" tests/bench/empty.bpf.c
exec /usr/bin/python3 -B tests/bench/bench.py "$@"
