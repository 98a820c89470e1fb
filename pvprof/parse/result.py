"""The result of every reader: `ParseResult`, everything that one text held.

Parts of one text (the shares of several processes, the aggregations after the events) are added up
with `ParseResult.merge`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pvprof.model.clocks import Clocks
from pvprof.model.problems import Problem
from pvprof.model.profile import Histogram, Key, LockHold, Profile, Weight
from pvprof.model.stacks import Frame, Stack
from pvprof.model.wakeup_sums import WakeupSums, add_wakeup_sums
from pvprof.parse.native.header import Marks
from pvprof.recording.manifest import Manifest
from pvprof.units import Unit

if TYPE_CHECKING:
    from pvprof.model.threads import ThreadTable
    from pvprof.model.waits import WaitTable, WakeupTable


@dataclass(slots=True)
class ParseResult:
    """Everything that one text held.

    Attributes:
        layout: the name of its layout; empty while it is being read.
        mode: what it measures and how, in one word: the mode in its manifest or header, else the
            one that its layout has; empty if nothing says.
        runs: the number of recordings that it is of; only an HTML report may be of several.
        further: the results in further modes, for an HTML report of several modes, or a text of
            several events. `records` and `problems` here are of all modes.
        profiles: one for each unit and whether counts were given.
        events: the single waits, if the recording has any.
        wakeups: which wake-ups ended them, if that was recorded.
        threads: when threads were created and ended, and by whom, if that was recorded.
        endings: sums of waits by what ended them, if only sums were recorded.
        open_waits: the waits that had no end yet when the recording ended, as long as they had
            lasted; None if they were not recorded. They are in no total.
        histograms: the ``quantize`` bodies.
        holds: how long locks were held.
        problems: whatever was doubtful, lost or left out.
        records: number of records read.
        hex_frames: frames that stayed hex, the kernel's and programs'.
        kept_frames: how many frames the tracer kept of a stack that lost its own frames on reading.
        has_begin, has_end: whether the begin and end marks were seen.
        begin, end: the clocks at those marks, if the layout has them.
        origin: where a window's seconds count from: the beginning of the whole recording; None if
            it was not cut.
        is_cut: whether the sums, here and in `further`, are of the wanted window already: their
            reader knew the times of what it added up.
        window: describes the part of the recording that was kept; empty for all of it.
        marks: marks that can only be judged when all of a text was read; None afterwards.
        recordings: (name, manifest) of the recordings that an HTML report was made from; empty
            for the output of a tracer.
    """

    layout: str = ""
    mode: str = ""
    runs: int = 1
    further: list[ParseResult] = field(default_factory=list)
    profiles: dict[tuple[Unit, bool], Profile] = field(default_factory=dict)
    events: WaitTable | None = None
    wakeups: WakeupTable | None = None
    threads: ThreadTable | None = None
    endings: WakeupSums | None = None
    open_waits: Profile | None = None
    histograms: list[Histogram] = field(default_factory=list)
    holds: list[LockHold] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    records: int = 0
    hex_frames: set[Frame] = field(default_factory=set)
    kept_frames: dict[Stack, int] = field(default_factory=dict)
    has_begin: bool = False
    has_end: bool = False
    begin: Clocks | None = None
    end: Clocks | None = None
    origin: Clocks | None = None
    is_cut: bool = False
    window: str = ""
    marks: Marks | None = None
    recordings: list[tuple[str, Manifest]] = field(default_factory=list)

    @property
    def duration_ns(self) -> int | None:
        """Return the length of the recording, or None if it is not known."""
        if self.begin is None or self.end is None:
            return None
        return self.end.monotonic_ns - self.begin.monotonic_ns

    def profile(self, unit: Unit, has_counts: bool) -> Profile:
        """Return the profile of that unit; add an empty one if there is none yet."""
        known = self.profiles.get((unit, has_counts))
        if known is None:
            known = self.profiles[unit, has_counts] = Profile(unit, has_counts)
        return known

    def add(
        self, unit: Unit, key: Key, stack: Stack, values: tuple[int, ...], records: int
    ) -> None:
        """Add the sum of `records` records: a value, and a count if there is a second number."""
        count = values[1] if len(values) > 1 else 0
        weight = Weight(values[0], count, records)
        self.profile(unit, len(values) > 1).add(key, stack, weight)
        self.records += records

    def merge(self, other: ParseResult) -> None:
        """Add all of a later part of the same recording."""
        for (unit, has_counts), profile in other.profiles.items():
            self.profile(unit, has_counts).merge(profile)
        self._merge_wakeups(other)
        if other.endings is not None:
            self.endings = {} if self.endings is None else self.endings
            add_wakeup_sums(self.endings, other.endings)
        if other.open_waits is not None:
            self.open_waits = self.open_waits or Profile("ns", True)
            self.open_waits.merge(other.open_waits)
        if other.events is not None:
            self.events = other.events if self.events is None else self.events.plus(other.events)
        if other.threads is not None:
            ours, theirs = self.threads, other.threads
            self.threads = theirs if ours is None else ours.plus(theirs)
        self.histograms.extend(other.histograms)
        self.holds.extend(other.holds)
        self.problems.extend(other.problems)
        self.records += other.records
        self.hex_frames |= other.hex_frames
        self.kept_frames |= other.kept_frames
        self.has_begin |= other.has_begin
        self.has_end |= other.has_end
        self.begin = self.begin or other.begin
        self.end = self.end or other.end
        if self.marks is None:
            self.marks = other.marks
        elif other.marks is not None:
            self.marks.merge(other.marks)
        self.recordings.extend(other.recordings)

    def _merge_wakeups(self, other: ParseResult) -> None:
        """Add the wake-ups of another part, before its waits are added to these."""
        if other.wakeups is None:
            return
        moved = other.wakeups.moved(0 if self.events is None else len(self.events))
        self.wakeups = moved if self.wakeups is None else self.wakeups.plus(moved)
