"""Write profiles of pprof by hand, well-formed or not: the fields of messages as Python values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Value = int | bytes
"""A number is a varint; bytes are a text, a message or packed numbers."""


def varint(number: int) -> bytes:
    """Return a number as the format has it; a negative one as of 64 bits."""
    number &= (1 << 64) - 1
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def message(*fields: tuple[int, Value]) -> bytes:
    """Return a message of (number, value)."""
    return b"".join(
        varint(number << 3) + varint(value)
        if isinstance(value, int)
        else varint(number << 3 | 2) + varint(len(value)) + value
        for number, value in fields
    )


def packed(numbers: Iterable[int]) -> bytes:
    return b"".join(map(varint, numbers))


TIME = (("time", "nanoseconds"),)


def profile(
    types: Sequence[tuple[str, str]] = TIME,
    samples: Sequence[tuple[Sequence[int], Sequence[int]]] = (((2, 1), (7,)),),
    locations: Sequence[bytes] = (),
    names: Sequence[str] = ("main", "read"),
    others: Sequence[tuple[int, Value]] = (),
) -> bytes:
    """Return a profile.

    Args:
        types: (name, unit) of each value.
        samples: (locations, values), leaf first.
        locations: whole messages; by default each name is a function at a location, from 1 on.
        names: of functions, from 1 on.
        others: further parts.
    """
    texts = [""]

    def text(one: str) -> int:
        texts.append(one)
        return len(texts) - 1

    parts: list[tuple[int, Value]] = [
        (1, message((1, text(name)), (2, text(unit)))) for name, unit in types
    ]
    parts += [(2, message((1, packed(where)), (2, packed(values)))) for where, values in samples]
    parts += [(4, one) for one in locations]
    for number, name in enumerate(names, 1):
        if not locations:
            parts.append((4, message((1, number), (4, message((1, number))))))
        parts.append((5, message((1, number), (2, text(name)))))
    return message(*parts, *others, *((6, one.encode()) for one in texts))
