"""The bits of rules that the stacks of a `StackTable` have, with numpy: no object for a stack.

::

    frames of a stack, root first    trap  vm_fault  turnstile_wait  mi_switch
    bits of frames                   0b01  0         0               0           any frame
    bits of its caller                     0b10                                  no machinery
    bits inside of the caller                        0               0b100
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pvprof.model.arrays import Ints
    from pvprof.model.profile import StackTable
    from pvprof.model.stacks import Frame

_MAX_BITS = 63


class FrameConditions(Protocol):
    """What the rules want of single frames."""

    def frame_bits(self, frame: Frame) -> int:
        """Return the bits of rules that look for the frame anywhere in a stack."""

    def caller_bits(self, frame: Frame) -> int:
        """Return the bits of rules that look for the frame as the caller."""

    def inner_bits(self, frame: Frame) -> int:
        """Return the bits of rules that look for the frame inside of the caller."""

    def is_machinery(self, frame: Frame) -> bool:
        """Tell whether a frame only waits on behalf of its caller."""


@dataclass(frozen=True, slots=True)
class StackBits:
    """The bits of each stack.

    Attributes:
        distinct: the distinct bits, in order of their first stack.
        of_stack: for each stack an index into `distinct`.
    """

    distinct: list[int]
    of_stack: Ints

    def rows_with(self, numbers: Sequence[int]) -> Ints:
        """Return the indices of the stacks that have any of these bits."""
        return np.flatnonzero(np.isin(self.of_stack, numbers))


def bits_of_table(table: StackTable, conditions: FrameConditions, wanted: int) -> StackBits | None:
    """Return the bits of all stacks, of those that are wanted; None if there are too many.

    Args:
        table: stacks of the kernel alone.
        conditions: what the rules want.
        wanted: bits of the rules that matter.
    """
    names = table.names
    has_machinery = np.asarray([conditions.is_machinery(name) for name in names], np.bool_)
    callers, inside = _callers(table, has_machinery)
    of_frames = [conditions.frame_bits(name) & wanted for name in names]
    known = sorted(set(callers.tolist()))
    of_callers = dict.fromkeys(range(len(names)), 0)
    of_callers.update({place: conditions.caller_bits(names[place]) & wanted for place in known})
    of_inner = [
        conditions.inner_bits(name) & wanted if is_inside else 0
        for name, is_inside in zip(names, has_machinery.tolist(), strict=True)
    ]
    packing = _Packing([*of_frames, *of_callers.values(), *of_inner])
    if len(packing.bits) > _MAX_BITS:
        return None
    begins = np.concatenate(([0], table.ends[:-1]))
    masks = np.bitwise_or.reduceat(packing.packed(of_frames)[table.frames], begins)
    masks |= packing.packed(list(of_callers.values()))[callers]
    inner = packing.packed(of_inner)
    for rows, frames in inside:
        masks[rows] |= inner[frames]
    distinct, firsts, of_stack = np.unique(masks, return_index=True, return_inverse=True)
    order = np.argsort(firsts)
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    return StackBits([packing.unpacked(one) for one in distinct[order].tolist()], ranks[of_stack])


def _callers(
    table: StackTable, is_machinery: npt.NDArray[np.bool_]
) -> tuple[Ints, list[tuple[Ints, Ints]]]:
    """Return the caller of each stack, and (stacks, frames) inside of it, level by level."""
    begins = np.concatenate(([0], table.ends[:-1]))
    at = table.ends - 1
    inside: list[tuple[Ints, Ints]] = []
    rows = np.arange(len(at))
    while True:
        frames = table.frames[at[rows]]
        is_inside = is_machinery[frames]
        rows = rows[is_inside]
        if not len(rows):
            return table.frames[at], inside
        inside.append((rows, frames[is_inside]))
        is_last = at[rows] == begins[rows]
        at[rows[is_last]] = table.ends[rows[is_last]] - 1  # without a caller, it is the leaf
        rows = rows[~is_last]
        at[rows] -= 1


class _Packing:
    """Packs the bits that occur into integers of 64 bits.

    Attributes:
        bits: those that occur.
    """

    def __init__(self, masks: Iterable[int]) -> None:
        found = reduce(or_, masks, 0)
        self.bits = [1 << place for place in range(found.bit_length()) if found >> place & 1]

    def packed(self, masks: Sequence[int]) -> Ints:
        """Return masks as an array."""
        known = {
            mask: sum(1 << place for place, bit in enumerate(self.bits) if mask & bit)
            for mask in set(masks)
        }
        return np.asarray([known[mask] for mask in masks], np.int64)

    def unpacked(self, packed: int) -> int:
        """Return the mask that was packed."""
        return sum(bit for place, bit in enumerate(self.bits) if packed >> place & 1)
