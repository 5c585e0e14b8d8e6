# SPDX-License-Identifier: Apache-2.0
"""The scripts that make the README's pictures, with little load: they end well, and what they write
shows the leak."""

import base64
import subprocess
import xml.etree.ElementTree as ElementTree

import harness
from chromium import BrowserTest

SITE = "main.fetchScores"

# The size of a picture, its first pixel, and how many colours it has.
LOOK = """
    const image = new Image();
    image.src = given[0];
    await image.decode();
    const { width, height } = image;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const plot = canvas.getContext("2d");
    plot.drawImage(image, 0, 0);
    const pixels = new Uint32Array(plot.getImageData(0, 0, width, height).data.buffer);
    return { width, height, first: pixels[0] & 0xff, colors: new Set(pixels).size };
"""


class Pictures(BrowserTest):
    def make(self, script, path):
        """What the script prints; what it started is gone then."""
        process = subprocess.Popen(
            [harness.ROOT / "scripts" / script, "--quick", path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
        )
        self.addCleanup(harness.end_process, process)
        text = process.stdout.read().decode()
        self.assertEqual(process.wait(60), 0, text)
        return text

    def look(self, path):
        data = base64.b64encode(path.read_bytes()).decode()
        return self.browser.run_async(LOOK, f"data:image/png;base64,{data}")

    def test_page(self):
        directory = self.directory()
        self.make("pictures.sh", directory)
        light, dark = (self.look(directory / name) for name in ("page.png", "page-dark.png"))
        for picture in (light, dark):
            self.assertEqual(picture["width"], 1280)
            self.assertGreater(picture["height"], 900)
            self.assertGreater(picture["colors"], 32)
        self.assertGreater(light["first"], 0xE0)
        self.assertLess(dark["first"], 0x20)

    def test_top(self):
        path = self.directory() / "top.svg"
        self.assertIn(SITE, self.make("top-picture.sh", path))
        text = "".join(ElementTree.parse(path).getroot().itertext())
        for part in (SITE, "chan send", "recommendd"):
            self.assertIn(part, text)
