"""Rows of words as a table of text."""

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """A line for each row, its columns as wide as their widest entry; those named in `right` end together."""
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    padded = [
        [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(r, widths, strict=True))] for r in rows
    ]
    return ["  " + "  ".join(r).rstrip() for r in padded]
