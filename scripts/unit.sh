#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# unit.sh TEST...: runs cmocka programs, as many at once as there are processors; the last line is
# "N passed, N failed, N skipped".
set -u

seconds=300 # for one program

# count WORD LOG: tests that the log says so of; cmocka has a line for each group
count() {
    sed -n "s/^\[ *$1 *\] \([0-9][0-9]*\) test(s).*/\1/p" "$2" | awk '{ n += $1 } END { print n + 0 }'
}

# run TEST RESULTS: says "ok" or "FAIL" and its output; its counts go to RESULTS/counts
run() {
    log=$(mktemp -p "$2")
    timeout "$seconds" "$1" > "$log" 2>&1
    status=$?
    failed=$(count FAILED "$log")
    if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
        failed=1 # it crashed
    fi
    echo "$(count PASSED "$log") $failed $(count SKIPPED "$log")" >> "$2/counts"
    if [ "$failed" -eq 0 ]; then
        echo "ok   $1"
    else
        { echo "FAIL $1 (exit $status)" && cat "$log"; } > "$log.failed"
        flock "$2/counts" cat "$log.failed" # in one piece
    fi
}

if [ "${1:-}" = --one ]; then
    run "$3" "$2"
    exit
fi
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}"
: > "$results/counts"
printf '%s\0' "$@" | xargs -0 -r -n 1 -P "$(nproc)" "$0" --one "$results"
awk '
    { for (i = 1; i <= 3; i++) n[i] += $i }
    END {
        printf "%d passed, %d failed, %d skipped\n", n[1], n[2], n[3]
        exit n[2] > 0 || NR != programs
    }' programs=$# "$results/counts"
