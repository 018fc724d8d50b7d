"""A real browser on a real JupyterLab, for the tests of this folder."""

import re
from contextlib import contextmanager
from pathlib import Path

import pytest
from labserver import notebook
from needs import need_chromium, need_module

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NOTEBOOK_IS_READY = """() => {
    const notebook = window.jupyterapp?.shell.currentWidget
    return notebook?.sessionContext?.isReady && notebook.sessionContext.session?.kernel?.status === 'idle'
}"""
# Not waited for inside the page: what never ends would hang the test without a word
RUN_ALL = """() => {
    window.vmlabRan = undefined
    window.jupyterapp.commands.execute('notebook:run-all-cells')
        .then(() => { window.vmlabRan = 'done' }, error => { window.vmlabRan = String(error) })
}"""
OPEN = """async name => {
    await window.jupyterapp.restored
    window.jupyterapp.shell.activateById((await window.jupyterapp.commands.execute('docmanager:open', {path: name})).id)
}"""
CLOSE = """async () => {
    for (const tab of [...window.jupyterapp.shell.widgets('main')]) {
        if (tab.context) tab.context.model.dirty = false
        await tab.sessionContext?.shutdown().catch(() => {})
        tab.dispose()
    }
}"""
HOLD_ONLY = """sources => {
    const notebook = window.jupyterapp.shell.currentWidget.content.model.sharedModel
    notebook.transact(() => {
        notebook.deleteCellRange(0, notebook.cells.length)
        notebook.insertCells(0, sources.map(source => ({ cell_type: 'code', source })))
    })
}"""
SETUP = """
from vmlab import Machine, Map, KiB
from vmlab.widgets import PARTS, Workbench
"""
POINTS = {"width": 1600, "height": 1000}


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium, for one file of tests: Playwright runs an event loop that no other test should find."""
    need_module("playwright")
    chromium = need_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def console_errors() -> list[str]:
    """What the page of a test wrote to its console as an error, and its uncaught exceptions."""
    return []


@contextmanager
def watched(page, errors: list[str], picture: Path):
    """While a test uses a page, its errors are collected; a picture of its end is kept as an artefact."""

    def said(message) -> None:
        if message.type == "error":
            errors.append(f"{message.text} ({message.location})")

    def raised(error) -> None:
        errors.append(str(error))

    page.on("console", said)
    page.on("pageerror", raised)
    yield page
    page.screenshot(path=picture)
    page.remove_listener("console", said)
    page.remove_listener("pageerror", raised)


@pytest.fixture
def picture(artifacts, request) -> Path:
    """Where the picture of the test's end goes."""
    name = re.sub(r"\W+", "-", request.node.name).strip("-")
    return artifacts / f"{name}.png"


@pytest.fixture
def browser_page(browser, console_errors, picture):
    """A page of 1600 x 1000 points with nothing remembered."""
    context = browser.new_context(viewport=POINTS)
    with watched(context.new_page(), console_errors, picture) as page:
        yield page
    context.close()


@pytest.fixture(scope="module")
def lab_page(browser, lab_server):
    """JupyterLab, loaded once for a file of tests; each test opens its notebook in it, with a Python of its own."""
    context = browser.new_context(viewport=POINTS)
    page = context.new_page()
    page.goto(f"{lab_server.url}/lab?reset&token={lab_server.token}")
    page.wait_for_function("() => window.jupyterapp?.shell", timeout=90000)
    yield page
    context.close()


@pytest.fixture
def open_notebook(lab_page, console_errors, picture):
    """`open_notebook("00-meet-the-machine.ipynb")` -> the page, with the notebook open and its Python ready."""

    def opened(name: str):
        lab_page.evaluate(OPEN, name)
        lab_page.wait_for_function(NOTEBOOK_IS_READY, timeout=90000)
        return lab_page

    lab_page.set_viewport_size(POINTS)
    with watched(lab_page, console_errors, picture):
        yield opened
    lab_page.evaluate(CLOSE)


@pytest.fixture(scope="module")
def blank_notebook(lab_server, lab_page):
    """One notebook and one Python for a file of tests that each want cells of their own."""
    (lab_server.folder / "blank.ipynb").write_text(notebook(SETUP))
    yield "blank.ipynb"
    lab_page.evaluate(CLOSE)


@pytest.fixture
def shown(lab_page, blank_notebook, console_errors, picture):
    """`shown(cell, ...)`: the page, with these cells run and what they show on it."""

    def opened(*cells: str):
        lab_page.evaluate(OPEN, blank_notebook)
        lab_page.wait_for_function(NOTEBOOK_IS_READY, timeout=90000)
        lab_page.evaluate(HOLD_ONLY, [SETUP, *cells])
        run_all(lab_page)
        lab_page.locator(".vml-root").first.wait_for(timeout=60000)
        lab_page.wait_for_timeout(800)
        return lab_page

    lab_page.set_viewport_size(POINTS)
    with watched(lab_page, console_errors, picture):
        yield opened


def run_all(page, seconds: float = 120) -> None:
    """Run every cell of the open notebook and return when the last one is done."""
    page.evaluate(RUN_ALL)
    page.wait_for_function("() => window.vmlabRan !== undefined", timeout=seconds * 1000)
    assert page.evaluate("() => window.vmlabRan") == "done"
