"""Pictures of the Workbench and of every part, light and dark: `python tests/browser/pictures.py [folder]`.

The Workbench at 1280 and 1600 points and in a column of 760, each part alone, the race, the two futures, and the README's
picture (workbench.png). They are to be looked at: what is clipped, empty or askew, no test sees.
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import labserver  # noqa: E402
from browser.conftest import FLAGS, NOTEBOOK_IS_READY, RUN_ALL  # noqa: E402
from needs import CHROMIUM, need  # noqa: E402

BEGIN = """from vmlab import KiB, Machine
from vmlab.widgets import PARTS, PolicyRace, TwoFutures, Workbench
"""
SCENE = """m = Machine(frames=32, swap=96*KiB, preset="linux", policy="clock")
f = m.open("data/alice.txt")
a = m.spawn("editor")
text = a.mmap(40*KiB, file=f)
heap = a.mmap(48*KiB, name="heap")
heap.touch(True)
b = a.fork("spell")
b.at(heap)[0:4] = b"mine"
work = b.mmap(96*KiB, name="work")
work.touch(True)
a.access(range(heap.addr, heap.addr + 48*KiB, 4096))
b.at(text)[4096:4108]
a.access(range(text.addr, text.addr + 12*KiB, 4096))
b.at(heap)[4096:4100] = b"mine"
"""
WIDTHS = {"1280": 1280, "1600": 1600, "narrow": 760}


def pictures(folder: Path) -> list[Path]:
    """Make them all; their paths."""
    from playwright.sync_api import sync_playwright

    made = []
    cells = {
        "workbench": [BEGIN + SCENE, "Workbench(m)"],
        "parts": [
            BEGIN + SCENE,
            "for part in PARTS.values():\n    display(part(m))\ndisplay(PolicyRace())\ndisplay(TwoFutures(m))",
        ],
    }
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        books = Path(home) / "notebooks"
        (books / "data").mkdir(parents=True)
        (books / "data" / "alice.txt").write_bytes((ROOT.parent / "notebooks" / "data" / "alice.txt").read_bytes())
        for name, sources in cells.items():
            (books / f"{name}.ipynb").write_text(labserver.notebook(*sources))
        browser = playwright.chromium.launch(
            executable_path=need(CHROMIUM, "install Chromium"), headless=True, args=FLAGS
        )
        with labserver.lab_server(books, Path(home)) as lab:
            for name in cells:
                page = browser.new_context(viewport={"width": 1600, "height": 1400}).new_page()
                page.set_default_timeout(90000)
                page.goto(f"{lab.url}/lab/workspaces/{name}/tree/{name}.ipynb?reset&token={lab.token}")
                page.wait_for_function(NOTEBOOK_IS_READY)
                page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
                page.evaluate(RUN_ALL)
                page.wait_for_function("() => window.vmlabRan !== undefined")
                page.locator(".vml-root .vml-head").first.wait_for()
                for theme in ("Light", "Dark"):
                    page.evaluate(
                        f"window.jupyterapp.commands.execute('apputils:change-theme', {{ theme: 'JupyterLab {theme}' }})"
                    )
                    made += workbench(page, folder, theme) if name == "workbench" else parts(page, folder, theme)
        browser.close()
    return made


def workbench(page, folder: Path, theme: str) -> list[Path]:
    """The Workbench of an open page at each width; in the light, the README's picture first."""
    made = []
    sizes = {f"workbench-{name}-{theme.lower()}": (width, 1500) for name, width in WIDTHS.items()}
    shown = {"workbench": (1500, 1130)} | sizes if theme == "Light" else sizes
    for name, (width, height) in shown.items():
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(1500)
        page.evaluate("document.querySelector('.vml-root').scrollIntoView()")
        page.wait_for_timeout(500)
        page.screenshot(path=folder / f"{name}.png")
        made.append(folder / f"{name}.png")
    return made


def parts(page, folder: Path, theme: str) -> list[Path]:
    """Each part alone."""
    made = []
    page.wait_for_timeout(1500)
    roots = page.locator(".vml-root:not(.vml-root .vml-root)")
    for k in range(roots.count()):
        title = roots.nth(k).locator(".vml-head .t").first.inner_text().lower().replace(" ", "-")
        roots.nth(k).scroll_into_view_if_needed()
        page.wait_for_timeout(500)  # JupyterLab draws what is in sight
        roots.nth(k).screenshot(path=folder / f"part-{title}-{theme.lower()}.png")
        made.append(folder / f"part-{title}-{theme.lower()}.png")
    return made


def main() -> None:
    """Make them and say where."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "pictures")
    folder.mkdir(parents=True, exist_ok=True)
    for path in pictures(folder):
        print(path)


if __name__ == "__main__":
    main()
