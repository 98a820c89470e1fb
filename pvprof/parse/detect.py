"""Detect the layout of a text from its first bytes.

Owns the order of the tests; the tests themselves are in the rows of `layouts.LAYOUTS`. What only
one layout can contain (a signature) is tried first, then lines that only one tool prints (the first
such line decides, so that a workload's output may come before it), then the shape of most lines.
"""

from __future__ import annotations

import re

from pvprof.errors import InputError
from pvprof.parse.layout import SAMPLE_BYTES, Layout, Sample
from pvprof.parse.layouts import LAYOUTS, layout_names
from pvprof.parse.other_files import what_else
from pvprof.parse.text.values import read_values

_VALUE_AT_END = re.compile(rb"\s*\S.*\s\d+(?:\.\d*)?\s*$")


def detect(data: bytes) -> Layout:
    """Return the layout of a text, by its first `SAMPLE_BYTES`.

    Raises:
        InputError: the text has none of the layouts.
    """
    start = data[:SAMPLE_BYTES]
    sample = Sample(start, _whole_lines(start))
    if not sample.lines:
        raise InputError("the file is empty")
    layout = _by_signature(sample) or _by_line(sample) or _by_shape(sample)
    if layout is not None:
        return layout
    other = what_else(start)
    if other is not None:
        raise other.refusal()
    hint = f"layouts: {layout_names()}; --input-format NAME overrides the guess"
    if b"\0" in sample.text:
        raise InputError("binary data, not dtrace output", hint)
    raise InputError("no stack, event or aggregation in it", hint)


def _by_signature(sample: Sample) -> Layout | None:
    for layout in LAYOUTS.values():
        if layout.signature is not None and layout.signature(sample):
            return layout
    return None


def _by_line(sample: Sample) -> Layout | None:
    patterns = [(layout, layout.line) for layout in LAYOUTS.values() if layout.line is not None]
    for line in sample.lines:
        for layout, pattern in patterns:
            if pattern.match(line):
                return layout
    return None


def _by_shape(sample: Sample) -> Layout | None:
    for layout in LAYOUTS.values():
        if layout.shape is not None and layout.shape(sample):
            return layout
    return None


def _whole_lines(start: bytes) -> bytes:
    """Return the start of a text without a cut-off last line, unless it is the only line."""
    end = start.rfind(b"\n")
    last = start[end + 1 :]
    if end < 0 or _VALUE_AT_END.match(last) or read_values(last) is not None:
        return start
    return start[: end + 1]
