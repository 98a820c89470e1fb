"""What a live view remembers: the rates of the last minute, and the sums of all intervals.

Its memory is bounded: old intervals are forgotten, and of the sums at most `MAX_STACKS` stacks are
kept apart.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import NamedTuple

from pvprof.analysis.live.interval import Interval, interval_of
from pvprof.analysis.lock_table import RowId
from pvprof.classify.classified import Classified
from pvprof.classify.filters import Filters
from pvprof.classify.matcher import Matcher
from pvprof.dataset.dataset import Dataset, Measurement
from pvprof.model.clocks import Clocks
from pvprof.model.problems import Problem, merge_problems
from pvprof.model.profile import Profile
from pvprof.model.stacks import Stack
from pvprof.units import NS_PER_S

WINDOW_NS = 60 * NS_PER_S
MAX_STACKS = 50_000
OTHER_STACKS = Stack("[further stacks]")
"""The stack of what was measured after `MAX_STACKS` were known."""

_MAX_INTERVALS = 130


class _Rates(NamedTuple):
    """What the rows of an interval had."""

    end_ns: int
    length_ns: int
    values: dict[RowId, int]


class History:
    """The intervals that came so far.

    Attributes:
        last: the latest one, or None.
        count: how many came.
        total: of all of them, what filters set aside included.
        begin: the clocks at the beginning of the first.
    """

    def __init__(self) -> None:
        self.last: Interval | None = None
        self.count = 0
        self.total = 0
        self.begin: Clocks | None = None
        self._recent: deque[_Rates] = deque(maxlen=_MAX_INTERVALS)
        self._profile: Profile | None = None
        self._stacks = 0
        self._losses: dict[str, Problem] = {}

    def add(self, interval: Interval) -> None:
        """Take the next interval in."""
        self.begin = self.begin or interval.begin
        self.last = interval
        self.count += 1
        self.total += interval.total
        values = {row.id: row.value for row in interval.rows}
        self._recent.append(_Rates(interval.end.monotonic_ns, interval.length_ns, values))
        for loss in interval.losses:
            known = self._losses.get(loss.kind)
            count = loss.count + (known.count if known else 0)
            self._losses[loss.kind] = replace(loss, count=count)
        for measured in interval.classified.measurements[:1]:
            self._add_sums(measured.measurement.profile)

    def _add_sums(self, profile: Profile) -> None:
        if self._profile is None:
            self._profile = Profile(profile.unit, profile.has_counts)
        for key, stack, weight in profile:
            known = self._profile.groups.get(key, {})
            is_new = stack not in known
            if is_new and self._stacks >= MAX_STACKS:
                stack = OTHER_STACKS  # noqa: PLW2901 (what is counted under another name)
            self._stacks += is_new
            self._profile.add(key, stack, weight)

    @property
    def losses(self) -> tuple[Problem, ...]:
        """Map the losses of all intervals to one problem for each kind."""
        return tuple(self._losses.values())

    def trend(self, row: RowId, cells: int) -> tuple[int, ...]:
        """Return the rate of a row in the last minute: value per second, at most `cells` numbers.

        ::

            intervals   . . . . . . . . . .     the last one is the last of a cell
            cells           [ . . ][ . . . ]    each of as many intervals, the first may have fewer
        """
        if self.last is None:
            return ()
        since = self.last.end.monotonic_ns - WINDOW_NS
        recent = [one for one in self._recent if one.end_ns > since]
        size = -(-len(recent) // cells)
        groups = [recent[max(end - size, 0) : end] for end in range(len(recent), 0, -size)]
        return tuple(
            sum(one.values.get(row, 0) for one in group)
            * NS_PER_S
            // max(sum(one.length_ns for one in group), 1)
            for group in reversed(groups)
        )

    def dataset(self) -> Dataset | None:
        """Return the sums of all intervals as a dataset, or None if nothing was measured."""
        if self._profile is None or self.last is None or self.begin is None:
            return None
        latest = self.last.classified.dataset
        mode = latest.measurements[0].mode if latest.measurements else ""
        length = self.last.end.monotonic_ns - self.begin.monotonic_ns
        profile = Profile(self._profile.unit, self._profile.has_counts)
        profile.merge(self._profile)
        measurement = Measurement(profile, None, mode=mode, durations_ns=(length,))
        return Dataset(
            names=latest.names,
            measurements=(measurement,),
            histograms=(),
            problems=tuple(merge_problems(self.losses)),
            provenance=(("Recording", ", ".join(latest.names)), ("Intervals", f"{self.count:,}")),
            manifests=latest.manifests,
            records=sum(weight.records for _, _, weight in profile),
            durations_ns=(length,),
        )

    def whole(self, rules: Matcher, filters: Filters) -> Interval | None:
        """Return all intervals as one, without upper bounds of waits; None if there is none."""
        classified = self.classified(rules, filters)
        if classified is None or self.begin is None or self.last is None:
            return None
        return interval_of(classified, self.begin, self.last.end, self.last.unit)

    def classified(self, rules: Matcher, filters: Filters) -> Classified | None:
        """Return the sums of all intervals, classified; None if nothing was measured."""
        dataset = self.dataset()
        return None if dataset is None else Classified.of(dataset, rules, filters)
