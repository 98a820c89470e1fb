"""The dataset: everything read from one or more recordings, as every analysis gets it.

It refuses to read files (``load`` does) and to judge anything (``classify``, ``analysis``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from pvprof.errors import InputError, UsageError
from pvprof.model.mechanisms import FOLDED, mechanism_of
from pvprof.model.problems import Problem
from pvprof.model.profile import Histogram, LockHold, Profile
from pvprof.model.runs import RunSpan
from pvprof.model.wakeup_sums import WakeupSums
from pvprof.recording.manifest import Manifest
from pvprof.units import PLAIN_TIME, UNITS, Unit, UnitWords, unit_words

if TYPE_CHECKING:
    from pvprof.model.threads import ThreadTable
    from pvprof.model.waits import WaitTable, WakeupTable


WALL_CLOCK = "wall-clock"
"""The mode of waits and samples together, made by ``dataset.wall_clock``."""

CRITICAL_PATH = "critical-path"
"""The mode of the time on a critical path, made by ``analysis.critical_path.stacks``."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """Everything measured in one mode and one unit, added up over the recordings of that mode.

    Several modes measure the same waits in different ways, so their values are never added up.

    Attributes:
        profile: the weights.
        events: the single waits that add up to the profile, or None.
        runs: the recordings of `events`, in their order; empty if they are of one without marks.
        wakeups: the wake-ups that ended the single waits, or None if none were recorded.
        threads: the lives of the threads, or None if they were not recorded.
        open_waits: those that had no end yet when the recordings ended, as long as they had lasted;
            in no total. None if they were not recorded.
        wakeup_sums: sums by waker if single waits are not known (HTML reports), or None.
        mode: of the recordings: ``offcpu``, ``locks``, ..., or the layout of another tool's output.
        recordings: how many were added up.
        durations_ns: of those whose length is known.
        about: what a reader of a picture of it must know; usually empty.
    """

    profile: Profile
    events: WaitTable | None
    runs: tuple[RunSpan, ...] = ()
    wakeups: WakeupTable | None = None
    threads: ThreadTable | None = None
    wakeup_sums: WakeupSums | None = None
    mode: str = ""
    recordings: int = 1
    durations_ns: tuple[int, ...] = ()
    open_waits: Profile | None = None
    about: str = ""

    @property
    def unit(self) -> Unit:
        """Return the unit of its values."""
        return self.profile.unit

    @property
    def words(self) -> UnitWords:
        """Return the words for its values.

        Times that another tool added up need not be waits, and times of threads that ran are none.
        """
        mechanisms = {key.mechanism for key in self.profile.groups}
        are_waits = any(
            name != FOLDED and mechanism_of(name).state != "running" for name in mechanisms
        )
        is_plain = self.unit == "ns" and mechanisms and not are_waits
        return PLAIN_TIME if is_plain else unit_words(self.unit)

    @property
    def has_wakers(self) -> bool:
        """Tell whether wake-ups were recorded."""
        return self.wakeups is not None or self.wakeup_sums is not None


@dataclass(frozen=True, slots=True)
class Dataset:
    """Everything read from one or more recordings, added up.

    Attributes:
        names: the recordings' names.
        measurements: by unit, in the order of `unit_order`, then by mode; the first one is the
            default.
        histograms, problems: of all recordings.
        provenance: facts about the runs, as (label, text).
        manifests: of the recordings, in the order of `names`; empty if unknown.
        records: number of records read.
        durations_ns: of the recordings whose length is known.
        holds: how long locks were held, in all recordings.
    """

    names: tuple[str, ...]
    measurements: tuple[Measurement, ...]
    histograms: tuple[Histogram, ...]
    problems: tuple[Problem, ...]
    provenance: tuple[tuple[str, str], ...]
    manifests: tuple[Manifest, ...] = ()
    records: int = 0
    durations_ns: tuple[int, ...] = ()
    holds: tuple[LockHold, ...] = ()

    def measurement(self, measure: str | None) -> Measurement:
        """Return the first measurement of that unit or mode, or the first of all.

        Raises:
            InputError: only histograms were recorded.
            UsageError: nothing was measured in that unit or mode.
        """
        if not self.measurements:
            names = " + ".join(self.names)
            raise InputError(f"{names}: histograms only, no stacks", "see pvprof report")
        if measure is None:
            return self.measurements[0]
        # A mode and a unit may have the same name; the words that notes use come first.
        meanings = [
            (measure_words(one, self.measurements), one.mode, one.unit) for one in self.measurements
        ]
        for position in range(3):
            for words, measurement in zip(meanings, self.measurements, strict=True):
                if words[position] == measure:
                    return measurement
        known = ", ".join(measure_words(one, self.measurements) for one in self.measurements)
        names = " + ".join(self.names)
        preposition = "in" if measure in UNITS else "by"
        raise UsageError(
            f"{names}: nothing measured {preposition} {measure}", f"measured here: {known}"
        )

    def by_mode(self) -> dict[str, Dataset]:
        """Map each mode to a dataset of what was recorded in it."""
        return {
            mode: replace(
                self,
                measurements=tuple(one for one in self.measurements if one.mode == mode),
                histograms=tuple(one for one in self.histograms if one.mode == mode),
                holds=tuple(one for one in self.holds if one.mode == mode),
            )
            for mode in dict.fromkeys(one.mode for one in self.measurements)
        }

    def single_waits(self, measure: str | None = None) -> Measurement:
        """Return the measurement of time that has single waits, or, if none has, the first.

        Args:
            measure: the mode or the unit that the user asks for.

        Raises:
            InputError: only histograms were recorded.
            UsageError: no time was measured, or not in that mode.
        """
        if measure not in (None, "ns"):
            return self.measurement(measure)
        singly = (one for one in self.measurements if one.events is not None)
        return next(singly, None) or self.measurement("ns")


class ModeAndUnit(Protocol):
    """What was measured in one mode and one unit."""

    @property
    def mode(self) -> str:
        """Return the mode."""

    @property
    def unit(self) -> Unit:
        """Return the unit."""

    @property
    def words(self) -> UnitWords:
        """Return the words for the values."""


def measure_title(one: ModeAndUnit, among: Sequence[ModeAndUnit]) -> str:
    """Return the title of a measurement, with its mode if several were recorded."""
    if one.mode == WALL_CLOCK:
        return "Wall-clock time of all threads"
    if one.mode == CRITICAL_PATH:
        return "Critical path of the run"
    title = one.words.measured
    is_one_mode = len({other.mode for other in among}) == 1
    return title if is_one_mode or not one.mode else f"{title} ({one.mode})"


def measure_words(one: ModeAndUnit, among: Sequence[ModeAndUnit]) -> str:
    """Return the word by which a measurement is chosen from all that were measured.

    It is the mode if there are several, else the unit; both if a mode has several units.
    """
    modes = [other.mode for other in among]
    if len(set(modes)) == 1 or not one.mode:
        return one.unit
    return one.mode if modes.count(one.mode) == 1 else f"{one.mode} in {one.unit}"
