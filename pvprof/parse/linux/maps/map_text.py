r"""The maps that any bpftrace program prints when it ends, or at any time.

::

    Attaching 3 probes...
    ^C                                           the echo of the key that ended it
    @ns[
        __schedule+1560                          a stack, leaf first, in a key: ``map_keys``
        schedule+35
    ,
        0x7f91ec57fad7                           another: ``map_frames``
    , sleep]: 39824
    @n[kworker/0:1, 17603]: 3                    keys of other parts
    @stats[dd]: count 4, average 9, total 37     values: ``map_values``
    @usecs:                                      a histogram, also with a key
    [4K, 8K)     2 |@@@@      |

`MapSums` says which of the maps is meant. Histograms of times are read from all maps.
"""

from __future__ import annotations

import re

from pvprof.parse.layout import Layout
from pvprof.parse.linux.bpftrace_problems import messages_of_bpftrace
from pvprof.parse.linux.maps.map_keys import (
    MapKey,
    begins_stack,
    ends_stack,
    read_key_parts,
)
from pvprof.parse.linux.maps.map_lines import explain_maps
from pvprof.parse.linux.maps.map_sums import MapSums
from pvprof.parse.linux.maps.map_values import (
    BucketRow,
    MapValue,
    buckets_of_rows,
    read_close,
    read_row,
)
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.frames import decode

_ECHO = rb"(?:\^[C\\Z])"
_ECHOED = re.compile(_ECHO + rb"+")
_ENTRY = re.compile(rb"@(\w*)\[")
_SCALAR = re.compile(rb"@\w*: ?(.*)")
_OTHER_VALUE = re.compile(rb"(.*?)\]:(?: (.*)|$)")
_LOST = re.compile(rb"Lost ([0-9]{1,18}) events")
_LOST_STACK = re.compile(rb"(?:ailed to look|rror looking) up stack id")
_MAP_FULL = re.compile(rb"Failed to map_update_elem: |Map full; can't update element")
_BANNER = re.compile(
    rb"Attach(?:ing|ed) [0-9]+ probes?(?:\.\.\.)?|.*RLIMIT_MEMLOCK.*"
    rb"|WARNING: Could not read functions from .*available_filter_functions.*"
)
_SEPARATOR = b", "
_INDENTS = (b" ", b"\t")


class MapTextReader:
    """Reads all maps of a text into a `ParseResult`."""

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._sums = MapSums(source)
        self._counts = self._sums.problem_counts
        self._name = ""
        self._is_in_key = False
        self._pending: list[bytes] = []  # the lines of a key that has no end yet
        self._start = 0  # the first of them
        self._is_in_stack = False
        self._block: tuple[str, MapKey] | None = None  # the lines of a value follow: of this key
        self._rows: list[BucketRow] = []

    def read(self) -> ParseResult:
        """Return the result.

        Raises:
            UsageError: several maps are possible, or no map matches ``--profile``.
        """
        data = self._source.text()
        lines = data.removesuffix(b"\n").split(b"\n")
        for number, line in enumerate(lines, 1):
            if self._is_in_stack and line.startswith(_INDENTS):  # most lines
                self._pending.append(line)
                continue
            echo = _ECHOED.match(line)
            if echo is None:
                self._read_line(line, number)
            elif echo.end() < len(line):
                self._read_line(line[echo.end() :], number)
        self._end_block()
        if self._is_in_key:
            self._counts.add("cut-off", self._start)
        elif not data.endswith(b"\n"):
            self._counts.add("no-final-newline", len(lines))
        return self._sums.finish()

    def _read_line(self, line: bytes, number: int) -> None:
        if line.startswith(b"@"):
            entry = _ENTRY.match(line)
            if entry or _SCALAR.fullmatch(line):
                self._begin(line, entry, number)
                return
        if self._is_in_key:
            self._go_on(line)
        elif self._block is not None:
            self._read_block(line)
        elif line.strip():
            self._read_other(line, number)
        else:
            self._sums.interrupt()

    def _begin(self, line: bytes, entry: re.Match[bytes] | None, number: int) -> None:
        """Begin an entry, or a map without keys."""
        self._end_block()
        if self._is_in_key:  # an entry begins in the middle of another
            self._counts.add("damaged", self._start)
            self._is_in_key = self._is_in_stack = False
        if entry is None:
            name, _, value = line.partition(b":")
            if value.strip():
                self._counts.add("other-maps", number)
            else:
                self._begin_block(decode(name), b"")
            return
        self._name = f"@{decode(entry[1])}"
        self._pending, self._start = [], number
        self._is_in_key, self._is_in_stack = True, False
        self._go_on(line[entry.end() :])

    def _go_on(self, line: bytes) -> None:
        """Read the next line of a key, but for an indented frame."""
        is_frame = self._is_in_stack and not ends_stack(line)
        close = read_close(line)
        if is_frame and close is None:
            self._pending.append(line)
            return
        if close is not None:
            end, value = close
            self._end_entry(end, value)
            return
        other = None if begins_stack(line) else _OTHER_VALUE.fullmatch(line)
        if other is not None:
            self._end_entry(other[1], None)
            return
        self._pending.append(line)
        self._is_in_stack = begins_stack(line)

    def _end_entry(self, end_of_key: bytes, value: MapValue | None) -> None:
        text = b"\n".join([*self._pending, end_of_key])
        self._is_in_key = self._is_in_stack = False
        if value is None:
            self._begin_block(self._name, text)
        else:
            self._sums.add(self._name, read_key_parts(text, _SEPARATOR), value)

    def _begin_block(self, name: str, key: bytes) -> None:
        self._block = name, read_key_parts(key, _SEPARATOR)

    def _read_block(self, line: bytes) -> None:
        """Read a line of a value that has lines of its own: of a histogram, or of another kind."""
        row = read_row(line)
        if row is not None:
            self._rows.append(row)
        elif ends_stack(line) and read_close(line):
            self._counts.add("damaged", 0)  # the beginning of the entry is missing
        elif not line.strip():
            self._end_block()

    def _end_block(self) -> None:
        if self._block is None:
            return
        name, key = self._block
        if self._rows:
            self._sums.add_histogram(name, key, buckets_of_rows(self._rows))
        else:
            self._sums.add_other(name)
        self._block, self._rows = None, []

    def _read_other(self, line: bytes, number: int) -> None:
        lost = _LOST.match(line.strip())
        if lost:
            self._counts.add("drops", number, int(lost[1]))
        elif _LOST_STACK.search(line):
            self._counts.add("lost-stacks", number)
        elif _MAP_FULL.search(line):
            self._counts.add("map-full", number)
        elif ends_stack(line) and read_close(line):
            self._counts.add("damaged", number)  # the beginning of the entry is missing
        elif read_row(line):
            self._counts.add("other-maps", number)
        elif not _BANNER.match(line):
            self._sums.interrupt()
            self._counts.add("bad-line", number)


LAYOUT = Layout(
    name="bpftrace-map",
    summary="the maps that any bpftrace program prints when it ends",
    read=lambda source: MapTextReader(source).read(),
    explain=explain_maps,
    has_other_output=True,
    has_profiles=True,
    read_stderr=messages_of_bpftrace,
)
