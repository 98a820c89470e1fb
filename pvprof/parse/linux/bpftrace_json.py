r"""How ``bpftrace -f json`` spells things: lines, keys of maps, frames.

Bytes from 128 on are ``\uffffffXX`` (0.17), a key is there twice if two stacks look the same, the
parts of a key are joined by commas, frames have decimal offsets. ``bpftrace`` owns what they mean.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field, replace
from typing import Any

FRAMES = rb"((?:\n[ \t]+[^\n]*)*)\n?"
"""Matches a stack, which may be empty."""

STACKS = ("waker_stack", "stack", "user_stack")
NAMES = ("exec", "waker", "event")

_NAMED_BYTE = re.compile(rb"(\\\\)|\\uffffff([0-9a-fA-F]{2})")
_KEY_STACK = re.compile(FRAMES)
_KEY_NUMBER = re.compile(rb"-?[0-9]{1,20}")
_DECIMAL_OFFSET = re.compile(rb"\+([0-9]+)$")

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


def load_line(line: bytes) -> dict[str, Any]:
    """Return the object of a line; objects inside are lists of pairs, since keys may repeat.

    Raises:
        DamagedLineError: the line is no object.
    """
    text = _NAMED_BYTE.sub(_byte, line).decode("utf-8", "surrogateescape")
    try:
        pairs = json.loads(text, object_pairs_hook=list, strict=False)
    except (ValueError, RecursionError) as error:
        raise DamagedLineError from error
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        raise DamagedLineError
    return dict(pairs)


def pairs_of(value: Any) -> list[tuple[str, Any]]:
    """Return an object inside a line as its pairs.

    Raises:
        DamagedLineError: the value is no object.
    """
    if not isinstance(value, list) or not all(isinstance(pair, tuple) for pair in value):
        raise DamagedLineError
    return value


def whole_number(value: Any) -> int:
    """Return a number without its fraction.

    Raises:
        DamagedLineError: the value is no number.
    """
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
