#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# guard.sh [--update]: counts the instructions of known pieces of work (tests/bench/guard_*.c) with
# callgrind and compares them with tests/bench/guard.tsv, so that what becomes slower is seen in the
# change that makes it, on a busy machine as well. --update writes the table anew. The last line is
# "N passed, N failed, N skipped".
set -eu

cd "$(dirname "$0")/.."
table=tests/bench/guard.tsv
build=${BUILD:-build}
more=10 # percent that a count may be above the table's
less=25 # and below it: then the table is out of date, and guards nothing
seconds=120
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# count PROGRAM: instructions below guard_measure(), or nothing where it fails
count() {
    timeout "$seconds" valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        --collect-atstart=no --toggle-collect=guard_measure "$1" > "$log" 2>&1 || return 0
    sed -n 's/^==[0-9]*== Collected : \([0-9]*\)$/\1/p' "$log"
}

names() {
    for source in tests/bench/guard_*.c; do
        name=${source#tests/bench/guard_}
        echo "${name%.c}"
    done
}

update() {
    names | while read -r name; do
        printf '%s\t%s\n' "$name" "$(count "$build/bench/guard_$name")"
    done > "$table.new"
    mv "$table.new" "$table"
    cat "$table"
}

# verdict NAME EXPECTED COUNT
verdict() {
    if [ -z "$2" ] || [ -z "$3" ] || [ "$3" -eq 0 ]; then
        echo "FAIL $1: ${3:-no} instructions counted, ${2:-none} in $table"
        return 1
    fi
    percent=$((($3 - $2) * 100 / $2))
    if [ "$percent" -gt "$more" ] || [ "$percent" -lt "-$less" ]; then
        echo "FAIL $1: $3 instructions are $percent % more than the $2 of $table;" \
            "if that is meant: scripts/guard.sh --update"
        return 1
    fi
    echo "ok   $1: $3 instructions, $percent % more than the table has"
}

make -s "BUILD=$build" guards
if [ "${1:-}" = --update ]; then
    update
    exit
fi
passed=0 failed=0
for name in $(names); do
    expected=$(awk -v name="$name" '$1 == name { print $2 }' "$table")
    if verdict "$name" "$expected" "$(count "$build/bench/guard_$name")"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
