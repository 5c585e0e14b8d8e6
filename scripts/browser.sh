#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# browser.sh [PATTERN...]: the tests of the built-in page in headless Chromium, on real processes;
# PATTERN is a part of FILE.CLASS.TEST. Needs root, what `make all fixtures` and
# scripts/go-fixtures.sh build, and what scripts/setup.sh test installs; fetches axe-core, pinned in
# tests/browser, into build/browser. Screenshots stay in build/browser/pictures.
set -eu

cd "$(dirname "$0")/.."
if [ "$(id -u)" -ne 0 ]; then
    echo "browser.sh: the tests need root: sudo scripts/browser.sh" >&2
    exit 1
fi
if [ ! -x "${BUILD:-build}/parkwatch" ]; then
    echo "browser.sh: nothing is built: make all fixtures" >&2
    exit 1
fi
if ! cmp -s tests/browser/package-lock.json build/browser/package-lock.json; then
    mkdir -p build/browser
    cp tests/browser/package.json tests/browser/package-lock.json build/browser/
    npm ci --prefix build/browser --no-audit --no-fund --ignore-scripts --silent || {
        rm -f build/browser/package-lock.json
        echo "browser.sh: npm cannot fetch axe-core" >&2
        exit 1
    }
fi
exec /usr/bin/python3 -B tests/live/run.py tests/browser "$@"
