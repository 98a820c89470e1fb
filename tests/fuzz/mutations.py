"""Mutations of bytes: what happens to files, and what a hostile writer puts into them.

A result must mention what damages one place (`DAMAGES`), unless the sums are as they were.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

Mutation = Callable[[Random, bytes], bytes]

_NUMBER = re.compile(rb"\d+")
_WORD = re.compile(rb"[A-Za-z_]{2,}")
_NUMBERS = (
    *(b"0", b"-1", b"00", b"+1", b"1.5", b"1e999", b"-0", b"nan", b"inf", b"1_000", b"0x10"),
    *(b"9" * digits for digits in (16, 19, 20, 31, 400, 5_000)),
    *(str(2**bits).encode() for bits in (31, 32, 53, 63, 64, 128)),
    b"-9223372036854775809",
    "٣".encode(),
)
_INSERTIONS = (
    *(b"\x1b]0;title\x07", b"\x1b[31m", b"\x1b[2J", b"\x9b31m", b"\xc2\x9b31m", b"\x07", b"\x08"),
    *(b"\xed\xa0\x80", b"\xff\xfe", b"\xc3", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", b"\x7f"),
    *("\u202e", "\u2066", "\u200b", "\u2028", "\x85", "\ufffe"),
    *(b"\r", b"\r\n", b"\x0b", b"\x0c", b"\t", b"\x1a"),
    *(b"<script>alert(1)</script>", b"]]>", b"&#0;", b"-->", b'"', b"'", b"&amp;", b"%n", b"{}"),
    *(b"=1+1", b"@a", b"|", b"`", b";", b"--", b"\\", b"[/red]", b"#pvprof 2 offcpu stock ns x\n"),
)
_OPENINGS = (b"[", b"{", b"(", b'{"a":', b"<", b"@[", b"\t", b" ", b"\n", b"a;", b"_", b"0", b"ab ")


def _place(random: Random, data: bytes) -> int:
    return random.randrange(len(data) + 1)


MAX_ADDED_BYTES = 20_000_000
"""What one mutation may add: there may be four, and what pvprof promises is for 100 MB."""


def _bounded(random: Random, most: int) -> int:
    """Return a length: most often a small one."""
    return min(most, int(2 ** random.uniform(0, most.bit_length())))


def hole(random: Random, data: bytes) -> bytes:
    """Replace a part by NULs, as a crash or a full disk does."""
    at, size = _place(random, data), _bounded(random, 300)
    return data[:at] + bytes(min(size, len(data) - at)) + data[at + size :]


def nul(random: Random, data: bytes) -> bytes:
    """Insert a NUL."""
    at = _place(random, data)
    return data[:at] + b"\0" + data[at:]


def flip(random: Random, data: bytes) -> bytes:
    """Flip one bit; of a digit or into one the sums would change, and no text could tell."""
    for _ in range(20):
        at = random.randrange(len(data))
        flipped = data[at] ^ (1 << random.randrange(8))
        if not bytes([data[at]]).isdigit() and not bytes([flipped]).isdigit():
            return data[:at] + bytes([flipped]) + data[at + 1 :]
    return data


def cut(random: Random, data: bytes) -> bytes:
    """Leave the end away."""
    return data[: _place(random, data)]


def _lines(random: Random, data: bytes) -> tuple[list[bytes], int]:
    lines = data.splitlines(keepends=True) or [b""]
    return lines, random.randrange(len(lines))


def drop_line(random: Random, data: bytes) -> bytes:
    """Leave one line away."""
    lines, at = _lines(random, data)
    return b"".join(lines[:at] + lines[at + 1 :])


def join_lines(random: Random, data: bytes) -> bytes:
    """Leave the end of one line away, so that it melts together with the next."""
    lines, at = _lines(random, data)
    lines[at] = lines[at].rstrip(b"\r\n")
    return b"".join(lines)


def repeat_lines(random: Random, data: bytes) -> bytes:
    """Repeat some lines, once or many times."""
    lines, at = _lines(random, data)
    size = _bounded(random, 8)
    repeated = b"".join(lines[at : at + size])
    times = min(_bounded(random, 200), 1 + MAX_ADDED_BYTES // len(repeated))
    return b"".join((*lines[:at], repeated * times, *lines[at + size :]))


def swap_lines(random: Random, data: bytes) -> bytes:
    """Swap two lines."""
    lines, at = _lines(random, data)
    other = random.randrange(len(lines))
    lines[at], lines[other] = lines[other], lines[at]
    return b"".join(lines)


def split_line(random: Random, data: bytes) -> bytes:
    """Put the end of a line anywhere."""
    at = _place(random, data)
    return data[:at] + b"\n" + data[at:]


def number(random: Random, data: bytes) -> bytes:
    """Replace a number by one that no tracer prints."""
    found = list(_NUMBER.finditer(data))
    if not found:
        return data + random.choice(_NUMBERS)
    match = random.choice(found)
    return data[: match.start()] + random.choice(_NUMBERS) + data[match.end() :]


def insert(random: Random, data: bytes) -> bytes:
    """Insert what terminals, browsers, spreadsheets or decoders take for more than text."""
    at = _place(random, data)
    what = random.choice(_INSERTIONS)
    return data[:at] + (what.encode() if isinstance(what, str) else what) + data[at:]


def rename(random: Random, data: bytes) -> bytes:
    """Replace a word: by another word of the text, by nothing, or by a hostile name."""
    found = list(_WORD.finditer(data))
    if not found:
        return data
    match, other = random.choice(found), random.choice(found)[0]
    what = random.choice((other, b"", b"a" * 70_000, *_INSERTIONS))
    name = what.encode() if isinstance(what, str) else what
    return data[: match.start()] + name + data[match.end() :]


def pump(random: Random, data: bytes) -> bytes:
    """Repeat a short piece of the text, or an opening, thousands of times."""
    at = _place(random, data)
    piece = random.choice((*_OPENINGS, data[at : at + _bounded(random, 12)]))
    return data[:at] + piece * _bounded(random, 30_000) + data[at:]


def blanks(random: Random, data: bytes) -> bytes:
    """Replace a part by blanks, or put blanks into it."""
    at, size = _place(random, data), _bounded(random, 300)
    kept = at if random.random() < 0.5 else at + size
    return data[:at] + random.choice((b" ", b"\t", b"\n")) * size + data[kept:]


def noise(random: Random, data: bytes) -> bytes:
    """Replace a part by any bytes."""
    at, size = _place(random, data), _bounded(random, 64)
    return data[:at] + random.randbytes(size) + data[at + size :]


def move(random: Random, data: bytes) -> bytes:
    """Move a part to another place."""
    at, size, to = _place(random, data), _bounded(random, 500), _place(random, data)
    part, rest = data[at : at + size], data[:at] + data[at + size :]
    return rest[:to] + part + rest[to:]


DAMAGES: tuple[Mutation, ...] = (hole, nul, flip, cut, drop_line, join_lines)
"""Each damages one place: a result must mention it, unless the sums are as they were."""

OF_TEXT: tuple[Mutation, ...] = (
    *DAMAGES,
    *(repeat_lines, swap_lines, split_line, number, insert, rename, pump, blanks, noise, move),
)
OF_BYTES: tuple[Mutation, ...] = (hole, nul, flip, cut, noise, move, repeat_lines)
"""For packed data."""


def mutated(random: Random, data: bytes, mutations: tuple[Mutation, ...]) -> tuple[str, bytes]:
    """Return the names of one to four mutations, and the data after them; half are single."""
    count = random.choice((1, 1, 1, 2, 3, 4))
    names = []
    for _ in range(count):
        if not data:
            break
        mutation = random.choice(mutations)
        names.append(mutation.__name__)
        data = mutation(random, data)
    return "+".join(names), data
