"""One hot lock or many: how the waits for a name spread over the objects that bear it.

Owns the addresses. Thousands of locks may share a name; the object that a thread waited for tells
whether one of them is hot or all are, and where they lie: in one array, or all over the heap. For
sleep queues the object is the wait channel.

Only objects that somebody waited for are known, so what is said of their spread is said of those.
An address is one object, also in several recordings: true of what the kernel's image holds, and of
everything else as long as the machine was not booted between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pvprof.analysis.lock_table import RowId, rows_of_events
from pvprof.analysis.waits.groups import group_sums, grouped
from pvprof.classify.filters import Part
from pvprof.model.waits import WaitTable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ints = npt.NDArray[np.signedinteger[Any]]
    Addresses = npt.NDArray[np.uint64]

RANGE_GAP_BYTES = 1 << 16
"""Neighbours no further apart are of one range: of an array only some elements are waited for."""

_SLEEP_QUEUE = "sleepq"


@dataclass(frozen=True, slots=True)
class LockObject:
    """One lock object or wait channel, and how long and how often it was waited for."""

    address: int
    wait_ns: int
    count: int


@dataclass(frozen=True, slots=True)
class AddressRange:
    """Objects near each other.

    Attributes:
        first, last: the lowest and the highest address.
        objects: how many there are.
        step: the largest number of bytes of which every distance is a multiple, the size of an
            array's element if it is one; 0 for a single object.
        wait_ns: how long they were waited for, together.
    """

    first: int
    last: int
    objects: int
    step: int
    wait_ns: int


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects that bear one name.

    Attributes:
        are_channels: they are wait channels of sleep queues, all of them.
        number: how many distinct objects were waited for.
        wait_ns, count: the waits for them.
        unknown_ns, unknown_count: the waits for which no address was recorded.
        gini: 0 where all were waited for equally long, near 1 where one was for nearly all of the
            time; None where there is nothing to share.
        hottest: the objects with the longest waits, longest first, no more than asked for.
        ranges: the address ranges, likewise; `range_number` is how many there are.
    """

    are_channels: bool
    number: int
    wait_ns: int
    count: int
    unknown_ns: int
    unknown_count: int
    gini: Fraction | None
    hottest: tuple[LockObject, ...]
    ranges: tuple[AddressRange, ...]
    range_number: int


def objects_of(events: WaitTable, parts: Sequence[Part], most: int) -> dict[RowId, Objects]:
    """Return the objects of each row for which any event has an address.

    Args:
        events: all single waits.
        parts: which of them are wanted.
        most: of how many objects and of how many ranges of a row, at least 1.
    """
    import numpy as np  # noqa: PLC0415 (0.2 s to import: only events need it)

    row_ids, row = rows_of_events(events, parts)
    is_sleep = np.asarray([key.mechanism == _SLEEP_QUEUE for key in events.keys], dtype=np.bool_)
    order, bounds = grouped(row, len(row_ids))
    found = {}
    for row_id, first, last in zip(row_ids, bounds.tolist(), bounds.tolist()[1:], strict=False):
        rows = order[first:last]
        address, waits = events.object_address[rows], events.wait_ns[rows]
        if address.any():
            are_channels = bool(is_sleep[events.key_id[rows]].all())
            found[row_id] = _objects(address, waits, are_channels, most)
    return found


def _objects(address: Addresses, waits: Ints, are_channels: bool, most: int) -> Objects:
    """Return the objects with these addresses, one for each wait, and not all unknown."""
    import numpy as np  # noqa: PLC0415

    distinct, group = np.unique(address, return_inverse=True)
    sums = group_sums(waits, group.astype(np.int32), len(distinct))
    counts = np.bincount(group).tolist()
    unknown_ns = unknown_count = 0
    if distinct[0] == 0:
        unknown_ns, unknown_count = sums.pop(0), counts.pop(0)
        distinct = distinct[1:]
    addresses = distinct.tolist()
    places = sorted(range(len(sums)), key=lambda place: (-sums[place], addresses[place]))
    ranges = address_ranges(distinct, sums)
    ranges.sort(key=lambda one: (-one.wait_ns, one.first))
    return Objects(
        are_channels=are_channels,
        number=len(sums),
        wait_ns=sum(sums),
        count=sum(counts),
        unknown_ns=unknown_ns,
        unknown_count=unknown_count,
        gini=gini(sums),
        hottest=tuple(
            LockObject(addresses[place], sums[place], counts[place]) for place in places[:most]
        ),
        ranges=tuple(ranges[:most]),
        range_number=len(ranges),
    )


def gini(values: Sequence[int]) -> Fraction | None:
    """Return the Gini coefficient of values, none negative, exactly; None if their sum is 0.

    It is half of the mean difference between two of them, relative to their mean.
    """
    total, size = sum(values), len(values)
    if not total:
        return None
    weighted = sum(rank * value for rank, value in enumerate(sorted(values), 1))
    return Fraction(2 * weighted - (size + 1) * total, size * total)


def address_ranges(addresses: Addresses, sums: Sequence[int]) -> list[AddressRange]:
    """Return the ranges of addresses that ascend, with the sums of what belongs to each."""
    import numpy as np  # noqa: PLC0415

    distances = np.diff(addresses)
    cuts = np.flatnonzero(distances > RANGE_GAP_BYTES) + 1
    bounds = [0, *cuts.tolist(), len(addresses)]
    return [
        AddressRange(
            first=int(addresses[first]),
            last=int(addresses[last - 1]),
            objects=last - first,
            step=int(np.gcd.reduce(distances[first : last - 1])) if last - first > 1 else 0,
            wait_ns=sum(sums[first:last]),
        )
        for first, last in pairwise(bounds)
    ]
