r"""What a bpftrace program prints twice at its end, because it cannot know what it printed.

bpftrace prints the maps of an interval, then the mark ``#snapshot T``, then it clears the maps. A
signal may make it forget the rest of that list, wherever it is. END then says ``#unfinished T``,
prints these maps once more, and says ``#rest``::

    {"type": "stats", ...}               (1) left out if (3) counts
    #snapshot 262816011520 ...           (2) is this mark there?
    #unfinished 262816011520                 yes: (1) is whole, and counts
    {"type": "stats", ...}               (3) no: (3) is whole, since nothing was cleared before (2)
    #rest
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_UNFINISHED = re.compile(rb'\{"type": "printf", "data": "#unfinished ([0-9]{1,19})\\n"\}')
_REST = b'{"type": "printf", "data": "#rest\\n"}'
_DIVIDES = re.compile(rb'\{"type": "printf", "data": "#(?:begin|snapshot) ([0-9]{1,19}) ')
_MAPS = (b'{"type": "stats"', b'{"type": "map"', b'{"type": "hist"')


def repeated_lines(lines: Sequence[bytes]) -> frozenset[int]:
    """Return the indices of the lines that hold sums which other lines hold, too."""
    at = next((index for index, line in enumerate(lines) if _UNFINISHED.fullmatch(line)), None)
    if at is None:
        return frozenset()
    match = _UNFINISHED.fullmatch(lines[at])
    assert match is not None
    divided = [(index, found[1]) for index in range(at) if (found := _DIVIDES.match(lines[index]))]
    if any(moment == match[1] for _, moment in divided):
        first = at + 1
        end = next((index for index in range(at, len(lines)) if lines[index] == _REST), at)
    else:
        first, end = (divided[-1][0] if divided else 0), at
    return frozenset(index for index in range(first, end) if lines[index].startswith(_MAPS))
