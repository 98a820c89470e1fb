"""speedscope files as profilers write them: threads, both types of profile, every unit.

Source: the schema of the file format, https://www.speedscope.app/file-format-schema.json; py-spy
(sampled), pyinstrument (evented).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from helpers.foreign.folded import frames as names
from helpers.foreign.folded import rounded
from helpers.foreign.meant import Meant

Draw = Any
Sums = defaultdict[str, Fraction]

UNITS = {
    "none": ("samples", 1),
    "bytes": ("bytes", 1),
    "nanoseconds": ("ns", 1),
    "microseconds": ("ns", 10**3),
    "milliseconds": ("ns", 10**6),
    "seconds": ("ns", 10**9),
}
"""For each unit of the format, the unit in pvprof and its size."""

_weights = st.integers(0, 10**6) | st.sampled_from([0.5, 0.25, 0.1, 1e-05, 2.5, 0.01])
_lengths = st.sampled_from([0, 1, 3, 250])
EXPORTERS = ("py-spy@0.4.1", "pyinstrument", "stackprof", "")


def _exact(number: float) -> Fraction:
    """Return a number of a JSON text, as its digits state it."""
    return Fraction(json.dumps(number))


def _joined(table: Sequence[str], sample: Sequence[int]) -> str:
    return ";".join(table[index].strip().replace("\t", "\\x09") or "-" for index in sample)


def _sampled(draw: Draw, table: Sequence[str], sums: Sums, size: int) -> dict[str, Any]:
    indices = st.integers(0, len(table) - 1)
    rows = draw(st.lists(st.tuples(st.lists(indices, max_size=3), _weights), max_size=5))
    for sample, weight in rows:
        if sample:  # others are idle time
            sums[_joined(table, sample)] += _exact(weight) * size
    return {"samples": [sample for sample, _ in rows], "weights": [weight for _, weight in rows]}


def _evented(draw: Draw, table: Sequence[str], sums: Sums, size: int) -> dict[str, Any]:
    events: list[dict[str, Any]] = []
    stack: list[int] = []
    now = 0

    def event(kind: str, frame: int) -> None:
        nonlocal now
        length = draw(_lengths)
        if stack:
            sums[_joined(table, stack)] += length * size
        now += length
        events.append({"type": kind, "frame": frame, "at": now})

    for _ in range(draw(st.integers(0, 6))):
        if stack and draw(st.booleans()):
            event("C", stack[-1])
            stack.pop()
        else:
            frame = draw(st.integers(0, len(table) - 1))
            event("O", frame)
            stack.append(frame)
    while stack:
        event("C", stack[-1])
        stack.pop()
    return {"events": events}


@st.composite
def speedscope_files(draw: Draw) -> Meant:
    """Make a file of up to three profiles."""
    table = draw(st.lists(names, min_size=1, max_size=4))
    sums: defaultdict[str, Sums] = defaultdict(lambda: defaultdict(Fraction))
    profiles = []
    for number in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(list(UNITS)))
        unit, size = UNITS[name]
        kind = draw(st.sampled_from(["sampled", "evented"]))
        content = (_sampled if kind == "sampled" else _evented)(draw, table, sums[unit], size)
        head = {"type": kind, "name": f"thread {number}", "unit": name}
        profiles.append({**head, "startValue": 0, "endValue": 10**9, **content})
    document = {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "exporter": draw(st.sampled_from(EXPORTERS)),
        "shared": {"frames": [{"name": name} for name in table]},
        "profiles": profiles,
    }
    text = json.dumps(document, indent=1).encode()
    meant = {unit: values for unit, exact in sums.items() if (values := rounded(exact))}
    return Meant(text, "speedscope", meant)
