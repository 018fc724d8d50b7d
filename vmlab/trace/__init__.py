"""Traces: which addresses a program touched, in order. Read from files, written, made, recorded.

t = read("ls.lackey")                     # any format, found from the content; larger than memory is fine
t = Trace.load("ls.lackey")               # all of it in memory
t = Trace.pages("1 2 3 4 1 2 5")          # a reference string as typed
"""

from .format import FORMATS
from .reading import read
from .trace import Chunk, FileTrace, Kind, Trace

__all__ = ["FORMATS", "Chunk", "FileTrace", "Kind", "Trace", "read"]
