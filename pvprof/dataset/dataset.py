"""The dataset: everything read from one or more recordings, as every analysis gets it.

It refuses to read files (``load`` does) and to judge anything (``classify``, ``analysis``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pvprof.errors import InputError, UsageError
from pvprof.model.holds import LockHold
from pvprof.model.problems import Problem
from pvprof.model.profile import Histogram, Profile
from pvprof.model.runs import RunSpan
from pvprof.model.wakeup_sums import WakeupSums
from pvprof.recording.manifest import Manifest
from pvprof.units import Unit

if TYPE_CHECKING:
    from pvprof.model.waits import WaitTable, WakeupTable


@dataclass(frozen=True, slots=True)
class Measurement:
    """Everything measured in one unit, added up over all recordings.

    Attributes:
        profile: the weights.
        events: the single waits that add up to the profile, or None.
        runs: the recordings of `events`, in their order; empty if they are of one without marks.
        wakeups: the wake-ups that ended the single waits, or None if none were recorded.
        wakeup_sums: sums by waker if single waits are not known (HTML reports), or None.
    """

    profile: Profile
    events: WaitTable | None
    runs: tuple[RunSpan, ...] = ()
    wakeups: WakeupTable | None = None
    wakeup_sums: WakeupSums | None = None

    @property
    def has_wakers(self) -> bool:
        """Tell whether wake-ups were recorded."""
        return self.wakeups is not None or self.wakeup_sums is not None


@dataclass(frozen=True, slots=True)
class Dataset:
    """Everything read from one or more recordings, added up.

    Attributes:
        names: the recordings' names.
        measurements: by unit, in the order of `UNITS`.
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

    def measurement(self, unit: Unit | None) -> Measurement:
        """Return the measurement of that unit, or the first.

        Raises:
            InputError: only histograms were recorded.
            UsageError: nothing was measured in that unit.
        """
        if not self.measurements:
            names = " + ".join(self.names)
            raise InputError(f"{names}: histograms only, no stacks", "see pvprof report")
        for measurement in self.measurements:
            if unit in (None, measurement.profile.unit):
                return measurement
        units = ", ".join(measurement.profile.unit for measurement in self.measurements)
        names = " + ".join(self.names)
        raise UsageError(f"{names}: nothing measured in {unit}", f"measured here: {units}")
