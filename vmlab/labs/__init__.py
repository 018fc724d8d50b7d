"""What the notebooks need beside the machine: predictions, checks with reasons, hints.

    from vmlab import labs
    labs.predict("00")            a form for your guesses           labs.compare("00")    your guesses beside the machine's
    labs.check("00.1", 12)        right or not yet, and why         labs.hint("00.1")     one hint at a time

A lab is a file of this folder (its questions, and the machine that answers them) and a line in LABS.
"""

from . import host
from .checking import check, hint
from .form import compare, predict
from .scratch import scratch

__all__ = ["check", "compare", "hint", "host", "predict", "scratch"]
