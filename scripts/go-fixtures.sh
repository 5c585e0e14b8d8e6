#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# go-fixtures.sh [VERSION...]: builds tests/fixtures/go with the Go toolchains in build/go (all, or
# these) as build/go-fixtures/VERSION/FORM/PROGRAM. The forms:
#
#   exe        static, with symbols and DWARF
#   stripped   the same without either (-s -w), and without paths (-trimpath)
#   pie        position-independent, with symbols, without paths
#   bare       the same without symbols and DWARF
#   cgo        by the C linker, dynamically linked, without symbols
#   shared     a shared object (c-shared) that a C program loads
#   plugin     a plugin that a Go program loads
#   archive    linked into a C program (c-archive), without symbols
#
# Those without paths share a standard library, which takes longest to build.
#
# `park` is built in each form, the others in `stripped`; `labels` and `ages` in some more, `calls` in
# `cgo`. What came later than a version (coroutines, bubble, leaked) is left out of it.
set -u

cd "$(dirname "$0")/.." || exit 1
source=tests/fixtures/go
into=build/go-fixtures
forms="exe stripped pie bare cgo plugin shared archive"
failed=0

# go_build VERSION ARGUMENT...: that toolchain, without network and without the user's settings
go_build() {
    version=$1
    shift
    env -i PATH="$PATH" HOME="$PWD/build" GOROOT="$PWD/build/go/$version" GOENV=off \
        GOTOOLCHAIN=local GOPROXY=off GOFLAGS= GOCACHE="$PWD/build/go-cache" \
        GOPATH="$PWD/build/go-path" CGO_ENABLED="$cgo" \
        "build/go/$version/bin/go" build "$@"
}

# library VERSION MODE SUFFIX OUT ARGUMENT...: Go for a C program
library() {
    version=$1 mode=$2 suffix=$3 out=$4
    shift 4
    cgo=1 go_build "$version" -buildmode="$mode" -trimpath -o "$out.$suffix" "$@" "$source/shared.go"
}

# since VERSION FIRST: whether it has what came with FIRST
since() {
    [ "${1#1.}" -ge "${2#1.}" ]
}

# build VERSION FORM PROGRAM
build() {
    out=$into/$1/$2/$3
    files="$source/$3.go"
    [ "$3" = million ] || files="$files $source/truth.go"
    mkdir -p "${out%/*}"
    cgo=0
    # shellcheck disable=SC2086 # a list
    case $2 in
    exe) go_build "$1" -o "$out" $files ;;
    stripped) go_build "$1" -trimpath -ldflags="-s -w" -o "$out" $files ;;
    pie) go_build "$1" -buildmode=pie -trimpath -o "$out" $files ;;
    bare) go_build "$1" -buildmode=pie -trimpath -ldflags="-s -w" -o "$out" $files ;;
    cgo)
        cgo=1
        go_build "$1" -ldflags="-s -w -linkmode=external" -o "$out" $files
        ;;
    plugin)
        # shellcheck disable=SC2086 # a list
        cgo=1 && go_build "$1" -trimpath -o "$out" "$source/loader.go" &&
            go_build "$1" -trimpath -buildmode=plugin -o "$out.so" $files "$source/loaded.go"
        ;;
    shared)
        library "$1" c-shared so "$out" $files &&
            gcc -O1 -Wall -Wextra -o "$out" "$source/host.c" -ldl
        ;;
    archive)
        library "$1" c-archive a "$out" $files &&
            gcc -O1 -Wall -Wextra -s -DARCHIVE -o "$out" "$source/host.c" "$out.a" -ldl -pthread
        ;;
    esac
}

# Linking takes one processor: several toolchains at a time keep all of them at work.
if [ "$#" -eq 0 ]; then
    find build/go -maxdepth 1 -name '?.??' -printf '%f\n' 2> /dev/null |
        xargs -r -n 1 -P "$(nproc)" scripts/go-fixtures.sh
    exit
fi
for version in "$@"; do
    if [ ! -x "build/go/$version/bin/go" ]; then
        echo "go-fixtures: no build/go/$version: scripts/go-toolchains.sh" >&2
        failed=1
        continue
    fi
    for form in $forms; do
        build "$version" "$form" park || failed=1
    done
    for program in ages leak labels churn million finalizer; do
        build "$version" stripped "$program" || failed=1
    done
    for form in pie cgo shared; do
        build "$version" "$form" labels || failed=1
    done
    for form in bare archive; do
        build "$version" "$form" ages || failed=1
    done
    build "$version" cgo calls || failed=1
    since "$version" 1.23 && { build "$version" stripped coroutines || failed=1; }
    since "$version" 1.25 && { build "$version" stripped bubble || failed=1; }
    since "$version" 1.27 && { build "$version" stripped leaked || failed=1; }
done
exit "$failed"
