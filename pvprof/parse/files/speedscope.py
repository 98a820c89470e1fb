r"""Files of www.speedscope.app, of pvprof and of other tools.

::

    {"$schema": "https://www.speedscope.app/file-format-schema.json",
     "shared": {"frames": [{"name": "main"}, {"name": "read"}]},
     "profiles": [
      {"type": "sampled", "name": "sums", "unit": "nanoseconds", "startValue": 0, "endValue": 7,
       "samples": [[0], [0, 1]], "weights": [3, 4]},
      {"type": "evented", "name": "thread", "unit": "milliseconds", "startValue": 0, "endValue": 9,
       "events": [{"type": "O", "frame": 0, "at": 1.5}, {"type": "C", "frame": 0, "at": 4}]}]}

A file of pvprof has a profile of everything in each unit, and others that show the same in another
way: these are read if ``--profile`` names them, and then only these.

A frame is its index in the table; samples are root first; events open a frame on top of the open
ones, or close the top one. Units of time become nanoseconds, bytes stay bytes, and what has no unit
is samples. The profiles of one unit are added up: they are usually one for each thread.

The viewer refuses a file in which any event or weight is wrong. This reader leaves it out or mends
it, and counts it.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, NoReturn

from pvprof.errors import InputError, first_line, quote
from pvprof.model.mechanisms import FOLDED
from pvprof.model.problems import Problem, Severity
from pvprof.model.profile import Key, Weight
from pvprof.model.stacks import Stack, clean_frame
from pvprof.parse.layout import Layout
from pvprof.parse.recognition.sample import Sample
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource, unknown_profile
from pvprof.parse.text.scale import Rounding
from pvprof.recording.limits import MAX_FRAMES, MAX_STACKS_TEXT, Limits, load_json
from pvprof.units import SPEEDSCOPE_ALL, Unit, named_unit

_NS_PER = {
    "nanoseconds": 1,
    "microseconds": 1_000,
    "milliseconds": 1_000_000,
    "seconds": 1_000_000_000,
}
# The viewer saves a file under its own name.
_OWN_EXPORTERS = ("pvprof@", "speedscope@")
# Far above any measurement; Python would take minutes to print 1e999999999.
_MAX_DIGITS, _MAX_BITS = 60, 200
# Enough for exact sums of such numbers, with as many decimals as a double can have.
_EXACT_DIGITS = 500
_KEY = Key(FOLDED)
# Begins the name of a profile if the file has several modes.
_MODE = re.compile(rf"{re.escape(SPEEDSCOPE_ALL)}\[([^]]*)\] ")

# The viewer knows no other units, so pvprof writes them behind the name: all: Cycles [cycles]
_OWN_UNIT = re.compile(rf"^{re.escape(SPEEDSCOPE_ALL)}.* \[(\S+)\]$")
# py-spy@0.4.3, pyinstrument
_TOOL = re.compile(r"[A-Za-z][A-Za-z0-9_.+-]{0,40}")

_DOCUMENT = re.compile(
    rb"\s*+(?:\xef\xbb\xbf\s*+)?\{.*(?:www\.speedscope\.app/file-format-schema\.json"
    rb'|"profiles"\s*:|"shared"\s*:\s*\{\s*"frames"\s*:)',
    re.S,
)

Number = int | Decimal


class SpeedscopeReader:
    """Reads a whole file into a `ParseResult`."""

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._file = source.name
        self._is_own = False
        self._sums: dict[tuple[str, Unit], dict[Stack, tuple[int | Fraction, int]]] = {}
        self._frames: dict[Hashable, str] = {}
        self._mode = ""
        self._parsed = ParseResult()

    def read(self) -> ParseResult:
        """Return the result.

        Raises:
            InputError: it is not JSON, or no speedscope file.
            UsageError: no profile matches ``--profile``.
        """
        with localcontext(prec=_EXACT_DIGITS):
            return self._read(_load(self._source.text(), self._source.options.limits))

    def _read(self, document: Any) -> ParseResult:
        profiles = document.get("profiles") if isinstance(document, dict) else None
        if not isinstance(profiles, list):
            raise InputError("no speedscope file: it has no list of profiles")
        self._read_frames(document.get("shared"))
        exporter = str(document.get("exporter", ""))
        self._is_own = exporter.startswith(_OWN_EXPORTERS)
        tool = None if self._is_own else _TOOL.match(exporter)
        self._mode = tool[0].lower() if tool else ""
        for number, profile in enumerate(self._chosen(profiles), 1):
            if isinstance(profile, dict):
                self._read_profile(profile, quote(_name_of(profile) or f"#{number}"))
            else:
                self._problem("bad-profile", f"profile {number} is no object", 1, "loss")
        self._round()
        return self._parsed

    def _round(self) -> None:
        """Round the values of all stacks, now that all profiles were added up."""
        for (mode, unit), stacks in self._sums.items():
            rounding = Rounding()
            profile = self._part(mode).profile(unit, False)
            for stack, (value, records) in stacks.items():
                whole = value if isinstance(value, int) else rounding.whole(value)
                profile.add(_KEY, stack, Weight(whole, 0, records))
            self._parsed.problems.extend(rounding.problems(unit, self._file))

    def _part(self, mode: str) -> ParseResult:
        """Return the result of a mode; the first one has the problems of all."""
        for part in (self._parsed, *self._parsed.further):
            if part.mode == mode or not part.profiles:
                part.mode = mode
                return part
        self._parsed.further.append(ParseResult(mode=mode))
        return self._parsed.further[-1]

    def _mode_of(self, profile: Mapping[str, Any]) -> str:
        """Return the mode of a profile: pvprof names it, of other tools it is the tool's name."""
        match = _MODE.match(_name_of(profile)) if self._is_own else None
        return match[1] if match else self._mode

    def _read_frames(self, shared: Any) -> None:
        table = shared.get("frames") if isinstance(shared, dict) else None
        if not isinstance(table, list):
            raise InputError("no speedscope file: it has no table of frames")
        nameless = 0
        for index, frame in enumerate(table):
            name = frame.get("name") if isinstance(frame, dict) else None
            nameless += not isinstance(name, str)
            self._frames[index] = clean_frame(name if isinstance(name, str) else f"[frame {index}]")
        if nameless:
            self._problem("bad-frame", "frames without a name: shown by their index", nameless)

    def _chosen(self, profiles: list[Any]) -> list[Any]:
        pattern = self._source.options.profile
        if pattern is None:
            whole = [one for one in profiles if _name_of(one).startswith(SPEEDSCOPE_ALL)]
            return whole if self._is_own and whole else profiles
        chosen = [profile for profile in profiles if pattern.search(_name_of(profile))]
        if not chosen:
            raise unknown_profile(self._file, "profile", pattern, list(map(_name_of, profiles)))
        return chosen

    def _read_profile(self, profile: Mapping[str, Any], name: str) -> None:
        sums = _Sums(self._frames)
        kind = profile.get("type")
        if kind == "sampled":
            wrong = _read_samples(profile, sums)
        elif kind == "evented":
            wrong = _read_events(profile, sums)
        else:
            wrong = f"of type {quote(str(kind))}: neither sampled nor evented"
        if wrong:
            self._problem("bad-profile", f"profile {name}: {wrong}; left out", 1, "loss")
            return
        for (problem, text, severity), count in sums.wrong.items():
            self._problem(problem, f"profile {name}: {text}", count, severity)
        unit, multiplier = self._unit_of(profile, name)
        known = self._sums.setdefault((self._mode_of(profile), unit), {})
        for stack, (value, records) in sums.stacks.items():
            before, records_before = known.get(stack, (0, 0))
            known[stack] = before + _times(value, multiplier), records_before + records
            self._parsed.records += records

    def _unit_of(self, profile: Mapping[str, Any], name: str) -> tuple[Unit, int | Fraction]:
        """Return the unit of a profile's values in pvprof, and their multiplier."""
        options, stated = self._source.options, profile.get("unit")
        factor = options.factor or 1
        if isinstance(stated, str) and stated in _NS_PER:
            return "ns", _NS_PER[stated] * factor
        if stated == "bytes":
            return "bytes", factor
        if stated != "none":
            text = f"profile {name}: no unit of speedscope: {quote(str(stated))}"
            unit = named_unit(stated) if isinstance(stated, str) else None
            self._problem("bad-unit", text if unit else f"{text}; taken for none")
            if unit and options.unit is None:
                return unit[0], unit[1] * factor
        if options.unit is None:
            own = _OWN_UNIT.search(_name_of(profile))
            return own[1] if self._is_own and own else "samples", factor
        return options.unit, options.unit_size * factor

    def _problem(
        self, kind: str, text: str, count: int = 1, severity: Severity = "warning"
    ) -> None:
        problem = Problem(kind, text, self._file, count=count, severity=severity)
        self._parsed.problems.append(problem)


def _load(data: bytes, limits: Limits) -> Any:
    """Return the JSON value of a text; numbers with a fraction are exact.

    Raises:
        InputError: the text is no JSON, or its values need too much memory.
    """

    def refuse(name: str) -> NoReturn:
        raise ValueError(f"{name} is no number")

    try:
        text = data.decode("utf-8-sig", "backslashreplace")
        return load_json(text, limits, parse_float=Decimal, parse_constant=refuse)
    except (ValueError, ArithmeticError) as error:
        raise InputError(f"damaged or cut-off JSON: {first_line(error)}") from error


def _times(value: Number, multiplier: int | Fraction) -> int | Fraction:
    """Return a product, exactly; an integer if it is one, since integers add up much faster."""
    if isinstance(value, Decimal):
        if isinstance(multiplier, Fraction):
            return Fraction(value) * multiplier
        product = value * multiplier
        return int(product) if product == product.to_integral_value() else Fraction(product)
    return value * multiplier


def _name_of(profile: Any) -> str:
    name = profile.get("name") if isinstance(profile, dict) else None
    return name if isinstance(name, str) else ""


def _is_number(value: Any) -> bool:
    """Tell whether a JSON value is a number of a possible size."""
    if isinstance(value, int):
        return not isinstance(value, bool) and value.bit_length() < _MAX_BITS
    return isinstance(value, Decimal) and value.adjusted() < _MAX_DIGITS


@dataclass(slots=True)
class _Sums:
    """The sums of one profile.

    Attributes:
        frames: names of frames by index.
        stacks: for each stack its value, in the file's unit, and its number of records.
        wrong: number of problems by kind, text and severity.
        text_size: length of the text of all stacks.
        max_depth: maximum number of frames in a stack, so that its text is not too long.
    """

    frames: Mapping[Hashable, str]
    stacks: dict[Stack, tuple[Number, int]] = field(default_factory=dict)
    wrong: dict[tuple[str, str, Severity], int] = field(default_factory=dict)
    text_size: int = 0
    max_depth: int = field(init=False)

    def __post_init__(self) -> None:
        longest = max(map(len, self.frames.values()), default=1)
        self.max_depth = min(MAX_FRAMES, MAX_STACKS_TEXT // longest)

    def add(self, names: Iterable[str], value: Number) -> None:
        """Add the value of one record; `names` are its frames, root first."""
        stack = Stack(";".join(names))
        known, records = self.stacks.get(stack, (0, 0))
        if not records:
            self.text_size += len(stack)
            if self.text_size > MAX_STACKS_TEXT:
                raise InputError(
                    f"its stacks, each in full, are more than {MAX_STACKS_TEXT >> 20} MiB of text",
                    "a few names that are very long, or recursion that is very deep",
                )
        self.stacks[stack] = (known + value, records + 1)

    def count(self, kind: str, text: str, severity: Severity = "loss", times: int = 1) -> None:
        """Count a problem."""
        problem = (kind, text, severity)
        self.wrong[problem] = self.wrong.get(problem, 0) + times


def _read_samples(profile: Mapping[str, Any], sums: _Sums) -> str:
    """Add up the samples of a profile; return why that is impossible, or an empty text."""
    samples, weights = profile.get("samples"), profile.get("weights")
    if not isinstance(samples, list) or not isinstance(weights, list):
        return "no list of samples and weights"
    if len(samples) != len(weights):
        return f"{len(samples):,} samples and {len(weights):,} weights"
    name_of = sums.frames.__getitem__
    for sample, weight in zip(samples, weights, strict=True):
        if not _is_number(weight) or weight < 0:
            sums.count("bad-sample", "samples whose weight is no number from 0 on; left out")
        elif weight == 0:
            continue
        elif isinstance(sample, list) and len(sample) > sums.max_depth:
            sums.count("bad-sample", f"samples of more than {sums.max_depth:,} frames; left out")
        elif not sample:
            sums.count("idle", "samples without a frame, which are no stack; left out", "note")
        else:
            try:
                sums.add(map(name_of, sample), weight)
            except (KeyError, TypeError):  # no such index, no list
                sums.count("bad-sample", "samples with a frame that is not there; left out")
    return ""


def _read_events(profile: Mapping[str, Any], sums: _Sums) -> str:
    """Add up the times between the events of a profile; return as `_read_samples` does."""
    events = profile.get("events")
    if not isinstance(events, list):
        return "no list of events"
    replay = _Replay(sums)
    for event in events:
        replay.add(event)
    replay.end(profile.get("endValue"))
    return ""


class _Replay:
    """The stack of open frames while events are added, one after the other."""

    def __init__(self, sums: _Sums) -> None:
        self._sums = sums
        self._open: list[Hashable] = []
        self._names: list[str] = []
        self._now: Number | None = None

    def add(self, event: Any) -> None:
        """Add the next event; count it if it is damaged or out of order."""
        try:
            kind, frame, at = event["type"], event["frame"], event["at"]
            is_fit = frame in self._sums.frames and _is_number(at)
        except (KeyError, TypeError):
            kind, is_fit = "", False
        if not is_fit or kind not in ("O", "C"):
            self._sums.count("bad-event", "events without a frame, a time or a type; left out")
            return
        self._pass_to(at)
        if kind == "O" and len(self._open) == self._sums.max_depth:
            raise InputError(f"more than {self._sums.max_depth:,} frames are open at once")
        if kind == "O":
            self._open.append(frame)
            self._names.append(self._sums.frames[frame])
        else:
            self._close(frame)

    def end(self, at: Any) -> None:
        """Close the frames that are still open at the end of the profile."""
        if not self._open:
            return
        self._sums.count("cut-off", "frames that were never closed", times=len(self._open))
        if _is_number(at) and self._now is not None and at > self._now:
            self._pass_to(at)

    def _pass_to(self, at: Number) -> None:
        now = at if self._now is None else self._now
        if at > now and self._open:
            self._sums.add(self._names, at - now)
        if at < now:
            self._sums.count("bad-event", "events before the one before them; moved", "warning")
            at = now
        self._now = at

    def _close(self, frame: Hashable) -> None:
        """Close a frame, and all frames that are open above it."""
        if self._open and self._open[-1] == frame:
            index = len(self._open) - 1
        elif frame in self._open:
            self._sums.count("bad-event", "frames closed with others open above them", "warning")
            index = len(self._open) - 1 - self._open[::-1].index(frame)
        else:
            self._sums.count("bad-event", "frames closed that were not open; left out", "warning")
            return
        del self._open[index:], self._names[index:]


def _is_document(sample: Sample) -> bool:
    return _DOCUMENT.match(sample.start) is not None


LAYOUT = Layout(
    name="speedscope",
    summary="speedscope JSON of any tool, sampled and evented",
    read=lambda source: SpeedscopeReader(source).read(),
    has_documents=True,
    signature=_is_document,
    has_fractions=True,
    has_profiles=True,
)
