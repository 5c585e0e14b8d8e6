# SPDX-License-Identifier: Apache-2.0
"""What /metrics takes while scans go on: scraped without a break, from the request's first byte to
the answer's last."""

import socket
import statistics
import time

SCANS = 2  # that end meanwhile
SCRAPES_LEAST = 30
REQUEST = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
CHUNK = 1 << 20


def scrape(port):
    """(seconds, bytes of the answer)"""
    start = time.monotonic()
    size = 0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(REQUEST)
        while part := connection.recv(CHUNK):
            size += len(part)
    return time.monotonic() - start, size


def measure(watching, source, scans=SCANS):
    """Median and longest of scrapes while so many scans ended, and the size of one."""
    first = watching.scans(source)[0]
    seconds, size = [], 0
    while len(seconds) < SCRAPES_LEAST or watching.scans(source)[0] < first + scans:
        took, size = scrape(watching.port)
        seconds.append(took)
    return {
        "metrics": statistics.median(seconds),
        "metrics_longest": max(seconds),
        "metrics_bytes": size,
    }
