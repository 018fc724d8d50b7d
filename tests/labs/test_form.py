"""Predictions: recorded, refused, locked, compared, kept."""

import json
from types import SimpleNamespace

import pytest

from vmlab import labs
from vmlab.labs import form


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.setattr(form, "_kept", {})
    monkeypatch.setattr(form, "_forms", {})


def runs(source: str) -> None:
    form._cell_runs(SimpleNamespace(raw_cell=source))


def test_a_form_says_what_it_holds():
    shown = labs.predict("00")
    assert repr(shown).startswith("Lab 00: your prediction. Nothing recorded yet.\n  a  ")
    assert repr(shown).count("  ?") == 4
    bundle = shown._repr_mimebundle_()
    bundle = bundle[0] if isinstance(bundle, tuple) else bundle
    assert bundle["text/plain"] == repr(shown)
    assert labs.predict("00") is shown


def test_the_button_records_what_the_boxes_hold(no_swallow):
    shown = labs.predict("00")
    shown.boxes["a"].value, shown.boxes["b"].value = " 7 ", ""
    shown.button.click()
    assert form._kept["00"].values == {"a": 7}
    assert "Recorded. Change them until you run the cell map-file." in shown.said.value
    assert "a  pages in a frame once the 38 pages of the book are mapped   7" in repr(shown)


@pytest.mark.parametrize("typed", ["1000", "-1", "2.5", "seven", "²", "<b>"])
def test_anything_but_a_whole_number_is_refused_beside_its_box(typed, no_swallow):
    shown = labs.predict("00")
    shown.boxes["a"].value, shown.boxes["d"].value = typed, "8"
    shown.button.click()
    assert "a whole number from 0 to 999" in shown.refusals["a"].value
    assert "<b>" not in shown.refusals["a"].value
    assert form._kept["00"].values == {"d": 8}
    assert shown.boxes["a"].value == typed


def test_a_guess_locks_when_its_cell_runs(no_swallow):
    shown = labs.predict("00", a=1)
    runs("# map-file\nalice = m.open()")
    assert shown.boxes["a"].disabled
    assert not shown.boxes["b"].disabled
    with pytest.raises(ValueError, match="the cell map-file has run"):
        labs.predict("00", a=2)
    assert form._kept["00"].values == {"a": 1}
    runs("")
    runs("print('# fork')")
    assert not shown.boxes["c"].disabled


def test_guesses_by_name():
    with pytest.raises(ValueError, match="lab 00 asks for a, b, c, d, not for e"):
        labs.predict("00", e=1)
    with pytest.raises(ValueError, match="from 0 to 999"):
        labs.predict("00", a=-3)
    assert labs.predict("00", a=3).boxes["a"].value == "3"


def test_compare_shows_both_and_locks_all(capsys):
    shown = labs.predict("00", d=8)
    labs.compare("00")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Lab 00: prediction and machine"
    assert [line.split()[-3:] for line in lines[2:]] == [
        ["-", "0", "map-file"],
        ["-", "1", "first-load"],
        ["-", "0", "fork"],
        ["8", "40", "again"],
    ]
    assert all(box.disabled for box in shown.boxes.values())
    assert shown.button.disabled


def test_compare_without_a_form(capsys):
    labs.compare("00")
    assert "40  again" in capsys.readouterr().out


# -- kept in the notebook ---------------------------------------------------------------------------------------------------


@pytest.fixture
def displays(monkeypatch):
    """What is displayed: (its metadata, its text, is it an update?), in order."""
    seen = []

    def display(data, raw, metadata, display_id, update):
        seen.append((metadata, data["text/plain"], update))

    monkeypatch.setattr("IPython.display.display", display)
    return seen


def test_a_form_puts_its_guesses_into_its_output(displays, no_swallow):
    shown = labs.predict("00")
    assert displays == []
    shown._ipython_display_()
    runs("# map-file")
    assert [(kept, update) for kept, _, update in displays] == [
        ({}, False)
    ]  # nobody guessed: the output stays as it was
    shown.boxes["c"].value = "8"
    shown.button.click()
    assert len(displays) == 1  # the button keeps its focus
    runs("# first-load")
    runs("m.step()")
    assert len(displays) == 2
    kept, text, update = displays[-1]
    assert (kept, update) == ({"vmlab": {"lab": "00", "guesses": {"c": 8}, "decided": ["a", "b"]}}, True)
    assert text == repr(shown)
    assert " has filled  8\n" in text


def saved(tmp_path, monkeypatch, kept) -> None:
    """A notebook was saved with this in an output, and a new Python runs for it."""
    cells = [
        {"cell_type": "markdown"},
        {"cell_type": "code", "outputs": [{"metadata": {}}, {"metadata": {"vmlab": kept}}]},
    ]
    (tmp_path / "mine.ipynb").write_text(json.dumps({"cells": cells}))
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "mine.ipynb"))


def test_a_notebook_opened_again_has_its_guesses(tmp_path, monkeypatch):
    saved(tmp_path, monkeypatch, {"lab": "00", "guesses": {"a": 38, "c": 8}, "decided": ["a"]})
    shown = labs.predict("00")
    assert {key: box.value for key, box in shown.boxes.items()} == {"a": "38", "b": "", "c": "8", "d": ""}
    assert shown.boxes["a"].disabled
    assert not shown.boxes["c"].disabled
    with pytest.raises(ValueError, match="the cell map-file has run"):
        labs.predict("00", a=0)


@pytest.mark.parametrize(
    "kept",
    [
        None,
        {},
        {"lab": "06", "guesses": {"a": 1}, "decided": []},
        {"lab": "00", "guesses": {"a": "<b>"}, "decided": []},
        {"lab": "00", "guesses": [1], "decided": []},
        {"lab": "00", "guesses": {"z": 1}, "decided": None},
        "mine",
    ],
)
def test_what_is_no_record_of_this_lab_is_left(kept, tmp_path, monkeypatch):
    saved(tmp_path, monkeypatch, kept)
    assert labs.predict("00").guesses.values == {}


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"cells": 3}'])
def test_a_file_that_is_no_notebook(text, tmp_path, monkeypatch):
    (tmp_path / "mine.ipynb").write_text(text)
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "mine.ipynb"))
    assert labs.predict("00").guesses.values == {}
