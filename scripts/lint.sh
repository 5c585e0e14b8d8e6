#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# lint.sh: format, static analysis, scripts and the table of bounds, over all files that git tracks.
set -u

cd "$(dirname "$0")/.." || exit 1
PATH=$PATH:/usr/sbin:/sbin
build=${BUILD:-build}
seconds=600 # for clang-tidy over everything: ten times what it takes
failed=0

# verdict STATUS NAME: and what it said, if that is of interest
verdict() {
    if [ "$1" -eq 0 ]; then
        echo "ok   $2"
    else
        printf 'FAIL %s\n%s\n' "$2" "$said"
        failed=1
    fi
}

format() {
    git ls-files -z '*.c' '*.h' | xargs -0 "${CLANG_FORMAT:-clang-format}" --dry-run -Werror
}

# The flags that make compiles with, and what it generates first.
flags() {
    # shellcheck disable=SC2016 # for make to expand
    make -s --eval 'lint-flags: ; @echo $(CPPFLAGS) -std=gnu17 $(WARNINGS)' lint-flags
}

tidy() {
    make -s "$build/gen/syscalls.inc" "$build/gen/parkwatch.skel.h" "$build/gen/assets.inc" ||
        return 1
    flags=$(flags) || return 1
    # shellcheck disable=SC2016 # for the inner shell to expand
    git ls-files -z 'user/*.c' | timeout "$seconds" xargs -0 -n 1 -P "$(nproc)" \
        sh -c 'for file; do :; done; exec "$0" --quiet "$file" -- $1' "${CLANG_TIDY:-clang-tidy}" \
        "$flags" 2> /dev/null
}

scripts() {
    git ls-files -z 'scripts/*.sh' .ci/run 'tests/*.sh' tests/kernels/init |
        xargs -0 shellcheck -x
}

python() {
    git ls-files -z '*.py' | xargs -0 /usr/bin/python3 -c '
import sys
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as source:
        compile(source.read(), path, "exec")
'
}

# tests/unit/caps.tsv has each bound of those parts of user/ that see what targets and clients say,
# and no other; the tests that it names are there.
caps() {
    table=tests/unit/caps.tsv
    tab=$(printf '\t')
    bounds=$(git grep -oE '^#define +[A-Z0-9_]+_MAX\b' -- user/analyst user/probe \
        user/sandbox.c user/wire.h user/rpc.h user/sample.h 'user/webconfig*' \
        'user/monitor/intake.*' 'user/monitor/http*' 'user/monitor/head.*' \
        'user/monitor/client*' 'user/monitor/gate.*' 'user/monitor/auth.*' |
        sed -E "s|^user/||; s|:#define +|$tab|" | sort -u)
    rows=$(grep -v '^#' "$table")
    wrong=$(
        { printf '%s\n' "$bounds" && printf '%s\n' "$rows" | cut -f 1,2; } | sort | uniq -u |
            sed 's/$/: only in user\/, or only in the table/'
        printf '%s\n' "$rows" | while IFS=$tab read -r _ bound test; do
            case $test in
            '- '?*) ;;
            *) grep -qsw "${test#*:}" "tests/${test%%:*}" || echo "$bound: no test '$test'" ;;
            esac
        done
    )
    [ -z "$wrong" ] && return
    printf '%s:\n%s\n' "$table" "$wrong"
    return 1
}

said=$(format 2>&1)
verdict $? format
said=$(tidy 2>&1)
verdict $? tidy
said=$(scripts 2>&1)
verdict $? shellcheck
said=$(python 2>&1)
verdict $? python
said=$(caps 2>&1)
verdict $? caps
exit "$failed"
