"""Predictions: a form for them, where they are kept, and the comparison with the machine.

Guesses are kept in the notebook: in the output of the cell that shows the form, from the next cell on that runs. A new Python,
after the notebook was saved and opened again, finds them there.
"""

import html
import json
import os
import uuid
from dataclasses import dataclass, field
from typing import Any

from ipywidgets import HTML, Button, GridBox, HBox, Label, Layout, Text, VBox

from .lab import Lab, lab
from .table import aligned

MOST = 999
KEPT = "vmlab"  # the metadata of a form's output that hold its guesses


@dataclass
class Guesses:
    """What a reader of a lab guessed, as long as the notebook's Python runs."""

    lab: Lab
    values: dict[str, int] = field(default_factory=dict)
    decided: set[str] = field(default_factory=set)  # their cells have run: no guess any more

    def record(self, key: str, value: int) -> None:
        """Keep a guess. ValueError once its cell has run."""
        if key in self.decided:
            cell = next(p.cell for p in self.lab.predictions if p.key == key)
            raise ValueError(f"the cell {cell} has run: it is known now")
        self.values[key] = value

    def as_json(self) -> dict[str, Any]:
        """As the notebook keeps it."""
        return {"lab": self.lab.number, "guesses": dict(self.values), "decided": sorted(self.decided)}

    def ran(self, cell: str) -> None:
        """A cell of the notebook is about to run: what it decides is locked."""
        self.decided |= {p.key for p in self.lab.predictions if p.cell == cell}


class Form(VBox):  # type: ignore[misc]
    """A sentence and a box for each guess, and one button."""

    def __init__(self, guesses: Guesses) -> None:
        self.guesses = guesses
        self.place = ""  # of its output in the notebook, once it is shown
        self.put_last: dict[str, Any] = {}
        predictions = guesses.lab.predictions
        self.boxes = {
            p.key: Text(value=_text(guesses, p.key), placeholder="?", layout=Layout(width="64px")) for p in predictions
        }
        self.refusals = {p.key: HTML() for p in predictions}
        self.button = Button(description="Record my guesses", layout=Layout(width="auto"))
        self.said = HTML()
        rows: list[Any] = []
        for p in predictions:
            self.boxes[p.key].add_class("vml-guess")
            rows += [Label(p.key), Label(p.text), self.boxes[p.key], self.refusals[p.key]]
        grid = GridBox(
            rows, layout=Layout(grid_template_columns="16px auto 76px 1fr", grid_gap="2px 10px", align_items="center")
        )
        super().__init__(
            [HTML(f"<b>Lab {guesses.lab.number}: your prediction</b>"), grid, HBox([self.button, self.said])]
        )
        self.button.on_click(lambda _: self.record())
        self.show()

    def record(self) -> None:
        """Keep every box that holds a whole number; say beside the others what they take."""
        for p in self.guesses.lab.predictions:
            try:
                if text := self.boxes[p.key].value.strip():
                    self.guesses.record(p.key, _whole(text))
                refusal = ""
            except ValueError as error:
                refusal = f"<span role='alert' style='color:var(--jp-error-color1,#b84a00)'>✖ {html.escape(str(error))}</span>"
            self.refusals[p.key].value = refusal
        self.show()

    def show(self) -> None:
        """Bring boxes and sentence up to date."""
        for key in self.guesses.values.keys() | self.guesses.decided:
            self.boxes[key].value, self.boxes[key].disabled = _text(self.guesses, key), key in self.guesses.decided
        self.button.disabled = len(self.guesses.decided) == len(self.boxes)
        self.said.value = f"<span role='status'>{_state(self.guesses)}</span>"

    def keep(self) -> None:
        """Bring the output in the notebook up to date. Not at the click: the page draws it anew, and the button loses its focus."""
        if self.place and self.kept() != self.put_last:
            self._put(update=True)

    def kept(self) -> dict[str, Any]:
        """The metadata of its output. Nothing is kept of one who guesses nothing."""
        return {KEPT: self.guesses.as_json()} if self.guesses.values else {}

    def _put(self, update: bool) -> None:
        from IPython.display import display

        self.put_last = self.kept()
        display(self._repr_mimebundle_(), raw=True, metadata=self.put_last, display_id=self.place, update=update)

    def _ipython_display_(self) -> None:
        self.place = self.place or uuid.uuid4().hex
        self._put(update=False)

    def __repr__(self) -> str:
        rows = [(p.key, p.text, _text(self.guesses, p.key) or "?") for p in self.guesses.lab.predictions]
        head = f"Lab {self.guesses.lab.number}: your prediction. {_state(self.guesses)}"
        return "\n".join([head, *aligned(rows)])

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        data = super()._repr_mimebundle_(**kwargs)
        bundle = data[0] if isinstance(data, tuple) else data
        bundle["text/plain"] = repr(self)
        bundle["text/html"] = f"<pre>{html.escape(repr(self))}</pre>"
        return data


_kept: dict[str, Guesses] = {}
_forms: dict[str, Form] = {}


def predict(number: str, **guesses: int) -> Form:
    """The form for a lab's predictions; or record them by name, where no form can be drawn: predict("00", a=3)."""
    kept = _of(number)
    for key, value in guesses.items():
        if key not in {p.key for p in kept.lab.predictions}:
            raise ValueError(f"lab {number} asks for {', '.join(p.key for p in kept.lab.predictions)}, not for {key}")
        kept.record(key, _whole(str(value)))
    if number not in _forms:
        _forms[number] = Form(kept)
    _forms[number].show()
    return _forms[number]


def compare(number: str) -> None:
    """Print the guesses of a lab beside what the machine did, and the cell that decides each."""
    kept = _of(number)
    rows = [("", "", "you", "machine", "decided by cell")]
    for p in kept.lab.predictions:
        mine = kept.values.get(p.key)
        rows.append((p.key, p.text, "-" if mine is None else str(mine), str(p.truth()), p.cell))
        kept.ran(p.cell)
    print("\n".join([f"Lab {number}: prediction and machine", *aligned(rows, right=(2, 3))]))
    if number in _forms:
        _forms[number].show()


def _of(number: str) -> Guesses:
    """The guesses of a lab; from the first time on, the notebook's cells are watched for the ones that decide."""
    if number not in _kept:
        _kept[number] = _found(lab(number))
        _watch()
    return _kept[number]


def _found(of: Lab) -> Guesses:
    """The guesses that the notebook's file holds, as it was saved last; none where nothing tells which file that is."""
    guesses = Guesses(of)
    keys = {p.key for p in of.predictions}
    try:
        with open(os.environ["JPY_SESSION_NAME"], encoding="utf-8") as file:  # set by Jupyter's server
            outputs = [o for cell in json.load(file)["cells"] for o in cell.get("outputs", ())]
        kept = next(k for o in outputs if (k := o.get("metadata", {}).get(KEPT)) and k["lab"] == of.number)
        guesses.values = {key: _whole(str(value)) for key, value in kept["guesses"].items() if key in keys}
        guesses.decided = keys & set(kept["decided"])
    except (KeyError, OSError, ValueError, TypeError, AttributeError, StopIteration):
        return Guesses(of)
    return guesses


def _watch() -> None:
    """Hear of every cell that is about to run, if this is a notebook."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return
    shell = get_ipython()
    if shell is not None and _cell_runs not in shell.events.callbacks["pre_run_cell"]:
        shell.events.register("pre_run_cell", _cell_runs)


def _cell_runs(info: Any) -> None:
    """A cell named in its first line, as `# fork`, is about to run."""
    first = (info.raw_cell or "").lstrip().partition("\n")[0]
    for number, kept in _kept.items():
        kept.ran(first.lstrip("# ").strip())
        if number in _forms:
            _forms[number].show()
            _forms[number].keep()


def _whole(text: str) -> int:
    """A guess as typed. ValueError that says what is taken."""
    if not text.isascii() or not text.isdigit() or int(text) > MOST:
        raise ValueError(f"a whole number from 0 to {MOST}, please, not {text!r}")
    return int(text)


def _text(guesses: Guesses, key: str) -> str:
    return str(guesses.values[key]) if key in guesses.values else ""


def _state(guesses: Guesses) -> str:
    still = [p.cell for p in guesses.lab.predictions if p.key not in guesses.decided]
    if not guesses.values:
        return "Nothing recorded yet." if still else "Nothing was recorded, and the cells that decide have run."
    return (
        f"Recorded. Change them until you run the cell {still[0]}."
        if still
        else "Recorded. The cells that decide have run."
    )
