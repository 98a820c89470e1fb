r"""Profiles of pprof: Go programs and many profilers write them, and ``pvprof flamegraph``.

One message of Protocol Buffers (``protobuf`` has their form), usually gzip-ed; the numbers of its
fields are those of ``proto/profile.proto`` of pprof (github.com/google/pprof)::

    Profile   1 sample_type: ValueType ...   2 sample: Sample ...     3 mapping: Mapping ...
              4 location: Location ...       5 function: Function ... 6 string_table: texts
              9 time_nanos                  10 duration_nanos
    ValueType 1 type   2 unit                                      texts
    Sample    1 location_id ... (leaf first)   2 value ... (one for each type)   3 label: Label ...
    Label     1 key    2 str   3 num                               texts, or a number
    Mapping   1 id     5 filename
    Location  1 id     2 mapping_id   3 address   4 line: Line ... (inlined functions first)
    Line      1 function_id
    Function  1 id     2 name   3 system_name

A text is its index in the table, the first of which is empty. Parts may come in any order, and a
file may end anywhere. A sample with a value below 0, in a difference of two profiles, is left out.

pvprof writes what a wait was for into labels, and adds it to the stack as well, with the process;
such frames are taken off again, so that a file of its own gives the same keys and stacks back.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from pvprof.errors import InputError
from pvprof.model.clocks import Clocks
from pvprof.model.problems import Problem, Severity
from pvprof.model.profile import Key, Weight
from pvprof.model.stacks import Stack, stack_of
from pvprof.parse.files.pprof_keys import Labels, are_own, bare_frames, key_of
from pvprof.parse.files.pprof_places import Places, Table
from pvprof.parse.files.pprof_types import Measure, ValueName, chosen, is_own, measures_of
from pvprof.parse.files.protobuf import (
    BYTES,
    VARINT,
    BadMessage,
    fields_of,
    numbers_in,
    signed,
    varints_of,
)
from pvprof.parse.layout import Layout
from pvprof.parse.recognition.sample import Sample
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.recording.limits import HINT, MAX_FRAMES, MAX_STACKS_TEXT

_TYPE, _SAMPLE, _MAPPING, _LOCATION, _FUNCTION, _TEXT = 1, 2, 3, 4, 5, 6
_TIME_NS, _DURATION_NS = 9, 10
_TYPE_NAME, _TYPE_UNIT = 1, 2
_SAMPLE_LOCATIONS, _SAMPLE_VALUES, _SAMPLE_LABEL = 1, 2, 3
_LABEL_NAME, _LABEL_TEXT, _LABEL_NUMBER = 1, 2, 3
_KNOWN = {
    **dict.fromkeys((_TYPE, _SAMPLE, _MAPPING, _LOCATION, _FUNCTION, _TEXT, 11), (BYTES,)),
    **dict.fromkeys((7, 8, _TIME_NS, _DURATION_NS, 12, 14, 15), (VARINT,)),
    13: (VARINT, BYTES),
}
"""The fields of a profile, and the forms that they may have."""

_MAX_TYPES = 100
_MAX_PACKED_BYTES = 10 * MAX_FRAMES
_TOO_DEEP = f"samples that may have more than {MAX_FRAMES:,} frames; left out"
_MAX_WALL_NS = 1 << 63


class PprofReader:
    """Reads a whole file into a `ParseResult`."""

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._data = source.text()
        self._parts: defaultdict[int, array[int]] = defaultdict(lambda: array("Q"))
        self._numbers: dict[int, int] = {}
        self._parsed = ParseResult()
        self._wrong: Counter[tuple[str, str, Severity]] = Counter()
        self._keys: dict[tuple[bytes, ...], tuple[Labels, Key]] = {}
        self._text_size = 0
        self._ids = source.options.ids

    def read(self) -> ParseResult:
        """Return the result.

        Raises:
            InputError: it is no profile, or its stacks are too large.
            UsageError: no sample type matches ``--profile``.
        """
        self._find_parts()
        texts = Table(self._data, self._spans(_TEXT))
        types = self._types(texts)
        places = Places(self._source, texts, is_own=is_own(types))
        places.read(self._spans(_MAPPING), self._spans(_LOCATION), self._spans(_FUNCTION))
        measures = chosen(measures_of(types), self._source.options.profile, self._source.name)
        profiles = [self._part(one.mode).profile(one.unit, _has_counts(one)) for one in measures]
        for start, end in self._spans(_SAMPLE):
            sample = self._sample(start, end, len(types))
            if sample is None:
                continue
            locations, values, labels = sample
            stack, key = self._stack_and_key(places, locations, labels, texts)
            self._parsed.records += 1
            for one, profile in zip(measures, profiles, strict=True):
                count = 0 if one.count_column is None else values[one.count_column]
                if values[one.column] or count:
                    profile.add(key, stack, Weight(values[one.column] * one.size, count, 1))
        self._add_times()
        self._tell(places, texts)
        return self._parsed

    def _find_parts(self) -> None:
        """Find the parts of the message; what follows damage is lost.

        Raises:
            InputError: there are too many.
        """
        data, limit = self._data, self._source.options.limits.parts
        try:
            for count, field in enumerate(fields_of(data, 0, len(data))):
                number, form, value, end = field
                if count == limit:
                    raise InputError(f"a profile of more than {limit:,} parts", HINT)
                if form not in _KNOWN.get(number, (form,)):
                    self._wrong["bad-part", "parts that no profile has; left out", "loss"] += 1
                elif form == BYTES:
                    self._parts[number].extend((value, end))
                elif form == VARINT:
                    self._numbers[number] = value
        except BadMessage as error:
            where = f"byte {error.offset:,} of {len(data):,}"
            text = f"the profile ends inside a part, at {where}: what should follow is lost"
            if not error.is_cut:
                text = f"damaged at {where}: what follows is lost"
            self._problem("cut-off" if error.is_cut else "damaged", text, severity="loss")

    def _spans(self, number: int) -> Iterator[tuple[int, int]]:
        """Yield where each part of a number begins and ends."""
        bounds = self._parts.get(number, array("Q"))
        for index in range(0, len(bounds), 2):
            yield bounds[index], bounds[index + 1]

    def _types(self, texts: Table) -> list[ValueName]:
        """Return the sample types.

        Raises:
            InputError: there are none, or far too many.
        """
        spans = list(self._spans(_TYPE))
        if not spans or len(spans) > _MAX_TYPES:
            raise InputError(f"no profile of pprof: it has {len(spans):,} types of samples")
        if not len(texts):
            raise InputError("a profile of pprof without its table of texts: cut off before it?")
        fields = [self._fields(start, end) for start, end in spans]
        return [(texts[one.get(_TYPE_NAME, 0)], texts[one.get(_TYPE_UNIT, 0)]) for one in fields]

    def _fields(self, start: int, end: int) -> dict[int, int]:
        """Return the numbers in a small message, by field."""
        try:
            return varints_of(self._data, start, end)
        except BadMessage:
            self._wrong["bad-part", "parts that cannot be read; left out", "loss"] += 1
            return {}

    def _sample(
        self, start: int, end: int, width: int
    ) -> tuple[list[int], list[int], tuple[bytes, ...]] | None:
        """Return the locations, values and labels of a sample; None if it is left out."""
        data = self._data
        locations: list[int] = []
        values: list[int] = []
        labels: list[bytes] = []
        try:
            for number, form, value, after in fields_of(data, start, end):
                if number == _SAMPLE_LABEL and form == BYTES:
                    labels.append(data[value:after])
                elif number in (_SAMPLE_LOCATIONS, _SAMPLE_VALUES):
                    some = locations if number == _SAMPLE_LOCATIONS else values
                    if form == BYTES and after - value <= _MAX_PACKED_BYTES:
                        some += numbers_in(data, value, after)
                    elif form == BYTES:
                        self._wrong["bad-sample", _TOO_DEEP, "loss"] += 1
                        return None
                    elif form == VARINT:
                        some.append(value)
        except BadMessage:
            self._wrong["bad-sample", "samples that cannot be read; left out", "loss"] += 1
            return None
        if len(values) != width:
            text = f"samples with another number of values than {width}; left out"
            self._wrong["bad-sample", text, "loss"] += 1
            return None
        values = [signed(value) for value in values]
        if min(values) < 0:
            text = "samples with a value below 0, of a difference of two profiles; left out"
            self._wrong["bad-sample", text, "loss"] += 1
            return None
        return locations, values, tuple(labels)

    def _stack_and_key(
        self, places: Places, locations: Sequence[int], raw: tuple[bytes, ...], texts: Table
    ) -> tuple[Stack, Key]:
        """Return the stack of a sample, root first, and its key.

        Raises:
            InputError: the stacks of all samples are too large.
        """
        known = self._keys.get(raw)
        if known is None:
            labels = dict(self._labels(raw, texts))
            is_own = places.is_own and are_own(labels)
            known = labels if is_own else {}, key_of(labels, self._ids, is_own=is_own)
            self._keys[raw] = known
        parts = [places[location] for location in reversed(locations)]
        self._text_size += sum(map(len, parts))
        if self._text_size > MAX_STACKS_TEXT:
            raise InputError(
                f"its stacks, each in full, are more than {MAX_STACKS_TEXT >> 20} MiB of text",
                "a few names that are very long, or recursion that is very deep",
            )
        stack = Stack(";".join(parts)) if parts else stack_of(())
        return bare_frames(stack, known[0]) if known[0] else stack, known[1]

    def _labels(self, raw: Iterable[bytes], texts: Table) -> Iterator[tuple[str, str]]:
        """Yield the name and the text of each label; a number is a text."""
        for label in raw:
            try:
                fields = {n: value for n, form, value, _ in fields_of(label, 0, len(label))}
            except BadMessage:
                self._wrong["bad-label", "labels that cannot be read; left out", "warning"] += 1
                continue
            name, text = texts[fields.get(_LABEL_NAME, 0)], texts[fields.get(_LABEL_TEXT, 0)]
            yield name, text or str(signed(fields.get(_LABEL_NUMBER, 0)))

    def _part(self, mode: str) -> ParseResult:
        """Return the result of a mode; the first one has the problems of all."""
        for part in (self._parsed, *self._parsed.further):
            if part.mode == mode:
                return part
        if not self._parsed.profiles:
            self._parsed.mode = mode
            return self._parsed
        part = ParseResult(mode=mode, layout=LAYOUT.name)
        self._parsed.further.append(part)
        return part

    def _add_times(self) -> None:
        """Add when the profile was made, and how long that took, if it says both."""
        begin_ns, length_ns = self._numbers.get(_TIME_NS, 0), self._numbers.get(_DURATION_NS, 0)
        if 0 < begin_ns < _MAX_WALL_NS and 0 < length_ns < _MAX_WALL_NS - begin_ns:
            for part in (self._parsed, *self._parsed.further):
                part.begin = Clocks(0, begin_ns)
                part.end = Clocks(length_ns, begin_ns + length_ns)

    def _tell(self, places: Places, texts: Table) -> None:
        """Add the problems that were counted."""
        self._parsed.hex_frames |= places.hex_frames
        self._wrong.update(places.wrong)
        if texts.missing:
            text = "texts that are not in the table of the file; taken for empty ones"
            self._wrong["bad-part", text, "warning"] += texts.missing
        for (kind, text, severity), count in self._wrong.items():
            self._problem(kind, text, count, severity)

    def _problem(
        self, kind: str, text: str, count: int = 1, severity: Severity = "warning"
    ) -> None:
        problem = Problem(kind, text, self._source.name, count=count, severity=severity)
        self._parsed.problems.append(problem)


def _has_counts(measure: Measure) -> bool:
    return measure.count_column is not None


def is_profile(start: bytes) -> bool:
    """Tell whether a file that begins so is a profile of pprof.

    All parts must have numbers and forms that those of a profile have, up to the end or to where
    the bytes are cut, and one must be a sample type: two numbers, of texts in the table.
    """
    has_type = False
    try:
        for number, form, value, end in fields_of(start, 0, len(start)):
            if form not in _KNOWN.get(number, ()):
                return False
            has_type |= number == _TYPE and _is_type(start, value, end)
    except BadMessage as error:
        return has_type and error.is_cut
    return has_type


def _is_type(data: bytes, start: int, end: int) -> bool:
    try:
        fields = [field[:2] for field in fields_of(data, start, end)]
    except BadMessage:
        return False
    return fields in ([(_TYPE_NAME, VARINT), (_TYPE_UNIT, VARINT)], [(_TYPE_NAME, VARINT)])


def _is_document(sample: Sample) -> bool:
    return is_profile(sample.start)


LAYOUT = Layout(
    name="pprof",
    summary="profiles of pprof, gzip-ed or not: Go programs, many profilers, pvprof itself",
    read=lambda source: PprofReader(source).read(),
    signature=_is_document,
    is_binary=True,
    has_documents=True,
    has_profiles=True,
    states_units="a profile of pprof",
)
