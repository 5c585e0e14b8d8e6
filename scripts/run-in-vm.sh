#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run-in-vm.sh [KERNEL...]: boots Debian's kernels of these lines (5.10, 6.1, 6.12, 6.18, newest; none:
# all of them; ci: those of the test command) under emulation, and runs build/parkwatch there on
# parked threads and goroutines: as root, with CAP_BPF and CAP_PERFMON alone, with a small limit of
# locked memory, without BTF, and with the kernel locked down. What each allows is declared in
# tests/kernels/lab.py. Needs `make all fixtures` and scripts/go-fixtures.sh, but no KVM.
set -eu

cd "$(dirname "$0")/.."
all="5.10 6.1 6.12 6.18 newest"
for_ci="5.10 6.1 newest"
case ${1:-} in
"") kernels=$all ;;
ci) kernels=$for_ci ;;
*) kernels=$* ;;
esac
# shellcheck disable=SC2086 # a list
scripts/kernels.sh $kernels
# shellcheck disable=SC2086 # a list
exec /usr/bin/python3 -B tests/kernels/lab.py $kernels
