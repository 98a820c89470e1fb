"""What was read from one or several recordings, together: what every analysis is given.

Owns the pool of measurements and how its parts are added up. It refuses to read anything
(``pool`` and ``parse`` do) and to judge anything (``report`` does).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pvprof.errors import InputError, UsageError
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
    events: WaitTable | None
    runs: tuple[RunSpan, ...] = ()
    wakeups: WakeupTable | None = None
    carried: WakeupSums | None = None

    @property
    def has_wakers(self) -> bool:
        """Tell whether it was recorded who ended waits."""
        return self.wakeups is not None or self.carried is not None


@dataclass(frozen=True, slots=True)
class Dataset:
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
    manifests: tuple[Manifest, ...] = ()
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
