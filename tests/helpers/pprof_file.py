"""Read a file for pprof back, field by field, without the code that wrote it."""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from dataclasses import dataclass

Fields = defaultdict[int, list["int | bytes"]]


def fields_of(message: bytes) -> Fields:
    """Return the values of a message by field: numbers, or bytes of a known length."""
    fields: Fields = defaultdict(list)
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        field, form = tag >> 3, tag & 7
        assert form in (0, 2), form
        value, at = varint(message, at)
        if form == 0:
            fields[field].append(value)
        else:
            assert at + value <= len(message)
            fields[field].append(message[at : at + value])
            at += value
    return fields


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at


def numbers_in(data: bytes) -> list[int]:
    numbers, at = [], 0
    while at < len(data):
        number, at = varint(data, at)
        numbers.append(number)
    return numbers


@dataclass(frozen=True)
class PprofSample:
    """One sample: (mapping, function) of its frames, root first, its values, its labels."""

    frames: tuple[tuple[str, str], ...]
    values: tuple[int, ...]
    labels: tuple[tuple[str, str], ...]

    @property
    def stack(self) -> str:
        return ";".join(f"{module}`{name}" if module else name for module, name in self.frames)


@dataclass(frozen=True)
class PprofFile:
    types: tuple[tuple[str, str], ...]
    samples: tuple[PprofSample, ...]
    comments: tuple[str, ...]
    begin_ns: int
    duration_ns: int

    def totals(self) -> tuple[int, ...]:
        """Return the sum of each type of value."""
        columns = [one.values for one in self.samples]
        return tuple(map(sum, zip(*columns, strict=True)))

    def by_stack(self, column: int = 0) -> Counter[str]:
        sums: Counter[str] = Counter()
        for one in self.samples:
            sums[one.stack] += one.values[column]
        return sums


def read_pprof(data: bytes) -> PprofFile:
    """Return the content of a file; everything in it refers to what is there."""
    profile = fields_of(gzip.decompress(data))
    texts = [bytes_of(one).decode() for one in profile[6]]
    assert texts[0] == ""
    assert len(set(texts)) == len(texts)
    mappings = {number_in(one, 1): texts[number_in(one, 5)] for one in messages(profile[3])}
    functions = {number_in(one, 1): texts[number_in(one, 2)] for one in messages(profile[5])}
    places: dict[int, tuple[str, str]] = {}
    for one in messages(profile[4]):
        (line,) = messages(one[4])
        mapping = number_in(one, 2)
        places[number_in(one, 1)] = (
            mappings[mapping] if mapping else "",
            functions[number_in(line, 1)],
        )
    types = tuple(
        (texts[number_in(one, 1)], texts[number_in(one, 2)]) for one in messages(profile[1])
    )
    samples = []
    for one in messages(profile[2]):
        (locations,), (values,) = one[1], one[2]
        numbers = numbers_in(bytes_of(values))
        assert len(numbers) == len(types)
        frames = [places[number] for number in numbers_in(bytes_of(locations))]
        labels = [(texts[number_in(two, 1)], texts[number_in(two, 2)]) for two in messages(one[3])]
        samples.append(PprofSample(tuple(frames[::-1]), tuple(numbers), tuple(labels)))
    comments = tuple(texts[int(number)] for number in profile[13])
    assert texts[number_in(profile, 14)] == types[0][0]
    return PprofFile(types, tuple(samples), comments, number_in(profile, 9), number_in(profile, 10))


def messages(values: list[int | bytes]) -> list[Fields]:
    return [fields_of(bytes_of(one)) for one in values]


def bytes_of(value: int | bytes) -> bytes:
    assert isinstance(value, bytes)
    return value


def number_in(message: Fields, field: int) -> int:
    """Return the number in a field; one that is not there is 0."""
    values = message[field]
    assert len(values) < 2
    return int(values[0]) if values else 0
