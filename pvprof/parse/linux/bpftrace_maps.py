r"""The maps that any bpftrace program prints when it ends.

::

    @ns[
        __schedule+1560                          a stack, leaf first, in a key
        schedule+35
    ,
        0x7f91ec57fad7                           another
    , sleep]: 39824
    @n[kworker/0:1, 17603]: 3                    keys of other parts
    @stats[dd]: count 4, average 9, total 37     the result of stats(), up to bpftrace 0.23
    @stats[dd]: { .count = 4, .average = 9, .total = 37 }               and from 0.24 on
    @usecs:                                      a histogram
    [4K, 8K)     2 |@@@@      |

One map is read: one whose keys have stacks, or, if there is none, one without. A program does not
state the unit of its numbers: a map holds times only if its name ends in ``ns``. Keys are not
quoted: a part that holds ``, `` becomes several.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pvprof.errors import UsageError
from pvprof.model.problems import Problem, Severity
from pvprof.model.profile import Key
from pvprof.model.stacks import DELIMITER, Frame, Stack, stack_of
from pvprof.parse.layout import Layout
from pvprof.parse.linux.tracing_frames import without_tracing_frames
from pvprof.parse.problem_counts import KindCounts
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.frames import decode
from pvprof.units import Unit

_ENTRY = re.compile(rb"@(\w*)\[")
_SCALAR = re.compile(rb"@\w*: ?-?[0-9]*\s*$")
_VALUE = re.compile(
    rb"(?s)(.*)\]: (?:(-?[0-9]{1,20})"
    rb"|(?:\{ \.)?count (?:= )?([0-9]{1,20}), \.?average (?:= )?-?[0-9]+,"
    rb" \.?total (?:= )?(-?[0-9]{1,20})(?: \})?)\s*$"
)
_HISTOGRAM_ROW = re.compile(rb"[\[(].*[\])]\s+[0-9]+ \|")
_STACK = re.compile(rb"\n((?:    [^\n]*\n|\t[^\n]*\n)+)")
_OFFSET = re.compile(rb"\+[0-9]+$")
_NUMBER = re.compile(r"-?[0-9]+|0x[0-9a-f]+")
_LOST = re.compile(rb"Lost ([0-9]+) events")
_LOST_STACK = b"ailed to look up stack id"
_BANNER = re.compile(rb"Attach(?:ing|ed) [0-9]+ probes?(?:\.\.\.)?|.*RLIMIT_MEMLOCK.*")
_MECHANISMS: dict[Unit, str] = {"ns": "off-cpu", "samples": "on-cpu", "events": ""}
_NAMED_NS = re.compile(r"(?:.*_)?(?:ns|nsecs?)(?:_.*)?")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One key of a map, and its value."""

    name: str
    key: Key
    stack: Stack
    value: int
    count: int | None


class MapReader:
    """Reads all maps of a text into a `ParseResult`."""

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._names = source.frame_names
        self._file = source.name
        self._problem_counts = KindCounts(source.name, _PROBLEMS)
        self._parsed = ParseResult()

    def read(self) -> ParseResult:
        """Return the result.

        Raises:
            UsageError: several maps are possible, or no map matches ``--profile``.
        """
        by_map: dict[str, list[_Entry]] = {}
        for entry in self._entries(self._source.text()):
            by_map.setdefault(entry.name, []).append(entry)
        if by_map:
            self._add_map(by_map[self._choose(by_map)])
        self._parsed.problems.extend(self._problem_counts.problems())
        self._parsed.hex_frames |= self._names.hex_frames
        return self._parsed

    def _entries(self, data: bytes) -> Iterator[_Entry]:
        """Yield the entries of all maps; note all other lines."""
        pending: list[bytes] = []
        start = 0
        lines = data.removesuffix(b"\n").split(b"\n")
        for number, line in enumerate(lines, 1):
            if pending and _ENTRY.match(line):  # an entry begins in the middle of another
                self._problem_counts.add("damaged", start)
                pending = []
            if not pending and not _ENTRY.match(line):
                self._read_other(line, number)
                continue
            start = start if pending else number
            pending.append(line)
            entry = self._entry(b"\n".join(pending))
            if entry is not None:
                yield entry
            if entry is not None or _VALUE.match(line):
                pending = []
        if pending:
            self._problem_counts.add("cut-off", start)
        elif not data.endswith(b"\n"):
            self._problem_counts.add("no-final-newline", len(lines))

    def _entry(self, text: bytes) -> _Entry | None:
        """Return the entry that a text spells, or None if it is not complete."""
        match = _VALUE.fullmatch(text)
        if match is None:
            return None
        head, value, count, total = match.groups()
        name, _, inner = head.partition(b"[")
        blocks = [_raw_frames(block.group(1)) for block in _STACK.finditer(inner)]
        if blocks and self._unit_of(decode(name)) == "ns":  # waits: no timer takes their stacks
            blocks[0] = without_tracing_frames(blocks[0])
        rest = decode(_STACK.sub(b"", inner))
        texts = [part.strip("\n") for part in rest.split(", ")]
        words = [part for part in texts if part.strip() and not _NUMBER.fullmatch(part)]
        key = Key(name=" ".join(words[1:]), execname=words[0] if words else "")
        number = int(total if value is None else value)
        return _Entry(
            decode(name),
            key,
            _joined([self._frames(block) for block in blocks]),
            number,
            None if count is None else int(count),
        )

    def _frames(self, raw_frames: list[bytes]) -> list[Frame]:
        """Return clean frames, leaf first."""
        return [name for frame in raw_frames for name in self._names[frame]]

    def _unit_of(self, map_name: str) -> Unit:
        """Return the unit of a map's numbers: the one that was given, or that its name implies."""
        return self._source.options.unit or (
            "ns" if _NAMED_NS.fullmatch(map_name.lstrip("@")) else "samples"
        )

    def _read_other(self, line: bytes, number: int) -> None:
        lost = _LOST.match(line.strip())
        if not line.strip() or _BANNER.match(line):
            return
        if lost:
            self._problem_counts.add("drops", number, int(lost.group(1)))
        elif _LOST_STACK in line:
            self._problem_counts.add("lost-stacks", number)
        elif _SCALAR.match(line) or _HISTOGRAM_ROW.match(line):
            self._problem_counts.add("other-maps", number)
        else:
            self._problem_counts.add("bad-line", number)

    def _choose(self, by_map: dict[str, list[_Entry]]) -> str:
        pattern = self._source.options.profile
        names = [name for name in by_map if pattern is None or pattern.search(name)]
        with_stacks = [name for name in names if any(entry.stack for entry in by_map[name])]
        candidates = with_stacks or names
        known = ", ".join(by_map)
        if not candidates:
            raise UsageError(f"--profile: no map of that name; there are {known}")
        if len(candidates) > 1:
            reason = f"{self._file} has several maps that could be meant: {', '.join(candidates)}"
            raise UsageError(reason, "choose one: --profile NAME")
        for name, entries in by_map.items():
            if name != candidates[0]:
                self._problem_counts.add("other-maps", 0, len(entries))
        return candidates[0]

    def _add_map(self, entries: list[_Entry]) -> None:
        unit = self._unit_of(entries[0].name)
        if self._source.options.unit is None:
            text = f"{entries[0].name} is taken for {unit}; --unit overrides that"
            self._parsed.problems.append(Problem("unit", text, self._file, severity="note"))
        mechanism = _MECHANISMS.get(unit, "on-cpu")
        for entry in entries:
            if entry.value < 0:
                self._problem_counts.add("negative", 0)
                continue
            has_count = entry.count is not None and unit == "ns"
            values = (entry.value, entry.count or 0) if has_count else (entry.value,)
            key = entry.key._replace(mechanism=mechanism)
            self._parsed.add(unit, key, entry.stack or stack_of(()), values, 1)


_PROBLEMS: dict[str, tuple[str, Severity]] = {
    "drops": ("bpftrace lost events", "loss"),
    "lost-stacks": ("bpftrace lost stacks: their values have none", "loss"),
    "damaged": ("entries of maps are damaged; left out", "loss"),
    "cut-off": ("the text ends inside an entry, which is left out", "loss"),
    "negative": ("values below 0 were left out", "loss"),
    "no-final-newline": ("the last line may have been cut short", "warning"),
    "other-maps": ("entries and rows of other maps and histograms are not read", "note"),
    "bad-line": ("lines that belong to no map were skipped", "note"),
}


def _raw_frames(block: bytes) -> list[bytes]:
    """Return the frames of a stack, leaf first, without their offsets (decimal ones)."""
    return [_OFFSET.sub(b"", line.strip()) for line in block.split(b"\n") if line.strip()]


def _joined(blocks: list[list[Frame]]) -> Stack:
    """Return the stacks of a key as one; the first is taken for the kernel's, as is usual."""
    if not blocks:
        return Stack("")
    kernel, *others = blocks
    user = [frame for block in others for frame in block]
    if not user:
        return stack_of(reversed(kernel))
    return stack_of(reversed([*kernel, DELIMITER, *user]))


LAYOUT = Layout(
    name="bpftrace-map",
    summary="the maps that any bpftrace program prints when it ends",
    read=lambda source: MapReader(source).read(),
    line=_ENTRY,
    has_profiles=True,
)
