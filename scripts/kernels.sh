#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# kernels.sh VERSION...: Debian's cloud kernels, each as build/kernels/VERSION/vmlinuz, with the
# package's name in build/kernels/VERSION/package. VERSION is a line of kernels, as 6.1; `newest` is
# the newest that Debian has.
#
# What is there already is left alone. They come from the mirror that this machine's own apt sources
# name, by an apt with a state folder of its own: the system's lists and packages stay as they are.
# A kernel that cannot be had is said in one line, and the exit status is 1.
set -u

cd "$(dirname "$0")/.." || exit 1
into=$PWD/build/kernels
state=$into/.apt
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

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

# Packages of Debian itself, not of its security archive.
main_mirror() {
    # shellcheck disable=SC2016 # apt's own notation
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
        2> /dev/null | grep -v security | head -n 1
}

# mirror SUITE
mirror() {
    case $1 in
    *-security) echo "${main%/debian/*}/debian-security/" ;;
    *) echo "$main" ;;
    esac
}

# apt_of SUITE TOOL ARGUMENT...: apt-get or apt-cache that knows this suite alone
apt_of() {
    suite=$1 tool=$2
    shift 2
    "$tool" -qq -o Dir::Etc::sourcelist="$state/$suite/sources.list" \
        -o Dir::Etc::sourceparts=/nonexistent -o Dir::State::Lists="$state/$suite/lists" \
        -o Dir::Cache="$state/$suite/cache" -o Dir::State::status=/dev/null \
        -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false \
        -o APT::Sandbox::User=root "$@"
}

# has_lists SUITE: fetches the suite's lists, once in a run
has_lists() {
    if [ ! -e "$state/$1/tried" ]; then
        mkdir -p "$state/$1/lists/partial" "$state/$1/cache/archives/partial"
        echo "deb [signed-by=$keyring] $(mirror "$1") $1 main" > "$state/$1/sources.list"
        apt_of "$1" apt-get -o APT::Update::Error-Mode=any update > "$state/$1/log" 2>&1
        echo $? > "$state/$1/tried"
        [ "$(cat "$state/$1/tried")" -eq 0 ] ||
            echo "kernels: no suite $1: $(head -n 1 "$state/$1/log")" >&2
    fi
    [ "$(cat "$state/$1/tried")" -eq 0 ]
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
main=$(main_mirror)
if [ -z "$main" ]; then
    echo "kernels: this machine's apt sources name no Debian mirror" >&2
fi
failed=0
for version in "$@"; do
    [ -e "$into/$version/vmlinuz" ] || { [ -n "$main" ] && fetch "$version"; } || failed=1
done
rm -rf "$state"
exit "$failed"
