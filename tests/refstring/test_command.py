"""`vmlab replay` and `vmlab curve`: traces of textbooks, whose faults are printed there."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from vmlab import cli
from vmlab.refstring import bar, command, plot


@pytest.fixture
def belady(tmp_path: Path) -> str:
    """Belady's string, whose faults under FIFO are 9 with 3 frames and 10 with 4 (CACM 12(6), 1969)."""
    path = tmp_path / "<belady>.list"
    path.write_text("1 2 3 4 1 2 5 1 2 3 4 5\n")
    return str(path)


def test_replay(belady: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["replay", belady, "--policy", "fifo", "lru", "--frames", "3", "4"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["policy", "frames", "references", "pages", "faults", "miss", "ratio"]
    assert [(row[0], row[1], row[4]) for row in rows[1:]] == [
        ("fifo", "3", "9"),
        ("fifo", "4", "10"),
        ("lru", "3", "10"),
        ("lru", "4", "8"),
    ]


def test_json(belady: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["replay", belady, "--policy", "opt", "--frames", "3", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["policy"], found["frames"], found["faults"], found["miss_ratio"]) == ("opt", 3, 7, 7 / 12)
    assert cli.main(["curve", belady, "--json"]) == 0
    curve = json.loads(capsys.readouterr().out)
    assert curve["frames"] == [1, 2, 3, 4, 5]
    assert [round(12 * ratio) for ratio in curve["miss_ratios"]] == [12, 12, 10, 8, 5]


def test_plot(belady: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A picture that any reader of XML takes, with a line for each policy, whose points rise where faults do."""
    picture = tmp_path / "out.svg"
    assert cli.main(["replay", belady, "--policy", "fifo", "lru", "--frames", "4", "3", "--plot", str(picture)]) == 0
    root = ET.parse(picture).getroot()
    space = "{http://www.w3.org/2000/svg}"
    lines = [line.attrib["points"].split() for line in root.iter(f"{space}polyline")]
    (fifo3, fifo4), (lru3, lru4) = ([tuple(map(float, at.split(","))) for at in line] for line in lines)
    assert fifo3[0] < fifo4[0]
    assert fifo4[1] < fifo3[1]  # up is less
    assert lru4[1] > lru3[1]
    assert fifo4[1] == lru3[1]
    assert len([*root.iter(f"{space}circle")]) == 4
    assert "1" in [text.text for text in root.iter(f"{space}text")]  # 10 of 12 faults: the axis ends at 1
    assert root.find(f"{space}title").text == "<belady>.list"
    assert cli.main(["curve", belady, "--policy", "opt", "--plot", str(picture)]) == 0
    assert len(next(ET.parse(picture).getroot().iter(f"{space}polyline")).attrib["points"].split()) == 5
    assert capsys.readouterr().out.count("miss ratio") == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["curve", "no-such-file"], "'no-such-file' cannot be opened"),
        (["replay", "BELADY", "--frames", "0"], "frames must be 1.."),
        (["replay", "BELADY", "--frames", "3", "--policy", "best"], "best"),
        (["replay", "BELADY", "--frames", "3", "--page-size", "3"], "page_size=3: it must be a power of two"),
        (["curve", "BELADY", "--sample", "2"], "sample is a share of the pages"),
        (["curve", "BELADY", "--plot", "/no/such/folder/x.svg"], "No such file"),
    ],
)
def test_refusals_are_one_sentence(
    belady: str, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([belady if word == "BELADY" else word for word in words]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("vmlab: ")
    assert said.err.count("\n") == 1
    assert sentence in said.err


@pytest.mark.parametrize(
    ("ratio", "top"), [(1.0, 1), (0.51, 1), (0.5, 0.5), (0.2, 0.2), (0.11, 0.2), (0.04, 0.05), (0, 1e-9)]
)
def test_axis_ends_at_a_round_number(ratio: float, top: float) -> None:
    assert plot._round_up(ratio) == pytest.approx(top)


def test_bar(belady: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal only; gone at the end."""
    monkeypatch.setattr(bar, "PATIENCE", 0)
    monkeypatch.setattr(bar, "PAUSE", 0)
    monkeypatch.setattr(command.sys.stderr, "isatty", lambda: True, raising=False)
    assert cli.main(["replay", belady, "--frames", "2", "3"]) == 0
    said = capsys.readouterr().err
    assert "replaying [###############...............]  50%" in said
    assert said.split("\r")[-1] == ""
