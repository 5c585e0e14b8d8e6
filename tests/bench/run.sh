#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh [--json]: what parkwatch costs, measured here and now, in some ten minutes. As root, with
# what `make all fixtures` builds. Asserts nothing; bench.py and goroutines.py say what is measured
# and how.
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
gcc -std=gnu17 -D_GNU_SOURCE -O2 -g -Wall -Wextra -o "$build/bench/empty" tests/bench/empty.c -lbpf
clang -target bpf -O2 -g -Wall -c -o "$build/bench/empty.bpf.o" \
    -idirafter "/usr/include/$(gcc -dumpmachine)" tests/bench/empty.bpf.c
/usr/bin/python3 -B tests/bench/bench.py "$@"

# Goroutines: with the newest toolchain of scripts/go-toolchains.sh, if there is one.
go=
for found in build/go/?.??; do
    [ -x "$found/bin/go" ] && go=$found
done
if [ -z "$go" ]; then
    echo "run.sh: no build/go: nothing is measured of goroutines (scripts/go-toolchains.sh)" >&2
    exit 0
fi
env -i PATH="$PATH" HOME="$PWD/$build/bench" GOROOT="$PWD/$go" GOENV=off GOTOOLCHAIN=local \
    GOPROXY=off GOFLAGS= GOCACHE="$PWD/$build/bench/go-cache" GOPATH="$PWD/$build/bench/go-path" \
    CGO_ENABLED=0 "$go/bin/go" build -trimpath -ldflags="-s -w" -o "$build/bench/million" \
    tests/fixtures/go/million.go
exec /usr/bin/python3 -B tests/bench/goroutines.py "$@"
