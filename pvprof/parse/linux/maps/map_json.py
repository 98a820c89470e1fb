r"""The maps that any bpftrace program prints as JSON: ``bpftrace -f json``.

::

    {"type": "map", "data": {"@n": {"\n    vfs_read+142\n,cat": 4}}}            one line each
    {"type": "stats", "data": {"@ns": {"cat": {"count": 3, "average": 2, "total": 6}}}}
    {"type": "stats", "data": {"@avg": {"cat": 2}}}                             avg()
    {"type": "hist", "data": {"@us": {"cat": [{"min": 1, "max": 1, "count": 3}]}}}
    {"type": "map", "data": {"@total": 77}}                                     without keys

Each line is one print of a map. ``bpftrace_json`` owns how the releases spell keys and numbers,
``map_keys`` the parts of a key, `MapSums` which map is meant. What pvprof's own programs print is
another layout: they say what their keys are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pvprof.errors import InputError
from pvprof.parse.layout import Layout
from pvprof.parse.linux.bpftrace_json import (
    DamagedLineError,
    LineLoader,
    buckets_of,
    pairs_of,
    raw_bytes,
    whole_number,
)
from pvprof.parse.linux.bpftrace_problems import messages_of_bpftrace
from pvprof.parse.linux.maps.map_keys import MapKey, read_key_parts
from pvprof.parse.linux.maps.map_sums import MapSums
from pvprof.parse.linux.maps.map_values import MapValue
from pvprof.parse.recognition.explanation import lines_of
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource

_SEPARATOR = b","
# A stack in a key of 0.22 or 0.23, which escape it twice; no other text begins like that.
_ESCAPED_STACK = re.compile(rb'(?:^|,|[,\[]")\\n(?: {8}\S|\\t[0-9a-f]|[0-9a-f]{8,16}\\n|[,"]|$)')
_ESCAPE = re.compile(rb"\\(.)")
_UNESCAPED = {b"n": b"\n", b"t": b"\t", b"r": b"\r"}
_OWN_MARKS = ("#map ", "#begin ", "#end ")
_STATS = ["count", "average", "total"]
_TALK = frozenset(
    ("printf", "attached_probes", "value", "time", "cat", "join", "syscall", "strftime", "tseries")
)


class MapJsonReader:
    """Reads all maps of a text into a `ParseResult`."""

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._sums = MapSums(source)
        self._counts = self._sums.problem_counts
        self._lines = LineLoader()
        self._is_escaped_twice = False

    def read(self) -> ParseResult:
        """Return the result.

        Raises:
            InputError: the text is of a program of pvprof's, without its header.
            UsageError: several maps are possible, or no map matches ``--profile``.
        """
        data = self._source.text()
        lines = data.removesuffix(b"\n").split(b"\n")
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                self._read_line(self._lines.load(line), number)
            except DamagedLineError:
                is_cut = number == len(lines) and not data.endswith(b"\n")
                is_json = line.startswith(b"{")
                kind = "cut-off" if is_cut else "damaged" if is_json else "bad-line"
                self._counts.add(kind, number)
        return self._sums.finish()

    def _read_line(self, document: dict[str, Any], number: int) -> None:
        kind, data = document.get("type"), document.get("data")
        if kind in ("map", "stats", "hist"):
            for name, entries in pairs_of(data):
                self._read_map(name, entries, kind, number)
        elif kind == "lost_events":
            count = whole_number(dict(pairs_of(data)).get("events", 0))
            self._counts.add("drops", number, count)
        elif kind == "helper_error":
            if document.get("helper") == "map_update_elem":
                self._counts.add("map-full", number)
            elif document.get("helper") == "get_stackid":
                self._counts.add("lost-stacks", number)
        elif kind == "printf" and isinstance(data, str) and data.startswith(_OWN_MARKS):
            raise InputError(
                "bpftrace's JSON of a program of pvprof's, but no #pvprof header in it",
                "its beginning is missing: give the whole recording",
            )
        elif not isinstance(kind, str) or kind not in _TALK:
            raise DamagedLineError

    def _read_map(self, name: str, entries: Any, kind: str, number: int) -> None:
        """Read one print of a map."""
        self._sums.interrupt()
        spelled: Iterable[tuple[str, Any]]
        if isinstance(entries, list) and entries and all(isinstance(one, tuple) for one in entries):
            is_stats = kind == "stats" and [key for key, _ in entries] == _STATS
            spelled = [("", entries)] if is_stats else entries
        else:  # without keys; from 0.24 on {} if nothing was counted
            spelled = [("", entries)] if entries != [] else []
        for text, value in spelled:
            try:
                self._read_entry(name, self._key(text), value, kind)
            except (DamagedLineError, ValueError, TypeError, KeyError, AttributeError):
                self._counts.add("damaged", number)

    def _key(self, spelled: str) -> MapKey:
        text = raw_bytes(spelled)
        if self._is_escaped_twice or _ESCAPED_STACK.search(text):
            self._is_escaped_twice = True
            text = _ESCAPE.sub(lambda match: _UNESCAPED.get(match[1], match[1]), text)
        return read_key_parts(text, _SEPARATOR)

    def _read_entry(self, name: str, key: MapKey, value: Any, kind: str) -> None:
        if kind == "hist":
            self._sums.add_histogram(name, key, buckets_of(value))
            return
        if isinstance(value, list) and value and isinstance(value[0], tuple):
            sums = dict(value)
            if "total" in sums:
                total, times = whole_number(sums["total"]), whole_number(sums["count"])
                self._sums.add(name, key, MapValue(total, times))
                return
        elif type(value) is int or _is_quoted_number(value):
            if kind == "stats":
                self._sums.add_averages(name)
            self._sums.add(name, key, MapValue(whole_number(value), None))
            return
        self._sums.add_other(name)  # a text, a tuple, a struct


def _is_quoted_number(value: Any) -> bool:
    """Tell whether a text is a number that no float holds, which 0.24 and later put in quotes."""
    return isinstance(value, str) and len(value) > 15 and value.lstrip("-").isdecimal()


LAYOUT = Layout(
    name="bpftrace-json",
    summary="the maps that any bpftrace program prints, `bpftrace -f json`",
    read=lambda source: MapJsonReader(source).read(),
    has_documents=True,
    explain=lines_of(
        own=re.compile(
            rb'\{"type": ?"(?:printf|attached_probes|map|stats|hist|lost_events|helper_error|value'
            rb'|time|cat|join|syscall|tseries)", ?"'
        )
    ),
    has_other_output=True,
    has_profiles=True,
    read_stderr=messages_of_bpftrace,
)
