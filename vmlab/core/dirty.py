"""How many pages of files are dirty: what the flusher looks at (mm/page-writeback.c)."""

from ..jit import entry
from . import frames
from .state import NONE, Kind


@entry
def survey(s, now_ns):
    """Count the dirty pages of every file into its object, and note `now_ns` for a file that has become dirty. How many in all.

    One pass over the frames: in the textbook's machine no fault says that a page becomes dirty, only its PTE does.
    """
    for obj in range(s.objects.shape[0]):
        s.objects[obj].ndirty = 0
    total = 0
    for f in range(s.frames.shape[0]):
        if s.uses[f].page != NONE:
            o = s.objects[s.uses[f].object]
            if o.kind == Kind.FILE and frames.dirty(s, f):
                o.ndirty += 1
                total += 1
    for obj in range(s.objects.shape[0]):
        o = s.objects[obj]
        if o.ndirty == 0:
            o.dirtied = NONE
        elif o.dirtied == NONE:
            o.dirtied = now_ns
    return total
