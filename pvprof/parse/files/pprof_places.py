"""The places of a profile of pprof: from the number of a location to its frames, as text.

A location is an address in a mapping, and has a line for each function that is there: several if
functions were inlined, the innermost first. One without lines is shown by its address.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping

from pvprof.errors import InputError
from pvprof.model.problems import Severity
from pvprof.model.stacks import Frame, clean_frame
from pvprof.parse.files.protobuf import BYTES, BadMessage, fields_of, varints_of
from pvprof.parse.source import TextSource
from pvprof.parse.text.frames import INLINED, decode
from pvprof.recording.limits import MAX_STACKS_TEXT

_ID = 1
_MAPPING_FILE = 5
_LOCATION_MAPPING, _LOCATION_ADDRESS, _LOCATION_LINE = 2, 3, 4
_LINE_FUNCTION = 1
_FUNCTION_NAME, _FUNCTION_SYSTEM_NAME = 2, 3

_NAMELESS: Frame = "[unknown]"

_Spans = Iterable[tuple[int, int]]


class Table:
    """The texts of a file by their numbers, decoded when they are asked for.

    Attributes:
        missing: how often a text was asked for that is not there.
    """

    def __init__(self, data: bytes, spans: _Spans) -> None:
        self._data = data
        self._bounds = array("Q", (bound for span in spans for bound in span))
        self._known: dict[int, str] = {}
        self.missing = 0

    def __len__(self) -> int:
        return len(self._bounds) // 2

    def __getitem__(self, number: int) -> str:
        """Return a text; one that is not there is empty, and counted."""
        text = self._known.get(number)
        if text is None:
            if number >= len(self):
                self.missing += bool(number)
                return ""
            start, end = self._bounds[2 * number], self._bounds[2 * number + 1]
            text = self._known[number] = decode(self._data[start:end])
        return text


class Places(dict[int, str]):
    """The frames of locations, joined by ``;``, root first, by number; made when asked for.

    Attributes:
        is_own: whether pvprof wrote the file, so that its frames are clean.
        hex_frames: the frames without a name.
        wrong: number of problems by kind, text and severity.
    """

    def __init__(self, source: TextSource, texts: Table, *, is_own: bool) -> None:
        super().__init__()
        self._data = source.text()
        self._names = source.frame_names
        self._symbols = source.options.symbols
        self._texts = texts
        self._locations: dict[int, tuple[int, int]] = {}
        self._functions: dict[int, tuple[int, int]] = {}
        self._modules: dict[int, str] = {}
        self._size = 0
        self.is_own = is_own
        self.hex_frames: set[Frame] = source.frame_names.hex_frames
        self.wrong: Counter[tuple[str, str, Severity]] = Counter()

    def read(self, mappings: _Spans, locations: _Spans, functions: _Spans) -> None:
        """Read what places consist of; each argument yields where a message begins and ends."""
        for span in mappings:
            fields = self._fields(*span)
            self._modules[fields.get(_ID, 0)] = self._texts[fields.get(_MAPPING_FILE, 0)]
        for span in locations:
            self._locations[self._fields(*span).get(_ID, 0)] = span
        for span in functions:
            fields = self._fields(*span)
            names = fields.get(_FUNCTION_NAME, 0), fields.get(_FUNCTION_SYSTEM_NAME, 0)
            self._functions[fields.get(_ID, 0)] = names
        self.is_own = self.is_own and all(map(self._is_own_function, self._functions.values()))

    def __missing__(self, number: int) -> str:
        span = self._locations.get(number)
        if span is None:
            text = "locations that are not in the file: their frames are [unknown]"
            self.wrong["bad-location", text, "warning"] += 1
            frames = [_NAMELESS]
        else:
            frames = self._frames(*span)
        self._size += sum(map(len, frames))
        if self._size > MAX_STACKS_TEXT:
            raise InputError(f"its places are more than {MAX_STACKS_TEXT >> 20} MiB of text")
        joined = self[number] = ";".join(frames)
        return joined

    def _frames(self, start: int, end: int) -> list[Frame]:
        """Return the frames of a location, root first."""
        fields = self._fields(start, end)
        functions = self._functions_at(start, end)
        module = self._modules.get(fields.get(_LOCATION_MAPPING, 0), "")
        if not functions:
            return [self._address(fields.get(_LOCATION_ADDRESS, 0), module)]
        if len(functions) * max(map(len, map(self._name, set(functions)))) > MAX_STACKS_TEXT:
            raise InputError(f"a place is more than {MAX_STACKS_TEXT >> 20} MiB of text")
        leaf_first = [
            frame
            for number in functions[:-1]
            for frame in self._clean(self._name(number), inlined=True)
        ]
        leaf_first += self._clean(self._name(functions[-1]))
        return leaf_first[::-1]

    def _functions_at(self, start: int, end: int) -> list[int]:
        """Return the functions at a location, the innermost first."""
        try:
            lines = [
                (value, after)
                for number, form, value, after in fields_of(self._data, start, end)
                if number == _LOCATION_LINE and form == BYTES
            ]
        except BadMessage:  # counted
            return []
        return [self._fields(*line).get(_LINE_FUNCTION, 0) for line in lines]

    def _name(self, number: int) -> str:
        """Return the name of a function; with its module, if pvprof wrote it."""
        name, system_name = self._functions.get(number, (0, 0))
        if self.is_own:
            return self._texts[system_name] or self._texts[name]
        return self._texts[name] or self._texts[system_name]

    def _clean(self, name: str, *, inlined: bool = False) -> Iterable[Frame]:
        """Return the frames of a name, leaf first."""
        if not name:
            text = "functions without a name, or not in the file: their frames are [unknown]"
            self.wrong["bad-function", text, "warning"] += 1
            return (_NAMELESS,)
        if self.is_own:
            return (clean_frame(name),)
        return self._names[(name + (INLINED if inlined else "")).encode("utf-8", "surrogateescape")]

    def _address(self, address: int, module: str) -> Frame:
        """Return the frame of an address that has no function."""
        if not address and not module:
            return _NAMELESS
        module = module.rpartition("/")[2]
        named = self._symbols.name(module, address)
        if named is not None:
            return clean_frame(named)
        frame = clean_frame(f"{module}`{address:#x}" if module else f"{address:#x}")
        self.hex_frames.add(frame)
        return frame

    def _is_own_function(self, names: tuple[int, int]) -> bool:
        name, system_name = (self._texts[number] for number in names)
        return system_name == name or system_name.endswith(f"`{name}")

    def _fields(self, start: int, end: int) -> Mapping[int, int]:
        """Return the numbers in a message, by field."""
        try:
            return varints_of(self._data, start, end)
        except BadMessage:
            text = "parts that cannot be read: their frames are [unknown]"
            self.wrong["bad-location", text, "warning"] += 1
            return {}
