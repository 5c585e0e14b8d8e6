#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# unit.sh TEST...: runs cmocka programs; the last line is "N passed, N failed, N skipped".
set -u

seconds=300 # for one program
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# count WORD: tests that the log says so of; cmocka has a line for each group
count() {
    sed -n "s/^\[ *$1 *\] \([0-9][0-9]*\) test(s).*/\1/p" "$log" | awk '{ n += $1 } END { print n + 0 }'
}

passed=0 failed=0 skipped=0
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}"
for test in "$@"; do
    timeout "$seconds" "$test" > "$log" 2>&1
    status=$?
    here=$(count FAILED)
    if [ "$status" -ne 0 ] && [ "$here" -eq 0 ]; then
        here=1 # it crashed
    fi
    passed=$((passed + $(count PASSED)))
    skipped=$((skipped + $(count SKIPPED)))
    failed=$((failed + here))
    if [ "$here" -ne 0 ]; then
        echo "FAIL $test (exit $status)"
        cat "$log"
    else
        echo "ok   $test"
    fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
