r"""What a bpftrace program prints twice at its end, because it cannot know what it printed.

bpftrace prints the maps of an interval, then the mark ``#snapshot T``. A signal may make it forget
a part of that list. END then says ``#unfinished T``, prints these maps once more, and ``#rest``.
They were not cleared yet, so END prints all of them::

    {"type": "stats", ...}               (1) left out if (3) counts
    #snapshot 262816011520 ...           (2) is this mark there, and a map before it?
    #unfinished 262816011520                 yes: (1) is whole, and counts
    {"type": "stats", ...}               (3) no: (3) counts
    #rest
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_UNFINISHED = re.compile(rb'\{"type": "printf", "data": "#unfinished ([0-9]{1,19})\\n"\}')
_REST = b'{"type": "printf", "data": "#rest\\n"}'
_MARK = re.compile(rb'\{"type": "printf", "data": "#(begin|snapshot) ([0-9]{1,19}) ')
_MAPS = (b'{"type": "stats"', b'{"type": "map"', b'{"type": "hist"')


def repeated_lines(lines: Sequence[bytes]) -> frozenset[int]:
    """Return the indices of the lines that hold sums which other lines hold, too."""
    at = next((index for index, line in enumerate(lines) if _UNFINISHED.fullmatch(line)), None)
    if at is None:
        return frozenset()
    match = _UNFINISHED.fullmatch(lines[at])
    assert match is not None
    marks = [(index, found) for index in range(at) if (found := _MARK.match(lines[index]))]
    if _is_whole(marks, match[1], lines):
        first = at + 1
        end = next((index for index in range(at, len(lines)) if lines[index] == _REST), at)
    else:
        first, end = (marks[-1][0] if marks else 0), at
    return frozenset(index for index in range(first, end) if lines[index].startswith(_MAPS))


def _is_whole(
    marks: Sequence[tuple[int, re.Match[bytes]]], moment: bytes, lines: Sequence[bytes]
) -> bool:
    """Tell whether the maps of the interval that ended at a moment were printed before its mark.

    `divide` leaves the interval out, and puts its mark behind one of the same moment if they were.
    """
    if len(marks) < 2:
        return False
    (before, mark_before), (last, mark) = marks[-2:]
    is_there = mark[1] == b"snapshot" and mark[2] == moment
    return is_there and (mark_before[2] == moment or has_maps(lines[before:last]))


def has_maps(lines: Iterable[bytes]) -> bool:
    """Tell whether some of these lines hold sums."""
    return any(line.startswith(_MAPS) for line in lines)
