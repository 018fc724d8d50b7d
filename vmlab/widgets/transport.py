"""Through time: Undo, Redo, scrub, Step, Play, Branch. Left is the past, right the future."""

import asyncio
import time
from typing import Any

from ipywidgets import Button, Dropdown, HBox, IntProgress, ToggleButton

from .screen import Screen
from .scrub import Scrub
from .slots import Slots

SPEEDS = {"1 a second": 1.0, "4 a second": 4.0, "10 a second": 10.0, "at full speed": 0.0}
BREATH = 0.005  # seconds between two chunks in which the page may speak


class Transport(HBox):
    """Step makes the program's next reference (or goes one moment on after an undo), Play goes on until Stop."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.task: asyncio.Task[None] | None = None
        self.moving = False
        self.undo = Button(description="◀ Undo", tooltip="one moment back")
        self.redo = Button(description="Redo ▶", tooltip="one moment forward")
        self.scrub = Scrub(screen.guard(self.scrubbed, self.complain)).add_class("vml-time")
        self.now = Slots(kind="vml-code").add_class("vml-fit")
        self.step = Button(description="Step", tooltip="the next waiting reference").add_class("vml-step")
        self.play = ToggleButton(description="Play", tooltip="go on until Stop")
        self.speed = Dropdown(
            options=list(SPEEDS), value="10 a second", layout={"width": "116px"}, tooltip="how fast Play goes"
        )
        self.progress = IntProgress(0, 0, 1, layout={"width": "90px", "display": "none"})
        self.branch = Button(description="Branch", tooltip="two futures from here, side by side")
        self.mark = Button(description="Bookmark", tooltip="remember this moment")
        self.marks = Dropdown(layout={"width": "110px", "display": "none"}, tooltip="go to a bookmark")
        self.said = Slots(kind="vml-code").add_class("vml-long")
        moving = [self.undo, self.redo, self.scrub, self.now, self.step, self.play, self.speed, self.progress]
        super().__init__([*moving, self.branch, self.mark, self.marks, self.said])
        self.add_class("vml-bar")
        guard, button = screen.guard, screen.button
        self.undo.on_click(button(lambda _: self.screen.machine.undo(), self.complain))
        self.redo.on_click(button(lambda _: self.screen.machine.redo(), self.complain))
        self.step.on_click(button(lambda _: self.advance(), self.complain))
        self.mark.on_click(guard(self.marked, self.complain))
        self.play.observe(guard(self.toggled, self.complain), "value")
        self.marks.observe(guard(self.recalled, self.complain), "value")
        self.refresh()

    def complain(self, text: str) -> None:
        """Say what is wrong, in the bar."""
        self.said.put(("err tip opt", f"✖ {text}" if text else "", "alert"))

    # -- following the machine -----------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Bring every control up to date."""
        m = self.screen.machine
        h, left = m.history, m.queue_left
        self.moving = True
        try:
            self.scrub.put(h.first, h.now, h.last, sorted(m.bookmarks.values()))
            names = [("bookmarks", None), *((f"{name} ({n})", n) for name, n in m.bookmarks.items())]
            if list(self.marks.options) != names:
                self.marks.options = names
                self.marks.value = None
            self.marks.layout.display = None if len(names) > 1 else "none"
        finally:
            self.moving = False
        self.undo.disabled = h.now <= h.first or m.running
        self.redo.disabled = h.now >= h.last or m.running
        idle = not left and h.now >= h.last
        self.step.disabled = idle or m.running
        self.branch.disabled = m.running
        self.play.disabled = idle and not self.play.value
        waiting = f" · {left:,} waiting" if left else ""
        self.now.put(("now", f"moment {h.now} of {h.last} · {time_of(m.clock_ns)}{waiting}", ""))

    # -- moving --------------------------------------------------------------------------------------------------------

    def advance(self) -> bool:
        """One moment on: of the record if there is one, else the next waiting reference. False if there is neither."""
        m = self.screen.machine
        if m.history.now < m.history.last:
            m.redo()
        elif m.queue_left:
            m.step()
        else:
            return False
        return True

    def scrubbed(self, moment: int) -> None:
        """The slider was moved."""
        if moment != self.screen.machine.history.now:
            self.screen.machine.seek(moment)

    def marked(self, _: Any) -> None:
        """Bookmark this moment."""
        m = self.screen.machine
        m.bookmark(f"moment {m.history.now}")
        self.refresh()

    def recalled(self, change: Any) -> None:
        """A bookmark was chosen."""
        if not self.moving and change["new"] is not None:
            self.screen.machine.seek(change["new"])

    def toggled(self, change: Any) -> None:
        """Play or Stop."""
        self.play.description = "Stop" if change["new"] else "Play"
        if not change["new"]:
            self.screen.machine.stop()
            return
        if self.task is None or self.task.done():
            try:
                self.task = asyncio.get_running_loop().create_task(self.go_on())
            except RuntimeError:
                self.play.value = False
                raise ValueError("Play needs a notebook: use m.run() in a script") from None

    async def go_on(self) -> None:
        """Step after step until Stop or the end; never blocks the page for longer than a chunk."""
        failure, due = None, time.monotonic()
        try:
            while self.play.value and self.screen.open:
                pause = 1 / SPEEDS[self.speed.value] if SPEEDS[self.speed.value] else 0.0
                m = self.screen.machine
                if not pause and m.history.now >= m.history.last and m.queue_left:
                    await self.rush()
                elif not self.advance():
                    break
                due = max(due + pause, time.monotonic() + BREATH)  # the step's own time is part of the pause
                await asyncio.sleep(due - time.monotonic())
        except Exception as error:
            failure = error
        finally:
            self.play.value = False
            self.progress.layout.display = "none"
            if self.screen.open:
                self.screen.limiter.mark()
        if failure is not None:
            self.screen.guard(reraise, self.complain)(failure)

    async def rush(self) -> None:
        """All waiting references as one step of the history, in chunks, with progress; Stop ends it after a chunk."""
        m = self.screen.machine
        total = m.queue_left
        self.progress.max, self.progress.value, self.progress.layout.display = total, 0, None
        for done, _ in m.run_chunks():
            self.progress.value = done
            self.screen.limiter.mark()
            await asyncio.sleep(BREATH)
            if not self.play.value:
                m.stop()

    def stop(self) -> None:
        """End Play."""
        self.play.value = False
        if self.task is not None:
            self.task.cancel()
            self.task = None


def reraise(error: BaseException) -> None:
    """Raise it: for the guard to tell."""
    raise error


def time_of(ns: int) -> str:
    """Nanoseconds as people read them."""
    for unit, name in ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")):
        if ns >= unit:
            return f"{ns / unit:.2f} {name}"
    return f"{ns} ns"
