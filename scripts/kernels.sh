#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# kernels.sh VERSION...: Debian's cloud kernels, each as build/kernels/VERSION/vmlinuz, with the
# package's name in build/kernels/VERSION/package. VERSION is a line of kernels, as 6.1; `newest` is
# the newest that Debian has.
#
# What is there already is left alone. A kernel that cannot be had is said in one line, and the exit
# status is 1.
set -u

cd "$(dirname "$0")/.." || exit 1
into=$PWD/build/kernels
state=$into/.apt
me=kernels
. scripts/debian.sh

# suites VERSION: where that line of kernels is, the steadiest suite first
suites() {
    case $1 in
    5.10) echo bullseye-security bullseye ;;
    6.1) echo bookworm ;;
    6.12) echo trixie-security trixie ;;
    newest) echo sid forky ;;
    *) echo trixie-backports forky sid ;;
    esac
}

# newest_of SUITE VERSION: the package with that kernel's image. Since 6.19 linux-image-* is empty,
# the image is in linux-binary-*.
newest_of() {
    prefix=$2.
    [ "$2" != newest ] || prefix=
    apt_of "$1" apt-cache pkgnames |
        grep -E "^linux-(image|binary)-${prefix}[0-9.]+([+~][a-z0-9.+~]*)?(-[0-9]+)?-cloud-amd64\$" |
        sed 's/^linux-[a-z]*-\(.*\)/\1 &/' | sort -k1,1V -k2,2r | tail -n 2 |
        sort -k1,1Vr -k2,2 | head -n 1 | cut -d' ' -f2
}

# unpack SUITE VERSION PACKAGE
unpack() {
    work=$state/$2
    rm -rf "$work" && mkdir -p "$work/root" &&
        (cd "$work" && apt_of "$1" apt-get download "$3") > "$work/log" 2>&1 &&
        dpkg-deb -x "$work"/*.deb "$work/root" || return 1
    # /boot/vmlinuz-RELEASE; since 7.2 /usr/lib/modules/RELEASE/vmlinuz
    image=$(find "$work/root" -name 'vmlinuz*' -type f | head -n 1)
    [ -n "$image" ] && mkdir -p "$into/$2" && mv "$image" "$into/$2/vmlinuz" &&
        echo "$3" > "$into/$2/package" && rm -rf "$work"
}

# fetch VERSION: from the first suite that has it
fetch() {
    for suite in $(suites "$1"); do
        has_lists "$suite" || continue
        package=$(newest_of "$suite" "$1")
        if [ -n "$package" ]; then
            unpack "$suite" "$1" "$package" && echo "kernel $1: $package from $suite" && return 0
            echo "kernels: $package cannot be fetched from $suite" >&2
        fi
    done
    echo "kernels: no Linux $1 in: $(suites "$1")" >&2
    return 1
}

if [ "$#" -eq 0 ]; then
    echo "usage: kernels.sh VERSION..." >&2
    exit 2
fi
mkdir -p "$into"
failed=0
for version in "$@"; do
    [ -e "$into/$version/vmlinuz" ] || fetch "$version" || failed=1
done
rm -rf "$state"
exit "$failed"
