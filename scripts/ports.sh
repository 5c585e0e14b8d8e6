# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# ports.sh, to be sourced: ports of 127.0.0.1, and who answers there.
ports=100 # tried for each program

listens() {
    (: < "/dev/tcp/127.0.0.1/$1") 2> /dev/null
}

# free_port FROM: the first one from there on that nobody listens on
free_port() {
    local port
    for ((port = $1; port < $1 + ports; port++)); do
        listens "$port" || { echo "$port" && return; }
    done
    echo "no free port from $1 on" >&2
    return 1
}

# ready PORT: whether /-/ready, which parkwatch, Prometheus and Alertmanager have, says so
ready() {
    local answer=
    exec 3<> "/dev/tcp/127.0.0.1/$1" || return
    printf 'GET /-/ready HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3
    read -r answer <&3 || true
    exec 3>&-
    [[ $answer == *" 200 "* ]]
} 2> /dev/null
