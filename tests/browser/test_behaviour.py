"""How the Workbench behaves over time and beside others: for a thousand steps, run again, shown twice, without mouse or Python."""

import os

import pytest
from browser.test_workbench import SCENE, headline, settle

LONG = bool(os.environ.get("VMLAB_LONG"))
STEPS = 1000
SMALL = SCENE.format(frames=32)
QUEUE = "\nm.queue(([heap.addr + 4096 * (7 * k % 6) for k in range({n})], True), a)\n"
# What may be reached with the Tab key, in order, by its words
REACHED = """() => { const e = document.activeElement; const root = e.closest('.vml-root')
  if (!root) return null
  const s = getComputedStyle(e)
  const seen = s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== 'none'
  const words = [e.tagName === 'BUTTON' && e.textContent.trim(), e.getAttribute('aria-label'), e.title]
  return [e.tagName, words.find(w => w) || '', seen] }"""
RUN = """async k => { const notebook = window.jupyterapp.shell.currentWidget.content
  notebook.activeCellIndex = k
  await window.jupyterapp.commands.execute('notebook:run-cell') }"""
OUTSIDE = """() => { const r = document.querySelector('.vml-root').getBoundingClientRect().right
  return [...document.querySelectorAll('.vml-root .vml-cg .c, .vml-root button, .vml-root select, .vml-root .vml-say')]
    .filter(e => e.getBoundingClientRect().right > r + 1).map(e => e.className) }"""
# Clicks on Step, each when the last one shows, until no more than n references wait
CLICK = """async n => { const step = document.querySelector('.vml-root .vml-step')
  const left = () => Number(/([\\d,]+) waiting/.exec(document.querySelector('.vml-code .now').textContent)[1].replace(',', ''))
  while (left() > n) {
    const before = left()
    step.click()
    for (let k = 0; left() === before; k++) {
      if (k > 2000) throw new Error(`a click on Step was lost, ${before} wait`)
      await new Promise(r => setTimeout(r, 5)) } } }"""
NODES = "() => document.querySelectorAll('.vml-root *').length"


def left(page) -> int:
    """How many references wait, as the page says."""
    return int(page.locator(".vml-code .now").first.inner_text().split(" waiting")[0].split()[-1].replace(",", ""))


def sizes(page) -> list[float]:
    """Heights of a cell and of a line of letters, in points of the window."""
    return [page.locator(at).first.bounding_box()["height"] for at in (".vml-frames .c", ".vml-frames .vml-head .t")]


def test_without_a_mouse(shown, console_errors):
    """Tab reaches every control once, and what has the focus shows it; a sentence is done, undone and redone by keys alone."""
    page = shown(SMALL + QUEUE.format(n=20) + "Workbench(m)")
    page.locator("select[title='who']").focus()
    reached = []
    while len(reached) < 200 and (at := page.evaluate(REACHED)):
        reached.append(tuple(at))
        page.keyboard.press("Tab")
    names = [name for _, name, _ in reached]
    assert [r for r in reached if not r[2]] == []
    for button in ("Do it", "◀ Undo", "Step", "Play", "Branch", "Bookmark"):
        assert names.count(button) == 1, button
    grids = page.locator(".vml-root .vml-cg [role=grid]:visible, .vml-root [role=grid]:visible")
    assert sum(tag in ("DIV", "SPAN", "CANVAS") for tag, _, _ in reached) >= grids.count() > 5

    page.get_by_role("button", name="Step").focus()
    old, waiting = headline(page), left(page)
    page.keyboard.press("Enter")
    done = settle(page, old)
    assert left(page) == waiting - 1
    page.get_by_role("button", name="◀ Undo").focus()
    page.keyboard.press("Space")
    page.wait_for_function("old => document.querySelector('.vml-say .h').textContent === old", arg=old)
    page.get_by_role("button", name="Redo ▶").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("old => document.querySelector('.vml-say .h').textContent === old", arg=done)
    assert console_errors == []


@pytest.mark.parametrize(("width", "scale"), [(640, 1.0), (1280, 2.0)])
def test_large(shown, console_errors, width, scale):
    """At 200 % zoom a window of 1280 points is one of 640; and `scale` enlarges cells and letters together."""
    page = shown(SMALL + f"w = Workbench(m, scale={scale})\nw")
    page.set_viewport_size({"width": width, "height": 1000})
    page.wait_for_timeout(1000)
    assert (
        page.evaluate("() => { const r = document.querySelector('.vml-root'); return r.scrollWidth - r.clientWidth }")
        <= 1
    )
    assert page.evaluate(OUTSIDE) == []
    before = sizes(page)
    page.locator("button", has_text="Machine: ").click()
    page.get_by_label("size", exact=True).select_option("100 %")
    page.wait_for_timeout(1000)
    assert before == pytest.approx([scale * usual for usual in sizes(page)], rel=0.1)
    assert console_errors == []


def test_quick_clicks_are_all_obeyed(shown, console_errors):
    """Steps clicked faster than they are drawn, and one just when the last is seen: no button is off in between."""
    page = shown(SMALL + QUEUE.format(n=60) + "Workbench(m)")
    page.wait_for_timeout(700)  # the last drawing is long ago
    page.evaluate(
        """async () => { const step = document.querySelector('.vml-root .vml-step')
        for (let k = 0; k < 30; k++) { step.click(); await new Promise(r => setTimeout(r, 2)) } }"""
    )
    page.wait_for_function(
        "() => document.querySelector('.vml-code .now').textContent.includes('30 waiting')", timeout=9000
    )
    for _ in range(3):
        page.wait_for_timeout(700)
        page.evaluate(CLICK, left(page) - 2)
    assert left(page) == 24
    assert console_errors == []


def test_clicks_made_while_a_cell_runs_are_dropped(shown, console_errors):
    """They arrive when it has ended: five clicks of somebody who thought that nothing happens would be five steps."""
    page = shown(
        SMALL + QUEUE.format(n=8) + "import numpy as np\nbig = a.mmap(160*KiB)\n"
        "pages = np.array(big.pages)[np.random.default_rng(1).integers(0, 40, 12_000_000)]\nWorkbench(m)"
    )
    page.evaluate(
        """async () => { const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel
        const cell = kernel.requestExecute({ code: 'a.access(pages, True)' })
        for (let k = 0; k < 5; k++) {
          await new Promise(r => setTimeout(r, 60))
          document.querySelector('.vml-root .vml-step').click()
        }
        await cell.done }"""
    )
    page.locator("[role=alert]", has_text="a run was going on when this was clicked: click again").first.wait_for()
    page.wait_for_timeout(700)
    assert left(page) == 8
    page.get_by_role("button", name="Step").click()
    page.wait_for_function("() => document.querySelector('.vml-code .now').textContent.includes('7 waiting')")
    assert console_errors == []


@pytest.mark.skipif(not LONG, reason="clicks for minutes: VMLAB_LONG=1")
def test_many_steps_leave_the_page_as_it_was(shown, console_errors):
    """The elements that 50 steps leave are those that a thousand more leave."""
    page = shown(SMALL + QUEUE.format(n=STEPS + 400) + "w = Workbench(m)\nw")
    page.evaluate(CLICK, STEPS + 350)
    page.wait_for_timeout(2000)
    nodes, before = page.evaluate(NODES), left(page)
    page.evaluate(CLICK, 150)
    page.wait_for_timeout(2000)
    assert before - left(page) >= STEPS - 50
    assert page.evaluate(NODES) <= nodes + 40  # a curve may have a tick more
    assert console_errors == []


def test_two_of_one_machine_agree_and_one_shown_twice_is_in_step(shown, console_errors):
    parts = "show=['address spaces', 'frames']"
    page = shown(SMALL + QUEUE.format(n=20) + f"w = Workbench(m, {parts})\nv = Workbench(m, {parts})\nw", "v", "w")
    roots = page.locator(".vml-root:visible")
    assert roots.count() == 3
    step = roots.nth(1).get_by_role("button", name="Step")
    waiting = [roots.nth(k).locator(".vml-code .now").inner_text() for k in range(3)]
    assert len(set(waiting)) == 1
    step.click()
    page.wait_for_function(
        """() => { const told = e => [...document.querySelectorAll(e)].map(e => e.textContent)
        return told('.vml-code .now').every(t => t.includes('19 waiting'))
          && told('.vml-say .h').every(t => t.startsWith('A editor stored to heap page 0')) }"""
    )
    roots.nth(0).locator(".vml-frames .c").nth(2).click()
    page.wait_for_function(
        """() => { const picked = [...document.querySelectorAll('.vml-root')].filter(r => r.offsetParent)
          .map(r => r.querySelector('.vml-frames .c.sel')?.dataset.i)
        return picked.length === 3 && picked[0] === '2' && picked[2] === '2' }"""
    )
    assert console_errors == []


def test_the_picture_outlives_its_python(shown):
    """After a restart of the kernel the cells, the sentences and the curves stand as they stood."""
    page = shown(SMALL + "w = Workbench(m)\nw")
    read = "() => [...document.querySelectorAll('.vml-frames .c, .vml-say .h, .vml-log .c')].map(e => e.textContent)"
    before, lines = page.evaluate(read), page.locator(".vml-root path.line").count()
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.wait_for_timeout(4000)
    assert page.evaluate(read) == before
    assert page.locator(".vml-root path.line").count() == lines > 4
    root, others = page.evaluate(
        """() => { const before = e => getComputedStyle(e, '::before')
        return [before(document.querySelector('.vml-root')).content,
          [...document.querySelectorAll('.vml-root .jupyter-widgets-disconnected')].map(e => before(e).display)] }"""
    )
    assert "run its cell again" in root
    assert len(others) > 10 and set(others) == {"none"}


def test_run_again_and_again(shown, console_errors):
    """The cell of a Workbench, run six times more: one Workbench is on the page, and as many models are in Python."""
    count = (
        "import ipywidgets\nprint(len(ipywidgets.Widget.widgets) if hasattr(ipywidgets.Widget, 'widgets') else "
        "len(ipywidgets.widgets.widget._instances))"
    )
    page = shown(SMALL + "pass", "Workbench(m)", count)
    counted = page.locator(".jp-OutputArea-output pre").last
    models, nodes = counted.inner_text(), page.evaluate(NODES)
    for _ in range(6):
        page.evaluate(RUN, 2)
        page.locator(".vml-root .vml-chart path.line").first.wait_for()
    page.evaluate(RUN, 3)
    page.wait_for_timeout(500)
    assert counted.inner_text() == models
    assert page.locator(".vml-root:visible").count() == 1
    assert page.evaluate(NODES) == nodes
    assert console_errors == []
