"""What must hold for a result, whatever the input was."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from traceback import extract_tb
from types import TracebackType
from typing import NoReturn
from xml.etree import ElementTree as ET

from click.testing import Result

MAX_LINE = 1_000
"""Characters of a message: it is a line to read, not the input."""

_CONTROLS = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:e[+-][0-9]+)?|")
_SCRIPT = re.compile(r"<script[^>]*>alert\(1\)", re.I)
_MESSAGE = re.compile(r"pvprof: (?:note|warning|loss|error): .|  |pvprof: ")

Failures = Iterator[str]
"""The kind of each failure: it names what is wrong and where, not the input."""


def place_of(trace: TracebackType | None) -> str:
    """Return the innermost function of pvprof in a traceback."""
    frames = [one for one in extract_tb(trace) if "/pvprof/" in one.filename]
    if not frames:
        return "outside pvprof"
    return f"{frames[-1].filename.rpartition('/pvprof/')[2]}:{frames[-1].name}"


def check_run(result: Result, fmt: str, may_draw_nothing: bool) -> Failures:
    """Yield the failures of a command that has ended."""
    traceback = traceback_of(result)
    if traceback:
        yield traceback
        return
    yield from check_messages(result)
    if result.exit_code and not (may_draw_nothing and result.stdout_bytes):
        if result.stdout_bytes:
            yield f"{fmt}: output in spite of an error"
        return
    if not result.stdout_bytes:
        if fmt != "folded":  # no stacks are no lines
            yield f"{fmt}: no output"
        return
    yield from (f"{fmt}: {failure}" for failure in CHECKS[fmt](result.stdout_bytes))


def traceback_of(result: Result) -> str:
    """Return the kind of the traceback that a command ended with; empty if it did not."""
    if result.exception is None or isinstance(result.exception, SystemExit):
        return ""
    trace = result.exc_info[2] if result.exc_info else None
    return f"traceback: {type(result.exception).__name__} in {place_of(trace)}"


def check_messages(result: Result) -> Failures:
    """Yield what is wrong with the exit status of a command, and with its messages."""
    lines = [line for line in result.stderr.split("\n") if line]
    if result.exit_code not in (0, 1, 2):
        yield f"exit status {result.exit_code}"
    if result.exit_code and not any(line.startswith("pvprof: error: ") for line in lines):
        yield f"exit status {result.exit_code} without an error"
    if "not enough memory" in result.stderr:
        yield "memory: more than the limit"
    if any(len(line) > MAX_LINE for line in lines):
        yield "a message of more than 1,000 characters"
    if not all(_MESSAGE.match(line) for line in lines):
        yield "a line on stderr that is no message"
    if _CONTROLS.search(result.stderr):
        yield "a control character on stderr"


def _text(data: bytes) -> Failures:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        yield "not UTF-8"
        return
    match = _CONTROLS.search(_COLOURS.sub("", text))
    if match:
        yield f"control character {ord(match[0]):#04x}"


def _csv(data: bytes) -> Failures:
    yield from _text(data)
    try:
        rows = list(csv.reader(io.StringIO(data.decode(errors="replace")), strict=True))
    except csv.Error as error:
        yield f"not CSV: {error}"
        return
    if len({len(row) for row in rows}) > 1:
        yield "rows of different lengths"
    for row in rows:
        if any(
            cell[:1] in "=+-@\t\r" and len(cell) > 1 and not _NUMBER.fullmatch(cell) for cell in row
        ):
            yield "a cell that is a formula"
            return


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key twice")
    return document


def _json(data: bytes) -> Failures:
    yield from _text(data)
    try:
        json.loads(data, parse_constant=_no_constant, object_pairs_hook=_unique)
    except ValueError as error:
        yield f"not JSON: {type(error).__name__}"


def _xml(data: bytes) -> Failures:
    yield from _text(data)
    try:
        root = ET.fromstring(data)
    except ET.ParseError:
        yield "not XML"
        return
    if any("alert(1)" in (one.text or "") for one in root.iter() if one.tag.endswith("script")):
        yield "a script of the input's"
    if any(name.startswith("on") for one in root.iter() for name in one.attrib):
        yield "an attribute that runs a script"


def _html(data: bytes) -> Failures:
    yield from _text(data)
    if _SCRIPT.search(data.decode(errors="replace")):
        yield "a script of the input's"


def _begins(magic: bytes) -> Callable[[bytes], Failures]:
    def check(data: bytes) -> Failures:
        if not data.startswith(magic):
            yield "another format"

    return check


CHECKS: dict[str, Callable[[bytes], Failures]] = {
    "terminal": _text,
    "markdown": _text,
    "remarkup": _text,
    "plain": _text,
    "folded": _text,
    "differential": _text,
    "csv": _csv,
    "json": _json,
    "speedscope": _json,
    "chrome-trace": _json,
    "pprof": _begins(b"\x1f\x8b"),
    "svg": _xml,
    "html": _html,
    "parquet": _begins(b"PAR1"),
    "waits": _begins(b"PAR1"),
    "xlsx": _begins(b"PK\x03\x04"),
}
"""By the name of an output format."""
