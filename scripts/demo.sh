#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# demo.sh [--fixed[=select|call]] [--pid N] [--once]: shows parkwatch at work on a Go service that
# leaks goroutines under a short load, or that is repaired; or on process N. Installs what is
# missing, builds, prints a report, and serves metrics until Ctrl-C; --once ends before that.
set -euo pipefail

cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin
port=17275
ports=20       # tried from there on
requests=2000  # every second one times out, and leaks
patience=30    # seconds until the service listens
service_pid=
watch_pid=

die() {
    echo "demo.sh: $1" >&2
    exit "${2:-1}"
}

usage() {
    die "usage: demo.sh [--fixed[=select|call]] [--pid N] [--once]" 2
}

# Ends only what this script started.
clean_up() {
    for pid in $watch_pid $service_pid; do
        kill "$pid" 2> /dev/null || continue
        wait "$pid" 2> /dev/null || true # it tells of the signal
    done
}

# Without symbols, without DWARF, without a profiling endpoint: as such services are deployed.
build_go() {
    mkdir -p build/demo
    CGO_ENABLED=0 GO111MODULE=off GOFLAGS='' GOCACHE=$PWD/build/demo/cache \
        go build -trimpath -ldflags='-s -w' -o "build/demo/$1" "scripts/demo/$1.go"
}

start_service() {
    local address='' end=$((SECONDS + patience))
    build_go recommendd
    build_go load
    # shellcheck disable=SC2086 # no argument where it is empty
    build/demo/recommendd $fixed < /dev/null > build/demo/recommendd.log &
    service_pid=$!
    echo
    echo "scripts/demo/recommendd.go runs as PID $service_pid${fixed:+, repaired}"
    while [ -z "$address" ]; do
        kill -0 "$service_pid" 2> /dev/null || die "the service ended"
        [ "$SECONDS" -lt "$end" ] || die "the service does not listen"
        sleep 0.1
        address=$(sed -n 's/^listening on //p' build/demo/recommendd.log)
    done
    build/demo/load "$address" "$requests"
    echo "the load is over"
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
    echo "  http://127.0.0.1:$port/debug/pprof/goroutine   for go tool pprof"
    wait "$watch_pid"
}

pid=
once=
fixed=
while [ $# -gt 0 ]; do
    case $1 in
    --pid)
        [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || usage
        pid=$2
        shift
        ;;
    --once) once=1 ;;
    --fixed | --fixed=select | --fixed=call) fixed=$1 ;;
    *) usage ;;
    esac
    shift
done

[ "$(id -u)" -eq 0 ] || die "parkwatch needs root: sudo scripts/demo.sh"
trap clean_up EXIT
trap 'exit 0' INT TERM
scripts/setup.sh "$([ -n "$pid" ] && echo build || echo demo)"
make -j"$(nproc)"
if [ -z "$pid" ]; then
    start_service
    pid=$service_pid
fi
echo
build/parkwatch report -p "$pid"
if [ -z "$once" ]; then
    serve "$pid"
fi
