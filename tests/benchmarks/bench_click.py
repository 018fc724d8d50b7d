"""From a click to what it causes: `python tests/benchmarks/bench_click.py [frames]`.

JupyterLab in headless Chromium, server, kernel and browser on this computer. A click is timed in the page, from the event to
the animation frame after the first change of the headline or of a status line, and after the last change of any of the
Workbench's elements; the charts' curves are among them. Medians. Then Play: the moments that are painted in a second, and how
long Stop takes to be obeyed, also in a run of 10 million references at full speed.
"""

import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import labserver  # noqa: E402
from browser.conftest import FLAGS, NOTEBOOK_IS_READY  # noqa: E402
from browser.test_behaviour import RUN  # noqa: E402
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
MUCH = """
large = m.create("large", 4*KiB*4*frames)
pages = np.array(b.mmap(large.size, file=large, flags=Map.SHARED).pages)
m.queue((pages[rng.integers(0, len(pages), 10_000_000)], False), b)
"""
WATCH = """
() => {
  const root = document.querySelector(".vml-root");
  const told = (e) => (e.closest ? e : e.parentElement)?.closest(".vml-say, [role=status]");
  let begin = 0, first = 0, last = 0, shown = new Map();
  root.addEventListener("click", () => { begin = performance.now(); first = last = 0; }, true);
  new MutationObserver((changes) => {
    if (!begin) return;
    const said = !first && changes.some((change) => told(change.target));
    const now = root.querySelector(".vml-code .now").textContent;
    if (!shown.has(now)) shown.set(now, performance.now());
    requestAnimationFrame(() => setTimeout(() => {
      last = performance.now();
      if (said) first = last;
    }));
  }).observe(root, { subtree: true, childList: true, attributes: true, characterData: true });
  window.taken = () => [first - begin, last - begin];
  window.moments = () => { const at = [...shown.values()]; shown = new Map(); return at; };
}
"""


def timed(page, clicks) -> tuple[list[float], list[float]]:
    """Milliseconds from each click to the first words it causes, and to the last paint."""
    taken = []
    for click in clicks:
        click()
        page.wait_for_timeout(700)
        taken.append(page.evaluate("taken()"))
    return tuple(zip(*taken))


def played(page, speed: str, seconds: float) -> tuple[float, float]:
    """Moments painted in a second of Play, and seconds from a click on Stop until it is obeyed."""
    page.locator("select[title='how fast Play goes']").select_option(speed)
    page.evaluate("moments()")
    page.get_by_role("button", name="Play").click()
    page.wait_for_timeout(seconds * 1000)
    at = page.evaluate("moments()")
    took = page.evaluate(
        """async () => { const begin = performance.now();
        const button = (name) => [...document.querySelectorAll(".vml-bar button")].find(b => b.textContent.trim() === name);
        button("Stop").click();
        while (!button("Play") || button("Step").disabled) {
          if (performance.now() - begin > 10000) throw new Error("Stop was not obeyed, or nothing was left to stop");
          await new Promise(requestAnimationFrame);
        }
        return performance.now() - begin }"""
    )
    return 1000 * (len(at) - 1) / (at[-1] - at[0]), took / 1000


def measure(frames: int) -> tuple[dict[str, tuple[list[float], list[float]]], dict[str, tuple[float, float]]]:
    """The times of each kind of click on a machine of so many frames; and of Play."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        folder = Path(home) / "notebooks"
        folder.mkdir()
        (folder / "bench.ipynb").write_text(labserver.notebook(CELL.format(frames=frames), MUCH))
        chromium = need(CHROMIUM, "install Chromium")
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=FLAGS)
        with labserver.lab_server(folder, Path(home)) as lab:
            page = browser.new_context(viewport={"width": 1600, "height": 1400}).new_page()
            page.goto(f"{lab.url}/lab/workspaces/bench/tree/bench.ipynb?reset&token={lab.token}")
            page.set_default_timeout(60000)
            page.wait_for_function(NOTEBOOK_IS_READY)
            page.evaluate(RUN, 0)
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
            play = {"10 a second": played(page, "10 a second", 4.0)}
            page.evaluate(RUN, 1)
            page.wait_for_timeout(1500)
            play["at full speed, 10 M references"] = played(page, "at full speed", 0.4)
        browser.close()
    return result, play


def main() -> None:
    """Print the table."""
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    target = 150 if frames <= 256 else 300
    clicks, play = measure(frames)
    print(f"{frames:,} frames, the whole Workbench; ms, median and worst of {CLICKS}")
    print(f"{'click':35} words: at most 50    last paint: at most {target}")
    for name, (words, last) in clicks.items():
        print(
            f"{name:35} {statistics.median(words):6.0f} {max(words):6.0f} {statistics.median(last):14.0f} {max(last):6.0f}"
        )
    print(f"{'play':35} moments painted a second: at least 10    Stop, s: at most 0.3")
    for name, (moments, stop) in play.items():
        print(f"{name:35} {moments:6.1f} {stop:34.2f}")


if __name__ == "__main__":
    main()
