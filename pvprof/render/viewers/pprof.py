"""Samples as a file for pprof: a gzip-ed message of Protocol Buffers.

Owns the form of the file. The numbers of fields are those of ``proto/profile.proto`` of pprof
(github.com/google/pprof).

A message is its fields, one after the other; each begins with its number and its form::

    number << 3 | 0    a varint: 7 bits a byte, the lowest first, the 8th bit set if more follow
    number << 3 | 2    a length as a varint, then that many bytes: a text, a message, or varints

Texts are in one table, the empty text first; everything else has their numbers. A frame is a
function at a location. The text before its backtick is the mapping: a module, a library.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping

from pvprof.errors import OutputError
from pvprof.model.stacks import Frame, frames_of, show_controls
from pvprof.render.rendered import Rendered
from pvprof.views.viewers.pprof import PprofView, StackSample

MAX_VALUE = (1 << 63) - 1
_VARINT, _BYTES = 0, 2
# Fields of the message Profile, then of the messages in it.
_SAMPLE_TYPE, _SAMPLE, _MAPPING, _LOCATION, _FUNCTION, _TEXT = 1, 2, 3, 4, 5, 6
_TIME_NS, _DURATION_NS, _COMMENT, _DEFAULT_TYPE = 9, 10, 13, 14
_TYPE_NAME, _TYPE_UNIT = 1, 2
_SAMPLE_LOCATIONS, _SAMPLE_VALUES, _SAMPLE_LABEL = 1, 2, 3
_LABEL_NAME, _LABEL_TEXT = 1, 2
_ID = 1
_MAPPING_FILE, _MAPPING_HAS_FUNCTIONS = 5, 7
_LOCATION_MAPPING, _LOCATION_LINE = 2, 4
_LINE_FUNCTION = 1
_FUNCTION_NAME, _FUNCTION_SYSTEM_NAME = 2, 3


def render(view: PprofView) -> Rendered:
    """Return the bytes of a file; equal views give equal bytes.

    Raises:
        OutputError: a value or a sum of values is above the format's 63 bits.
    """
    for number, one in enumerate(view.types):
        if sum(sample.values[number] for sample in view.samples) > MAX_VALUE:
            raise OutputError(f"pprof: {one.name}: its total is too large for the format")
    texts = _Numbers([""])
    frames = _Frames(texts)
    samples = [_sample(sample, frames, texts) for sample in view.samples]
    parts = [
        *(
            _message(
                _SAMPLE_TYPE,
                _number(_TYPE_NAME, texts[one.name]),
                _number(_TYPE_UNIT, texts[one.unit]),
            )
            for one in view.types
        ),
        *samples,
        *frames.messages(),
        _number(_TIME_NS, view.begin_ns),
        _number(_DURATION_NS, view.duration_ns),
        *(_number(_COMMENT, texts[show_controls(comment)]) for comment in view.comments),
        _number(_DEFAULT_TYPE, texts[view.types[0].name]),
    ]
    parts += [_field(_TEXT, text.encode("utf-8", "backslashreplace")) for text in texts]
    return Rendered("", view.problems, gzip.compress(b"".join(parts), 6, mtime=0))


class _Numbers(dict[str, int]):
    """Numbers texts in the order in which they are first asked for, from 0 on."""

    def __init__(self, first: Iterable[str] = ()) -> None:
        super().__init__((text, number) for number, text in enumerate(first))

    def __missing__(self, text: str) -> int:
        number = self[text] = len(self)
        return number


class _Frames:
    """Locations and functions of frames, one of each for a distinct frame, numbered from 1 on."""

    def __init__(self, texts: _Numbers) -> None:
        self._texts = texts
        self._ids: dict[Frame, int] = {}

    def locations(self, frames: Iterable[Frame]) -> bytes:
        """Return the varints of frames."""
        ids = self._ids
        return b"".join([_varint(ids.setdefault(frame, len(ids) + 1)) for frame in frames])

    def messages(self) -> list[bytes]:
        """Return the mappings, locations and functions of all frames."""
        texts, mappings = self._texts, _Numbers([""])
        messages = []
        for frame, number in self._ids.items():
            shown = show_controls(frame)
            module, _, name = shown.rpartition("`")
            mapping = mappings[module] if name else 0
            function = _message(
                _FUNCTION,
                _number(_ID, number),
                _number(_FUNCTION_NAME, texts[name or shown]),
                _number(_FUNCTION_SYSTEM_NAME, texts[shown]),
            )
            line = _message(_LOCATION_LINE, _number(_LINE_FUNCTION, number))
            place = _number(_ID, number), _number(_LOCATION_MAPPING, mapping), line
            messages += [_message(_LOCATION, *place), function]
        return [*_mappings(mappings, texts), *messages]


def _mappings(mappings: Mapping[str, int], texts: _Numbers) -> list[bytes]:
    return [
        _message(
            _MAPPING,
            _number(_ID, number),
            _number(_MAPPING_FILE, texts[module]),
            _number(_MAPPING_HAS_FUNCTIONS, 1),
        )
        for module, number in mappings.items()
        if number
    ]


def _sample(sample: StackSample, frames: _Frames, texts: _Numbers) -> bytes:
    """Return a sample as a field: its frames are leaf first."""
    return _message(
        _SAMPLE,
        _field(_SAMPLE_LOCATIONS, frames.locations(reversed(frames_of(sample.stack)))),
        _field(_SAMPLE_VALUES, b"".join(map(_varint, sample.values))),
        *(
            _message(
                _SAMPLE_LABEL,
                _number(_LABEL_NAME, texts[name]),
                _number(_LABEL_TEXT, texts[show_controls(text)]),
            )
            for name, text in sample.labels
        ),
    )


def _varint(number: int) -> bytes:
    if number < 1 << 7:
        return bytes((number,))
    parts = bytearray()
    while number >= 1 << 7:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _number(field: int, number: int) -> bytes:
    """Return a field with a number; 0 is what a field is that is not there."""
    return _varint(field << 3 | _VARINT) + _varint(number) if number else b""


def _field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(content)) + content


def _message(field: int, *parts: bytes) -> bytes:
    return _field(field, b"".join(parts))
