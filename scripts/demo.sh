#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# demo.sh [--fixed[=select|call]] [--pid N] [--with-prometheus] [--once]: shows parkwatch at work on
# a Go service that leaks goroutines under a short load, or that is repaired; or on process N.
# Installs what is missing, builds, prints a report once the load is over, and serves metrics until
# Ctrl-C, of the load as well; --once ends with the report. --with-prometheus has a longer load, and
# real Prometheus and Alertmanager beside it, sixty times as fast as they run elsewhere, and prints
# the alert that arrives.
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/ports.sh
. scripts/demo/box.sh
PATH=$PATH:/usr/sbin:/sbin
requests=12000 # every second one times out, and leaks
incident=28470 # requests with Prometheus: 14,235 of them
quiet=5        # seconds that are watched before and after the load
alert=ParkwatchMemoryStays
patience=30    # seconds until the service listens, and until it is watched
alert_after=90 # seconds at most from the load's end to its alert
service_pid=
watch_pid=
prometheus_pid=
work=

die() {
    echo "demo.sh: $1" >&2
    exit "${2:-1}"
}

usage() {
    die "usage: demo.sh [--fixed[=select|call]] [--pid N] [--with-prometheus] [--once]" 2
}

# Ends only what this script started.
clean_up() {
    for pid in $prometheus_pid $watch_pid $service_pid; do
        kill "$pid" 2> /dev/null || continue
        wait "$pid" 2> /dev/null || true # it tells of the signal
    done
    box_remove
    [ -z "$work" ] || rm -rf "$work"
}

# Memory of a cgroup and traffic of a namespace are the service's where it has both to itself.
make_box() {
    box_make "parkwatch-demo-$$"
    [ -n "$box_group" ] ||
        echo "no memory cgroup can be made here: what is shown of the cgroup is not the service's alone"
    [ -n "$box_network" ] ||
        echo "no network namespace can be made here: the service is at loopback, which no chart shows"
}

start_service() {
    local end=$((SECONDS + patience)) at=127.0.0.1:0
    make_box
    [ -z "$box_network" ] || at=$box_there:8080
    # shellcheck disable=SC2086 # no argument where it is empty
    box_run build/demo/recommendd $fixed --listen "$at" < /dev/null > build/demo/recommendd.log &
    service_pid=$!
    echo "scripts/demo/recommendd.go runs as PID $service_pid${fixed:+, repaired}"
    while [ -z "$address" ]; do
        kill -0 "$service_pid" 2> /dev/null || die "the service ended"
        [ "$SECONDS" -lt "$end" ] || die "the service does not listen"
        sleep 0.1
        address=$(sed -n 's/^listening on //p' build/demo/recommendd.log)
    done
}

# Base lines on both sides, where somebody looks.
run_load() {
    [ -z "$watch_pid" ] || sleep "$quiet"
    box_reach build/demo/load "$address" "$requests"
    echo "the load is over"
    [ -z "$watch_pid" ] || sleep "$quiet"
}

# Until it has looked for the first time.
start_watch() {
    local end=$((SECONDS + patience))
    port=$(free_port 17275)
    build/parkwatch watch -p "$1" -t 1s --interval 1s --web.listen-address "127.0.0.1:$port" &
    watch_pid=$!
    until ready "$port"; do
        kill -0 "$watch_pid" 2> /dev/null || die "parkwatch ended"
        [ "$SECONDS" -lt "$end" ] || die "parkwatch does not look"
        sleep 0.1
    done
}

# url NAME: where Prometheus or Alertmanager listens
url() {
    sed -n "s/^$1 //p" "$work/urls"
}

# Until the process is known to Prometheus as it was before the load.
start_prometheus() {
    local end=$((SECONDS + patience)) known=process:parkwatch_target_resident_memory_bytes:sum
    work=$(mktemp -d)
    scripts/prometheus.sh "$work" "127.0.0.1:$port" > "$work/urls" &
    prometheus_pid=$!
    until [ -n "$(promtool query instant "$(url prometheus)" "$known" 2> /dev/null)" ]; do
        kill -0 "$prometheus_pid" 2> /dev/null || die "Prometheus ended"
        [ "$SECONDS" -lt "$end" ] || die "Prometheus does not scrape"
        sleep 0.2
    done
    echo "Prometheus scrapes each second; a minute of the rules is a second here, an hour a minute"
}

wait_for_alert() {
    echo
    echo "waiting for an alert, for up to $alert_after s"
    if /usr/bin/python3 scripts/demo/alert.py "$(url alertmanager)" "$alert" "$alert_after"; then
        return
    fi
    [ -n "$fixed" ] || die "no alert came"
    echo "no alert came"
}

serve() {
    echo
    echo "serving until Ctrl-C:"
    echo "  http://127.0.0.1:$port/                the page, for a browser"
    echo "  http://127.0.0.1:$port/metrics         for Prometheus"
    echo "  http://127.0.0.1:$port/api/v1/report   the report, as JSON"
    echo "  http://127.0.0.1:$port/debug/pprof/goroutine   for go tool pprof"
    if [ -n "$with_prometheus" ]; then
        echo "  $(url prometheus)/alerts        Prometheus"
        echo "  $(url alertmanager)/               Alertmanager"
    fi
    wait "$watch_pid"
}

pid=
once=
fixed=
address=
with_prometheus=
while [ $# -gt 0 ]; do
    case $1 in
    --pid)
        [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || usage
        pid=$2
        shift
        ;;
    --once) once=1 ;;
    --with-prometheus) with_prometheus=1 ;;
    --fixed | --fixed=select | --fixed=call) fixed=$1 ;;
    *) usage ;;
    esac
    shift
done

[ "$(id -u)" -eq 0 ] || die "parkwatch needs root: sudo scripts/demo.sh"
trap clean_up EXIT
trap 'exit 0' HUP INT TERM
scripts/setup.sh "$([ -n "$pid" ] && echo build || echo demo)"
[ -z "$with_prometheus" ] || scripts/setup.sh prometheus
make -j"$(nproc)"
echo
target=$pid
if [ -z "$pid" ]; then
    build_go recommendd
    build_go load
    start_service
    target=$service_pid
fi
if [ -z "$once" ] || [ -n "$with_prometheus" ]; then
    start_watch "$target"
fi
if [ -n "$with_prometheus" ]; then
    start_prometheus
    requests=$incident
fi
if [ -z "$pid" ]; then
    run_load
fi
echo
build/parkwatch report -p "$target"
if [ -n "$with_prometheus" ] && [ -z "$pid" ]; then
    wait_for_alert
fi
if [ -z "$once" ]; then
    serve
fi
