# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# box.sh, to be sourced at the project's root: the demonstration's programs, and a box to run the
# service in: a memory cgroup and a network namespace of its own, as a container has them. Its
# network is one wire to a second namespace, where the load runs; the machine's own is left alone.
# What is not to be had here (no right to it, no such cgroup) is left out, and its variable empty.
box_group=   # directory of the cgroup
box_network= # name of the namespace
box_here=10.213.77.1 # the ends of the wire: the load's, the service's
box_there=10.213.77.2

# Without symbols, without DWARF, without a profiling endpoint: as such services are deployed.
build_go() {
    mkdir -p build/demo
    CGO_ENABLED=0 GO111MODULE=off GOFLAGS='' GOCACHE=$PWD/build/demo/cache \
        go build -trimpath -ldflags='-s -w' -o "build/demo/$1" "scripts/demo/$1.go"
}

# In version 1 or 2. A process is put to the test: groups can be made that take none.
box_make_group() {
    local root=/sys/fs/cgroup
    if [ ! -e "$root/cgroup.controllers" ]; then
        root=$root/memory
    elif ! grep -qw memory "$root/cgroup.subtree_control"; then
        echo +memory > "$root/cgroup.subtree_control" || return
    fi
    [ -e "$root/cgroup.procs" ] || return
    mkdir "$root/$1" || return
    box_group=$root/$1
    (echo "$BASHPID" > "$box_group/cgroup.procs") || box_remove_group
}

box_remove_group() {
    [ -z "$box_group" ] || rmdir "$box_group" || true
    box_group=
}

box_wire() {
    ip netns add "$1" &&
        ip netns add "$1-load" &&
        ip -n "$1" link add eth0 type veth peer name eth0 netns "$1-load" &&
        ip -n "$1" address add "$box_there/30" dev eth0 &&
        ip -n "$1-load" address add "$box_here/30" dev eth0 &&
        ip -n "$1" link set eth0 up &&
        ip -n "$1-load" link set eth0 up
}

box_make_network() {
    box_network=$1
    box_wire "$1" || box_remove_network
}

# The wire goes with them.
box_remove_network() {
    [ -z "$box_network" ] || ip netns delete "$box_network-load" || true
    [ -z "$box_network" ] || ip netns delete "$box_network" || true
    box_network=
}

# box_make NAME
box_make() {
    box_make_group "$1" 2> /dev/null || true
    box_make_network "$1" 2> /dev/null || true
}

box_remove() {
    box_remove_network 2> /dev/null
    box_remove_group
}

# box_run COMMAND...: instead of this shell, which therefore is a subshell; the PID stays
box_run() {
    [ -z "$box_group" ] || echo "$BASHPID" > "$box_group/cgroup.procs"
    [ -z "$box_network" ] || exec nsenter --net="/run/netns/$box_network" -- "$@"
    exec "$@"
}

# box_reach COMMAND...: where the box can be reached from
box_reach() {
    if [ -n "$box_network" ]; then
        nsenter --net="/run/netns/$box_network-load" -- "$@"
    else
        "$@"
    fi
}
