"""Curves as an SVG picture, for the command line: no library of plots is needed for lines, two axes and a legend."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from math import log10

Points = Sequence[tuple[float, float]]

_LEFT, _TOP, _WIDTH, _HEIGHT = 60, 40, 540, 300  # of the area within the axes
# Okabe and Ito's colours, told apart by colour-blind eyes, and dashes for those who see none
_STROKES = [
    ("#0072b2", "none"), ("#d55e00", "8 3"), ("#009e73", "2 3"), ("#cc79a7", "10 3 2 3"), ("#e69f00", "5 5"),
    ("#56b4e9", "1 2"), ("#000000", "12 4"),
]  # fmt: skip


def svg(title: str, curves: Mapping[str, Points]) -> str:
    """Miss ratios, 0..1, over numbers of frames, on a logarithmic axis: a picture with a line for each curve.

    curves: by name, (frames, miss ratio) with rising frames of 1 or more.
    """
    most = max(frames for points in curves.values() for frames, _ in points)
    decades = max(log10(most), 0.1)
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 400" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        '<rect width="640" height="400" fill="white"/>',
        f'<text x="{_LEFT}" y="22" font-size="14">{escape(title)}</text>',
        *_axes(most, decades),
    ]
    for k, (name, points) in enumerate(curves.items()):
        colour, dashes = _STROKES[k % len(_STROKES)]
        stroke = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"'
        at = " ".join(f"{_x(frames, decades):.1f},{_y(ratio):.1f}" for frames, ratio in points)
        parts.append(f'<polyline fill="none" {stroke} points="{at}"/>')
        y = _TOP + 14 + 18 * k
        parts.append(f'<line x1="{_LEFT + 400}" x2="{_LEFT + 440}" y1="{y - 4}" y2="{y - 4}" {stroke}/>')
        parts.append(f'<text x="{_LEFT + 448}" y="{y}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _axes(most: float, decades: float) -> Iterator[str]:
    """Lines and numbers: a fifth of the miss ratio upwards, a power of ten of frames to the right."""
    bottom, right = _TOP + _HEIGHT, _LEFT + _WIDTH
    for fifth in range(6):
        y = _y(fifth / 5)
        yield f'<line x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{fifth / 5:.1f}</text>'
    frames = 1
    while frames <= most:
        x = _x(frames, decades)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}" stroke="#ddd"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{frames:,}</text>'
        frames *= 10
    yield f'<text x="{_LEFT + _WIDTH / 2}" y="{bottom + 40}" text-anchor="middle">frames</text>'
    middle = _TOP + _HEIGHT / 2
    yield f'<text x="16" y="{middle}" text-anchor="middle" transform="rotate(-90 16 {middle})">miss ratio</text>'


def _x(frames: float, decades: float) -> float:
    return _LEFT + _WIDTH * log10(frames) / decades


def _y(ratio: float) -> float:
    return _TOP + _HEIGHT * (1 - ratio)
