"""Charts over time in JupyterLab, in a real browser: pointed at, clicked, dragged, zoomed, saved; compared with the machine."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from vmlab import KiB, Machine, views

SCENE = """
m = Machine(frames=64, swap=256*KiB)
p = m.spawn("p")
heap = p.mmap(400*KiB, name="heap")
heap.touch(True)
p.access([*heap.pages[:40]] * 5, True)
show = ["faults", "free", "hit rate", "working sets"]
w = Workbench(m, show=show)
w
"""


def machine() -> Machine:
    """The same here: what the page must show."""
    m = Machine(frames=64, swap=256 * KiB)
    p = m.spawn("p")
    heap = p.mmap(400 * KiB, name="heap")
    heap.touch(True)
    p.access([*heap.pages[:40]] * 5, True)
    return m


GREEN = """bytes => createImageBitmap(new Blob([new Uint8Array(bytes)])).then(image => {
  const pen = new OffscreenCanvas(image.width, image.height).getContext("2d");
  pen.drawImage(image, 0, 0);
  const d = pen.getImageData(0, 0, image.width, image.height).data;
  let n = 0;
  for (let k = 0; k < d.length; k += 4) n += d[k] < 60 && d[k + 1] > 90 && d[k + 1] < 160 && d[k + 2] < 130;
  return n })"""


def chart(page, title: str):
    return page.locator(".vml-chart").filter(has=page.locator(".vml-head .t", has_text=title))


def ticks(page, title: str) -> list[str]:
    """What the time axis of a chart reads."""
    return page.evaluate(
        """title => { const c = [...document.querySelectorAll('.vml-chart')].find(
        e => e.querySelector('.t').textContent === title);
        const axes = [...c.querySelectorAll('.axis')].filter(a => a.querySelector('.tick'));
        const low = axes.reduce((a, b) => a.getBoundingClientRect().bottom > b.getBoundingClientRect().bottom ? a : b);
        return [...low.querySelectorAll('.tick text')].map(t => t.textContent) }""",
        title,
    )


def plot(page, title: str) -> dict:
    return chart(page, title).locator(".plotarea_events").bounding_box()


def place(page, title: str, share: float) -> tuple[float, float]:
    box = plot(page, title)
    return box["x"] + share * box["width"], box["y"] + box["height"] / 2


def status(page, title: str) -> str:
    return chart(page, title).locator(".vml-said [role=status]").inner_text()


def bar(page) -> str:
    return page.locator(".vml-timebar .n").inner_text()


def say_what(page, title: str, words: str) -> None:
    expect(chart(page, title).locator(".vml-said [role=status]")).to_contain_text(words, timeout=10000)


END, WHOLE = 304, ["0", "152", "304"]  # where the axis of 300 references ends, and what it reads
TITLES = ["Faults", "Free frames", "TLB hit rate", "Working sets"]


def test_pointing_reads_what_the_machine_counted(shown, console_errors, artifacts):
    page = shown(SCENE)
    m = machine()
    assert m.state.machine["now"][0] == 300
    seen = {
        "Faults": views.faults_over_time(m.state),
        "Free frames": views.free_over_time(m.state),
        "TLB hit rate": views.hits_over_time(m.state),
    }
    for share in (0.1, 0.5, 0.9):
        page.mouse.move(*place(page, "Faults", share))
        say_what(page, "Faults", f"At {END * share:.0f} references")
        for title, d in seen.items():
            told = status(page, title)
            at = int(re.search(r"At (\d+) ref", told).group(1))
            assert abs(at - END * share) <= 2
            last = np.searchsorted(d.time, at, "right") - 1
            for line, v in d.values.items():
                text = f"{v[last]:.1f} %" if title == "TLB hit rate" else f"{v[last]:,.0f}"
                assert f"{line} {text}" in told
        line = chart(page, "Free frames").locator(".vml-pointer i")
        box = plot(page, "Free frames")
        assert abs(line.bounding_box()["x"] - box["x"] - share * box["width"]) < 3
    page.screenshot(path=artifacts / "charts-pointing.png")
    page.mouse.move(5, 5)
    say_what(page, "Faults", "So far 100 minor")
    assert line.is_hidden()
    assert console_errors == []


def test_dragging_and_the_wheel_move_every_chart(shown, console_errors, artifacts):
    page = shown(SCENE)
    assert all(ticks(page, t) == WHOLE for t in TITLES)
    x, y = place(page, "Faults", 0.5)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)  # without the focus: the page's, not the chart's
    page.wait_for_timeout(600)
    assert bar(page) == "the whole run"
    x, y = place(page, "Faults", 0.5)
    chart(page, "Faults").locator(".vml-pointer").focus()
    page.mouse.move(x, y)
    page.mouse.wheel(0, -600)
    page.wait_for_function("() => document.querySelector('.vml-timebar .n').textContent !== 'the whole run'")
    page.wait_for_timeout(800)
    first, last = map(int, re.match(r"(\d+) to (\d+) references, of 304", bar(page)).groups())
    assert 0 < first < 152 < last < END and abs(first + last - END) <= 4
    zoomed = ticks(page, "Faults")
    assert zoomed != WHOLE and all(ticks(page, t) == zoomed for t in TITLES)
    assert all(first <= int(t) <= last for t in zoomed)
    page.screenshot(path=artifacts / "charts-zoomed.png")

    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 40, y, steps=5)
    page.mouse.up()
    page.wait_for_timeout(800)
    later, end = map(int, re.match(r"(\d+) to (\d+) ", bar(page)).groups())
    moved = 40 / plot(page, "Faults")["width"] * (last - first)
    assert later - first == pytest.approx(moved, abs=4) and end - later == pytest.approx(last - first, abs=2)
    assert all(ticks(page, t) == ticks(page, "Faults") for t in TITLES)
    assert page.locator(".vml-code .now").inner_text().startswith("moment 4 of 4")  # a drag is no click

    page.mouse.down()
    page.mouse.move(x + 400, y, steps=5)
    page.mouse.up()
    page.wait_for_function("() => document.querySelector('.vml-timebar .n').textContent.startsWith('0 to ')")
    page.wait_for_timeout(1000)  # and stays there: no further than the run goes
    assert bar(page).startswith("0 to ")
    page.get_by_role("button", name="Whole run").click()
    page.wait_for_function("() => document.querySelector('.vml-timebar .n').textContent === 'the whole run'")
    assert all(ticks(page, t) == WHOLE for t in TITLES)
    assert console_errors == []


def test_a_click_goes_there(shown, console_errors):
    page = shown(SCENE)
    page.mouse.click(*place(page, "Free frames", 0.2))
    now = page.locator(".vml-code .now")
    expect(now).to_contain_text("moment 2 of 4", timeout=10000)
    say_what(page, "Faults", "At ")  # the pointer is there still
    at = int(re.search(r"At (\d+) ref", status(page, "Faults")).group(1))
    page.mouse.move(5, 5)
    say_what(page, "Faults", "So far ")
    minor = int(re.search(r"So far (\d+) minor", status(page, "Faults")).group(1))
    assert abs(at - 61) <= 2 and minor == at  # each of the first hundred references is a fault
    assert ticks(page, "Faults") == WHOLE
    page.mouse.click(*place(page, "Free frames", 0.9))
    expect(now).to_contain_text("moment 3 of 4", timeout=10000)
    assert console_errors == []


def test_with_the_keyboard_only(shown, console_errors, artifacts):
    page = shown(SCENE)
    bar_, layer = page.locator(".vml-timebar"), chart(page, "Faults").locator(".vml-pointer")
    bar_.locator("select").first.focus()
    met = []
    for _ in range(12):  # Tab goes from the bar to the charts
        page.keyboard.press("Tab")
        met.append(
            page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.textContent")
        )
        if met[-1] == "Faults over time":
            break
    assert met[:5] == ["+", "−", "◀", "▶", "Whole run"] and met[-1] == "Faults over time"
    page.keyboard.press("Home")
    say_what(page, "Faults", "At 0 references: minor 0")
    page.keyboard.press("ArrowRight")
    say_what(page, "Faults", "At 1 references: minor 1")
    say_what(page, "TLB hit rate", "hits 0.0 %")
    page.screenshot(path=artifacts / "charts-keyboard.png")
    page.keyboard.press("Home")
    say_what(page, "Faults", "At 0 references")
    page.keyboard.press("+")
    page.keyboard.press("+")
    page.wait_for_function("() => document.querySelector('.vml-timebar .n').textContent.startsWith('0 to 76')")
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_function("() => document.querySelector('.vml-timebar .n').textContent.startsWith('38 to 1')")
    page.keyboard.press("0")
    page.wait_for_function("() => document.querySelector('.vml-timebar .n').textContent === 'the whole run'")
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    say_what(page, "Faults", "At 10 references")
    page.keyboard.press("Enter")
    expect(page.locator(".vml-code .now")).to_contain_text("moment 2 of 4", timeout=10000)
    page.keyboard.press("Escape")
    say_what(page, "Faults", "So far 10 minor")
    assert layer.evaluate("e => document.activeElement === e")
    assert page.evaluate("document.querySelectorAll('.jp-Notebook .jp-Cell').length") == 2  # none of Lab's shortcuts
    assert console_errors == []


@pytest.mark.parametrize("kind", ["SVG", "PNG"])
def test_saving_gives_a_file_with_the_curve(shown, console_errors, artifacts, kind):
    page = shown(SCENE)
    with page.expect_download() as saved:
        page.locator(".vml-timebar select[title='save a chart as a picture']").select_option(f"Free frames as {kind}")
    path = artifacts / f"chart-{kind}"
    saved.value.save_as(path)
    assert saved.value.suggested_filename == f"free-frames.{kind.lower()}"
    data = path.read_bytes()
    if kind == "PNG":
        assert data.startswith(b"\x89PNG")
        assert page.evaluate(GREEN, list(data)) > 100  # the line of free frames
    else:
        drawn = chart(page, "Free frames").locator("path.line").first.get_attribute("d")
        assert drawn in data.decode() and drawn.count(",") > 50
        assert "--file: #00785A" in data.decode()  # the colour that its stroke names
    assert console_errors == []


def test_time_in_something_else_and_more_charts(shown, console_errors, artifacts):
    page = shown(SCENE)
    m = machine()
    axis = page.locator(".vml-timebar select[title='what time is counted in']")
    axis.select_option("simulated time")
    page.wait_for_function("() => [...document.querySelectorAll('.tick text')].some(t => t.textContent.endsWith('ms'))")
    page.wait_for_timeout(500)
    assert all(ticks(page, t) == ticks(page, "Faults") for t in TITLES)
    end = float(ticks(page, "Faults")[-1].split()[0])
    assert m.clock_ns / 1e6 <= end <= 1.25 * m.clock_ns / 1e6
    axis.select_option("time in events")
    page.wait_for_timeout(800)
    end = int(ticks(page, "Faults")[-1])
    assert m.state.machine["nevent"][0] <= end <= 1.25 * m.state.machine["nevent"][0]
    page.locator(".vml-timebar select[title='show a further chart']").select_option("pressure")
    expect(page.locator(".vml-chart")).to_have_count(5)
    chart(page, "Pressure").locator("path.line").first.wait_for()
    page.screenshot(path=artifacts / "charts-more.png")
    assert console_errors == []


@pytest.mark.parametrize(("width", "theme"), [(1280, "Light"), (720, "Light"), (1600, "Dark")])
def test_nothing_of_the_charts_is_cut_off(shown, console_errors, artifacts, width, theme):
    page = shown(SCENE.replace("show = [", 'show = ["swap traffic", "resident", "dirty pages", "pressure", '))
    page.set_viewport_size({"width": width, "height": 1200})
    page.evaluate(
        "async t => { await window.jupyterapp.commands.execute('apputils:change-theme', { theme: t }) }",
        f"JupyterLab {theme}",
    )
    page.wait_for_timeout(1500)
    page.locator(".vml-stage").screenshot(path=artifacts / f"charts-{width}-{theme.lower()}.png")
    out = page.evaluate(
        """() => [...document.querySelectorAll('.vml-chart')].flatMap(c => { const r = c.getBoundingClientRect();
        return [...c.querySelectorAll('.tick text, .vml-head span, .vml-said span, .vml-ct span, select')]
          .filter(e => { const b = e.getBoundingClientRect(); return b.width && (b.right > r.right + 1 || b.left < r.left - 1) })
          .map(e => c.querySelector('.t').textContent + ': ' + e.textContent) })"""
    )
    assert out == []
    tops = page.evaluate(
        "[...document.querySelectorAll('.vml-chart')].map(c => Math.round(c.getBoundingClientRect().left))"
    )
    inside = page.evaluate("document.querySelector('.vml-root').getBoundingClientRect().width")
    assert len(set(tops)) == (4 if inside >= 900 else 2 if inside >= 600 else 1)
    page.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Light' })")
    assert console_errors == []
