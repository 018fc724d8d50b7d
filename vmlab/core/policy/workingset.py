"""Pages that were evicted and come back (mm/workingset.c, which explains it at length).

`machine.age` counts pages that leave the inactive list, by eviction or by activation. A page that is evicted leaves its shadow:
the age at which it went. When it comes back, the age since then is how much longer the inactive list would have had to be for
it to stay: its refault distance. If that is no more than what the active lists hold, the page would have stayed had it been
active; so it is put in the place of one of those at once.

    a shadow:   63..13 age | 12 it was active once | 11..0 SHADOW

A page of a file leaves it in its page word. An anonymous page has its swap slot there, and leaves it beside the slot.
"""

from ...jit import njit
from .. import frames
from ..state import SHADOW, SHIFT, SWAPPED, Kind

REFERENCED = 8  # bits of frames.word: the page was found in use once (Linux: PG_referenced)
WORKINGSET = 16  # it has been active (PG_workingset)


@njit
def leave(s, f):
    """The shadow of the page in frame f, which is being evicted (workingset_eviction)."""
    m = s.machine[0]
    was = 1 if s.frames[f].word & WORKINGSET else 0
    m.age += 1
    return ((((m.age - 1) << 1) | was) << SHIFT) | SHADOW


@njit
def of(s, word):
    """The shadow that a page whose word is `word` has left, 0 if none."""
    if word & SHADOW:
        return word
    return s.shadows[word >> SHIFT] if word & SWAPPED else 0


@njit
def file(s, f):
    """1 if the page in frame f counts among those of files, 0 if it is anonymous. One that its process has given up with
    MADV_FREE needs no swap slot, so it stands with the files (lru_lazyfree)."""
    return 1 if s.objects[s.uses[f].object].kind == Kind.FILE or frames.given_up(s, f) else 0


@njit
def distance(s, shadow):
    """The refault distance of a page that comes back."""
    return s.machine[0].age - (shadow >> (SHIFT + 1))


@njit
def was_active(shadow):
    """Had the page been active before it went?"""
    return shadow >> SHIFT & 1


@njit
def count(s, kind, active, restored):
    """Count a page that came back; `active`: so soon that it is active; `restored`: and it had been before."""
    st = s.stat[0]
    st.workingset_refault_file += kind
    st.workingset_refault_anon += 1 - kind
    st.workingset_activate_file += kind * active
    st.workingset_activate_anon += (1 - kind) * active
    st.workingset_restore_file += kind * restored
    st.workingset_restore_anon += (1 - kind) * restored
