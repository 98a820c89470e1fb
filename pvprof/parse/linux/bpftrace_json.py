r"""How ``bpftrace -f json`` spells things: lines, keys of maps, frames.

Bytes from 128 on are ``\uffffffXX``, a key is there twice if two stacks look the same, the parts of
a key are joined by commas, frames have decimal offsets. ``bpftrace`` owns what they mean.

A key of a stack and a name, by release::

    up to 0.21      "\n    schedule+35\n,a b"
    0.22, 0.23      "\\n        schedule+35\\n,a b"     stacks and names are escaped twice
    from 0.24 on    "\nschedule+35\n,ab"               no blank is left, of names neither

From 0.24 on a number that no float holds is a string, and once a ``\uXXXX`` was printed the counts
of buckets are hexadecimal.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import Any

from pvprof.recording.limits import load_json

FRAMES = rb"((?:\n[ \t]++[^\n]*+)*+)\n?"
"""Matches a stack, which may be empty."""

STACKS = ("waker_stack", "stack", "user_stack")
NAMES = ("exec", "waker", "event")

_NAMED_BYTE = re.compile(rb"(\\\\)|\\uffffff([0-9a-fA-F]{2})")
_KEY_STACK = re.compile(rb"((?:\n[^\n,][^\n]*)*)\n?")
_ESCAPE = re.compile(rb"\\(.)")
_UNINDENTED_KEY = re.compile(rb'[{ ]"\\n[^\\ ,]')
_BUCKET_COUNT = re.compile(rb'(?<="count": )[0-9a-f]{1,16}(?=\})')
_QUOTED_NUMBER = re.compile(r"-?[0-9]{1,20}")
_KEY_NUMBER = re.compile(rb"-?[0-9]{1,20}")
_DECIMAL_OFFSET = re.compile(rb"\+([0-9]{1,20})$")

# Flags of lock:contention_begin (include/trace/events/lock.h), by which perf names locks, too.
_SPIN, _READ, _WRITE, _RT, _PERCPU, _MUTEX = (1 << bit for bit in range(6))


class DamagedLineError(ValueError):
    """A line or a key is not what the programs print."""


@dataclass(frozen=True, slots=True)
class TraceKey:
    """A key of a map, split into its parts.

    Attributes:
        stacks: the frames of each stack, leaf first, as pvprof's own grammar has them.
        numbers: the flags of a lock and its address.
        names: the process and its waker, or a mechanism.
        is_ambiguous: a name holds a comma, so the end of the first of two names is a guess.
    """

    stacks: dict[str, list[bytes]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    names: dict[str, bytes] = field(default_factory=dict)
    is_ambiguous: bool = False


class LineLoader:
    """Loads the lines of one text, in order."""

    def __init__(self) -> None:
        self._has_escapes = False
        self._is_unindented = False  # of release 0.24 or a later one, for certain

    def load(self, line: bytes) -> dict[str, Any]:
        """Return the object of a line; objects inside are lists of pairs, since keys may repeat.

        Raises:
            DamagedLineError: the line is no object.
        """
        if b"\\u" in line:
            escapes = _ESCAPE.finditer(line)
            self._has_escapes = self._has_escapes or any(one[1] == b"u" for one in escapes)
            self._is_unindented = self._is_unindented or bool(_UNINDENTED_KEY.search(line))
        if self._has_escapes and line.startswith(b'{"type": "hist"'):
            self._is_unindented = self._is_unindented or b'},{"min"' in line
            if self._is_unindented:
                line = _BUCKET_COUNT.sub(lambda match: b"%d" % int(match.group(), 16), line)
        pairs = _value_of(line)
        if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
            raise DamagedLineError
        return dict(pairs)


def _value_of(text: bytes) -> Any:
    spelled = _NAMED_BYTE.sub(_byte, text).decode("utf-8", "surrogateescape")
    try:
        return load_json(spelled, object_pairs_hook=list, strict=False)
    except ValueError as error:
        raise DamagedLineError from error


def pairs_of(value: Any) -> list[tuple[str, Any]]:
    """Return an object inside a line as its pairs.

    Raises:
        DamagedLineError: the value is no object.
    """
    if not isinstance(value, list) or not all(isinstance(pair, tuple) for pair in value):
        raise DamagedLineError
    return value


def whole_number(value: Any) -> int:
    """Return a number without its fraction; a large one may be in quotes.

    Raises:
        DamagedLineError: the value is no number.
    """
    if type(value) is int:  # nearly always; there may be millions
        return value
    if isinstance(value, str) and _QUOTED_NUMBER.fullmatch(value):
        return int(value)
    if isinstance(value, int | float) and math.isfinite(value):
        return int(value)
    raise DamagedLineError


def _byte(match: re.Match[bytes]) -> bytes:
    return match.group(1) or bytes([int(match.group(2), 16)])


def raw_bytes(text: str) -> bytes:
    """Return the bytes that a text of a line spells.

    Raises:
        DamagedLineError: it spells none.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:  # a lone surrogate
        raise DamagedLineError from error


def read_key(text: bytes, parts: tuple[str, ...]) -> TraceKey:
    """Return the key of a map whose keys have these parts.

    Raises:
        DamagedLineError: the text has other parts.
    """
    if text.startswith(b"\\n") and parts[0] in STACKS:  # escaped twice
        text = raw_bytes(str(_value_of(b'"' + text + b'"')))
    key = TraceKey()
    offset = 0
    for number, part in enumerate(parts):
        if number:
            if text[offset : offset + 1] != b",":
                raise DamagedLineError
            offset += 1
        if part in STACKS:
            match = _KEY_STACK.match(text, offset)
            assert match is not None  # it matches an empty text, too
            key.stacks[part] = frames_in(match.group(1), is_kernel=part != "user_stack")
        elif part in NAMES:
            return _with_names(key, parts[number:], text[offset:])
        else:
            match = _KEY_NUMBER.match(text, offset)
            if match is None:
                raise DamagedLineError
            key.numbers[part] = int(match.group())
        offset = match.end()
    if offset != len(text):
        raise DamagedLineError
    return key


def _with_names(key: TraceKey, parts: tuple[str, ...], text: bytes) -> TraceKey:
    """Return the key with its last parts, names; of two, the first ends at the first comma."""
    if len(parts) == 1:
        key.names[parts[0]] = text
        return key
    first, comma, second = text.partition(b",")
    if not comma:
        raise DamagedLineError
    key.names.update({parts[0]: first, parts[1]: second})
    return replace(key, is_ambiguous=b"," in second)


def frames_in(text: bytes, is_kernel: bool) -> list[bytes]:
    """Return the frames of a stack, leaf first, as pvprof's own grammar has them."""
    return [_frame(line.strip(), is_kernel) for line in text.split(b"\n") if line.strip()]


def _frame(text: bytes, is_kernel: bool) -> bytes:
    if text.startswith(b"0x"):
        return text
    named = _DECIMAL_OFFSET.sub(lambda match: b"+0x%x" % int(match.group(1)), text)
    return b"kernel`" + named if is_kernel else named


def lock_kind(flags: int) -> tuple[bytes, bytes]:
    """Return the mechanism and the class of a lock, by the flags of its contention."""
    how = b"-spin" if flags & _SPIN else b"-block"
    mode = b" read" if flags & _READ else b" write" if flags & _WRITE else b""
    if flags & _MUTEX:
        return b"mutex" + how, b"mutex"
    if flags & _RT:
        return b"rtmutex-block", b"rtmutex" + mode
    if flags & _PERCPU:
        return b"percpu-rwsem-block", b"percpu-rwsem" + mode
    if flags & _SPIN:
        return (b"rwlock-spin", b"rwlock" + mode) if mode else (b"spinlock-spin", b"spinlock")
    return (b"rwsem-block", b"rwsem" + mode) if mode else (b"semaphore-block", b"semaphore")


def buckets_of(rows: list[Any]) -> tuple[tuple[int, int], ...]:
    """Return (lower bound, count) of the rows of a histogram; an empty one ends the last row.

    The first row may have no lower bound: its upper one, which is part of it, is given.
    """
    pairs = [dict(row) for row in rows]
    lower = [whole_number(row.get("min", row.get("max", 0))) for row in pairs]
    buckets = [(low, whole_number(row["count"])) for low, row in zip(lower, pairs, strict=True)]
    if pairs and "max" in pairs[-1]:
        buckets.append((whole_number(pairs[-1]["max"]) + 1, 0))
    return tuple(buckets)
