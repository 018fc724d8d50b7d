"""A real browser on a real JupyterLab, for the tests of this folder."""

import itertools
import re

import pytest
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
_workspace = itertools.count(1)


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
    """What `browser_page` wrote to its console as an error, and its uncaught exceptions."""
    return []


@pytest.fixture
def browser_page(browser, console_errors, artifacts, request):
    """A page of 1600 x 1000 points with nothing remembered; a picture of its end is kept as an artefact."""
    context = browser.new_context(viewport={"width": 1600, "height": 1000})
    page = context.new_page()
    page.on("console", lambda m: console_errors.append(f"{m.text} ({m.location})") if m.type == "error" else None)
    page.on("pageerror", lambda error: console_errors.append(str(error)))
    yield page
    name = re.sub(r"\W+", "-", request.node.name).strip("-")
    page.screenshot(path=artifacts / f"{name}.png")
    context.close()


@pytest.fixture
def open_notebook(lab_server, browser_page):
    """`open_notebook("00-meet-the-machine.ipynb")` -> the page, with the notebook open and its Python ready."""

    def opened(name: str):
        # a workspace of its own, so that no other test's tabs come back; a dot in its name would hang the page
        workspace = f"{lab_server.url}/lab/workspaces/test{next(_workspace)}"
        browser_page.goto(f"{workspace}/tree/{name}?reset&token={lab_server.token}")
        browser_page.wait_for_function(NOTEBOOK_IS_READY, timeout=90000)
        return browser_page

    return opened


@pytest.fixture
def run_all(browser_page):
    """`run_all()` runs every cell of the open notebook and returns when the last one is done."""

    def done(seconds: float = 120) -> None:
        browser_page.evaluate(RUN_ALL)
        browser_page.wait_for_function("() => window.vmlabRan !== undefined", timeout=seconds * 1000)
        assert browser_page.evaluate("() => window.vmlabRan") == "done"

    return done
