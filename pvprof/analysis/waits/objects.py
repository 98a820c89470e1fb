"""One hot lock or many: how the waits for a name spread over the objects with that name.

Owns the addresses. Thousands of locks may share a name; the object that a thread waited for shows
whether one of them is hot or all are, and where they lie: in one array, or all over the heap. For
sleep queues the object is the wait channel.

Only objects that were waited for are known; the spread is over those. One address is taken for one
object, also in several recordings. That is true of objects in the kernel's image, and of all others
if the machine was not rebooted in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from pvprof.analysis.lock_table import RowId
from pvprof.analysis.waits.groups import group_sums, members_by_group, numbered, rows_of_waits
from pvprof.classify.filters import Part
from pvprof.model.waits import WaitTable

if TYPE_CHECKING:
    from pvprof.model.arrays import Addresses, Ints

MAX_RANGE_GAP_BYTES = 1 << 16
"""Objects up to this far apart are in one range: only some elements of an array are waited for."""

_SLEEP_QUEUE = "sleepq"
_UNKNOWN_ADDRESS = 0


@dataclass(frozen=True, slots=True)
class LockObject:
    """One lock object or wait channel, and the waits for it."""

    address: int
    wait_ns: int
    count: int


@dataclass(frozen=True, slots=True)
class AddressRange:
    """Objects near each other.

    Attributes:
        first, last: the lowest and the highest address.
        objects: the number of objects.
        step: the largest number of bytes that divides all distances: the size of an element, if the
            range is an array; 0 for a single object.
        wait_ns: the sum of the waits for these objects.
    """

    first: int
    last: int
    objects: int
    step: int
    wait_ns: int


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects with one name.

    Attributes:
        are_channels: whether all are wait channels of sleep queues.
        number: the number of distinct objects that were waited for.
        wait_ns, count: the waits for them.
        unknown_ns, unknown_count: the waits without a recorded address.
        gini: 0 if all were waited for equally long, near 1 if one was for nearly all of the time;
            None if there are no waits above 0 ns.
        hottest: the objects with the longest waits, longest first, at most as many as asked for.
        ranges: the address ranges, likewise; `range_number` counts all.
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


def objects_of(events: WaitTable, parts: Sequence[Part], max_objects: int) -> dict[RowId, Objects]:
    """Map each row with any recorded address to its objects.

    Args:
        events: all single waits.
        parts: the waits to use.
        max_objects: the number of objects, and of ranges, to list for each row; at least 1.
    """
    row_ids, row = rows_of_waits(events, parts)
    is_sleep = np.asarray([key.mechanism == _SLEEP_QUEUE for key in events.keys], dtype=np.bool_)
    members, bounds = members_by_group(row, len(row_ids))
    objects = {}
    for row_id, (first, last) in zip(row_ids, pairwise(bounds.tolist()), strict=True):
        waits = members[first:last]
        address, wait_ns = events.object_address[waits], events.wait_ns[waits]
        if (address != _UNKNOWN_ADDRESS).any():
            are_channels = bool(is_sleep[events.key_id[waits]].all())
            objects[row_id] = _objects(address, wait_ns, are_channels, max_objects)
    return objects


def _objects(address: Addresses, wait_ns: Ints, are_channels: bool, max_objects: int) -> Objects:
    """Return the objects at these addresses: one address for each wait, not all unknown."""
    distinct, group = numbered(address)
    sums = group_sums(wait_ns, group.astype(np.int32), len(distinct))
    counts = np.bincount(group).tolist()
    unknown_ns = unknown_count = 0
    if distinct[0] == _UNKNOWN_ADDRESS:
        unknown_ns, unknown_count = sums.pop(0), counts.pop(0)
        distinct = distinct[1:]
    objects = list(map(LockObject, distinct.tolist(), sums, counts))
    objects.sort(key=lambda lock: (-lock.wait_ns, lock.address))
    ranges = address_ranges(distinct, sums)
    ranges.sort(key=lambda address_range: (-address_range.wait_ns, address_range.first))
    return Objects(
        are_channels=are_channels,
        number=len(sums),
        wait_ns=sum(sums),
        count=sum(counts),
        unknown_ns=unknown_ns,
        unknown_count=unknown_count,
        gini=gini(sums),
        hottest=tuple(objects[:max_objects]),
        ranges=tuple(ranges[:max_objects]),
        range_number=len(ranges),
    )


def gini(values: Sequence[int]) -> Fraction | None:
    """Return the exact Gini coefficient of values, none negative; None if their sum is 0.

    It is half of the mean difference between two of them, relative to their mean.
    """
    total, size = sum(values), len(values)
    if not total:
        return None
    weighted = sum(rank * value for rank, value in enumerate(sorted(values), 1))
    return Fraction(2 * weighted - (size + 1) * total, size * total)


def address_ranges(addresses: Addresses, sums: Sequence[int]) -> list[AddressRange]:
    """Return the ranges of ascending addresses, with the sum of what belongs to each.

    ::

        address       0x1000   0x1040   0x10c0  |  0x900000
        distance            0x40     0x80       |               cut: more than 64 KiB
        step                0x40                |  0            greatest common divisor
    """
    distances = np.diff(addresses)
    cuts = np.flatnonzero(distances > MAX_RANGE_GAP_BYTES) + 1
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
