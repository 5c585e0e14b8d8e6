#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# debian.sh, to be sourced: packages of Debian's suites, other than the one that runs here too. They
# come from the mirror that this machine's own apt sources name, by an apt with a state folder of
# its own, $state: the system's lists and packages stay as they are. $me is the name to complain by.
: "${state:?}" "${me:?}"

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

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
    [ -n "$main" ] || return 1
    if [ ! -e "$state/$1/tried" ]; then
        mkdir -p "$state/$1/lists/partial" "$state/$1/cache/archives/partial"
        echo "deb [signed-by=$keyring] $(mirror "$1") $1 main" > "$state/$1/sources.list"
        apt_of "$1" apt-get -o APT::Update::Error-Mode=any update > "$state/$1/log" 2>&1
        echo $? > "$state/$1/tried"
        [ "$(cat "$state/$1/tried")" -eq 0 ] ||
            echo "$me: no suite $1: $(head -n 1 "$state/$1/log")" >&2
    fi
    [ "$(cat "$state/$1/tried")" -eq 0 ]
}

main=$(main_mirror)
if [ -z "$main" ]; then
    echo "$me: this machine's apt sources name no Debian mirror" >&2
fi
