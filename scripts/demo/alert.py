# SPDX-License-Identifier: Apache-2.0
"""alert.py ALERTMANAGER NAME SECONDS: waits so long for an alert of that name to arrive, and prints
what it says; exits 1 if none came."""

import json
import sys
import textwrap
import time
import urllib.parse
import urllib.request

COLUMNS = 100
BETWEEN = 0.5  # seconds between two looks


def arrived(alertmanager, name):
    query = urllib.parse.urlencode({"filter": f'alertname="{name}"'})
    with urllib.request.urlopen(f"{alertmanager}/api/v2/alerts?{query}", timeout=10) as answer:
        return json.load(answer)


def show(alert):
    print(f"{alert['labels']['alertname']} ({alert['labels']['severity']})")
    for part in ("summary", "description"):
        print(textwrap.indent(textwrap.fill(alert["annotations"][part], COLUMNS - 2), "  "))


def main(alertmanager, name, seconds):
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        alerts = arrived(alertmanager, name)
        if alerts:
            for alert in alerts:
                show(alert)
            return 0
        time.sleep(BETWEEN)
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
