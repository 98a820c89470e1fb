"""Single waits as columns: one row for each wait that the filters keep, in order of the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pvprof.analysis.waits.timelines import describe_waits, sums_without_times
from pvprof.analysis.waits.wakeups import NO_WAKEUP, blocked_ns, wakeup_of_waits
from pvprof.analysis.wakers import INTERRUPT
from pvprof.classify.classified import Classified
from pvprof.classify.filters import Part
from pvprof.classify.interrupts import is_interrupt
from pvprof.dataset.dataset import Measurement
from pvprof.errors import UsageError
from pvprof.model.problems import Problem
from pvprof.model.stacks import Stack
from pvprof.views.folded import StackOptions

if TYPE_CHECKING:
    import numpy.typing as npt

    from pvprof.model.arrays import Addresses, Ints
    from pvprof.model.waits import WaitTable

COLUMNS = (
    *("recording", "start_ns", "wait_ns", "blocked_ns", "runnable_ns"),
    *("kind", "class", "name", "caller", "mechanism", "process", "pid", "tid", "cpu"),
    *("owner_tid", "object_address", "waker", "waker_tid", "stack"),
)
_UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """Whole numbers; both arrays have one entry for each wait.

    Attributes:
        values: int64 or uint64.
        is_known: False where the value was not recorded.
    """

    values: Ints | Addresses
    is_known: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TextColumn:
    """Texts that repeat.

    Attributes:
        codes: int64, one for each wait: an index into `texts`, or -1 for no text.
        texts: distinct and not empty.
    """

    codes: Ints
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SingleWaitsView:
    """The columns of single waits, each in `numbers` or in `texts`.

    Attributes:
        numbers, texts: by name.
        problems: what has no row, though it was kept.
        order: the names of all columns.
    """

    numbers: Mapping[str, NumberColumn]
    texts: Mapping[str, TextColumn]
    problems: tuple[Problem, ...]
    order: tuple[str, ...] = COLUMNS

    @property
    def is_empty(self) -> bool:
        """Tell whether no wait was kept."""
        return not len(self.numbers["wait_ns"].values)


def build(classified: Classified, options: StackOptions) -> SingleWaitsView:
    """Return the single waits that the filters keep.

    Raises:
        UsageError: no single waits were recorded, or the options ask for something else.
    """
    if options.fold.counts or not options.timeline or options.measure == "samples":
        raise UsageError(
            "a table of single waits has each of them: not --counts, --no-timeline or --measure"
        )
    measured = classified.single_waits(options.measure)
    measurement = measured.measurement
    if measurement.events is None:
        raise UsageError(
            "no single waits were recorded",
            "pvprof record events records them; -o X.parquet takes sums",
        )
    events, parts = measurement.events, measured.kept
    caller_of = classified.rules.caller_of

    def describe(part: Part, stack: Stack) -> tuple[str, ...]:
        key, verdict = part.key, part.verdict
        caller = caller_of(stack) or ""
        return (
            *(verdict.kind, verdict.lock_class, key.name, caller),
            *(key.mechanism, key.execname, stack),
        )

    reasons, reason_of = describe_waits(events, parts, describe)
    kept = np.flatnonzero(reason_of >= 0)
    names = ("kind", "class", "name", "caller", "mechanism", "process", "stack")
    texts = {
        name: _texts([reason[number] for reason in reasons], reason_of[kept])
        for number, name in enumerate(names)
    }
    numbers, waker = _numbers(measurement, events, kept)
    texts |= {"recording": _recordings(measurement, kept), "waker": waker}
    return SingleWaitsView(numbers, texts, tuple(sums_without_times(events, parts, kept)))


def _texts(texts: list[str], code: Ints) -> TextColumn:
    """Return a column of texts; `code` is the index of each wait's text, -1 for none."""
    distinct = tuple(dict.fromkeys(filter(None, texts)))
    number_of = {text: number for number, text in enumerate(distinct)}
    # The entry after all texts is the one that the code -1 picks.
    numbers = np.asarray([*(number_of.get(text, -1) for text in texts), -1], dtype=np.int64)
    return TextColumn(numbers[code], distinct)


def _recordings(measurement: Measurement, kept: Ints) -> TextColumn:
    runs = measurement.runs
    index = np.repeat(np.arange(len(runs)), [run.events for run in runs])
    return _texts([run.name for run in runs], index[kept])


def _numbers(
    measurement: Measurement, events: WaitTable, kept: Ints
) -> tuple[dict[str, NumberColumn], TextColumn]:
    """Return the columns of numbers, and that of the wakers."""
    always = np.ones(len(kept), dtype=np.bool_)
    numbers = {
        name: NumberColumn(getattr(events, name)[kept], always) for name in ("start_ns", "wait_ns")
    }
    for name, unknown in (
        ("pid", _UNKNOWN),
        ("tid", _UNKNOWN),
        ("cpu", _UNKNOWN),
        ("owner_tid", 0),
    ):
        values = getattr(events, name)[kept].astype(np.int64)  # in every file the same type
        numbers[name] = NumberColumn(values, values != unknown)
    addresses = events.object_address[kept]
    numbers["object_address"] = NumberColumn(addresses, addresses != 0)
    ended, waker = _wakers(measurement, events, kept)
    return numbers | ended, waker


def _wakers(
    measurement: Measurement, events: WaitTable, kept: Ints
) -> tuple[dict[str, NumberColumn], TextColumn]:
    """Return the parts of the waits before and after their wake-ups, and who ended them."""
    nothing = np.zeros(len(kept), dtype=np.int64)
    blocked, runnable, tid, is_known = nothing, nothing, nothing, nothing != 0
    waker = TextColumn(nothing - 1, ())
    wakeups = measurement.wakeups
    if wakeups is not None:
        wakeup = wakeup_of_waits(events, wakeups)[kept]
        is_known = wakeup != NO_WAKEUP
        blocked, tid = nothing.copy(), nothing.copy()
        blocked[is_known] = blocked_ns(events, wakeups, kept[is_known], wakeup[is_known])
        tid[is_known] = wakeups.waker_tid[wakeup[is_known]]
        runnable = events.wait_ns[kept] - blocked
        ids = zip(wakeups.key_id.tolist(), wakeups.stack_id.tolist(), strict=True)
        names = [
            INTERRUPT if is_interrupt(wakeups.stacks[stack]) else wakeups.keys[key].execname
            for key, stack in ids
        ]
        waker = _texts(names, wakeup)
    columns = {"blocked_ns": blocked, "runnable_ns": runnable, "waker_tid": tid}
    return {name: NumberColumn(values, is_known) for name, values in columns.items()}, waker
