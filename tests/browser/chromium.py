# SPDX-License-Identifier: Apache-2.0
"""Headless Chromium, driven by Debian's chromedriver, and the test case that the browser tests
share: after each test the console has to be free of errors, and no request may have left for
another place than the daemon."""

import json
import os
import pathlib
import urllib.parse

import go_truth
import harness
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

ROOT = harness.ROOT
PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"
AXE = ROOT / "build" / "browser" / "node_modules" / "axe-core" / "axe.min.js"
SHOTS = ROOT / "build" / "browser" / "pictures"
WIDE = (1400, 1000)
NARROW = (390, 844)
INTERVAL = "1s"
THRESHOLD = "500ms"

# Chromium's own requests: none, as far as it can be told; and nothing that it writes stays.
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)

# What axe-core calls serious.
SERIOUS = ("serious", "critical")


def start_driver():
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


class Browser:
    """One window. Every look at the page that may come too early waits for its condition."""

    def __init__(self):
        self.driver = start_driver()
        self.driver.set_script_timeout(60)
        self.driver.set_page_load_timeout(30)
        self.errors = []  # of the console
        self.urls = []  # of all requests

    def command(self, name, **parameters):
        return self.driver.execute_cdp_cmd(name, parameters)

    def open(self, url, size=WIDE, dark=False):
        self.driver.get("about:blank")  # the same URL with another fragment would be no load
        self.resize(size)
        self.set_dark(dark)
        self.driver.get(url)

    def resize(self, size):
        width, height = size
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def set_dark(self, dark):
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def run_async(self, script, *arguments):
        """The value that a promise, which `script` returns, comes to."""
        done = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            f"(async (...given) => {{ {script} }})(...[...arguments].slice(0, -1))"
            ".then((value) => done({ value }), (error) => done({ error: String(error.stack) }));",
            *arguments,
        )
        if "error" in done:
            raise AssertionError(done["error"])
        return done.get("value")

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def one(self, css):
        """The first visible element, once there is one."""

        def visible():
            return next(iter(self.run(VISIBLE, css)), None)

        return harness.wait_for(visible, f"{css} is visible")

    def count(self, css):
        return len(self.run(VISIBLE, css))

    def texts(self, css):
        """Of all visible elements, taken at one moment."""
        return [text.strip() for text in self.run(VISIBLE_TEXTS, css)]

    def text(self, css):
        texts = self.texts(css)
        return texts[0] if texts else ""

    def wait_text(self, css, part):
        return harness.wait_for(
            lambda: next((text for text in self.texts(css) if part in text), None),
            f"{part!r} in {css}; there is {self.texts(css)[:10]}",
        )

    def attribute(self, css, name):
        return self.one(css).get_attribute(name)

    def click(self, css):
        self.one(css)
        self.run("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", css)
        self.one(css).click()

    def press(self, *keys):
        """Into whatever has the focus."""
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def drag(self, css, by=0):
        """Points at the middle of an element, and drags so many pixels from there."""
        actions = webdriver.ActionChains(self.driver).move_to_element(self.one(css))
        if by:
            actions.click_and_hold().move_by_offset(by, 0).release()
        actions.perform()

    def double_click(self, css):
        webdriver.ActionChains(self.driver).double_click(self.one(css)).perform()

    def focus(self, css):
        self.one(css)
        self.run("document.querySelector(arguments[0]).focus()", css)

    def focused(self):
        return self.run("return document.activeElement.id || document.activeElement.className")

    def fragment(self):
        fragment = urllib.parse.urlsplit(self.driver.current_url).fragment
        return dict(urllib.parse.parse_qsl(fragment))

    def shoot(self, name):
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(SHOTS / f"{name}.png"))

    def collect(self):
        """Takes over what Chromium has logged since the last time."""
        for entry in self.driver.get_log("browser"):
            if entry["level"] == "SEVERE":
                self.errors.append(entry["message"])
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.urls.append(message["params"]["request"]["url"])

    def forget(self):
        """What was logged until now."""
        self.collect()
        self.errors.clear()
        self.urls.clear()

    def check_accessibility(self, css):
        """What axe-core finds there, in lines; the empty list when nothing is serious."""
        self.run(AXE.read_text(encoding="utf-8"))
        found = self.run_async("return axe.run(given[0], { resultTypes: ['violations'] });", css)
        return [
            f"{rule['id']}: {rule['help']}: {node['html'][:200]} {node.get('failureSummary', '')}"
            for rule in found["violations"]
            if rule["impact"] in SERIOUS
            for node in rule["nodes"]
        ]

    def end(self):
        self.driver.quit()


VISIBLE_NODES = """[...document.querySelectorAll(arguments[0])].filter(
    (node) => node.checkVisibility({ visibilityProperty: true }))"""
VISIBLE = f"return {VISIBLE_NODES};"
VISIBLE_TEXTS = f"return {VISIBLE_NODES}.map((node) => node.innerText ?? node.textContent);"


class BrowserTest(harness.LiveTest):
    """A browser for the class, and a look at console and network after each test."""

    expected_errors = ()  # parts of messages that the test provokes

    @classmethod
    def setUpClass(cls):
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.end)

    def setUp(self):
        super().setUp()
        self.browser.driver.get("about:blank")
        self.browser.forget()

    def tearDown(self):
        self.browser.collect()
        errors = [
            error
            for error in self.browser.errors
            if not any(part in error for part in self.expected_errors)
        ]
        self.assertEqual(errors, [], "console")
        places = {urllib.parse.urlsplit(url)[:2] for url in self.browser.urls}
        strange = {place for place in places if place[0] not in ("data", "about", "chrome")}
        strange = {place for place in strange if not place[1].startswith("127.0.0.1:")}
        self.assertEqual(strange, set(), "requests that leave the machine")

    def show(self, watch, fragment="", **options):
        """Opens the page, with data."""
        self.browser.open(f"http://127.0.0.1:{watch.port}/#{fragment}", **options)
        harness.wait_for(lambda: self.browser.texts(".headline strong") not in ([], [""]), "data")

    def assert_accessible(self, css="html"):
        """The page, or a part of it that has to be there, in light and in dark."""
        for dark in (False, True):
            self.browser.set_dark(dark)
            self.browser.one(css)
            self.assertEqual(self.browser.check_accessibility(css), [], f"axe-core, dark: {dark}")


def start_leak(count):
    """The incident, by the newest toolchain there is."""
    version = max(go_truth.versions(), key=go_truth.version_number)
    return go_truth.GoFixture(version, "stripped", "leak", count)


def watch(pids, **keywords):
    return harness.Watch(pids, "-t", THRESHOLD, "--interval", INTERVAL, **keywords)


def compile_program(name, directory, *flags):
    """A program in programs/, built into a directory."""
    program = pathlib.Path(directory) / name
    command = ["gcc", "-std=gnu17", "-O1", "-g", "-D_GNU_SOURCE", *flags]
    harness.compile_source(PROGRAMS / f"{name}.c", program, *command, "-pthread")
    os.chmod(program, 0o755)
    return program
