#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# grafana.sh [PATTERN...]: what is in dashboards/, against promtool, amtool, the rules of Grafana's
# dashboard linter, and Grafana's published types. Needs neither root nor a build.
set -eu

cd "$(dirname "$0")/.."
exec /usr/bin/python3 -B tests/live/run.py tests/grafana "$@"
