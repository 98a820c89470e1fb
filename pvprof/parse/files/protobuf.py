"""Messages of Protocol Buffers: their fields, one after the other, without a schema.

A message is its fields; each begins with its number and its form::

    number << 3 | 0    a varint: 7 bits a byte, the lowest first, the 8th bit set if more follow
    number << 3 | 1    8 bytes
    number << 3 | 2    a length as a varint, then that many bytes: a text, a message, or varints
    number << 3 | 5    4 bytes

The form is that of https://protobuf.dev/programming-guides/encoding; groups (3 and 4), which it
calls deprecated, are refused.
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5

_MAX_VARINT_BYTES = 10
_BITS_64 = (1 << 64) - 1
_SIGN_BIT = 1 << 63
_FIXED_BYTES = {FIXED_64: 8, FIXED_32: 4}

Field = tuple[int, int, int, int]
"""A field's number and form, and then its value and 0; or, if it is of bytes, where they begin and
end."""


class BadMessage(ValueError):  # noqa: N818 (what it is, not that it is an error)
    """Bytes that are no message.

    Attributes:
        offset: where the field begins that is none.
        is_cut: whether the bytes end inside that field.
    """

    def __init__(self, offset: int, *, is_cut: bool) -> None:
        super().__init__(f"no field at byte {offset:,}")
        self.offset = offset
        self.is_cut = is_cut


def fields_of(data: bytes, start: int, end: int) -> Iterator[Field]:
    """Yield the fields of the message between two offsets.

    Raises:
        BadMessage: at the first field that is none, after all those before it.
    """
    at = start
    while at < end:
        first = at
        tag, at = varint(data, at, end, first)
        form = tag & 7
        if form == VARINT:
            value, at = varint(data, at, end, first)
            yield tag >> 3, form, value, 0
            continue
        if form == BYTES:
            size, at = varint(data, at, end, first)
        elif form in _FIXED_BYTES:
            size = _FIXED_BYTES[form]
        else:
            raise BadMessage(first, is_cut=False)
        if size > end - at:
            raise BadMessage(first, is_cut=True)
        yield tag >> 3, form, at, at + size
        at += size


def varint(data: bytes, at: int, end: int, first: int) -> tuple[int, int]:
    """Return the number at an offset, from 0 on and below 2**64, and the offset after it.

    Args:
        data: has the message.
        at: where the number begins.
        end: where the message ends.
        first: where the field begins that the number is a part of, for errors.

    Raises:
        BadMessage: the message ends inside the number, or the number is too long.
    """
    if at < end and data[at] < 0x80:  # nearly all
        return data[at], at + 1
    number = 0
    for place in range(_MAX_VARINT_BYTES):
        if at + place >= end:
            raise BadMessage(first, is_cut=True)
        byte = data[at + place]
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number & _BITS_64, at + place + 1
    raise BadMessage(first, is_cut=False)


def varints_of(data: bytes, start: int, end: int) -> dict[int, int]:
    """Return the numbers in the message between two offsets, by field.

    Raises:
        BadMessage: the bytes are no message.
    """
    fields = fields_of(data, start, end)
    return {number: value for number, form, value, _ in fields if form == VARINT}


def numbers_in(data: bytes, start: int, end: int) -> list[int]:
    """Return the numbers of a packed field.

    Raises:
        BadMessage: the bytes are no varints.
    """
    numbers = []
    at = start
    while at < end:
        number, at = varint(data, at, end, start)
        numbers.append(number)
    return numbers


def signed(number: int) -> int:
    """Return the number of an ``int64``: the upper half of 64 bits is negative."""
    return number - (1 << 64) if number & _SIGN_BIT else number
