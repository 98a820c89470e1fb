"""The data in an HTML page: all that was read, as one compact text that can be read back.

Owns that text, both ways: JSON, packed with gzip, in base64. It holds weights by key and stack, not
only folded stacks, so that pvprof can fold, count, filter and report the data of a page again. It
refuses to know the page around it: ``render.html`` writes it, ``parse.files`` finds the text in it.

::

    {"schema": 2,
     "recordings": [{"name": ..., "manifest": {...}}],
     "records": 2659,
     "modes": [{
         "mode": "offcpu", "recordings": 1,
         "profiles": [{"unit": "ns", "has_counts": true, "groups": [
             {"key": [mechanism, name, execname, sleeper, lock class],
              "stacks": [...], "values": [...], "counts": [...], "records": [...]}]}],
         "open": {a profile in ns},
         "endings": {"keys": [[...], ...], "stacks": [...], "execnames": [...],
                     "rows": [[key, stack, execname, waker's stack,
                               blocked, runnable, count], ...]},
         "histograms": [{"key": [...], "buckets": [[bound, count], ...], "stack": ...}],
         "holds": [[[lock's key], caller, hold_ns, acquisitions, max_hold_ns or -1], ...]}],
     "problems": [[kind, text, file, line, count, severity], ...]}

``holds`` exists if hold times were recorded, ``endings`` if wakers were, ``open`` if waits without
an end were. The first four numbers of a row of ``endings`` are indices into the lists before;
``blocked`` and ``runnable`` are in ns.
Schema history: 1, the first, had all modes added up, in the document itself; 2 has them apart.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any, NoReturn, get_args

from pvprof.errors import InputError, first_line, quote
from pvprof.model.problems import Problem, Severity
from pvprof.model.profile import Histogram, Key, LockHold, Profile, Weight, weights_of
from pvprof.model.stacks import NO_STACK, Stack, clean_frame, stack_of
from pvprof.model.wakeup_sums import NO_SPLIT, WaitSplit, WakeupKey, WakeupSums, add_wakeup_sums
from pvprof.recording.limits import USUAL, Limits, load_json
from pvprof.recording.manifest import Manifest
from pvprof.recording.packing import unpack
from pvprof.units import Unit, is_unit

SCHEMA = 2
_LINE_LENGTH = 160
_MAX_BITS = 200
"""The longest number. A longer one was never measured, and takes long to print."""


@dataclass(frozen=True, slots=True)
class ModeData:
    """All that was recorded in one mode, except for single waits.

    Attributes:
        mode: its name; empty if unknown.
        recordings: how many were added up.
        profiles: at most one for each unit.
        histograms: of waits.
        endings: sums by waker; None if wakers were not recorded.
        holds: how long locks were held.
        open_waits: the waits that had no end; None if they were not recorded.
    """

    mode: str
    recordings: int
    profiles: tuple[Profile, ...]
    histograms: tuple[Histogram, ...] = ()
    endings: WakeupSums | None = None
    holds: tuple[LockHold, ...] = ()
    open_waits: Profile | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that was read from recordings, except for single waits.

    Attributes:
        recordings: (name, manifest) of each; the manifest is false if there was none.
        records: number of records read.
        modes: the data of each mode.
        problems: of all recordings.
    """

    recordings: tuple[tuple[str, Manifest], ...]
    records: int
    modes: tuple[ModeData, ...]
    problems: tuple[Problem, ...] = ()


def encode(snapshot: Snapshot) -> str:
    """Return a snapshot as lines of base64; the same snapshot gives the same text."""
    document = {
        "schema": SCHEMA,
        "recordings": [
            {"name": name, "manifest": dict(manifest.raw)} for name, manifest in snapshot.recordings
        ],
        "records": snapshot.records,
        "modes": [_mode_as_json(data) for data in snapshot.modes],
        "problems": [astuple(problem) for problem in snapshot.problems],
    }
    text = json.dumps(document, separators=(",", ":"))
    packed = base64.b64encode(gzip.compress(text.encode("ascii"), 6, mtime=0)).decode("ascii")
    return (
        "\n".join(
            packed[begin : begin + _LINE_LENGTH] for begin in range(0, len(packed), _LINE_LENGTH)
        )
        + "\n"
    )


def _mode_as_json(data: ModeData) -> dict[str, Any]:
    document: dict[str, Any] = {
        "mode": data.mode,
        "recordings": data.recordings,
        "profiles": [_profile_as_json(profile) for profile in data.profiles],
        "histograms": [_histogram_as_json(histogram) for histogram in data.histograms],
    }
    if data.holds:
        document["holds"] = [
            (
                *(hold.key.texts, hold.caller, hold.hold_ns, hold.acquisitions),
                -1 if hold.max_hold_ns is None else hold.max_hold_ns,
            )
            for hold in data.holds
        ]
    if data.open_waits is not None:
        document["open"] = _profile_as_json(data.open_waits)
    if data.endings is not None:
        document["endings"] = _endings_as_json(data.endings)
    return document


def _histogram_as_json(histogram: Histogram) -> dict[str, Any]:
    document: dict[str, Any] = {"key": histogram.key.texts, "buckets": histogram.buckets}
    return document if histogram.stack == NO_STACK else {**document, "stack": histogram.stack}


def _endings_as_json(endings: WakeupSums) -> dict[str, Any]:
    keys: dict[Key, int] = {}
    stacks: dict[Stack, int] = {}
    execnames: dict[str, int] = {}
    rows = [
        (
            keys.setdefault(wakeup.key, len(keys)),
            stacks.setdefault(wakeup.stack, len(stacks)),
            execnames.setdefault(wakeup.execname, len(execnames)),
            stacks.setdefault(wakeup.waker, len(stacks)),
            *split,
        )
        for wakeup, split in endings.items()
    ]
    return {
        "keys": [key.texts for key in keys],
        "stacks": list(stacks),
        "execnames": list(execnames),
        "rows": rows,
    }


def _profile_as_json(profile: Profile) -> dict[str, Any]:
    groups = []
    for key, stacks in profile.groups.items():
        values, counts, records = zip(*stacks.values(), strict=True) if stacks else ((), (), ())
        groups.append(
            {
                "key": key.texts,
                "stacks": list(stacks),
                "values": values,
                "counts": counts,
                "records": records,
            }
        )
    return {"unit": profile.unit, "has_counts": profile.has_counts, "groups": groups}


def decode(text: bytes, limits: Limits = USUAL) -> Snapshot:
    """Return the snapshot in a text.

    Raises:
        InputError: it is damaged, cut off, too large, or has an unknown schema.
    """
    try:
        packed = base64.b64decode(b"".join(text.split()), validate=True)
        unpacked, is_cut = unpack(packed, "its data", limits)
        if is_cut:
            raise InputError("its data are cut off")
        document = load_json(bytes(unpacked).decode(), limits)
    except ValueError as error:  # of base64, UTF-8 or JSON
        raise InputError(f"its data are damaged or cut off: {first_line(error)}") from error
    root = _Reader(document, "")
    schema = root.field("schema").value
    if schema not in (1, SCHEMA) or isinstance(schema, bool):
        raise InputError(
            f"schema {quote(str(schema))} of its data is not known; {SCHEMA} is", "update pvprof"
        )
    recordings = tuple(
        (item.field("name").text(), Manifest.from_json(item.field("manifest").mapping()))
        for item in root.field("recordings").items()
    )
    if schema == 1:
        names = {manifest.mode for _, manifest in recordings}
        modes = [_read_mode(root, names.pop() if len(names) == 1 else "", len(recordings))]
    else:
        modes = _read_modes(root.field("modes"))
    return Snapshot(
        recordings=recordings,
        records=root.field("records").number(),
        modes=tuple(modes),
        problems=tuple(_read_problem(item) for item in root.field("problems").items()),
    )


def _read_modes(items: _Reader) -> list[ModeData]:
    modes: dict[str, ModeData] = {}
    for item in items.items():
        mode = item.field("mode").text()
        if mode in modes:
            item.fail("a mode comes twice")
        modes[mode] = _read_mode(item, mode, item.field("recordings").number())
    return list(modes.values())


def _read_mode(item: _Reader, mode: str, recordings: int) -> ModeData:
    units: set[Unit] = set()
    profiles = []
    for one in item.field("profiles").items():
        profile = _read_profile(one)
        if profile.unit in units:
            one.fail("a unit comes twice")
        units.add(profile.unit)
        profiles.append(profile)
    has_endings = "endings" in item.mapping()
    open_waits = _read_profile(item.field("open")) if "open" in item.mapping() else None
    if open_waits is not None and open_waits.unit != "ns":
        item.field("open").fail("not in ns")
    return ModeData(
        mode=mode,
        recordings=recordings,
        profiles=tuple(profiles),
        histograms=tuple(_read_histogram(one) for one in item.field("histograms").items()),
        endings=_read_endings(item.field("endings"), profiles) if has_endings else None,
        holds=tuple(map(_read_hold, item.field("holds").items()))
        if "holds" in item.mapping()
        else (),
        open_waits=open_waits,
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """A value of the document that is not yet checked, and its path, such as ``.records[3]``."""

    value: Any
    path: str

    def fail(self, reason: str) -> NoReturn:
        raise InputError(f"its data are damaged: {self.path.lstrip('.') or 'all'}: {reason}")

    def field(self, name: str) -> _Reader:
        if not isinstance(self.value, dict) or name not in self.value:
            self.fail(f"{name} is missing")
        return _Reader(self.value[name], f"{self.path}.{name}")

    def items(self) -> list[_Reader]:
        if not isinstance(self.value, list):
            self.fail("not a list")
        return [_Reader(item, f"{self.path}[{index}]") for index, item in enumerate(self.value)]

    def text(self) -> str:
        if not isinstance(self.value, str):
            self.fail("not a text")
        return self.value

    def number(self) -> int:
        if type(self.value) is not int or self.value.bit_length() > _MAX_BITS:
            self.fail("not an integer")
        return self.value

    def mapping(self) -> Mapping[str, Any]:
        if not isinstance(self.value, dict):
            self.fail("not an object")
        return self.value

    def texts(self) -> list[str]:
        if not isinstance(self.value, list) or not all(type(item) is str for item in self.value):
            self.fail("not a list of texts")
        return self.value

    def weights(self, count: int) -> list[int]:
        """Return this number of integers, none negative."""
        numbers = self.value
        if not isinstance(numbers, list) or len(numbers) != count:
            self.fail("not as many numbers as there are stacks")
        are_counts = all(type(number) is int and number >= 0 for number in numbers)
        if not are_counts or (numbers and max(numbers).bit_length() > _MAX_BITS):
            self.fail("not a list of counts")
        return numbers

    def key(self) -> Key:
        texts = self.texts()
        if len(texts) != len(Key().texts):
            self.fail("not a key")
        mechanism, name, execname, sleeper, lock_class = texts
        return Key(mechanism, name, execname, sleeper, lock_class)


def _read_profile(item: _Reader) -> Profile:
    unit, has_counts = item.field("unit"), item.field("has_counts").value
    if not is_unit(unit.text()) or not isinstance(has_counts, bool):
        item.fail("not a profile")
    profile = Profile(unit.value, has_counts)
    for group in item.field("groups").items():
        stacks = [_clean_stack(stack) for stack in group.field("stacks").texts()]
        columns = [
            group.field(name).weights(len(stacks)) for name in ("values", "counts", "records")
        ]
        for stack, weight in zip(stacks, weights_of(zip(*columns, strict=True)), strict=True):
            profile.add(group.field("key").key(), stack, weight)
    return profile


def _read_endings(item: _Reader, profiles: Sequence[Profile]) -> WakeupSums:
    keys = [key.key() for key in item.field("keys").items()]
    stacks = [_clean_stack(text) for text in item.field("stacks").texts()]
    execnames = item.field("execnames").texts()
    sums: WakeupSums = {}
    for row in item.field("rows").items():
        numbers = row.weights(7)
        indices = numbers[:4]
        sizes = (len(keys), len(stacks), len(execnames), len(stacks))
        if any(index >= size for index, size in zip(indices, sizes, strict=True)):
            row.fail("there is no such key or stack")
        key, stack, execname, waker = indices
        wakeup = WakeupKey(keys[key], stacks[stack], execnames[execname], stacks[waker])
        add_wakeup_sums(sums, {wakeup: WaitSplit(*numbers[4:])})
    waits = next((profile for profile in profiles if profile.unit == "ns"), Profile("ns", True))
    _check_ended_waits(item, sums, waits)
    return sums


def _check_ended_waits(item: _Reader, sums: WakeupSums, waits: Profile) -> None:
    """Check that no more waits ended than there were.

    Raises:
        InputError: more waits ended.
    """
    splits: dict[tuple[Key, Stack], WaitSplit] = {}
    for wakeup, split in sums.items():
        known = splits.get((wakeup.key, wakeup.stack), NO_SPLIT)
        splits[wakeup.key, wakeup.stack] = known.plus(split)
    for (key, stack), split in splits.items():
        weight = waits.groups.get(key, {}).get(stack, Weight(0, 0, 0))
        if split.wait_ns > weight.value or split.count > weight.count:
            item.fail("more waits ended than there were")


def _clean_stack(text: str) -> Stack:
    """Return a stack of clean frames; text that pvprof wrote is clean, so check that first."""
    is_plain = text.isascii() and text.isprintable() and " " not in text
    if is_plain and ";;" not in f";{text};":
        return Stack(text)
    return stack_of(map(clean_frame, text.split(";")))


def _read_histogram(item: _Reader) -> Histogram:
    pairs: list[tuple[int, int]] = []
    for bucket in item.field("buckets").items():
        pair = bucket.items()
        if len(pair) != 2:
            bucket.fail("not a bucket")
        pairs.append((pair[0].number(), pair[1].number()))
    has_stack = "stack" in item.mapping()
    stack = _clean_stack(item.field("stack").text()) if has_stack else NO_STACK
    return Histogram(item.field("key").key(), tuple(pairs), stack=stack)


def _read_hold(item: _Reader) -> LockHold:
    fields: Sequence[_Reader] = item.items()
    if len(fields) != 5:
        item.fail("not a hold time")
    hold_ns, acquisitions, longest_ns = (field.number() for field in fields[2:])
    longest = None if longest_ns < 0 else longest_ns
    return LockHold(fields[0].key(), fields[1].text(), hold_ns, acquisitions, longest)


def _read_problem(item: _Reader) -> Problem:
    fields: Sequence[_Reader] = item.items()
    if len(fields) != 6 or fields[5].value not in get_args(Severity):
        item.fail("not a problem")
    kind, text, file = (field.text() for field in fields[:3])
    line, count = fields[3].number(), fields[4].number()
    return Problem(kind, text, file, line, count, fields[5].value)
