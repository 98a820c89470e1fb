"""From the entries of maps to a result: which map is meant, its unit, what its prints mean.

One map is read: one whose keys have stacks, or, if there is none, one without. Of a map that was
printed several times the last print counts if each has all that the print before it had: then the
program did not clear it. Otherwise all prints are added up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, pairwise

from pvprof.errors import UsageError
from pvprof.model.problems import Problem, Severity
from pvprof.model.profile import Histogram, Key
from pvprof.model.stacks import DELIMITER, Frame, Stack, stack_of
from pvprof.parse.line_cache import LineCache
from pvprof.parse.linux.kernel_roots import order_of_stack
from pvprof.parse.linux.maps.map_frames import frame_of, is_joined
from pvprof.parse.linux.maps.map_keys import MapKey
from pvprof.parse.linux.maps.map_units import MapUnit, is_of_averages, unit_of
from pvprof.parse.linux.maps.map_values import MapValue
from pvprof.parse.linux.tracing_frames import without_tracing_frames
from pvprof.parse.problem_counts import KindCounts, Tally
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.values import why_not_measured
from pvprof.units import Unit

_MECHANISMS: dict[Unit, str] = {"ns": "off-cpu", "events": ""}

PROBLEMS: dict[str, tuple[str, Severity]] = {
    "drops": ("bpftrace lost events", "loss"),
    "map-full": ("values not kept: a map was full", "loss"),
    "lost-stacks": ("bpftrace lost stacks: their values have none", "loss"),
    "damaged": ("entries of maps are damaged; left out", "loss"),
    "cut-off": ("the text ends inside an entry, which is left out", "loss"),
    "no-final-newline": ("the last line may have been cut short", "warning"),
    "ambiguous-frames": (
        "stacks whose addresses and names are joined, as bpftrace prints mode perf in JSON from"
        " 0.24 on: some names may begin too early or too late; record without -f json",
        "warning",
    ),
    "other-maps": (
        "entries of other maps are not read (histograms are if their name or --unit is a time)",
        "note",
    ),
    "bad-line": ("lines that belong to no map were skipped", "note"),
}
"""What may be odd in the print of maps, by kind: text and severity."""


@dataclass(frozen=True, slots=True)
class MapEntry:
    """One key of a map and its value.

    Attributes:
        key: as it was printed.
        value: in the unit of the map.
        print_number: counts the prints of the map.
    """

    key: MapKey
    value: MapValue
    print_number: int


class MapSums:
    """Takes the entries of all maps of a text and returns its result.

    Attributes:
        problem_counts: what was odd; kinds are those of `PROBLEMS`.
    """

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._names = source.frame_names
        self._file = source.name
        self._entries: dict[str, list[MapEntry]] = {}
        self._histograms: list[tuple[str, MapKey, tuple[tuple[int, int], ...]]] = []
        self._prints: Counter[str] = Counter()
        self._begun_again: Counter[str] = Counter()  # prints that certainly follow another one
        self._current = ""
        self._keys: set[bytes] = set()  # of the current print
        self._others: Counter[str] = Counter()  # entries whose values are no numbers
        self._averages: set[str] = set()
        self._stacks: dict[tuple[bool, tuple[tuple[bytes, ...], ...]], Stack] = {}
        self._raw_frames = LineCache(frame_of)
        self._tally = Tally(source.name)
        self._parsed = ParseResult()
        self.problem_counts = KindCounts(source.name, PROBLEMS)

    def interrupt(self) -> None:
        """Note that the next entry begins another print of its map."""
        self._current = ""

    def add(self, name: str, key: MapKey, value: MapValue) -> None:
        """Take an entry of the map with this name, ``@`` included."""
        entries = self._entries.setdefault(name, [])
        # bpftrace sorts a map by its values.
        if name != self._current or (entries and value.number < entries[-1].value.number):
            self._prints[name] += 1
            self._begun_again[name] += bool(entries)
            self._keys = {key.raw}
        elif key.raw in self._keys:  # or two processes have stacks that look the same
            self._prints[name] += 1
            self._keys = {key.raw}
        self._keys.add(key.raw)
        self._current = name
        entries.append(MapEntry(key, value, self._prints[name]))

    def add_histogram(self, name: str, key: MapKey, buckets: tuple[tuple[int, int], ...]) -> None:
        """Take a histogram: (lower bound, size) of its rows, in the unit of the map."""
        self._current = ""
        self._histograms.append((name, key, buckets))

    def add_other(self, name: str) -> None:
        """Note an entry whose value is no number: a text, a tuple, a stack."""
        self._current = ""
        self._others[name] += 1

    def add_averages(self, name: str) -> None:
        """Note that the values of a map are averages, as it says itself."""
        self._averages.add(name)

    def finish(self) -> ParseResult:
        """Return the result.

        Raises:
            UsageError: several maps are possible, or no map matches ``--profile``.
        """
        if self._entries:
            chosen = self._choose()
            self._add_map(chosen)
            self.problem_counts.add(
                "damaged", 0, self._others.pop(chosen, 0)
            )  # others have numbers
        self.problem_counts.add("other-maps", 0, self._others.total())
        for name, key, buckets in self._histograms:
            self._add_histogram(name, key, buckets)
        self._parsed.problems.extend(self._tally.problems())
        self._parsed.problems.extend(self.problem_counts.problems())
        self._parsed.hex_frames |= self._names.hex_frames
        return self._parsed

    def _choose(self) -> str:
        pattern = self._source.options.profile
        names = [name for name in self._entries if pattern is None or pattern.search(name)]
        with_stacks = [
            name for name in names if any(any(entry.key.stacks) for entry in self._entries[name])
        ]
        candidates = with_stacks or names
        known = ", ".join(self._entries)
        if not candidates:
            raise UsageError(f"--profile: no map of that name; there are {known}")
        if len(candidates) > 1:
            reason = f"{self._file} has several maps that could be meant: {', '.join(candidates)}"
            raise UsageError(reason, "choose one: --profile NAME")
        for name, entries in self._entries.items():
            if name != candidates[0]:
                self.problem_counts.add("other-maps", 0, len(entries))
        return candidates[0]

    def _unit_of(self, name: str) -> MapUnit:
        """Return the unit of a map's numbers: the one that was given, or that its name implies."""
        given = self._source.options.unit
        return unit_of(name) if given is None else MapUnit(given, 1, given)

    def _add_map(self, name: str) -> None:
        unit = self._unit_of(name)
        if self._source.options.unit is None:
            self._problem("unit", f"{name} is taken for {unit.name}; --unit overrides that", "note")
        if name in self._averages or is_of_averages(name):
            text = (
                f"{name} has averages or extremes: their sums mean little; record sum() or stats()"
            )
            self._problem("no-sums", text, "warning")
        has_counts = unit.unit == "ns"
        for entry in self._entries_that_count(name):
            number, times = entry.value
            values = (number * unit.scale, *([times] if has_counts and times is not None else []))
            key = _key_of(entry.key, _MECHANISMS.get(unit.unit, "on-cpu"))
            refusal = why_not_measured(values)
            if refusal is None:
                stack = self._stack(entry.key.stacks, is_wait=unit.unit == "ns")
                self._parsed.add(unit.unit, key, stack, values, 1)
            else:
                text = f"values left out: {refusal.reason}"
                self._tally.add(refusal.kind, text, "loss", lambda: 0)

    def _entries_that_count(self, name: str) -> list[MapEntry]:
        entries = self._entries[name]
        sums: dict[int, Counter[bytes]] = {}
        for entry in entries:
            sums.setdefault(entry.print_number, Counter())[entry.key.raw] += entry.value.number
        prints = list(sums.values())
        if sum(map(len, prints)) == len(set().union(*prints)):
            return entries  # no key was printed twice
        if all(_goes_on(before, after) for before, after in pairwise(prints)):
            what = "each with all of the one before: the last is read"
            entries = [entry for entry in entries if entry.print_number == entries[-1].print_number]
        elif not self._begun_again[name]:
            return entries
        else:
            what = "and some keys are not in the next: all are added up, as if it was cleared"
        text = f"{name} was printed {len(prints)} times, {what}"
        self._problem("several-prints", text, "warning")
        return entries

    def _add_histogram(self, name: str, key: MapKey, buckets: tuple[tuple[int, int], ...]) -> None:
        unit = self._unit_of(name)
        if unit.unit != "ns":
            self.problem_counts.add("other-maps", 0)
            return
        scaled = tuple((bound * unit.scale, size) for bound, size in buckets)
        named = _key_of(key, "")
        named = named._replace(name=named.name or name)
        stack = self._stack(key.stacks, is_wait=True)
        self._parsed.histograms.append(Histogram(named, scaled, stack=stack))
        self._parsed.records += 1

    def _stack(self, blocks: tuple[tuple[bytes, ...], ...], is_wait: bool) -> Stack:
        """Return the stacks of a key as one, root first."""
        known = self._stacks.get((is_wait, blocks))
        if known is None:
            if any(line.startswith(b"\t") and is_joined(line) for line in chain(*blocks)):
                self.problem_counts.add("ambiguous-frames", 0)
            known = self._stacks[is_wait, blocks] = self._join(blocks, is_wait)
        return known

    def _join(self, blocks: Iterable[tuple[bytes, ...]], is_wait: bool) -> Stack:
        raw = [[self._raw_frames[line] for line in block if line.strip()] for block in blocks]
        raw = [block for block in raw if block]
        # The kernel's stack comes first, as is usual, unless the frames tell otherwise.
        raw.sort(key=order_of_stack)
        if raw and is_wait:  # no timer takes the stacks of waits
            raw[0] = without_tracing_frames(raw[0])
        kernel, *others = [self._frames(block) for block in raw] or [[]]
        user = [frame for block in others for frame in block]
        return stack_of(reversed([*kernel, *([DELIMITER] if user else []), *user]))

    def _frames(self, raw_frames: list[bytes]) -> list[Frame]:
        """Return clean frames, leaf first."""
        return [name for frame in raw_frames for name in self._names[frame]]

    def _problem(self, kind: str, text: str, severity: Severity) -> None:
        self._parsed.problems.append(Problem(kind, text, self._file, severity=severity))


def _goes_on(before: Mapping[bytes, int], after: Mapping[bytes, int]) -> bool:
    """Tell whether a print has all that another one before it had."""
    return all(after.get(key, -1) >= number for key, number in before.items())


def _key_of(key: MapKey, mechanism: str) -> Key:
    """Return the key of an entry; its first word is taken for a process, the rest for a name."""
    execname, name = (key.words[0], " ".join(key.words[1:])) if key.words else ("", "")
    return Key(mechanism, name, execname)
