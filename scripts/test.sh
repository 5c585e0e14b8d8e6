#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test.sh: sets up, builds, and runs every test. At its end stand again those that failed, and on the
# last line the sum. A test that was skipped fails it: what the tests need is here, or is to be.
set -u

cd "$(dirname "$0")/.." || exit 1
export CI=true # a suite with a skip fails
log=$(mktemp) failures=$(mktemp)
trap 'rm -f "$log" "$failures"' EXIT
lines_max=60 # of what one failed test said, at the end
passed=0 failed=0 skipped=0

# failures_of COMMAND...: what $log says of the tests that failed, each from its FAIL to the next
# test; without any, the end of it
failures_of() {
    echo "== $*"
    grep -q '^FAIL ' "$log" || { tail -n "$lines_max" "$log"; return; }
    awk -v max="$lines_max" '
        /^FAIL / { left = max }
        /^(ok|skip|==) / || /^[0-9]+ passed, / { left = 0 }
        left > 0 { print; left-- }' "$log"
}

# suite COMMAND...: one that ends with its own sum, or counts as one test
suite() {
    echo "== $*"
    { "$@" 2>&1; echo "exit $?"; } | tee "$log" | grep -v '^exit [0-9]*$'
    status=$(sed -n 's/^exit \([0-9]*\)$/\1/p' "$log" | tail -n 1)
    sum=$(grep -x '[0-9]* passed, [0-9]* failed, [0-9]* skipped' "$log" | tail -n 1 | tr -dc '0-9 ')
    if [ -z "$sum" ]; then
        sum="$((status == 0)) $((status != 0)) 0"
    fi
    [ "$status" -eq 0 ] || failures_of "$@" >> "$failures"
    # shellcheck disable=SC2086 # three numbers
    set -- $sum
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
    if [ "$status" -ne 0 ] && [ "$2" -eq 0 ]; then
        failed=$((failed + 1)) # it says that all passed, and fails: skips, or a crash
    fi
}

# What the network is waited for comes while the processors build. What could not be had is tried
# again, and said, by the suite that needs it.
fetch() {
    scripts/go-toolchains.sh
    scripts/go-binaries.sh
    scripts/run-in-vm.sh --fetch ci
}

scripts/setup.sh test || exit 1
fetch > /dev/null 2>&1 &
fetching=$!
make -j"$(nproc)" all fixtures || exit 1
make -j"$(nproc)" SAN=1 unit-programs || exit 1
wait "$fetching"
scripts/go-toolchains.sh && scripts/go-fixtures.sh || exit 1
suite scripts/go-binaries.sh
suite make -j"$(nproc)" unit
suite scripts/guard.sh
suite scripts/fuzz.sh
suite scripts/lint.sh
suite scripts/grafana.sh
suite scripts/live.sh
suite scripts/soak.sh 60
suite scripts/browser.sh
suite scripts/run-in-vm.sh ci
if [ -s "$failures" ]; then
    echo "== what failed"
    cat "$failures"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$skipped" -eq 0 ]
