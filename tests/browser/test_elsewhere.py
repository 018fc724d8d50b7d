"""The Workbench outside JupyterLab: as a page of Voilà's, and in Notebook 7. Each is used, and the page is read."""

import os
import re
import sys

import labserver
from browser.conftest import NOTEBOOK_IS_READY, run_all
from needs import need_module

from vmlab import cli

SECONDS = 120_000  # of a page, in ms: a Python starts behind it
BOOK = cli._PACKAGE.parent / "notebooks" / "workbench.ipynb"


def steps(page) -> None:
    """Step and Undo change the page; a click on a frame selects its page."""
    now, frames = page.locator(".vml-code .now"), page.locator(".vml-frames .c.file, .vml-frames .c.anon")
    now.wait_for(timeout=SECONDS)
    left = int(re.search(r"(\d+) waiting", now.inner_text())[1])
    held = frames.count()
    page.get_by_role("button", name="Step").click()
    page.wait_for_function(
        f"() => document.querySelector('.vml-code .now').textContent.includes('{left - 1} waiting')", timeout=SECONDS
    )
    page.wait_for_timeout(300)
    assert frames.count() == held + 1  # its first reference is to a page of the book, which had none
    assert page.locator(".vml-say .h").inner_text().startswith("A editor read alice.txt page 0: read from the file")
    page.locator(".vml-frames .c.file").first.click()
    page.locator(".vml-spaces .c.sel").first.wait_for()
    page.get_by_role("button", name="◀ Undo").click()
    page.wait_for_function(
        f"() => document.querySelector('.vml-code .now').textContent.includes('{left} waiting')", timeout=SECONDS
    )
    assert page.locator(".vml-root .bqplot path.line").count() >= 4


def test_a_page_of_voila(browser_page, console_errors, tmp_path, artifacts):
    need_module("voila")
    page = browser_page
    port = cli.free_port(labserver.free_port())
    server = labserver.Lab(f"http://127.0.0.1:{port}", "secret", BOOK.parent)
    env = os.environ | labserver.private_folders(tmp_path) | {"JUPYTER_TOKEN": server.token}
    command = [sys.executable, "-m", "vmlab", "dashboard", "--no-browser", "--port", str(port)]
    with labserver.serving(command, server, tmp_path / "voila.log", env, path="login"):
        page.set_viewport_size({"width": 1280, "height": 800})
        assert page.goto(server.url).url.partition("?")[0].endswith("/login")  # no page without the token
        page.goto(f"{server.url}/?token={server.token}")
        steps(page)
        assert page.locator(".jp-InputArea-editor").count() == 0
        page.screenshot(path=artifacts / "voila.png", full_page=True)
    assert [e for e in console_errors if "vml" in e.lower()] == []


def test_notebook_7(lab_server, browser_page, console_errors, artifacts):
    need_module("notebook")
    page = browser_page
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{lab_server.url}/notebooks/workbench.ipynb?token={lab_server.token}")
    page.wait_for_function(NOTEBOOK_IS_READY, timeout=SECONDS)
    run_all(page)
    steps(page)
    page.screenshot(path=artifacts / "notebook-7.png")
    assert [e for e in console_errors if "vml" in e.lower()] == []
