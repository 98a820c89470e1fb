"""Tables of columns: one array for each column, and ids of distinct keys and stacks.

::

    time_ns   cpu   key_id   stack_id        keys                 stacks
        100     0        0          1        0 (turnstile, ...)   0 trap;vm_fault;...
        130     1        1          0        1 (sleepq, ...)      1 fork_exit;...
        131     0        0          0

Owns how such tables are added, and how rows are taken from them and sorted. It refuses to know what
the columns mean (the classes of the tables do). Import it only if there are single waits: it
imports numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import numpy as np

from pvprof.model.arrays import INT64_MAX
from pvprof.model.profile import Key
from pvprof.model.stacks import Stack

if TYPE_CHECKING:
    from pvprof.model.arrays import Bools, Ints, Times

_T = TypeVar("_T")

_DIGIT_BITS = 16


class ColumnTable:
    """Base of frozen dataclasses whose fields are columns, `keys` and `stacks`.

    Attributes:
        KEY_IDS, STACK_IDS: names of the columns that are indices into `keys` and `stacks`.
        keys, stacks: the distinct keys and stacks.
    """

    __slots__ = ()

    KEY_IDS: ClassVar[tuple[str, ...]] = ("key_id",)
    STACK_IDS: ClassVar[tuple[str, ...]] = ("stack_id",)

    keys: tuple[Key, ...]
    stacks: tuple[Stack, ...]

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        """Return the names of all columns, those of ids included."""
        names = (field.name for field in fields(cls))  # type: ignore[arg-type]  # a dataclass
        return tuple(name for name in names if name not in ("keys", "stacks"))

    def plus(self, other: Self) -> Self:
        """Return the rows of both tables, this one's first."""
        keys, key_map = join_distinct(self.keys, other.keys)
        stacks, stack_map = join_distinct(self.stacks, other.stacks)
        maps = dict.fromkeys(self.KEY_IDS, key_map) | dict.fromkeys(self.STACK_IDS, stack_map)

        def column(name: str) -> Any:
            values = getattr(other, name)
            if name in maps:
                values = np.asarray(maps[name], dtype=values.dtype)[values]
            return np.concatenate([getattr(self, name), values])

        columns = {name: column(name) for name in self.columns()}
        return self._replaced(**columns, keys=keys, stacks=stacks)

    def take(self, rows: Ints | Bools) -> Self:
        """Return a table of these rows, with the same keys and stacks.

        Args:
            rows: indices in the order wanted, or a flag for each row; all columns must have equal
                length.
        """
        return self._replaced(**{name: getattr(self, name)[rows] for name in self.columns()})

    def _replaced(self, **values: Any) -> Self:
        return replace(self, **values)  # type: ignore[type-var]  # a dataclass


def order_by(ids: Ints, times: Ints | Times, *further: Any) -> Ints:
    """Return the order of rows by id, then by time, then by further columns; equal rows stay.

    Times are sorted first, unless they are in order. Then ids are sorted digit by digit, the lowest
    digit first, each digit of 16 bits: numpy sorts those five times as fast as 64 bits. At last
    rows with one id and one time, of which there are few, are sorted by all columns::

        id time     by time    by id     the rest
        7   30      5   10     5   10
        5   10      7   20     7   20
        7   20      7   30     7   30    > of these two, the earlier row first
        7   30      7   30     7   30
    """
    order = None if bool((times[1:] >= times[:-1]).all()) else np.argsort(times)
    wide = ids.astype(np.int64)
    digits = (wide - wide.min(initial=INT64_MAX)).view(np.uint64)
    for shift in range(0, int(digits.max(initial=0)).bit_length(), _DIGIT_BITS):
        digit = (digits >> np.uint64(shift)).astype(np.uint16)
        if order is None:
            order = np.argsort(digit, kind="stable")
        else:
            order = order.take(np.argsort(digit.take(order), kind="stable"))
    if order is None:
        order = np.arange(len(times))
    return _with_ties_in_order(order, (ids, times, *further))


def order_by_time(times: Ints, *further: Any) -> Ints:
    """Return the order of rows by time, then by further columns; equal rows stay."""
    return _with_ties_in_order(np.argsort(times), (times, *further), 1)


def _with_ties_in_order(order: Ints, columns: Sequence[Any], sorted_by: int = 2) -> Ints:
    """Return an order by the first columns in which rows that are equal there are in order, too."""
    is_equal = np.ones(max(len(order) - 1, 0), dtype=np.bool_)
    for column in columns[:sorted_by]:
        ordered = column.take(order)
        is_equal &= ordered[1:] == ordered[:-1]
    if is_equal.any():
        is_tied = np.append(is_equal, False)
        is_tied[1:] |= is_equal
        tied = order[is_tied]
        keys = (tied, *(column.take(tied) for column in reversed(columns)))
        order[is_tied] = tied[np.lexsort(keys)]
    return order


def join_distinct(
    ours: tuple[_T, ...], others: tuple[_T, ...]
) -> tuple[tuple[_T, ...], Sequence[int]]:
    """Return the distinct items of both, and for each of `others` its index among them."""
    index = {item: number for number, item in enumerate(ours)}
    other_to_joined = [index.setdefault(item, len(index)) for item in others]
    return tuple(index), other_to_joined
