"""Call a function for each of many groups: several at the same time where answers come slowly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pvprof.store.places.place import Group

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")


def of_groups(function: Callable[[Group], _Result], groups: Sequence[Group]) -> Iterator[_Result]:
    """Yield the results for groups of one place, in their order.

    Args:
        function: called in threads if the place answers several requests at the same time.
        groups: the groups.
    """
    return of_each(function, groups, groups[0].requests_at_once if groups else 1)


def of_each(
    function: Callable[[_Argument], _Result], arguments: Sequence[_Argument], at_once: int
) -> Iterator[_Result]:
    """Yield the results for arguments, in their order; up to `at_once` are made together."""
    if at_once == 1 or len(arguments) < 2:
        yield from map(function, arguments)
        return
    pool = ThreadPoolExecutor(at_once)
    try:
        yield from pool.map(function, arguments)
    finally:
        # After a failure the others would fail as slowly.
        pool.shutdown(cancel_futures=True)
