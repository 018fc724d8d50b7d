"""The policies by number, as State keeps them."""

from enum import IntEnum


class Policy(IntEnum):
    """The machine's policies; PYTHON asks a function of the user's (Exit.VICTIM)."""

    PYTHON = 0
    FIFO = 1
    CLOCK = 2
    LRU = 3
    RANDOM = 4
    NRU = 5
    LFU = 6
    AGING = 7
    WSCLOCK = 8
    LINUX = 9
    MGLRU = 10


LAST_PASTED = 3  # of the policies whose code is pasted into the fault path
