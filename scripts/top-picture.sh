#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# top-picture.sh [--quick] [FILE]: makes the picture of `parkwatch top` that README shows
# (docs/top.svg), of the real thing: the leaking demo service under bursts of load, in a real
# terminal (tmux). --quick: with less of it, to see that it works. Needs root, what `make` builds,
# and what `scripts/setup.sh test` installs.
set -euo pipefail

cd "$(dirname "$0")/.."
columns=112 rows=30
bursts=(600 900 700 400) # requests; every second one times out, and leaks
pause=6                  # seconds between them
if [ "${1:-}" = --quick ]; then
    bursts=(300 200) pause=3
    shift
fi
file=${1:-docs/top.svg}
patience=30              # seconds until the service listens
sockets=$(mktemp -d)
service_pid=

clean_up() {
    tmux -S "$sockets/tmux" kill-server 2> /dev/null || true
    [ -z "$service_pid" ] || kill "$service_pid" 2> /dev/null || true
    rm -rf "$sockets"
}

build_go() {
    mkdir -p build/demo
    CGO_ENABLED=0 GO111MODULE=off GOFLAGS='' GOCACHE=$PWD/build/demo/cache \
        go build -trimpath -ldflags='-s -w' -o "build/demo/$1" "scripts/demo/$1.go"
}

start_service() {
    local end=$((SECONDS + patience))
    build_go recommendd
    build_go load
    build/demo/recommendd < /dev/null > "$sockets/log" &
    service_pid=$!
    until address=$(sed -n 's/^listening on //p' "$sockets/log") && [ -n "$address" ]; do
        [ "$SECONDS" -lt "$end" ] || exit 1
        sleep 0.1
    done
}

in_terminal() {
    tmux -S "$sockets/tmux" "$@"
}

trap clean_up EXIT
start_service
in_terminal -f /dev/null new-session -d -x "$columns" -y "$rows" env -u NO_COLOR \
    TERM=tmux-256color LC_ALL=C.UTF-8 "build/parkwatch" top -p "$service_pid"
for burst in "${bursts[@]}"; do
    sleep "$pause"
    build/demo/load "$address" "$burst" > /dev/null
done
sleep "$pause"
mkdir -p "$(dirname "$file")"
in_terminal capture-pane -e -N -p | scripts/terminal-picture.py -t "parkwatch top -p $service_pid" > "$file"
in_terminal capture-pane -p
