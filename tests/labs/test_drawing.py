"""The twenty calls of lab 04: what is printed is what is made, and the answers are Linux's."""

import pytest

from vmlab import Map, Prot
from vmlab.labs import drawing

LINUX = (
    "EINVAL ok EINVAL EINVAL EINVAL EACCES ok ok EINVAL EEXIST ENOMEM EINVAL EINVAL ok EINVAL ENOMEM ok EINVAL EFAULT ENOMEM"
).split()


@pytest.mark.parametrize(("text", "errno"), list(zip(drawing.CALLS, LINUX, strict=True)))
def test_a_call_is_the_one_that_is_printed(text, errno):
    names = {"PAGE": drawing.PAGE, "Map": Map, "Prot": Prot}
    printed = eval(f"lambda p, a, zero: {text}", names)
    assert drawing.answer(drawing.CALLS[text]) == drawing.answer(printed)
    assert drawing.answer(printed)[0] == errno


def test_calls_are_numbered_as_they_are_attempted(capsys):
    drawing.calls()
    drawing.attempt(20)
    *_, last, attempted = capsys.readouterr().out.splitlines()
    assert attempted.startswith(f"{last}: process 1 (p) brk: ")
