"""Curves as an SVG picture, for the command line: no library of plots is needed for lines, two axes and a legend."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from math import log10
from typing import NamedTuple

Points = Sequence[tuple[float, float]]

_LEFT, _TOP, _WIDTH, _HEIGHT = 60, 40, 540, 300  # of the area within the axes
_DOTS = 20  # points of a curve that are marked, too
# Okabe and Ito's colours, told apart by colour-blind eyes, and dashes for those who see none
_STROKES = [
    ("#0072b2", "none"), ("#d55e00", "8 3"), ("#009e73", "2 3"), ("#cc79a7", "10 3 2 3"), ("#e69f00", "5 5"),
    ("#56b4e9", "1 2"), ("#000000", "12 4"),
]  # fmt: skip


class _Scale(NamedTuple):
    """The ends of the axes: powers of ten of frames, and the highest miss ratio."""

    decades: float
    top: float

    def x(self, frames: float) -> float:
        return _LEFT + _WIDTH * log10(frames) / self.decades

    def y(self, ratio: float) -> float:
        return _TOP + _HEIGHT * (1 - ratio / self.top)


def svg(title: str, curves: Mapping[str, Points]) -> str:
    """Miss ratios over numbers of frames, on a logarithmic axis: a picture with a line for each curve.

    curves: by name, (frames, miss ratio) with rising frames of 1 or more.
    """
    every = [point for points in curves.values() for point in points]
    most = max(frames for frames, _ in every)
    scale = _Scale(max(log10(most), 0.1), _round_up(max(ratio for _, ratio in every)))
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 400" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        '<rect width="640" height="400" fill="white"/>',
        f'<text x="{_LEFT}" y="22" font-size="14">{escape(title)}</text>',
        *_axes(most, scale),
    ]
    for k, (name, points) in enumerate(curves.items()):
        colour, dashes = _STROKES[k % len(_STROKES)]
        stroke = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"'
        at = [f"{scale.x(frames):.1f},{scale.y(ratio):.1f}" for frames, ratio in points]
        parts.append(f'<polyline fill="none" {stroke} points="{" ".join(at)}"/>')
        if len(at) <= _DOTS:
            parts += [f'<circle fill="{colour}" r="3" cx="{x}" cy="{y}"/>' for x, y in (a.split(",") for a in at)]
        y = _TOP + 14 + 18 * k
        parts.append(f'<line x1="{_LEFT + 400}" x2="{_LEFT + 440}" y1="{y - 4}" y2="{y - 4}" {stroke}/>')
        parts.append(f'<text x="{_LEFT + 448}" y="{y}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _round_up(ratio: float) -> float:
    """The next of 1, 0.5, 0.2, 0.1, 0.05 ... that is no lower."""
    top = 1.0
    for step in itertools.cycle((2, 2.5, 2)):
        if top / step < max(ratio, 1e-9):
            return top
        top /= step
    raise AssertionError("a cycle has no end")


def _axes(most: float, scale: _Scale) -> Iterator[str]:
    """Lines and numbers: a fifth of the miss ratio upwards, a power of ten of frames to the right."""
    bottom, right = _TOP + _HEIGHT, _LEFT + _WIDTH
    for fifth in range(6):
        y = scale.y(fifth * scale.top / 5)
        yield f'<line x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{fifth * scale.top / 5:.2g}</text>'
    frames = 1
    while frames <= most:
        x = scale.x(frames)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}" stroke="#ddd"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{frames:,}</text>'
        frames *= 10
    yield f'<text x="{_LEFT + _WIDTH / 2}" y="{bottom + 40}" text-anchor="middle">frames</text>'
    middle = _TOP + _HEIGHT / 2
    yield f'<text x="16" y="{middle}" text-anchor="middle" transform="rotate(-90 16 {middle})">miss ratio</text>'
