#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# prometheus.sh DIRECTORY ADDRESS...: Prometheus, which scrapes parkwatch at ADDRESS, and
# Alertmanager, on free ports of 127.0.0.1, until it is ended. They run by what is in dashboards/,
# but sixty times as fast: minutes are seconds there, hours are minutes, and seconds are one second.
# What they write is in DIRECTORY. Says in two lines where they listen, once they are ready.
set -euo pipefail

cd "$(dirname "$0")/.."
. scripts/ports.sh
PATH=$PATH:/usr/sbin:/sbin
patience=30 # seconds until they are ready
pids=()

die() {
    echo "prometheus.sh: $1" >&2
    exit 1
}

clean_up() {
    [ "${#pids[@]}" -eq 0 ] || kill "${pids[@]}" 2> /dev/null || true
    wait
}

# run NAME PORT COMMAND...: in the background, until it is ready there; it ends with this script
run() {
    local name=$1 port=$2 end=$((SECONDS + patience))
    shift 2
    setpriv --pdeathsig TERM "$@" < /dev/null > "$directory/$name.log" 2>&1 &
    pids+=($!)
    until ready "$port"; do
        kill -0 $! 2> /dev/null || die "$name ended: $(tail -n 1 "$directory/$name.log")"
        [ "$SECONDS" -lt "$end" ] || die "$name is not ready"
        sleep 0.1
    done
    echo "$name http://127.0.0.1:$port"
}

# Times alone: a name such as rate5m has no word's edge before its number.
faster() {
    sed -E -e 's/\b[0-9]+s\b/1s/g' -e 's/\b([0-9]+)m\b/\1s/g' -e 's/\b([0-9]+)h\b/\1m/g' "$1"
}

[ $# -ge 2 ] || die "usage: prometheus.sh DIRECTORY ADDRESS..."
directory=$1
addresses=$(printf ', "%s"' "${@:2}")
trap clean_up EXIT
trap 'exit 0' INT TERM
alertmanager=$(free_port 19093)
prometheus=$(free_port 19190)
for name in rules alerts alertmanager prometheus; do
    faster "dashboards/$name.yml" > "$directory/$name.yml"
done
sed -i -e "s/127.0.0.1:9093/127.0.0.1:$alertmanager/" -e "s/\"127.0.0.1:17275\"/${addresses#, }/" \
    "$directory/prometheus.yml"
run alertmanager "$alertmanager" prometheus-alertmanager \
    --config.file="$directory/alertmanager.yml" --storage.path="$directory/alertmanager" \
    --web.listen-address="127.0.0.1:$alertmanager" --cluster.listen-address=
run prometheus "$prometheus" prometheus --config.file="$directory/prometheus.yml" \
    --storage.tsdb.path="$directory/prometheus" --web.listen-address="127.0.0.1:$prometheus"
wait
