#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# guard.sh [--update]: counts the instructions of known pieces of work (tests/bench/guard_*.c) with
# callgrind, and those that each BPF hook's programs consist of, and compares them with
# tests/bench/guard.tsv, so that what becomes slower is seen in the change that makes it, on a busy
# machine as well. --update writes the table anew. The last line is "N passed, N failed, N skipped".
set -eu

cd "$(dirname "$0")/.."
table=tests/bench/guard.tsv
build=${BUILD:-build}
object=$build/gen/parkwatch.bpf.o
more=10     # percent that a count may be above the table's
bpf_more=20 # for BPF: what clang makes of it differs between its versions; the table is of 14
less=25     # and below it: then the table is out of date, and guards nothing
seconds=120
bpf_instruction=8 # bytes
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# count_run PROGRAM: instructions below guard_measure(), or nothing where it fails
count_run() {
    timeout "$seconds" valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        --collect-atstart=no --toggle-collect=guard_measure "$1" > "$log" 2>&1 || return 0
    sed -n 's/^==[0-9]*== Collected : \([0-9]*\)$/\1/p' "$log"
}

# "HOOK INSTRUCTIONS" of each; no loading, and so no root and no kernel, is in it
bpf_sections() {
    readelf -SW "$object" | sed 's/^ *\[ *[0-9]*\]//' |
        while read -r section type _ _ size _ flags _; do
            if [ "$type $flags" = "PROGBITS AX" ] && [ "$size" != 000000 ]; then
                echo "$section $((0x$size / bpf_instruction))"
            fi
        done
}

names() {
    for source in tests/bench/guard_*.c; do
        name=${source#tests/bench/guard_}
        echo "${name%.c}"
    done
    bpf_sections | sed 's/^\([^ ]*\) .*/bpf:\1/'
}

count() {
    case $1 in
    bpf:*) bpf_sections | sed -n "s|^${1#bpf:} ||p" ;;
    *) count_run "$build/bench/guard_$1" ;;
    esac
}

update() {
    names | while read -r name; do
        printf '%s\t%s\n' "$name" "$(count "$name")"
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
    case $1 in
    bpf:*) most=$bpf_more ;;
    *) most=$more ;;
    esac
    percent=$((($3 - $2) * 100 / $2))
    if [ "$percent" -gt "$most" ] || [ "$percent" -lt "-$less" ]; then
        echo "FAIL $1: $3 instructions are $percent % more than the $2 of $table;" \
            "if that is meant: scripts/guard.sh --update"
        return 1
    fi
    echo "ok   $1: $3 instructions, $percent % more than the table has"
}

# Hooks of the table that have no program any more
gone() {
    names > "$log"
    cut -f1 "$table" | grep -vxFf "$log" || true
}

make -s "BUILD=$build" guards "$object"
if [ "${1:-}" = --update ]; then
    update
    exit
fi
passed=0 failed=0
for name in $(names); do
    expected=$(awk -v name="$name" '$1 == name { print $2 }' "$table")
    if verdict "$name" "$expected" "$(count "$name")"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
for name in $(gone); do
    echo "FAIL $name: is in $table and nowhere else; scripts/guard.sh --update"
    failed=$((failed + 1))
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
