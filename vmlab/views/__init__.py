"""What people see of a machine: pure functions, State in, fresh arrays and small tables out.

They change nothing and keep nothing. Each takes a State, or a Look at one where many are asked of the same moment.
"""

from .avoid import Avoided, Trial, could_avoid
from .cache import CachedFile, cache_sentence, page_cache
from .frames import Frames, frame_facts, frame_letters, frame_owners, frame_sentence, frames
from .look import Area, Look, look_at
from .order import Order, Standing, order
from .pages import Page, page, sentence
from .readings import Axis
from .rerun import last_fault
from .selection import NOTHING, Selection, again, kin, select_file, select_frame, select_page, select_slot
from .sentences import Happening, happenings, log
from .series import (
    Series,
    ceiling,
    dirty_over_time,
    faults_over_time,
    free_over_time,
    hits_over_time,
    pressure_over_time,
    resident_over_time,
    right_end,
    swap_over_time,
    totals,
    working_set_sizes,
    working_set_windows,
    working_sets_over_time,
)
from .spaces import AddressSpaces, Cells, Heading, Ribbon, address_spaces, cells_of
from .story import NEVER, Reference, Story, beginning, story
from .swap import Swap, slot_sentence, swap
from .tables import PageTables, Table, page_tables
from .tlb import Tlb, TlbEntry, tlb, tlb_sentence, tlb_set
from .translation import Level, Translated, translation
from .why import Cause, why
from .words import area, areas, letter, living, page_of, process, where

__all__ = [
    "NEVER",
    "NOTHING",
    "AddressSpaces",
    "Area",
    "Avoided",
    "Axis",
    "CachedFile",
    "Cause",
    "Cells",
    "Frames",
    "Happening",
    "Heading",
    "Level",
    "Look",
    "Order",
    "Page",
    "PageTables",
    "Reference",
    "Ribbon",
    "Selection",
    "Series",
    "Standing",
    "Story",
    "Swap",
    "Table",
    "Tlb",
    "TlbEntry",
    "Translated",
    "Trial",
    "address_spaces",
    "again",
    "area",
    "areas",
    "beginning",
    "cache_sentence",
    "ceiling",
    "cells_of",
    "could_avoid",
    "dirty_over_time",
    "faults_over_time",
    "frame_facts",
    "frame_letters",
    "frame_owners",
    "frame_sentence",
    "frames",
    "free_over_time",
    "happenings",
    "hits_over_time",
    "kin",
    "last_fault",
    "letter",
    "living",
    "log",
    "look_at",
    "order",
    "page",
    "page_cache",
    "page_of",
    "page_tables",
    "pressure_over_time",
    "process",
    "resident_over_time",
    "right_end",
    "select_file",
    "select_frame",
    "select_page",
    "select_slot",
    "sentence",
    "slot_sentence",
    "story",
    "swap",
    "swap_over_time",
    "tlb",
    "tlb_sentence",
    "tlb_set",
    "totals",
    "translation",
    "where",
    "why",
    "working_set_sizes",
    "working_set_windows",
    "working_sets_over_time",
]
