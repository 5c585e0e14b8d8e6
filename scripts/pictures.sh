#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# pictures.sh [--quick] [DIRECTORY]: makes the README's pictures from the real thing. The
# demonstration's service gets two runs of load while parkwatch watches it, in a box
# (scripts/demo/box.sh); after the second run page.png and page-dark.png are taken, into docs unless
# a DIRECTORY is given. --quick: with a tenth of the load and of the time, to see that it works.
# Needs root.
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/demo/box.sh
PATH=$PATH:/usr/sbin:/sbin
requests=12000  # of each run; every second one times out, and leaks
quiet=25        # seconds before, between and after the runs
if [ "${1:-}" = --quick ]; then
    requests=1200 quiet=3
    shift
fi
directory=${1:-docs}
port=17299
patience=30     # seconds until something listens
colors=128      # of a picture
address=$box_there:8080
service_pid=
watch_pid=

die() {
    echo "pictures.sh: $1" >&2
    exit 1
}

# Ends only what this script started.
clean_up() {
    for pid in $watch_pid $service_pid; do
        kill "$pid" 2> /dev/null || continue
        wait "$pid" 2> /dev/null || true # it tells of the signal
    done
    box_remove
}

# await COMMAND...: until it succeeds
await() {
    local end=$((SECONDS + patience))
    until "$@" > /dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || die "not within $patience s: $*"
        sleep 0.1
    done
}

start_service() {
    build_go recommendd
    build_go load
    box_make "parkwatch-pictures-$$"
    [ -n "$box_group" ] || die "no memory cgroup to be had"
    [ -n "$box_network" ] || die "no network namespace to be had"
    box_run build/demo/recommendd --listen "$address" < /dev/null > build/demo/pictures.log &
    service_pid=$!
    await grep -q '^listening on ' build/demo/pictures.log
}

start_watch() {
    build/parkwatch watch -p "$service_pid" -t 2s --interval 1s \
        --web.listen-address "127.0.0.1:$port" &
    watch_pid=$!
    await curl -fsS "http://127.0.0.1:$port/-/ready"
}

replay() {
    for _ in 1 2; do
        sleep "$quiet"
        box_reach build/demo/load "$address" "$requests"
    done
    sleep "$quiet"
}

# shoot FILE light|dark
shoot() {
    mkdir -p "$directory"
    /usr/bin/python3 -B tests/browser/shoot.py "http://127.0.0.1:$port/" "$2" "$1"
    pngquant --force --skip-if-larger --strip --output "$1" "$colors" "$1" || [ $? -eq 98 ]
    optipng -quiet -o2 "$1"
}

[ "$(id -u)" -eq 0 ] || die "parkwatch needs root: sudo scripts/pictures.sh"
trap clean_up EXIT
trap 'exit 1' INT TERM
scripts/setup.sh pictures
make -j"$(nproc)"
start_service
start_watch
replay
shoot "$directory/page.png" light
shoot "$directory/page-dark.png" dark
