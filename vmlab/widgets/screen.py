"""Screen: what the parts of one picture share: machine, selection, the story of the last step, one redraw."""

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial, wraps
from typing import TYPE_CHECKING, Any

from ipywidgets import Widget

from .. import views
from ..core.state import NONE, STAT, State
from ..errors import Signal, VmlabError, shown
from .bundle import Bundle
from .limiter import Limiter, running_loop
from .theme import SCALES
from .timeaxis import TimeAxis

if TYPE_CHECKING:
    from ..machine import Machine
    from .part import Part

REFS = (STAT.names or ()).index("refs")
EXPECTED = (OSError, Signal, VmlabError, ValueError, IndexError, KeyError)  # told in words; others leave a trace too

LOOK_IN = 0.5  # seconds between two redraws while a cell of the notebook runs references
STALE = 0.25  # seconds after such a run in which clicks made during it arrive


class Screen:
    """One machine on one screen: it observes machine.version, redraws at most 12 times a second, once at the end.

    `selection` is the page that is selected everywhere; `story` the headline of the step that led here.
    """

    def __init__(self, machine: "Machine") -> None:
        self.machine = machine
        self.parts: list[Part] = []
        self.selection = views.NOTHING
        self.story = views.NEVER
        self.asleep = False
        self.look = views.look_at(machine.state)  # the moment that is shown
        self._moment = -1
        self._since = 0.0  # when the run that goes on began
        self.stale = False  # do clicks arrive that were made during a long run?
        self.scale = 1.0
        self.limiter = Limiter(self.redraw)
        self.bundle = Bundle(self.resend)
        machine.observe(self._changed, "version")
        machine.observe(self._goes_on, "under_way")
        self.open = True

    @property
    def state(self) -> State:
        """The machine's state as it is now."""
        return self.machine.state

    @cached_property
    def time(self) -> TimeAxis:
        """The time axis that all charts of this screen share."""
        return TimeAxis(self)

    def join(self, part: "Part") -> None:
        """A part is on this screen from now on. The caller draws it first."""
        self.parts.append(part)

    def leave(self, part: "Part") -> None:
        """A part is closed. With the last one the screen lets go of its machine."""
        if part in self.parts:
            self.parts.remove(part)
        if not self.parts:
            self.close()

    def close(self) -> None:
        """Let go of the machine: nothing is observed or redrawn any more."""
        if not self.open:
            return
        self.open = False
        self.limiter.cancel()
        self.machine.unobserve(self._changed, "version")
        self.machine.unobserve(self._goes_on, "under_way")
        if "time" in vars(self):
            self.time.close()
        close_tree(self.bundle)
        del self.machine

    # -- redrawing -----------------------------------------------------------------------------------------------------

    def _changed(self, _: Any) -> None:
        if not self.asleep:
            self.limiter.mark()
        else:
            self.limiter.due = True

    def _goes_on(self, change: Any) -> None:
        """A run in a cell, between two chunks: look in now and then, so that most of the time is the run's.

        Not on one that ends soon: it is drawn at its end, and in between its buttons would be off, deaf to the next click.
        """
        now = time.monotonic()
        if not change["old"]:
            self._since = now
        if not self.asleep and change["new"] and min(now - self._since, self.limiter.idle()) > LOOK_IN:
            self.limiter.mark()
        loop = running_loop()
        if not change["new"] and now - self._since > LOOK_IN and loop is not None:
            self.stale = True
            loop.call_soon(loop.call_later, STALE, self._caught_up)  # the loop turns again when the cell has ended

    def _caught_up(self) -> None:
        self.stale = False

    def wake(self, looked_at: bool) -> None:
        """Somebody looks at the screen, or nobody does any more: then nothing is sent until somebody does."""
        self.asleep = not looked_at
        if looked_at and self.limiter.due:
            self.limiter.flush()

    def redraw(self) -> None:
        """Draw every part anew from the machine. What happened is said first: it is on its way while the pictures are made."""
        if not self.open:
            return
        self.follow()
        for part in list(self.parts):
            part.announce()
        with self.together():
            for part in list(self.parts):
                self.attempt(part, part.refresh)

    def follow(self) -> None:
        """Take up the step that led to this moment: its story, and its page as the selection."""
        look = self.look = views.look_at(self.state)
        self.story = self.tell(self.machine.history.now)
        if self._moment != self.machine.history.now:
            self._moment = self.machine.history.now
            if self.story.vpn != NONE and not self.story.alert:
                self.selection = views.select_page(look, self.story.row, self.story.vpn, self.story.offset)
                return
        self.selection = views.again(look, self.selection)

    def tell(self, n: int) -> views.Story:
        """The story of step n."""
        h = self.machine.history
        if not h.first < n <= h.last:
            return views.beginning(self.look, n if h.on else None)
        return views.story(self.look, h[n], self.reference(n), policy_name(self.machine))

    def reference(self, n: int) -> views.Reference | None:
        """The last reference that step n took from the queue, None if it took none."""
        m = self.machine
        if m.history[n].call != "run":
            return None
        at = int(self.state.machine["queue_at"][0]) - 1
        for later in range(n + 1, m.history.now + 1):
            at -= references_of(m.history[later])
        for seg in m.kernel.queue:
            if 0 <= at < len(seg.addresses):
                addr, write = int(seg.addresses[at]), bool(seg.writes[at if len(seg.writes) > 1 else 0])
                return views.Reference(seg.row, addr // m.page_size, addr % m.page_size, write)
            at -= len(seg.addresses)
        return None

    def resize(self, scale: float) -> None:
        """Enlarge letters, cells and charts together; one of theme.SCALES."""
        if scale not in SCALES:
            raise ValueError(f"scale={scale!r}: choose from {', '.join(f'{s:g}' for s in SCALES)}")
        self.scale = scale
        for part in self.parts:
            part.resize(scale)

    def select(self, selection: views.Selection) -> None:
        """Select a page everywhere. Pictures stay, only the paint moves."""
        self.selection = selection
        if self.limiter.due:  # the machine has changed since the last redraw
            self.look = views.look_at(self.state)
        with self.together():
            for part in list(self.parts):
                self.attempt(part, partial(part.repaint, self.look))

    def attempt(self, part: "Part", draw: Callable[[], object]) -> None:
        """Draw a part. If it fails the part says so; the call that changed the machine must not fail for it."""
        try:
            draw()
        except Exception as error:
            traceback.print_exc()
            part.complain(f"this picture is not up to date: {type(error).__name__}: {error}")

    @contextmanager
    def together(self) -> Iterator[None]:
        """What changes within is sent at the end, in one message: the page then paints once and not part by part."""
        with self.bundle.gather([widget for part in self.parts for widget in part.drawn()]):
            yield

    def resend(self) -> None:
        """Send everything that a redraw may change, for a page that has just been opened."""
        with self.together():
            for part in self.parts:
                for widget in part.drawn():
                    widget.send_state([name for name in widget.keys if not name.startswith("_")])

    # -- callbacks -----------------------------------------------------------------------------------------------------

    def guard(self, call: Callable[..., Any], say: Callable[[str], object]) -> Callable[..., Any]:
        """`call`, for a button: what it raises is said in words and never lost; what it said before is cleared."""

        @wraps(call)
        def inner(*args: Any, **named: Any) -> Any:
            say("")
            try:
                return call(*args, **named)
            except EXPECTED as error:
                say(words_of(error))
            except Exception as error:
                traceback.print_exc()
                say(f"{type(error).__name__}: {shown(str(error))}")
            return None

        return inner

    def button(self, call: Callable[..., Any], say: Callable[[str], object]) -> Callable[..., Any]:
        """The same for a button that changes the machine: clicks made while a cell ran arrive after it, and are dropped."""
        guarded = self.guard(call, say)

        @wraps(call)
        def inner(*args: Any, **named: Any) -> Any:
            if self.stale:
                say("a run was going on when this was clicked: click again")
                return None
            return guarded(*args, **named)

        return inner


def words_of(error: BaseException) -> str:
    """What an exception says, without Python's decoration."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error.args[0]) if error.args else ""
    return shown(text) or type(error).__name__


def references_of(step: Any) -> int:
    """How many references a step took from the queue; one that got a signal is not counted by the machine, but gone."""
    if step.call != "run":
        return 0
    return int(step.after[REFS] - step.before[REFS]) + (step.error is not None)


def policy_name(machine: "Machine") -> str:
    """The name of the machine's replacement policy."""
    policy = machine.policy
    return policy if isinstance(policy, str) else getattr(policy, "__name__", "policy")


def tree(*widgets: Any) -> list[Widget]:
    """Widgets and everything they are made of, each once; what is closed already is left out."""
    waiting, found = list(widgets), {}
    while waiting:
        w = waiting.pop()
        if isinstance(w, Widget) and w.comm is not None and w.model_id not in found:
            found[w.model_id] = w
            waiting += [x for name in w.keys for x in _inside(getattr(w, name, None))]
    return list(found.values())


def close_tree(*widgets: Widget) -> None:
    """Close widgets and everything they are made of: ipywidgets closes the outermost model only."""
    for w in tree(*widgets):
        Widget.close(w)


def _inside(x: Any) -> list[Any]:
    if isinstance(x, Widget):
        return [x]
    if isinstance(x, dict):
        return list(x.values())
    return list(x) if isinstance(x, (list, tuple)) else []
