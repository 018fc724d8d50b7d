"""A Workbench in a test: its command line filled in and pressed."""

from widgets.scenes import forked

from vmlab.widgets import Workbench


def bench(s=None) -> Workbench:
    return Workbench((s or forked()).machine)


def alert(w: Workbench) -> str:
    """The error beside Do it."""
    return w.command.code.text("alert")


def say(w: Workbench, verb: str, **fields: str) -> None:
    """Fill the command line in and press Do it."""
    w.command.verb.value = verb
    for name, text in fields.items():
        w.command.field[name].value = text
    w.command.go.click()
    w.screen.limiter.flush()
