"""Refuse stacks without values, which ``stack()`` as an action prints, if no header is above each.

``actions`` reads such stacks if dtrace's header tells them apart.
"""

from __future__ import annotations

from pvprof.errors import InputError
from pvprof.parse.dtrace.shapes import has_value
from pvprof.parse.parallel import Buffer
from pvprof.parse.recognition.sample import FRAME, SAMPLE_BYTES
from pvprof.parse.text.values import read_values, split_row

_ENDS_BYTES = 4096
_VALUES_FIRST = (
    'printa() must print the value last: printa("%k%@d\\n", @); stack() as an action prints none:'
    " @[stack()] = count() adds stacks up"
)
_STACKS_ONLY = (
    "stack() as an action prints none: @[stack()] = count() adds stacks up; without -q, dtrace's"
    " header tells the stacks apart, and each counts as one event"
)


def refuse_values_first(data: Buffer) -> None:
    """Raise an error if a text begins with a number above a stack, and ends with a stack.

    Raises:
        InputError: it does.
    """
    lines = [line for line in bytes(data[:_ENDS_BYTES]).split(b"\n")[:8] if line.strip()]
    if len(lines) < 2 or bytes(data[:1]) in (b" ", b"\n") or read_values(lines[0]) is None:
        return
    last = _last_line(data)
    if FRAME.match(lines[1]) and FRAME.match(last) and split_row(last) is None:
        raise InputError("numbers before the stacks, and none after the last", _VALUES_FIRST)


def refuse_stacks_only(data: Buffer) -> None:
    """Raise an error if a text ends in a stack, and begins with several that have no values.

    Raises:
        InputError: it does.
    """
    lines = bytes(data[:SAMPLE_BYTES]).split(b"\n")
    starts = [
        number
        for number, line in enumerate(lines)
        if FRAME.match(line) and not (number and FRAME.match(lines[number - 1]))
    ]
    if len(starts) > 1 and not any(map(has_value, lines)) and FRAME.match(_last_line(data)):
        raise InputError("stacks without values", _STACKS_ONLY)


def _last_line(data: Buffer) -> bytes:
    """Return the last line that is not blank."""
    return bytes(data[-_ENDS_BYTES:]).rstrip(b"\n").rpartition(b"\n")[2]
