"""The limits of what is read, and the checks that hold them.

A stranger's file of a few kilobytes can stand for gigabytes. So whatever is read has a limit, which
is far above any real recording; docs/limits.md lists them all. ``--max-size`` raises those that a
real file might reach, which are the fields of `Limits`; the others are constants.
"""

from __future__ import annotations

import json
import mmap
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pvprof.errors import InputError, UsageError

if TYPE_CHECKING:
    from pvprof.recording.layout import Buffer

MAX_RATIO = 200
"""Packed data may unpack to `Limits.unpacked_bytes`, and beyond that to this many times their size.

The output of a tracer packs to between a tenth and a sixtieth of its size; gzip can reach 1/1,030,
zstd any ratio.
"""

MAX_COMPANION_BYTES = 256 << 20
"""Maximum size of a file beside the tracer's output, unpacked: a kernel's symbols have 5 MB."""

MAX_FACTS_BYTES = 16 << 20
"""Maximum size of a ``manifest.json`` or a ``set.json``; one of 100 runs has 30 kB."""

MAX_MEMBERS = 1_000
"""Maximum number of files in the archive of a recording, which has 11."""

MAX_HEADER_BYTES = 1 << 20
"""Maximum size of a header of a file in an archive: its name, and facts about it."""

MAX_FRAMES = 20_000
"""Maximum number of frames of a stack; tracers record at most some hundreds."""

MAX_STACKS_TEXT = 256 << 20
"""Maximum length of all distinct stacks of a file that names each frame once, and gives stacks by
numbers: one of 250 kB can stand for gigabytes."""

_BYTES_OF_JSON = {"{": 240, "[": 64, ",": 40}
"""The memory that Python takes for an object, for a list, and for a value of each."""
_BYTES_OF_DECIMAL = 104
_SMALL_JSON_BYTES = 4 << 20

_STEP_BYTES = 1 << 20
_SIZE = re.compile(r"(\d{1,12})([kmgt]?)(?:i?b)?", re.I)
_FACTOR = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


@dataclass(frozen=True, slots=True)
class Limits:
    """How large the parts of a file may be.

    Attributes:
        unpacked_bytes: size that packed data may have when unpacked, if they are small themselves.
        line_bytes: length of a line of a text.
        document_bytes: length of a line that is a whole document, or a part of one: in JSON, HTML.
        json_bytes: memory for the values of one JSON document, as an estimate.
        times_bytes: size of a file of times or other numbers of repeated runs.
        runs: number of lines in it.
        parts: number of parts of a file of binary messages: samples, functions, texts.
        trusted_bytes: size up to which the user trusts the file; 0 if that was not said.
    """

    unpacked_bytes: int = 64 << 20
    line_bytes: int = 16 << 20
    document_bytes: int = 128 << 20
    json_bytes: int = 768 << 20
    times_bytes: int = 16 << 20
    runs: int = 1_000_000
    parts: int = 1_000_000
    trusted_bytes: int = 0

    @classmethod
    def up_to(cls, size_bytes: int) -> Limits:
        """Return the limits for a file that the user trusts up to this size, unpacked."""
        usual = cls()
        return cls(
            unpacked_bytes=max(size_bytes, usual.unpacked_bytes),
            line_bytes=max(size_bytes, usual.line_bytes),
            document_bytes=max(size_bytes, usual.document_bytes),
            json_bytes=max(_BYTES_OF_JSON["{"] * size_bytes, usual.json_bytes),
            times_bytes=max(size_bytes, usual.times_bytes),
            runs=max(size_bytes, usual.runs),
            parts=max(size_bytes, usual.parts),
            trusted_bytes=size_bytes,
        )


USUAL = Limits()

HINT = "if you trust the file, raise the limit: --max-size SIZE (docs/limits.md)"


def limits_of(max_size: str | None) -> Limits:
    """Return the limits that ``--max-size`` gives: ``500M``, ``2G``, ``2GiB``, ``100000``.

    Raises:
        UsageError: the text is no size.
    """
    if max_size is None:
        return USUAL
    match = _SIZE.fullmatch(max_size.strip())
    if match is None or not int(match[1]):
        raise UsageError(f"--max-size {max_size!r}: no size", "500M, 2G, ...")
    return Limits.up_to(int(match[1]) * _FACTOR[match[2].lower()])


def check_size(size: int, limit: int, source: str) -> None:
    """Refuse unpacked data that are too large.

    Raises:
        InputError: they are.
    """
    if size > limit:
        reason = "no tracer's output packs that well"
        raise InputError(f"{source}: more than {limit >> 20:,} MiB when unpacked; {reason}", HINT)


def check_lines(data: Buffer, limit: int, source: str) -> None:
    r"""Refuse a text with a line of more than `limit` bytes.

    Only the end of each window is read, not the whole text::

        aaaa\nbbbbbb\ncc\ndddd ...
        |<------ limit ----->|        the last newline in it ends a line that is short enough;
                    |<------ limit ----->|          the next window begins behind it

    Raises:
        InputError: there is one.
    """
    start, size = 0, len(data)
    while size - start > limit:
        newline = _last_newline(data, start, start + limit + 1)
        if newline < 0:
            raise long_line(limit, source)
        start = newline + 1


def long_line(limit: int, source: str) -> InputError:
    """Return the error for a line that is too long."""
    return InputError(f"{source}: a line of more than {limit >> 20:,} MiB", HINT)


def _last_newline(data: Buffer, start: int, end: int) -> int:
    """Return the offset of the last newline, or -1; keep no page of a mapped file."""
    while end > start:
        first = max(start, end - _STEP_BYTES)
        newline: int = data.rfind(b"\n", first, end)
        if newline >= 0:
            return newline
        if isinstance(data, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            page = first - first % mmap.PAGESIZE
            data.madvise(mmap.MADV_DONTNEED, page, min(_STEP_BYTES, len(data) - page))
        end = first
    return -1


class LineCheck:
    """Finds a line that is too long in a stream of bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._length = 0  # of the line that is not yet complete

    def is_exceeded_by(self, chunk: bytes) -> bool:
        """Take the next bytes, of at most the limit; tell whether a line of them is too long."""
        first = chunk.find(b"\n")
        begun = self._length + (len(chunk) if first < 0 else first)
        self._length = begun if first < 0 else len(chunk) - chunk.rfind(b"\n") - 1
        return begun > self._limit


def load_json(text: str, limits: Limits = USUAL, **options: Any) -> Any:
    """Return the value of a JSON document; `options` are those of `json.loads`.

    Raises:
        InputError: its values need too much memory.
        ValueError: it is no JSON, or is nested too deeply.
    """
    if len(text) > _SMALL_JSON_BYTES:
        needed = sum(text.count(mark) * size for mark, size in _BYTES_OF_JSON.items())
        if "parse_float" in options:
            needed += text.count(".") * _BYTES_OF_DECIMAL
        if needed > limits.json_bytes:
            reason = f"JSON whose values take more than {limits.json_bytes >> 20:,} MiB of memory"
            raise InputError(reason, HINT)
    try:
        return json.loads(text, **options)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
