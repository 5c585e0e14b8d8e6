#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# setup.sh bench|build|demo|prometheus|test|pictures: installs what is missing to build parkwatch,
# to show it, alone or with Prometheus, to test it, to measure it, or to make its pictures, on
# Debian.
# Calls apt-get only when something is missing, asks nothing, and starts no services.
set -eu

PATH=$PATH:/usr/sbin:/sbin
packages=

add() {
    packages="$packages $1"
}

# need_command PROGRAM PACKAGE
need_command() {
    command -v "$1" > /dev/null || add "$2"
}

# need_module PKG-CONFIG-NAME PACKAGE
need_module() {
    pkg-config --exists "$1" 2> /dev/null || add "$2"
}

# need_file PATH PACKAGE
need_file() {
    [ -e "$1" ] || add "$2"
}

need_build() {
    need_command make make
    need_command gcc gcc
    need_file /usr/include/stdio.h libc6-dev
    need_command clang clang
    need_command bpftool bpftool
    need_command pkg-config pkg-config
    need_module libbpf libbpf-dev
    need_module libelf libelf-dev
    need_module libdw libdw-dev
    need_module libmicrohttpd libmicrohttpd-dev
    need_module libcap-ng libcap-ng-dev
    need_module libseccomp libseccomp-dev
    need_module zlib zlib1g-dev
    need_module ncursesw libncurses-dev
    need_module gnutls libgnutls28-dev
    need_module libcrypt libcrypt-dev
    need_module yaml-0.1 libyaml-dev
    need_module libdeflate libdeflate-dev
    need_file /usr/include/libiberty/demangle.h libiberty-dev
}

need_test() {
    need_command git git
    need_command npm npm
    need_module cmocka libcmocka-dev
    need_module jansson libjansson-dev
    need_command clang-format clang-format
    need_command clang-tidy clang-tidy
    [ -n "$(find /usr/lib/llvm-*/lib -name 'libclang_rt.fuzzer-*.a' 2> /dev/null)" ] ||
        add libclang-rt-dev
    need_command shellcheck shellcheck
    need_command python3 python3
    need_file /usr/lib/python3/dist-packages/prometheus_client python3-prometheus-client
    need_file /usr/lib/python3/dist-packages/yaml python3-yaml
    need_command npm npm
    need_command gdb gdb
    need_command strace strace
    need_command systemd-analyze systemd
    need_command valgrind valgrind
    need_command tmux tmux
    need_command curl curl
    need_command openssl openssl
    need_command readelf binutils
    need_file "/usr/share/doc/libc6-dbg" libc6-dbg
    need_command g++ g++
    [ -x "${HOME:-/root}/.cargo/bin/rustc" ] || need_command rustc rustc
    need_command qemu-system-x86_64 qemu-system-x86
    need_command busybox busybox-static
    need_command mke2fs e2fsprogs
    need_command redis-server redis-server
    need_command nginx nginx-light
    need_command etcd etcd-server
    need_command caddy caddy
    need_command javac default-jdk-headless
    [ -n "$(ls -d /usr/lib/postgresql/*/bin 2> /dev/null)" ] || add postgresql
}

need_browser() {
    need_command chromium chromium
    need_command chromedriver chromium-driver
    need_file /usr/lib/python3/dist-packages/selenium python3-selenium
}

need_demo() {
    need_command go golang-go
    need_command ip iproute2
}

need_pictures() {
    need_demo
    need_browser
    need_command curl curl
    need_command pngquant pngquant
    need_command optipng optipng
    need_file /usr/share/fonts/opentype/inter fonts-inter
    need_file /usr/share/fonts/truetype/jetbrains-mono fonts-jetbrains-mono
}

need_prometheus() {
    need_command promtool prometheus
    need_command prometheus-alertmanager prometheus-alertmanager
    need_command python3 python3
}

need_bench() {
    need_command python3 python3
    need_command taskset util-linux
    need_command bpftool bpftool
    need_command offcputime libbpf-tools
    need_command offcputime-bpfcc bpfcc-tools
    need_command bpftrace bpftrace
    need_command eu-stack elfutils
    need_command gdb gdb
    need_command dlv delve
    need_command go golang-go
    need_command redis-benchmark redis-tools
    need_command redis-server redis-server
    need_command nginx nginx-light
    need_command caddy caddy
    need_command ab apache2-utils
    [ -n "$(ls -d /usr/lib/postgresql/*/bin 2> /dev/null)" ] || add postgresql
}

install_packages() {
    if ! command -v apt-get > /dev/null; then
        echo "setup.sh: no apt-get here; install what Debian calls:$packages" >&2
        exit 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        echo "setup.sh: run as root, or: sudo apt-get install$packages" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 # invoke-rc.d starts nothing in runlevel 1
    apt-get -qq update
    # shellcheck disable=SC2086 # a list
    apt-get -qq -y install --no-install-recommends $packages > /dev/null
}

case ${1:-} in
bench)
    need_build
    need_bench
    ;;
build)
    need_build
    ;;
demo)
    need_build
    need_demo
    ;;
prometheus)
    need_prometheus
    ;;
test)
    need_build
    need_pictures
    need_prometheus
    need_test
    ;;
pictures)
    need_build
    need_pictures
    ;;
*)
    echo "usage: setup.sh bench|build|demo|prometheus|test|pictures" >&2
    exit 2
    ;;
esac
if [ -n "$packages" ]; then
    install_packages
fi
