"""What was read from one or several recordings, together: what every analysis is given.

Owns the pool of measurements and how its parts are added up. It refuses to read anything
(``pool`` and ``parse`` do) and to judge anything (``report`` does).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pvprof.endings import Endings, add_endings
from pvprof.errors import InputError, UsageError
from pvprof.model import Events, Histogram, Key, Problem, Profile, Run, Severity, Unit, Wakeups
from pvprof.rules import Rules
from pvprof.select import Filters, Selection, classify, select

_SEVERITIES: tuple[Severity, ...] = ("loss", "warning", "note")


@dataclass(frozen=True, slots=True)
class Measurement:
    """What is known of one unit, pooled over all recordings.

    Attributes:
        profile: the weights.
        events: the single waits that the profile was added up from, or None.
        runs: whose the events are; empty where all are of one run without marks.
        wakeups: who ended the single waits, or None where that was not recorded.
        carried: who ended waits that are known by their sums only, as a page carries them along;
            None where nothing does.
    """

    profile: Profile
    events: Events | None
    runs: tuple[Run, ...] = ()
    wakeups: Wakeups | None = None
    carried: Endings | None = None

    @property
    def has_wakers(self) -> bool:
        """Tell whether it was recorded who ended waits."""
        return self.wakeups is not None or self.carried is not None

    def endings(self) -> Endings:
        """Return who ended waits, added up; to be made once."""
        from pvprof.singles.wakers import endings_of  # noqa: PLC0415 (only wake-ups need it)

        found = dict(self.carried or {})
        if self.events is not None and self.wakeups is not None:
            add_endings(found, endings_of(self.events, self.wakeups))
        return found


@dataclass(frozen=True, slots=True)
class Pool:
    """What was read from one or several recordings, together.

    Attributes:
        names: the recordings' names.
        measurements: by unit, in the order of `UNITS`.
        histograms, problems: of all recordings.
        provenance: facts about the runs, as (label, text).
        manifests: of the recordings, in the order of their names; empty where there is none.
        records: how many records were read.
    """

    names: tuple[str, ...]
    measurements: tuple[Measurement, ...]
    histograms: tuple[Histogram, ...]
    problems: tuple[Problem, ...]
    provenance: tuple[tuple[str, str], ...]
    manifests: tuple[Mapping[str, Any], ...] = ()
    records: int = 0

    def measurement(self, unit: Unit | None) -> Measurement:
        """Return the measurement of that unit, or the first.

        Raises:
            InputError: nothing was measured but histograms.
            UsageError: nothing was measured in that unit.
        """
        if not self.measurements:
            names = " + ".join(self.names)
            raise InputError(f"{names}: histograms only, no stacks", "see pvprof report")
        for one in self.measurements:
            if unit in (None, one.profile.unit):
                return one
        units = ", ".join(one.profile.unit for one in self.measurements)
        names = " + ".join(self.names)
        raise UsageError(f"{names}: nothing measured in {unit}", f"measured here: {units}")


def merge_problems(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Return the problems, losses first; those of one kind and text in one file are added up."""
    merged: dict[tuple[str, str, str], Problem] = {}
    for one in problems:
        name = (one.kind, one.text, one.file)
        known = merged.get(name)
        if known is None:
            merged[name] = one
        else:
            merged[name] = Problem(
                one.kind, one.text, one.file, known.line, known.count + one.count, one.severity
            )
    return tuple(sorted(merged.values(), key=lambda one: _SEVERITIES.index(one.severity)))


def select_from(measurement: Measurement, rules: Rules, filters: Filters) -> Selection:
    """Return what the filters keep of a measurement."""
    return select(classify(measurement.profile, rules), rules, filters)


def merge_histograms(histograms: Sequence[Histogram]) -> list[Histogram]:
    """Return one histogram for each key, the counts of equal buckets added up."""
    merged: dict[Key, dict[int, int]] = {}
    for one in histograms:
        buckets = merged.setdefault(one.key, {})
        for bound, count in one.buckets:
            buckets[bound] = buckets.get(bound, 0) + count
    return [Histogram(key, tuple(sorted(buckets.items()))) for key, buckets in merged.items()]
