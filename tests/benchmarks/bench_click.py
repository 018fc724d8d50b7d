"""From a click to the last paint it causes: `python tests/benchmarks/bench_click.py [frames]`.

JupyterLab in headless Chromium, server, kernel and browser on this computer. A click is timed in the page, from the event to
the animation frame after the last change of the Workbench's elements; the charts' curves are among them. Medians.
"""

import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import labserver  # noqa: E402
from browser.conftest import FLAGS, NOTEBOOK_IS_READY, RUN_ALL  # noqa: E402
from needs import CHROMIUM, need  # noqa: E402

CLICKS = 15
CELL = """
import numpy as np
from vmlab import KiB, Machine, Map
from vmlab.widgets import Workbench
frames = {frames}
m = Machine(frames=frames, swap=4*KiB*frames)
f = m.create("alice.txt", 128*KiB, b"Alice was beginning to get very tired. " * 3300)
a = m.spawn("editor")
heap = a.mmap(64*KiB, name="heap")
heap.touch(True)
text = a.mmap(f.size, file=f, flags=Map.SHARED)
text.touch()
b = a.fork("spell")
work = b.mmap(4*KiB*(frames // 2), name="work")
more = a.mmap(4*KiB*(frames // 2), name="more")
work.touch(True)
more.touch(True)
rng = np.random.default_rng(2026)
m.queue((np.array(work.pages)[rng.integers(0, len(work.pages), 400)], True), b)
w = Workbench(m)
w
"""
WATCH = """
() => {
  const root = document.querySelector(".vml-root");
  let begin = 0, last = 0;
  root.addEventListener("click", () => { begin = performance.now(); last = 0; }, true);
  new MutationObserver(() => {
    if (!begin) return;
    requestAnimationFrame(() => setTimeout(() => { last = performance.now(); }));
  }).observe(root, { subtree: true, childList: true, attributes: true, characterData: true });
  window.taken = () => last - begin;
}
"""


def timed(page, clicks) -> list[float]:
    """Milliseconds from each click to the last paint it causes."""
    taken = []
    for click in clicks:
        click()
        page.wait_for_timeout(700)
        taken.append(page.evaluate("taken()"))
    return taken


def measure(frames: int) -> dict[str, list[float]]:
    """The times of each kind of click on a machine of so many frames."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        folder = Path(home) / "notebooks"
        folder.mkdir()
        (folder / "bench.ipynb").write_text(labserver.notebook(CELL.format(frames=frames)))
        chromium = need(CHROMIUM, "install Chromium")
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=FLAGS)
        with labserver.lab_server(folder, Path(home)) as lab:
            page = browser.new_context(viewport={"width": 1600, "height": 1400}).new_page()
            page.goto(f"{lab.url}/lab/workspaces/bench/tree/bench.ipynb?reset&token={lab.token}")
            page.set_default_timeout(60000)
            page.wait_for_function(NOTEBOOK_IS_READY)
            page.evaluate(RUN_ALL)
            page.wait_for_function("() => window.vmlabRan !== undefined")
            page.locator(".vml-root .vml-chart").first.wait_for()
            page.wait_for_timeout(2000)
            page.evaluate(WATCH)
            cells = page.locator(".vml-frames .c")
            step = page.get_by_role("button", name="Step")
            undo = page.get_by_role("button", name="◀ Undo")
            if cells.count():
                picks = [cells.nth(k * 13 % frames).click for k in range(1, CLICKS + 1)]
            else:  # so many frames are a canvas
                canvas = page.locator(".vml-frames canvas")
                picks = [partial(canvas.click, position={"x": 20 * k, "y": 5 * k}) for k in range(1, CLICKS + 1)]
            result = {"select a frame": timed(page, picks)}
            result["step: a reference, mostly a fault"] = timed(page, [step.click] * CLICKS)
            result["undo"] = timed(page, [undo.click] * CLICKS)
        browser.close()
    return result


def main() -> None:
    """Print the table."""
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    target = 150 if frames <= 256 else 300
    print(f"click -> last paint, ms, {frames} frames, the whole Workbench; median, worst of {CLICKS}; target {target}")
    for name, taken in measure(frames).items():
        print(f"{name:35} {statistics.median(taken):6.0f} {max(taken):6.0f}")


if __name__ == "__main__":
    main()
