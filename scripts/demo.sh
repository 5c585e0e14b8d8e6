#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# demo.sh [--pid N] [--once]: shows parkwatch at work on a leaking program, or on process N. Installs
# what is missing, builds, prints a report, and serves metrics until Ctrl-C; --once ends before that.
set -euo pipefail

cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin
port=17275
ports=20       # tried from there on
leaked=150     # threads that the report is to find
patience=30    # seconds until they are there
leak_pid=
watch_pid=

die() {
    echo "demo.sh: $1" >&2
    exit "${2:-1}"
}

usage() {
    die "usage: demo.sh [--pid N] [--once]" 2
}

# Ends only what this script started.
clean_up() {
    for pid in $watch_pid $leak_pid; do
        kill "$pid" 2> /dev/null || continue
        wait "$pid" 2> /dev/null || true # it tells of the signal
    done
}

threads_of() {
    sed -n 's/^Threads:\t//p' "/proc/$1/status" 2> /dev/null || echo 0
}

start_leak() {
    mkdir -p build/demo
    gcc -std=gnu17 -D_GNU_SOURCE -O2 -g -Wall -Wextra -o build/demo/recommendd scripts/demo/leak.c -pthread
    build/demo/recommendd < /dev/null &
    leak_pid=$!
    echo "a service that leaks is running as PID $leak_pid: scripts/demo/leak.c"
    local end=$((SECONDS + patience))
    while [ "$(threads_of "$leak_pid")" -lt "$leaked" ]; do
        kill -0 "$leak_pid" 2> /dev/null || die "the leaking program ended"
        [ "$SECONDS" -lt "$end" ] || die "it does not leak"
        sleep 0.2
    done
}

# The first port that nobody listens on.
choose_port() {
    local last=$((port + ports))
    while (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do
        port=$((port + 1))
        [ "$port" -lt "$last" ] || die "no free port from $((last - ports)) on"
    done
}

serve() {
    choose_port
    build/parkwatch watch -p "$1" -t 1s --web.listen-address "127.0.0.1:$port" &
    watch_pid=$!
    echo
    echo "serving until Ctrl-C:"
    echo "  http://127.0.0.1:$port/metrics         for Prometheus"
    echo "  http://127.0.0.1:$port/api/v1/report   the report, as JSON"
    wait "$watch_pid"
}

pid=
once=
while [ $# -gt 0 ]; do
    case $1 in
    --pid)
        [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || usage
        pid=$2
        shift
        ;;
    --once) once=1 ;;
    *) usage ;;
    esac
    shift
done

[ "$(id -u)" -eq 0 ] || die "parkwatch needs root: sudo scripts/demo.sh"
trap clean_up EXIT
trap 'exit 0' INT TERM
scripts/setup.sh build
make -j"$(nproc)"
if [ -z "$pid" ]; then
    start_leak
    pid=$leak_pid
fi
echo
build/parkwatch report -p "$pid"
if [ -z "$once" ]; then
    serve "$pid"
fi
