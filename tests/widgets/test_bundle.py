"""What many widgets say goes out in one message, and nothing of it is lost."""

import pytest
from widgets.scenes import swapping

from vmlab.widgets import FrameMap, Workbench


def messages(w: Workbench) -> tuple[list, list]:
    """Of all widgets of a Workbench from now on: what goes out alone, and what goes out in bundles."""
    alone, bundled = [], []
    comm = type(w.screen.bundle.comm)
    send = comm.send

    def noted(self, data=None, *args, **named):
        if self is w.screen.bundle.comm:
            bundled.append(data["content"]["messages"])
        elif data["method"] == "update":
            alone.append((self.comm_id, data["state"]))
        return send(self, data, *args, **named)

    comm.send = noted
    w.undo_noting = lambda: setattr(comm, "send", send)
    return alone, bundled


@pytest.fixture
def scene():
    w = Workbench(swapping().machine)
    w.alone, w.bundled = messages(w)
    yield w
    w.undo_noting()
    w.close()


def undo(w: Workbench) -> None:
    w.screen.machine.undo()
    w.screen.limiter.flush()


def hear(w: Workbench) -> None:
    """A page says that it can unpack bundles."""
    w.screen.bundle._handle_custom_msg({"event": "ready"}, [])


def test_where_no_page_has_spoken_each_widget_speaks_for_itself(scene):
    undo(scene)
    assert len(scene.alone) > 10 and not scene.bundled


def test_the_headline_goes_ahead_and_the_same_in_one_message(scene):
    undo(scene)
    expected = dict(scene.alone)
    scene.screen.machine.redo()
    scene.screen.limiter.flush()
    hear(scene)
    scene.alone.clear()
    undo(scene)
    headline = scene.headline.model_id
    assert scene.alone == [(headline, expected.pop(headline))]
    [parcel] = scene.bundled
    assert {m["to"]: m["data"]["state"] for m in parcel} == expected
    assert sum(m["count"] for m in parcel) == sum(len(m["data"]["buffer_paths"]) for m in parcel) > 0


def test_after_it_a_widget_speaks_for_itself_again(scene):
    hear(scene)
    undo(scene)
    scene.alone.clear()
    scene.headline.colour = "red"
    assert scene.alone == [(scene.headline.model_id, {"colour": "red"})]


def test_what_changed_before_an_error_is_sent(scene):
    hear(scene)
    with pytest.raises(ZeroDivisionError), scene.screen.together(), scene.screen.together():
        scene.headline.colour = "red"
        _ = 1 / 0
    [[message]] = scene.bundled
    assert message["data"]["state"] == {"colour": "red"}
    assert "_send" not in scene.headline.__dict__


def test_a_page_opened_later_is_sent_everything_that_may_have_changed(scene):
    hear(scene)
    assert not scene.bundled
    hear(scene)
    [parcel] = scene.bundled
    sent = {m["to"]: m["data"]["state"] for m in parcel}
    frames = scene.parts["frames"].grid
    assert sent[frames.model_id]["classes"] == frames.classes
    assert sent[scene.headline.model_id]["slots"] == scene.headline.slots


def test_the_bundle_is_closed_with_its_screen():
    part = FrameMap(swapping().machine)
    bundle = part.screen.bundle
    part.close()
    assert bundle.comm is None
