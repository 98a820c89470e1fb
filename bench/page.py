"""Time what the flame graph's page does, in a real Chromium: load, click, search, turn round.

    python bench/page.py [--frames 20000]

Draws a made-up profile with that many frames wide enough to be drawn, and prints for each action
the milliseconds of script and those until the result is on the screen: median of several, and the
first time, when nothing is compiled yet. The goal is 100 ms for a click at 20,000 frames.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from pvprof.analysis.stacks.fold import Folded
from pvprof.model.stacks import Stack
from pvprof.render.svg.flamegraph import render
from pvprof.views.flamegraph import FlamegraphOptions

SEED = 20200329
DEPTH = 40
ARGUMENTS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")

ACTIONS = """async rounds => {
  const shown = () => new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)));
  const boxes = () => Array.from(document.querySelectorAll(".boxes g:not([display])"));
  const input = document.querySelector(".bar input");
  const press = name => () => document.querySelector("button." + name).click();
  const click = place => () => {
    const box = boxes()[place];
    const seen = box.getBoundingClientRect();
    box.dispatchEvent(new MouseEvent("click", {bubbles: true, detail: 1,
      clientX: seen.x + seen.width / 2, clientY: seen.y + 5}));
  };
  const type = text => () => {
    input.value = text;
    input.dispatchEvent(new Event("input"));
  };
  const actions = [["zoom in", click(1)], ["zoom out", click(0)], ["search", type("f1")],
    ["clear", type("")], ["reverse", press("reversed")], ["back", press("reversed")],
    ["by weight", press("weight")], ["by name", press("weight")], ["icicle", press("icicle")]];
  const times = {};
  for (let round = 0; round < rounds; round++) {
    for (const [name, action] of actions) {
      await shown();
      await shown();
      const start = performance.now();
      action();
      const script = performance.now() - start;
      await shown();
      (times[name] = times[name] || []).push([script, performance.now() - start]);
    }
  }
  return times;
}"""


def wide_profile(frames: int) -> Folded:
    """Return a profile of about this number of frames, all wide enough to be drawn."""
    rng = random.Random(SEED)
    stacks = frames // DEPTH
    rows = {}
    for number in range(stacks):
        names = ["one", *(f"f{rng.randrange(400)}" for _ in range(DEPTH - 1)), f"leaf{number}"]
        rows[Stack(";".join(names))] = 1000 + rng.randrange(100)
    return Folded(tuple(rows.items()), "ns")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    text = render(wide_profile(args.frames), FlamegraphOptions())
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "page.svg"
        file.write_text(text, encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        page = browser.new_page(viewport={"width": 1250, "height": 900})
        page.goto(file.as_uri())
        load = page.evaluate("performance.getEntriesByType('navigation')[0].duration")
        print(f"{args.frames} frames, {len(text) / 1e6:.2f} MB: load {load:.0f} ms")
        print(f"{'':12}{'script ms':>10}{'shown ms':>10}{'the first time':>16}")
        for name, times in page.evaluate(ACTIONS, args.rounds).items():
            script, shown = (sorted(column)[len(times) // 2] for column in zip(*times, strict=True))
            print(f"{name:12}{script:10.0f}{shown:10.0f}{times[0][1]:16.0f}")
        browser.close()


if __name__ == "__main__":
    main()
