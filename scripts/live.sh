#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# live.sh [PATTERN...]: the tests on real processes and the real kernel; PATTERN is a part of
# FILE.CLASS.TEST. Needs root and what `make all fixtures` builds. $BUILD names another build directory.
set -eu

cd "$(dirname "$0")/.."
if [ "$(id -u)" -ne 0 ]; then
    echo "live.sh: live tests need root: sudo scripts/live.sh" >&2
    exit 1
fi
if [ ! -x "${BUILD:-build}/parkwatch" ]; then
    echo "live.sh: nothing is built: make all fixtures" >&2
    exit 1
fi
exec /usr/bin/python3 -B tests/live/run.py --jobs "$(nproc)" "$@"
