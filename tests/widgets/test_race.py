"""The race of policies: counts and victims are the textbooks'."""

import ipywidgets
import pytest

from vmlab.views import race
from vmlab.widgets import PolicyRace

WIDGETS = ipywidgets.widgets.widget._instances
SILBERSCHATZ = "7 0 1 2 0 3 0 4 2 3 0 3 2 1 2 0 1 7 0 1"


def told(shown: PolicyRace) -> str:
    """What stands in the title line."""
    return " ".join(text for _, text, _ in shown.head.slots)


def test_silberschatz_section_10_4():
    """Operating System Concepts, 10th edition: 15 faults with FIFO, 9 with OPT, 12 with LRU, 3 frames."""
    lanes = race.lanes(SILBERSCHATZ, ["fifo", "opt", "lru"], [3])
    assert [lane.faults for lane in lanes] == [15, 9, 12]
    fifo, opt, lru = lanes
    assert fifo.gone[3] == 7 and fifo.why[3] == "page 7 came first, at reference 1"
    assert opt.gone[3] == 7 and opt.why[3] == "page 7 is wanted again at reference 18, later than the others"
    assert lru.gone[7] == 2 and lru.why[7] == "page 2 was used longest ago, at reference 4"
    assert [page for page in opt.gone if page is not None][:3] == [7, 1, 0]  # figure 10.14


def test_beladys_anomaly_is_told():
    shown = PolicyRace("1 2 3 4 1 2 5 1 2 3 4 5", ["fifo", "lru"], [3, 4])
    assert repr(shown) == "PolicyRace(12 references; fifo 3: 9 faults, fifo 4: 10, lru 3: 10, lru 4: 8)"
    assert "fifo: 9 faults with 3 frames, 10 with 4: Belady's anomaly" in told(shown)
    assert "lru:" not in told(shown)
    shown.close()


@pytest.mark.parametrize(
    ("field", "text", "says"),
    [
        ("string", "1 2 x", "x"),
        ("string", "", "reference"),
        ("string", "1 " * 61, "61 references do not fit a screen: at most 60"),
        ("policies", "fifo best", "there is no policy 'best': choose of"),
        ("policies", "working-set", "working-set has no frames to race with"),
        ("policies", "", "needs a policy"),
        ("frames", "three", "'three' is no number of frames"),
        ("frames", "0", "0 frames cannot be drawn"),
        ("frames", "1 2 3 4 5", "15 lanes are too many"),
    ],
)
def test_what_cannot_be_raced_is_told_and_the_last_picture_stays(field, text, says):
    shown = PolicyRace()
    before = shown.picture.value, repr(shown)
    getattr(shown, field).value = text
    assert says in told(shown)
    assert (shown.picture.value, repr(shown)) == before
    getattr(shown, field).value = {"string": "1 2 1", "policies": "lru", "frames": "2"}[field]
    assert "\u2716" not in told(shown)
    shown.close()


def test_a_string_from_a_textbook_can_be_chosen():
    shown = PolicyRace("1 2 3", "lru", "2")
    assert shown.strings.value == "your own"
    shown.strings.value = "Silberschatz, Operating System Concepts"
    assert len(shown.lanes[0].table.pages) == 20
    shown.close()


def test_nothing_is_left_of_it():
    before = set(WIDGETS)
    shown = PolicyRace()
    made = len(set(WIDGETS) - before)
    for n in range(1, 8):
        shown.frames.value = str(n)
    assert len(set(WIDGETS) - before) == made
    shown.close()
    assert set(WIDGETS) == before
