#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# go-toolchains.sh [VERSION...]: Debian's Go toolchains, each as a GOROOT in build/go/VERSION.
#
# Without arguments: all of them. What is there already is left alone. A version that cannot be had
# is said in one line; the exit status is 1 when none can.
set -u

cd "$(dirname "$0")/.." || exit 1
into=$PWD/build/go
state=$into/.apt
me=go-toolchains
. scripts/debian.sh

# suites VERSION: where to look for it, the steadiest suite first
suites() {
    case $1 in
    1.19) echo bookworm ;;
    1.23) echo bookworm-backports ;;
    1.24) echo trixie ;;
    *) echo forky sid ;;
    esac
}

# unpack SUITE VERSION: the packages, as one tree without links out of it
unpack() {
    work=$state/$2
    rm -rf "$work" && mkdir -p "$work/root" &&
        (cd "$work" && apt_of "$1" apt-get download "golang-$2-go" "golang-$2-src") \
            > "$work/log" 2>&1 || return 1
    for package in "$work"/*.deb; do
        dpkg-deb -x "$package" "$work/root" || return 1
    done
    # Debian keeps what no architecture owns in /usr/share and links to it; the licence and the
    # documentation, which lie in neither of the two packages, are links that lead nowhere.
    find "$work/root/usr/lib/go-$2" -xtype l -delete
    cp -rL "$work/root/usr/lib/go-$2" "$work/goroot" && mv "$work/goroot" "$into/$2" &&
        rm -rf "$work"
}

# fetch VERSION: into its place, from the first suite that has it
fetch() {
    for suite in $(suites "$1"); do
        if has_lists "$suite" &&
            apt_of "$suite" apt-cache show "golang-$1-go" > /dev/null 2>&1; then
            unpack "$suite" "$1" && echo "go $1: from $suite" && return 0
            echo "go-toolchains: golang-$1-go cannot be fetched from $suite" >&2
        fi
    done
    echo "go-toolchains: no Go $1 in: $(suites "$1")" >&2
    return 1
}

[ "$#" -gt 0 ] || set -- 1.19 1.23 1.24 1.26 1.27
mkdir -p "$into"
found=0
for version in "$@"; do
    if [ -x "$into/$version/bin/go" ] || fetch "$version"; then
        found=$((found + 1))
    fi
done
rm -rf "$state"
[ "$found" -gt 0 ]
