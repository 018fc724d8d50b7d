"""The formats of trace files, a file each. A file is of the first of these that it fits; to add one, add its line here."""

from . import csv, din, drmemtrace, lackey, npy, npz, numbers, oracle_general
from .contract import Format

FORMATS: dict[str, Format] = {
    format.name: format
    for format in (
        npy.FORMAT,
        npz.FORMAT,
        oracle_general.FORMAT,
        lackey.FORMAT,
        drmemtrace.FORMAT,
        din.FORMAT,
        csv.FORMAT,
        numbers.FORMAT,
    )
}
