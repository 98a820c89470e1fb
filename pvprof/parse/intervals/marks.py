r"""The marks that divide the output of a program which prints its sums at intervals.

::

    #pvprof 2 offcpu stock ns 0.1.0 frames=32        head: also the #map lines of bpftrace programs
    #begin 261815987980 1795372027596348298
    > turnstile name=9:vm object ...                 the sums of the first interval
    #snapshot 262816011520 1795372028596371838       its end: monotonic and wall clock, ns
    > turnstile name=9:vm object ...                 the sums of the second one, all from 0 on
    #end 263316011520 1795372029096371838            the end of the last one, which may be shorter

bpftrace programs print each mark as ``{"type": "printf", "data": "#snapshot ...\n"}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pvprof.model.clocks import Clocks

_JSON_MARK = re.compile(
    rb'^\{"type": ?"printf", ?"data": ?"#(begin|snapshot|end) ([0-9]{1,19}) ([0-9]{1,19})\\n"\}\n',
    re.M,
)
_PLAIN_MARK = re.compile(rb"^#(begin|snapshot|end) ([0-9]{1,19}) ([0-9]{1,19})\n", re.M)
_JSON_BEGINNING = b'{"type"'


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark.

    Attributes:
        word: ``begin``, ``snapshot`` or ``end``.
        clocks: at that moment.
        start, end: the offsets of its line in the text.
    """

    word: str
    clocks: Clocks
    start: int
    end: int


def is_json(text: bytes) -> bool:
    """Tell whether the beginning of a text is that of a bpftrace program's output."""
    return text.lstrip().startswith(_JSON_BEGINNING)


def marks_in(text: Any, is_json_text: bool, start: int = 0) -> Iterator[Mark]:
    """Yield the marks in a text (``bytes``, or a map of a file) from an offset on, in order.

    A name of a process cannot pass for one: in JSON its newlines are escaped, and on FreeBSD it has
    at most 19 characters.
    """
    pattern = _JSON_MARK if is_json_text else _PLAIN_MARK
    for match in pattern.finditer(text, start):
        word, monotonic, wall = match.groups()
        clocks = Clocks(int(monotonic), int(wall))
        yield Mark(word.decode(), clocks, match.start(), match.end())
