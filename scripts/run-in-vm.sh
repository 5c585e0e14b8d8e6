#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run-in-vm.sh [--fetch] [KERNEL...]: boots Debian's kernels of these lines (5.10, 6.1, 6.12, 6.18,
# newest; none: all of them; ci: those of the test command) under emulation, as many at once as there
# are processors, and runs build/parkwatch there on parked threads and goroutines: as root, with
# CAP_BPF and CAP_PERFMON alone, with a small limit of locked memory, without BTF, and with the kernel
# locked down. What each allows is declared in tests/kernels/lab.py. Needs `make all fixtures` and
# scripts/go-fixtures.sh, but no KVM. With --fetch it only gets the kernels, and needs nothing.
set -eu

cd "$(dirname "$0")/.."
all="5.10 6.1 6.12 6.18 newest"
for_ci="5.10 6.1 newest"
boots=true
if [ "${1:-}" = --fetch ]; then
    boots=false
    shift
fi
case ${1:-} in
"") kernels=$all ;;
ci) kernels=$for_ci ;;
*) kernels=$* ;;
esac
# shellcheck disable=SC2086 # a list
scripts/kernels.sh $kernels
"$boots" || exit 0
# shellcheck disable=SC2086 # a list
exec /usr/bin/python3 -B tests/kernels/lab.py $kernels
