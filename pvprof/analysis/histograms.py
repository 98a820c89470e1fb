"""Histograms of how long waits took, from single waits or from dtrace's ``quantize``.

Owns the buckets. It refuses to draw them (``render.html.bars``). Single waits are counted in powers
of two, as ``quantize`` does; histograms that dtrace printed keep their own bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pvprof.analysis.lock_table import NO_NAME, row_name
from pvprof.classify.classified import Classified
from pvprof.classify.filters import Part
from pvprof.classify.rules import OTHER, Classification
from pvprof.model.profile import Key

if TYPE_CHECKING:
    from pvprof.model.waits import WaitTable

ALL = ""
"""The name of a distribution over all waits of a kind."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """The number of waits of at least `low_ns` and less than `high_ns`; None: no upper bound."""

    low_ns: int
    high_ns: int | None
    count: int


@dataclass(frozen=True, slots=True)
class Distribution:
    """The waits for one lock or wait message, or, under the name `ALL`, of one kind.

    Attributes:
        kind, lock_class, event, name: of the waits; `event`, the mechanism, only if dtrace made the
            histogram.
        buckets: in ascending order, from the first to the last that is not empty.
    """

    kind: str
    lock_class: str
    event: str
    name: str
    buckets: tuple[Bucket, ...]

    @property
    def count(self) -> int:
        """Return the number of waits."""
        return sum(bucket.count for bucket in self.buckets)


def histogram_name(key: Key, verdict: Classification) -> str:
    """Return the name of a histogram; one without a name is of all waits of its class."""
    name = row_name(key)
    if name != NO_NAME:
        return name
    return "all waits" if verdict.lock_class == OTHER else f"all {verdict.lock_class}"


def distributions(classified: Classified) -> tuple[Distribution, ...]:
    """Return the distributions of the waits that the filters keep, in the order of the kinds.

    Those of single waits come before those that dtrace made; of each, `ALL` comes first and then
    the largest count.

    Raises:
        UsageError: the filters name a kind that the rules do not have.
    """
    result: list[Distribution] = []
    for classified_measurement in classified.measurements:
        events = classified_measurement.measurement.events
        if events is not None and len(events):
            result += _of_events(events, classified_measurement.kept)
    result += _of_histograms(classified)
    order = {kind.id: index for index, kind in enumerate(classified.rules.kinds)}
    result.sort(
        key=lambda waits: (order[waits.kind], bool(waits.event), waits.name != ALL, -waits.count)
    )
    return tuple(result)


def _of_events(events: WaitTable, parts: Sequence[Part]) -> Iterable[Distribution]:
    """Yield one distribution for each kind, and one for each of its locks."""
    from pvprof.analysis.waits.groups import (  # noqa: PLC0415 (numpy)
        counts_by_power_of_two,
        rows_of_waits,
    )

    row_ids, row = rows_of_waits(events, parts)
    table = counts_by_power_of_two(events.wait_ns, row, len(row_ids))
    by_kind: dict[str, list[int]] = {}
    for (kind, lock_class, name), counts in zip(row_ids, table, strict=True):
        by_kind[kind] = [a + b for a, b in zip(by_kind.get(kind, [0] * 64), counts, strict=True)]
        yield Distribution(kind, lock_class, "", name, _log2_buckets(counts))
    for kind, counts in by_kind.items():
        yield Distribution(kind, "", "", ALL, _log2_buckets(counts))


def _log2_buckets(counts: Sequence[int]) -> tuple[Bucket, ...]:
    pairs = [((1 << rank) >> 1, count) for rank, count in enumerate(counts)]
    return _trimmed(pairs)


def _of_histograms(classified: Classified) -> Iterable[Distribution]:
    for histogram, verdict in classified.histograms():
        key = histogram.key
        yield Distribution(
            verdict.kind,
            verdict.lock_class,
            key.mechanism,
            histogram_name(key, verdict),
            _trimmed(histogram.buckets),
        )


def _trimmed(pairs: Sequence[tuple[int, int]]) -> tuple[Bucket, ...]:
    """Return (lower bound, count) pairs as buckets, without the empty ones at both ends."""
    filled = [index for index, (_, count) in enumerate(pairs) if count]
    if not filled:
        return ()
    bounds = [*(low for low, _ in pairs[1:]), None]
    return tuple(
        Bucket(low, high, count)
        for (low, count), high in list(zip(pairs, bounds, strict=True))[filled[0] : filled[-1] + 1]
    )
