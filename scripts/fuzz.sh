#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz.sh [SECONDS [TARGET...]]: replays the checked-in inputs of each target (all of them, as make
# fuzz-targets builds them), then fuzzes it for so long; 0: only replays. Two targets run at once.
# What is found stays in build/fuzz/found; the last line is "N passed, N failed, N skipped".
set -u

cd "$(dirname "$0")/.." || exit 1
seconds=${1:-60}
[ $# -gt 0 ] && shift
jobs=${FUZZ_JOBS:-2}
build=build/fuzz
found=$build/found

# Oracles beside the sanitizers: an input may take so many seconds, and memory in MiB, all of it or
# at once.
limits="-timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=512"
input_max=65536 # bytes

names() {
    for source in tests/fuzz/fuzz_*.c; do
        name=${source#tests/fuzz/fuzz_}
        echo "${name%.c}"
    done
}

# run_one NAME: says "ok" or "FAIL" and what it did; its output is kept beside what it found.
run_one() {
    name=$1
    corpus=tests/fuzz/corpus/$name
    log=$found/$name.log
    mkdir -p "$found/$name" "$build/corpus/$name"
    # shellcheck disable=SC2086 # several limits
    "$build/fuzz_$name" $limits -artifact_prefix="$found/$name/" "$corpus"/* > "$log" 2>&1
    status=$?
    if [ "$status" -eq 0 ] && [ "$seconds" -gt 0 ]; then
        # shellcheck disable=SC2086
        "$build/fuzz_$name" $limits -artifact_prefix="$found/$name/" -max_len=$input_max \
            -max_total_time="$seconds" -print_final_stats=1 "$build/corpus/$name" "$corpus" \
            >> "$log" 2>&1
        status=$?
    fi
    set -- "$corpus"/*
    inputs=$#
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    if [ "$status" -eq 0 ]; then
        echo "ok   fuzz $name ($inputs inputs replayed, ${runs:-0} more tried)"
    else
        echo "FAIL fuzz $name (exit $status, see $log)"
        tail -n 60 "$log"
    fi
}

make -s -j"$(nproc)" FUZZ=1 fuzz-targets || exit 1
# shellcheck disable=SC2046 # names have no blanks
[ $# -gt 0 ] || set -- $(names)
mkdir -p "$found"
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
active=0
for name; do
    run_one "$name" > "$results/$name" &
    active=$((active + 1))
    if [ "$active" -eq "$jobs" ]; then
        wait
        active=0
    fi
done
wait
for name; do
    cat "$results/$name"
done
failed=$(cat "$results"/* | grep -c '^FAIL ')
passed=$(cat "$results"/* | grep -c '^ok ')
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
