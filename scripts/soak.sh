#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# soak.sh SECONDS: a daemon on targets that churn, grow and change their names, for so long: counts
# stay right, memory and descriptors flat (tests/soak/soak.py). Needs root, what `make all fixtures`
# builds, and scripts/go-fixtures.sh.
set -eu

cd "$(dirname "$0")/.."
if [ "$(id -u)" -ne 0 ]; then
    echo "soak.sh: needs root: sudo scripts/soak.sh SECONDS" >&2
    exit 1
fi
exec /usr/bin/python3 -B tests/soak/soak.py "$@"
