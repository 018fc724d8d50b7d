"""Failures on demand: a frame that is asked for and not to be had, a write to swap that fails.

Linux has the same for its own tests (Documentation/fault-injection/fault-injection.rst: fail_page_alloc, fail_make_request).
Which one is to fail is counted down in registers, machine.fail_frame and fail_swap; 0: none is. NONE in fail_frame: it has
just failed, and Exit.OOM is yet to be answered.
"""

from ..jit import njit
from . import frames
from .state import DIRTY, NONE, Exit, Kind

EVERY = 1 << 62  # machine.wake while a failure of a frame is awaited: however many are free, the fault comes to reclaim


@njit
def frame(s):
    """A fault asks for a frame. OOM if it is the one that is to fail, else DONE."""
    m = s.machine[0]
    if m.victim == NONE:  # else it has asked before, and comes again because Python has named or written a victim
        m.fail_frame -= 1
    if m.fail_frame > 0:
        return Exit.DONE
    m.fail_frame = NONE
    m.wake = m.low + 1
    m.noswap = 0
    m.stalled = 0
    return Exit.OOM


@njit
def swap_write(s, f):
    """Frame f is about to be emptied. Would that be the write to swap that is to fail?

    Then its page stays in memory and is dirty, to be written another time (mm/page_io.c, end_swap_bio_write).
    """
    m = s.machine[0]
    obj = s.uses[f].object
    if s.objects[obj].kind == Kind.FILE or obj == m.swapper or frames.given_up(s, f):
        return False
    if m.nslot_free == 0 if s.frames[f].slot == NONE else not frames.dirty(s, f):
        return False  # no slot to write to; or the slot has these bytes
    m.fail_swap -= 1
    if m.fail_swap > 0:
        return False
    s.frames[f].marks |= DIRTY
    m.victim = NONE
    return True
