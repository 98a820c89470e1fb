"""Text in a flame graph: escaped, cut to what fits, values and shares in words.

Owns wording and fitting; refuses to know the position of a text. The script of the picture repeats
`fit`, `format_value` and `format_percent`, so that both read the same.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from pvprof.model.stacks import show_controls
from pvprof.units import format_exact, is_scaled, singular
from pvprof.units import format_value as short_value

if TYPE_CHECKING:
    from pvprof.model.stacks import Frame
    from pvprof.units import Unit

CELL_PERMILLE = 602
"""Width of a character / size of the font x 1000: 600 to 602 in the usual monospaced fonts."""

_MIN_LABEL = 3

_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"},
)

_SPECIAL = re.compile("[&<>\"']")

_ANNOTATION = re.compile(r"(?s)(.+)_\[([kwji])\]")
ANNOTATIONS = {"k": "kernel", "w": "waker", "j": "JIT", "i": "inlined"}
"""The suffixes of other tools' frames, ``vm_fault_[k]``, and their meaning."""


def escape(text: str) -> str:
    """Return the text escaped for XML, as content or in an attribute."""
    shown = show_controls(text)
    return shown.translate(_ESCAPES) if _SPECIAL.search(shown) else shown


def split_annotation(name: Frame) -> tuple[Frame, str]:
    """Return a frame without its annotation, and the annotation's letter or an empty string."""
    match = _ANNOTATION.fullmatch(name) if name.endswith("]") else None
    return (match[1], match[2]) if match else (name, "")


def fit(name: str, cells: int) -> str:
    """Return as much of a box's label as fits into `cells` characters, or nothing.

    It is the function, however wide the box is: with the module where it fits, some frames of a
    stack would have it and others not. Details and tooltips name the module.
    """
    return _cut(name.partition("`")[2] or name, cells)


def fit_with_module(name: str, cells: int) -> str:
    """Return as much of a frame as fits into `cells` characters; nothing below three.

    The module is dropped before a letter of the function: `` kernel` `` says least.
    """
    whole = _cut(name, cells)
    return whole if whole == name else fit(name, cells)


def _cut(name: str, cells: int) -> str:
    """Return the beginning of a name, with an ellipsis if that is not all of it.

    A character outside ASCII counts as two cells: too short is better than drawn over the
    neighbour.
    """
    if cells < _MIN_LABEL:
        return ""
    if name.isascii():
        return name if len(name) <= cells else name[: cells - 1] + "…"
    used = 0
    cut = 0
    for index, character in enumerate(name):
        used += 1 if character.isascii() else 2
        if used <= cells - 1:
            cut = index + 1
        if used > cells:
            return name[:cut] + "…"
    return name


def wrap(text: str, cells: int) -> list[str]:
    """Return the lines of a text, each at most `cells` characters wide."""
    width = max(1, cells if text.isascii() else cells // 2)
    return [
        line
        for paragraph in text.splitlines() or [""]
        for line in textwrap.wrap(paragraph, width, break_on_hyphens=False) or [""]
    ]


def format_value(value: int, unit: Unit, count_name: str = "") -> str:
    """Return a value in full, after a scaled one if that is shorter."""
    if is_scaled(value, unit):
        return f"{short_value(value, unit)} ({format_exact(value, unit)})"
    if unit == "ns":
        return format_exact(value, unit)
    return f"{value:,} {count_name or (singular(unit) if abs(value) == 1 else unit)}"


def format_percent(part: int, whole: int) -> str:
    """Return a share with two decimals; one that is not zero never reads as zero."""
    if part < 0:
        return f"-{format_percent(-part, whole)}"
    if not whole:
        return "-"
    hundredths = (part * 20_000 + whole) // (2 * whole)
    if part and not hundredths:
        return "<0.01%"
    return f"{hundredths // 100}.{hundredths % 100:02}%"
