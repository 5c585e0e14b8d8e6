#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""shoot.py URL light|dark FILE: a picture of the built-in page, with the first group open."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "live"))

import chromium
import harness

SIZE = (1280, 1024)


def main(url, scheme, path):
    browser = chromium.Browser()
    try:
        browser.open(url, size=SIZE, dark=scheme == "dark")
        browser.one("#strip-waiters canvas")
        browser.click("tbody tr.group .opener")
        browser.one(".detail")
        browser.run("document.activeElement.blur(); scrollTo(0, 0)")
        bottom = "return Math.ceil(document.querySelector('footer').getBoundingClientRect().top)"
        browser.resize((SIZE[0], browser.run(bottom)))
        harness.wait_for(lambda: browser.run("return scrollY") == 0, "top of the page")
        browser.driver.save_screenshot(path)
    finally:
        browser.end()


if __name__ == "__main__":
    main(*sys.argv[1:])
