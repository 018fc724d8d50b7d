"""Every notebook in JupyterLab, from a clean start, top to bottom, in a real browser: no error, and nothing drawn is empty."""

import json
from contextlib import suppress

import pytest
from browser.conftest import run_all
from needs import ROOT
from playwright.sync_api import TimeoutError

NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))  # the index has text only
ROOTS = ".vml-root"
CLEAR = "() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')"
SAVE = "() => window.jupyterapp.commands.execute('docmanager:save')"
# What the cells put out, as the notebook of the page has it: [cell's id, output], in order
OUTPUTS = """() => window.jupyterapp.shell.currentWidget.content.widgets.flatMap(
    cell => (cell.model.toJSON().outputs || []).map(output => [cell.model.id, output]))"""
SCROLL = """id => { const notebook = window.jupyterapp.shell.currentWidget.content
    return notebook.scrollToItem(notebook.widgets.findIndex(cell => cell.model.id === id), 'start') }"""
# In each widget of one cell: the charts without a line, and the parts without a cell that do not say why
EMPTY = """id => {
  const notebook = window.jupyterapp.shell.currentWidget.content
  const cell = notebook.widgets.find(cell => cell.model.id === id).node
  return [...cell.querySelectorAll('.vml-root')].map(root => {
    const lines = [...root.querySelectorAll('path.line')].filter(p => (p.getAttribute('d') || '').length > 10)
    const drawn = [...root.querySelectorAll('.vml-cg .c, canvas'), ...lines]
    return [...root.parentElement.querySelectorAll('.vml-part, .vml-chart')]
        .filter(p => !drawn.some(d => p.contains(d)) && !p.innerText.includes('Nothing yet.'))
        .map(p => p.className)
  })
}"""


def put_out(page) -> list:
    return page.evaluate(OUTPUTS)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_runs_from_a_clean_start(name, open_notebook, console_errors, artifacts):
    page = open_notebook(name)
    page.evaluate(CLEAR)
    assert put_out(page) == []
    run_all(page, 240)
    outputs = put_out(page)
    assert [o for _, o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"] == []
    committed = {
        cell["id"]: len(cell["outputs"])
        for cell in json.loads((ROOT / "notebooks" / name).read_text("utf-8"))["cells"]
        if cell.get("outputs")
    }
    assert set(committed) == {cell for cell, _ in outputs}

    drawn = [cell for cell, o in outputs if any("widget-view" in mime for mime in o.get("data", {}))]
    assert drawn
    checked = 0
    for at in drawn:  # JupyterLab draws what is in sight
        page.evaluate(SCROLL, at)
        page.locator(f"{ROOTS}:visible, .vml-guess:visible").first.wait_for(timeout=30000)
        page.wait_for_timeout(500)
        with suppress(TimeoutError):  # what is empty then is told below
            page.wait_for_function(f"at => ({EMPTY})(at).every(parts => !parts.length)", arg=at, timeout=10000)
        page.screenshot(path=artifacts / f"{name.partition('.')[0]}-{at}.png")
        empty = page.evaluate(EMPTY, at)
        assert all(parts == [] for parts in empty), empty
        checked += len(empty)
    assert checked
    assert "Error displaying widget" not in page.locator(".jp-Notebook").inner_text()
    assert console_errors == []


def test_the_actions_of_look_do_what_the_lab_says(open_notebook, console_errors):
    """Lab 06: one frame under two names; who stores first moves, and the other stays."""
    page = open_notebook("06-fork.ipynb")
    run_all(page)
    page.evaluate(SCROLL, "look")
    page.locator(".vml-spaces:visible").wait_for()
    spaces, lens = (page.locator(".vml-spaces .vml-cg").nth(k) for k in (0, 1))
    columns = spaces.locator(".c").count() // 2

    def frames() -> list[str]:
        page.wait_for_timeout(700)
        return lens.locator(".c").all_inner_texts()[:30]

    def click(letter: str) -> list[str]:
        spaces.locator(".c").nth("AB".index(letter) * columns).click()
        return frames()

    def shared() -> int:
        return lens.locator(".c.shr").count()

    old = frames()
    lens.locator(".c").nth(5).click()
    page.locator(f".vml-frames .c.sel[data-i='{old[5]}']").wait_for()  # another may be selected until the answer comes
    assert spaces.locator(".c.kin").count() == 1
    for first, other in ("BA", "AB"):
        assert click(first) == old
        assert shared() == 32
        page.locator("select[title='does what']").select_option("touch")
        page.locator("select[title='how to touch it']").select_option("write")
        amount = page.locator("input[title='how many bytes']:visible")
        amount.fill("120 KiB")
        amount.press("Enter")
        page.wait_for_timeout(500)
        page.get_by_role("button", name="Do it").click()
        page.get_by_text("30 minor faults, 30 copies").first.wait_for()
        moved = click(first)
        assert not set(moved) & set(old)
        assert shared() == 2
        assert click(other) == old
        assert shared() == 2
        page.get_by_role("button", name="◀ Undo").click()
        page.wait_for_timeout(700)
    assert console_errors == []


def test_guesses_are_kept_in_the_notebook(lab_server, open_notebook, console_errors):
    """Recorded by a click, saved, found again by a new Python, and compared."""
    name = "kept.ipynb"
    cells = [
        {"cell_type": "code", "id": i, "metadata": {}, "source": s, "outputs": [], "execution_count": None}
        for i, s in (("predict", 'from vmlab import labs\nlabs.predict("06")'), ("next", "labs.progress('06')"))
    ]
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    book = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    file = lab_server.folder / name
    file.write_text(json.dumps(book))
    page = open_notebook(name)
    run_all(page)
    boxes = page.locator(".vml-guess input")
    boxes.nth(1).fill("30")
    boxes.nth(3).fill("many")
    button = page.get_by_role("button", name="Record my guesses")
    button.focus()
    button.press("Enter")
    page.get_by_text("Recorded. Change them until you run the cell fork.").wait_for()
    assert "a whole number from 0 to 999, please, not 'many'" in page.locator("[role=alert]").first.inner_text()
    page.wait_for_timeout(500)
    assert boxes.nth(1).input_value() == "30"
    assert button.evaluate("e => e === document.activeElement")
    page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1 }")
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-cell')")
    page.evaluate(SAVE)
    page.wait_for_timeout(1000)
    kept = json.loads(file.read_text())["cells"][0]["outputs"][0]
    assert kept["metadata"]["vmlab"] == {"lab": "06", "guesses": {"b": 30}, "decided": []}
    assert "into 30   30" in "".join(kept["data"]["text/plain"])

    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.wait_for_timeout(3000)
    run_all(page)
    page.wait_for_timeout(500)
    assert page.locator(".vml-guess input").nth(1).input_value() == "30"
    assert page.get_by_text("Recorded. Change them until you run the cell fork.").is_visible()
    assert console_errors == []
