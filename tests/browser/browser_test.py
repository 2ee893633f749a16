"""The HTML report in a real browser: fits a phone, follows the reader's colours, loads nothing.

Needs Chromium (Debian: chromium); without it the tests are skipped with a message. With
ANABRANCH_SHOTS=FOLDER the screenshots are kept there, for people to look at.
"""
import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "interop"))
from support import BANK, program  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PHONE = 390

# Puts the report into a frame as wide as a phone and says what does not fit: the page itself must not
# scroll sideways; wide tables scroll within their own box.
PROBE = """<!DOCTYPE html><meta charset="utf-8"><style>body {{ margin: 0 }}</style>
<iframe id="f" style="width: {width}px; height: 900px; border: 0" srcdoc="{page}"></iframe>
<pre id="out"></pre>
<script>
document.getElementById("f").addEventListener("load", (event) => {{
  const inner = event.target.contentDocument, wide = [];
  for (const e of inner.body.querySelectorAll("*")) {{
    const box = e.getBoundingClientRect();
    if (box.right > {width} + 1 && !e.closest(".scroll, pre")) wide.push(e.outerHTML.slice(0, 80));
  }}
  const lanes = [...inner.querySelectorAll(".lanes")].map((e) => e.getBoundingClientRect().width);
  const small = [...inner.querySelectorAll("p, li, td, .call, .wrote")]
    .filter((e) => parseFloat(inner.defaultView.getComputedStyle(e).fontSize) < 11).length;
  document.getElementById("out").textContent = JSON.stringify({{
    scroll: inner.documentElement.scrollWidth, wide, lanes, small,
    loaded: inner.defaultView.performance.getEntriesByType("resource").map((e) => e.name),
    scripts: inner.scripts.length, text: inner.body.innerText.length }});
}});
</script>"""


def browse(folder, *words):
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            f"--user-data-dir={folder}/profile",
            *words,
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=folder,
    )
    if done.returncode != 0:
        raise AssertionError(f"chromium: exit {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def pixels(path):
    """(width, height, mean brightness of every seventh row) of an 8-bit RGB or RGBA PNG."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed = 8, b""
    while at < len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + size]
        if kind == b"IHDR":
            width, height = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
            depth = {2: 3, 6: 4}[body[9]]
        if kind == b"IDAT":
            packed += body
        at += 12 + size
    raw, stride = zlib.decompress(packed), width * depth
    before, total, count = bytearray(stride), 0, 0
    for y in range(height):
        kind, line = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1 : (y + 1) * (stride + 1)])
        for i in range(stride):
            left = line[i - depth] if i >= depth else 0
            up, corner = before[i], before[i - depth] if i >= depth else 0
            if kind == 1:
                line[i] = (line[i] + left) & 255
            elif kind == 2:
                line[i] = (line[i] + up) & 255
            elif kind == 3:
                line[i] = (line[i] + (left + up) // 2) & 255
            elif kind == 4:
                estimate = left + up - corner
                nearest = min((abs(estimate - v), n, v) for n, v in enumerate((left, up, corner)))[2]
                line[i] = (line[i] + nearest) & 255
        if y % 7 == 0:
            total += sum(line[0::depth]) + sum(line[1::depth]) + sum(line[2::depth])
            count += width * 3
        before = line
    return width, height, total / count


@unittest.skipUnless(CHROMIUM, "no Chromium here: apt-get install chromium")
class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="anabranch-browser-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.page = cls.folder / "bank.html"
        done = program(
            "check",
            BANK,
            "--format",
            "html",
            "--out",
            str(cls.page),
            "--mix",
            "withdraw=20,deposit=80",
            "--skew",
            "0.99",
            timeout=120,
        )
        if done.returncode != 0:
            raise AssertionError(done.stderr)

    def probe(self, width):
        page = self.folder / f"probe{width}.html"
        page.write_text(PROBE.format(width=width, page=html.escape(self.page.read_text())))
        dom = browse(
            self.folder,
            "--window-size=1000,950",
            "--virtual-time-budget=4000",
            "--dump-dom",
            f"file://{page}",
        )
        out = re.search(r'<pre id="out">(.*?)</pre>', dom, re.DOTALL)
        self.assertTrue(out and out[1], dom[-500:])
        return json.loads(html.unescape(out[1]))

    def shot(self, name, width, height, *words):
        path = self.folder / f"{name}.png"
        browse(
            self.folder,
            f"--window-size={width},{height}",
            f"--screenshot={path}",
            *words,
            f"file://{self.page}",
        )
        if kept := os.environ.get("ANABRANCH_SHOTS"):
            shutil.copy(path, kept)
        return pixels(path)

    def test_a_phone_shows_it_whole_without_scrolling_sideways(self):
        seen = self.probe(PHONE)
        self.assertLessEqual(seen["scroll"], PHONE)
        self.assertEqual(seen["wide"], [])
        self.assertEqual(seen["small"], 0)
        self.assertGreater(len(seen["lanes"]), 3)
        self.assertGreater(seen["text"], 1000)

    def test_it_loads_nothing_and_runs_nothing(self):
        seen = self.probe(1000)
        self.assertEqual((seen["loaded"], seen["scripts"]), ([], 0))

    def test_it_is_light_by_day_and_dark_by_night(self):
        width, height, light = self.shot("light", 1200, 700, "--blink-settings=preferredColorScheme=1")
        self.assertEqual((width, height), (1200, 700))
        _, _, dark = self.shot("dark", 1200, 700, "--blink-settings=preferredColorScheme=0")
        self.assertGreater(light, 200)
        self.assertLess(dark, 80)


if __name__ == "__main__":
    unittest.main()
