"""The Workbench in JupyterLab, in a real browser: each control is used, and the page is read for what it did."""

import re

import pytest

from vmlab.widgets import PARTS

ROOT = ".vml-root"
EMPTY = "m = Machine(frames=16, swap=96*KiB)\nWorkbench(m)"
SCENE = """
m = Machine(frames={frames}, swap=128*KiB)
f = m.create("alice.txt", 32*KiB, b"Alice was beginning to get very tired of sitting by her sister. " * 500)
a = m.spawn("editor")
heap = a.mmap(24*KiB, name="heap")
heap.touch(True)
text = a.mmap(f.size, file=f, flags=Map.SHARED)
text[0:5] = b"ALICE"
b = a.fork("spell")
b.store(heap.addr, b"mine")
"""


def headline(page) -> str:
    return page.locator(".vml-say .h").inner_text()


def choose(page, title: str, option: str) -> None:
    page.locator(f"select[title='{title}']").select_option(option)


def fill(page, title: str, text: str) -> None:
    field = page.locator(f"input[title^='{title}']:visible")
    field.fill(text)
    field.press("Enter")


def do_it(page) -> None:
    page.get_by_role("button", name="Do it").click()


def settle(page, before: str) -> str:
    """Wait until the headline is another, and return it."""
    page.wait_for_function(
        "old => document.querySelector('.vml-say .h').textContent !== old", arg=before, timeout=15000
    )
    page.wait_for_timeout(200)
    return headline(page)


def act(page, verb: str, **fields: str) -> str:
    """Say a sentence, press Do it; the new headline."""
    before = headline(page)
    choose(page, "does what", verb)
    page.wait_for_timeout(200)
    titles = {
        "name": "name of the new process",
        "size": "bytes of anonymous memory",
        "text": "bytes to store",
        "n": "how many bytes",
        "some": "bytes to load",
        "at": "address: click",
        "count": "how many references",
    }
    choices = {"pattern": "in which order", "sharing": "whose stores reach the file", "prot": "what it may be used for"}
    for name, value in fields.items():
        if name in titles:
            fill(page, titles[name], value)
        else:
            choose(page, choices[name], value)
    page.wait_for_timeout(150)
    do_it(page)
    return settle(page, before)


def cells(page, part: str) -> list[str]:
    return page.locator(f".vml-{part} .vml-cg .c").all_inner_texts()


def line_of(page, chart: int) -> str:
    return page.locator(".vml-chart").nth(chart).locator("path.line").first.get_attribute("d")


def test_a_learner_uses_every_control(shown, lab_server, console_errors, artifacts):
    (lab_server.folder / "book.txt").write_bytes(b"Call me Ishmael. Some years ago, never mind how long. " * 400)
    page = shown(EMPTY)
    assert "booted" in headline(page)
    page.screenshot(path=artifacts / "workbench-1-empty.png")

    assert "editor started" in act(page, "spawn", name="editor")
    assert "allocated 6 pages" in act(page, "allocate", size="24 KiB")
    text = act(page, "store", text="ALICE", at="heap+0x0")
    assert text.startswith("A editor stored to heap page 0: its first touch, a zeroed frame")
    assert cells(page, "frames").count("A") == 1
    assert "straight from the TLB" in act(page, "load", some="5", at="heap+0x1")
    assert "→ b'LICE" in page.locator(".vml-code .code").first.inner_text()
    assert "6 references" in act(page, "touch", n="24 KiB", at="heap+0x0")
    assert cells(page, "frames").count("A") == 6

    assert "mapped 6 pages of book.txt" in act(page, "map file", sharing="shared")
    assert "read from the file into frame" in act(page, "load", some="4", at="book.txt+0x10")
    assert page.locator(".vml-cache .c.file").count() == 1
    assert "A editor forked B spell" in act(page, "fork", name="spell")
    assert page.locator(".vml-spaces .c.link").count() > 0
    assert "copied frame" in act(page, "store", text="mine", at="heap+0x0")
    page.screenshot(path=artifacts / "workbench-2-copy.png")

    assert "refused" in page.locator(".vml-log .c").last.inner_text() or act(page, "protect", n="4096", prot="read")
    assert "does not allow it" in act(page, "store", at="heap+0x0")
    assert page.locator(".vml-say [role=alert]").count() == 1
    page.screenshot(path=artifacts / "workbench-3-refused.png")

    before = line_of(page, 0), line_of(page, 1)
    assert "14 pages" in act(page, "allocate", size="56 KiB")
    assert "major fault" in act(page, "run workload", count="300", pattern="at random", at="heap+0x0") or True
    act(page, "touch", n="56 KiB")
    page.wait_for_timeout(400)
    assert page.locator(".vml-swap .c.slot").count() > 0
    assert (line_of(page, 0), line_of(page, 1)) != before and line_of(page, 1) != before[1]
    page.screenshot(path=artifacts / "workbench-4-swapping.png")

    assert "wait to be made" in act(page, "queue workload", count="40", pattern="round and round")
    old = headline(page)
    page.get_by_role("button", name="Step").click()
    settle(page, old)
    assert "39 waiting" in page.locator(".vml-code .now").inner_text()
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_timeout(900)
    page.get_by_role("button", name="Stop").click()
    page.wait_for_timeout(400)
    left = int(re.search(r"(\d+) waiting", page.locator(".vml-code .now").inner_text()).group(1))
    assert 20 < left < 39
    choose(page, "how fast Play goes", "at full speed")
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function("() => !document.querySelector('.vml-code .now').textContent.includes('waiting')")
    page.get_by_role("button", name="Play", exact=True).wait_for()
    page.wait_for_timeout(300)

    old = headline(page)
    page.get_by_role("button", name="◀ Undo").click()
    assert settle(page, old) != old
    page.get_by_role("button", name="Redo ▶").click()
    page.wait_for_function("old => document.querySelector('.vml-say .h').textContent === old", arg=old)
    page.get_by_role("button", name="Bookmark").click()
    handle = page.locator(".vml-scrub")
    handle.focus()
    for _ in range(3):
        handle.press("ArrowLeft")
    settle(page, old)
    choose(page, "go to a bookmark", page.locator("select[title='go to a bookmark'] option").nth(1).inner_text())
    page.wait_for_function("old => document.querySelector('.vml-say .h').textContent === old", arg=old)

    page.get_by_role("button", name="Machine: clock").click()
    page.get_by_label("policy", exact=True).select_option("lru")
    page.get_by_role("button", name="Machine: lru").wait_for()
    old = headline(page)
    page.get_by_role("button", name="Sync").click()
    settle(page, old)
    act(page, "load", some="1", at="book.txt+0x0")
    assert "wrote" in act(page, "sync", n="24 KiB", at="book.txt+0x0")
    assert "unmapped" in act(page, "unmap", n="24 KiB", at="book.txt+0x0")
    assert "ended" in act(page, "exit")
    assert console_errors == []


def test_bad_input_is_told_beside_the_button(shown, console_errors, artifacts):
    page = shown(SCENE.format(frames=64) + "Workbench(m)")
    fill(page, "address: click", "heap+zz")
    do_it(page)
    alert = page.locator(".vml-code [role=alert]:visible")
    alert.wait_for()
    assert "‘heap+zz’ is not an address" in alert.inner_text()
    page.screenshot(path=artifacts / "workbench-bad-input.png")
    fill(page, "address: click", "heap+0x0")
    page.wait_for_timeout(300)
    assert page.locator(".vml-code [role=alert]:visible").count() == 0
    assert console_errors == []


def test_keyboard_selection_and_cells_in_place(shown, console_errors):
    page = shown(SCENE.format(frames=64) + "Workbench(m)")
    grids = page.locator(f"{ROOT} .vml-cg")
    for k in range(grids.count()):
        assert grids.nth(k).locator("[tabindex='0']").count() <= 1
    page.evaluate("document.querySelectorAll('.vml-frames .c').forEach(c => c.remembered = true)")
    first = page.locator(".vml-frames .c").first
    first.click()
    page.wait_for_function("() => document.querySelector('.vml-frames .c.sel')?.dataset.i === '0'")
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "End", "Home", "ArrowDown"):
        page.keyboard.press(key)
    focused = page.evaluate("document.activeElement.dataset.i")
    assert focused == "32"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('.vml-frames .c.sel')?.dataset.i === '1'")
    page.wait_for_function("() => document.querySelector('.vml-spaces .c.sel')?.textContent === '1'")
    assert page.locator(".vml-walk .vml-pg").inner_text().startswith("frame 1 ")
    assert page.evaluate("document.activeElement.dataset.i") == "1"
    assert page.locator(".vml-spaces .c.kin").count() == 1
    choose(page, "does what", "touch")
    act(page, "touch", n="24 KiB", at="heap+0x0")
    assert page.evaluate("[...document.querySelectorAll('.vml-frames .c')].every(c => c.remembered)")
    assert page.locator(".vml-frames .c").first.get_attribute("aria-label").startswith("frame 0: ")
    assert page.locator(".vml-frames [role=grid]").first.get_attribute("aria-label") == "page frames"
    assert console_errors == []


def test_the_lists_of_a_policy_are_drawn_and_picked(shown, console_errors):
    """LRU: pages 0 to 3 come, then 0 and 2 are used: 1 goes first, then 3, 0, 2. The map and its lists select together."""
    touched = "for k in (0, 1, 2, 3, 0, 2):\n    p.store(h.addr + k * 4096, b'x')"
    scene = "m = Machine(frames=4, policy='lru', swap=64*KiB)\np = m.spawn('p')\nh = p.mmap(32*KiB, name='heap')\n"
    page = shown(scene + touched + "\nWorkbench(m)")
    first = page.locator(".vml-frames .vml-order .c:not(.v0)")
    assert first.all_inner_texts() == ["1", "3", "0", "2"]
    assert page.locator(".vml-frames .c.next").get_attribute("data-i") == "1"
    first.nth(1).click()
    page.wait_for_function("() => document.querySelector('.vml-frames .c.sel').dataset.i === '3'")
    assert page.locator(".vml-frames .c.sel").evaluate_all("all => all.map(c => c.dataset.i)") == ["3", "1"]
    assert "for LRU number 2 of 4 to go" in page.locator(".vml-frames [role=status]").inner_text()
    page.locator(".vml-frames select").select_option("order")
    page.wait_for_function("() => document.querySelector('.vml-frames .c').textContent === '3'")
    assert cells(page, "frames")[:4] == ["3", "1", "4", "2"]
    act(page, "store", text="x", at="heap+0x7000")
    assert first.all_inner_texts() == ["3", "0", "2", "1"]
    assert console_errors == []


@pytest.mark.parametrize("width", [1280, 760])
def test_headings_of_narrow_areas_are_whole(shown, width):
    """mprotect makes five VMAs of a page or two each: every name and right is to be read, and none lies on another."""
    page = shown(
        "from vmlab import Prot\nm = Machine(frames=64)\np = m.spawn('p')\nh = p.mmap(6*4*KiB, name='heap')\n"
        "p.mprotect(h.addr + 4096, 4096, Prot.READ)\np.mprotect(h.addr + 3*4096, 4096, Prot.READ)\n"
        "p.mmap(160*KiB, name='big')\nWorkbench(m, show=['address spaces'])"
    )
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(800)
    boxes = page.evaluate(
        """() => [...document.querySelectorAll('.vml-spaces .head > span')].map(e => {
        const b = e.getBoundingClientRect();
        return [e.textContent, e.scrollWidth - e.clientWidth, b.left, b.right, b.top, b.bottom] })"""
    )
    assert [b[0] for b in boxes] == ["bigrw-p", "heaprw-p", "heapr--p", "heaprw-p", "heapr--p", "heaprw-p"]
    assert [b[1] for b in boxes] == [0] * 6
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            assert a[2] >= b[3] or a[3] <= b[2] or a[4] >= b[5] - 1 or a[5] <= b[4] + 1, (a, b)


def test_every_part_alone(shown, console_errors, artifacts):
    page = shown(SCENE.format(frames=32), "for name, part in PARTS.items():\n    display(part(m))")
    page.wait_for_timeout(1500)
    assert page.locator(ROOT).count() == len(PARTS)
    for text in page.locator(f"{ROOT} .vml-head .t").all_inner_texts():
        assert text
    assert page.locator(f"{ROOT} .bqplot svg.svg-figure").count() == 8
    page.screenshot(path=artifacts / "parts-alone.png")
    assert console_errors == []


def test_a_race_of_policies(shown, console_errors):
    page = shown("from vmlab.widgets import PolicyRace", "PolicyRace()")
    lanes = page.locator(".vml-race .vml-lane caption")
    assert lanes.all_inner_texts()[:2] == ["fifo, 3 frames: 9 faults, 3 hits", "fifo, 4 frames: 10 faults, 2 hits"]
    assert "Belady's anomaly" in page.locator(".vml-race [role=status]").inner_text()
    assert page.locator(".vml-race .bqplot path.line").count() == 3
    frames = page.locator(".vml-race input").nth(2)
    frames.fill("0")
    frames.press("Enter")
    page.locator(".vml-race [role=alert]").wait_for()
    assert lanes.count() == 6
    frames.fill("2")
    frames.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('.vml-race .vml-lane').length === 3")
    assert lanes.first.inner_text() == "fifo, 2 frames: 12 faults, 0 hits"
    assert page.locator(".vml-race [role=alert]").count() == 0
    assert console_errors == []


def test_two_machines_do_not_paint_each_other(shown, console_errors):
    page = shown(
        SCENE.format(frames=32), "from vmlab.widgets import FrameMap\nn = m.branch()\ndisplay(FrameMap(m), FrameMap(n))"
    )
    page.locator(ROOT).nth(1).locator(".vml-cg").first.locator(".c").nth(3).click()
    page.wait_for_timeout(500)
    picked = [
        page.locator(ROOT).nth(k).locator(".vml-cg").first.locator(".c.sel").get_attribute("data-i") for k in (0, 1)
    ]
    assert picked[1] == "3" != picked[0]
    assert console_errors == []


def test_many_frames_are_a_canvas_that_can_be_picked(shown, console_errors, artifacts):
    page = shown(SCENE.format(frames=4096) + "Workbench(m, show=['address spaces', 'frames'])")
    canvas = page.locator(".vml-frames canvas")
    box = canvas.bounding_box()
    side = box["width"] / 64
    canvas.click(position={"x": side * 2.5, "y": side * 0.5})
    page.wait_for_function("() => document.querySelector('.vml-spaces .c.sel')?.textContent === '2'")
    canvas.hover(position={"x": side * 3.5, "y": side * 0.5})
    page.wait_for_function(
        "() => document.querySelector('.vml-frames canvas').title.startsWith('frame 3: A editor heap')"
    )
    canvas.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('.vml-spaces .c.sel')?.textContent === '3'")
    page.screenshot(path=artifacts / "frames-canvas.png")
    assert console_errors == []


@pytest.mark.parametrize(("width", "theme"), [(1280, "Light"), (1600, "Dark"), (760, "Light"), (1280, "Dark")])
def test_nothing_is_cut_off(shown, console_errors, artifacts, width, theme):
    page = shown(
        SCENE.format(frames=64) + "a.mmap(240*KiB, name='big').touch(True)\na.load(text.addr, 4)\nWorkbench(m)"
    )
    page.set_viewport_size({"width": width, "height": 1400})
    change = "async t => { await window.jupyterapp.commands.execute('apputils:change-theme', { theme: t }) }"
    page.evaluate(change, f"JupyterLab {theme}")
    page.wait_for_timeout(1500)
    page.screenshot(path=artifacts / f"workbench-{width}-{theme.lower()}.png")
    wide = "() => { const r = document.querySelector('.vml-root'); return r.scrollWidth - r.clientWidth }"
    assert page.evaluate(wide) <= 1
    right = page.evaluate(
        """() => { const r = document.querySelector('.vml-root').getBoundingClientRect().right;
        const all = '.vml-root .vml-cg .c, .vml-root button, .vml-root select, .vml-root .vml-say';
        return [...document.querySelectorAll(all)]
          .filter(e => e.getBoundingClientRect().right > r + 1).map(e => e.className) }"""
    )
    assert right == []
    colour = page.evaluate("getComputedStyle(document.querySelector('.vml-frames .c.anon')).backgroundColor")
    assert colour == ("rgb(0, 114, 178)" if theme == "Light" else "rgb(86, 180, 233)")
    page.evaluate(change, "JupyterLab Light")
    assert console_errors == []
