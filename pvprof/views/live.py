"""What a live view says: a headline, the classes, the locks with their rates, the stacks of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pvprof.analysis.live.history import History
from pvprof.analysis.live.interval import Interval
from pvprof.analysis.lock_table import Row, RowId, split_by_row
from pvprof.analysis.stacks.fold import Folded
from pvprof.classify.classified import Classified
from pvprof.classify.matcher import Matcher
from pvprof.classify.rules import KERNEL
from pvprof.model.profile import Key
from pvprof.model.stacks import Stack, frames_of, show_controls, stack_of
from pvprof.units import NS_PER_S, Unit, format_share, format_value, is_of_code
from pvprof.views.tables.table import Column, Table

_DIGITS = 3
_TREND_CELLS = 20
_SPARKS = " ▁▂▃▄▅▆▇█"

SORTS: Mapping[str, Callable[[Row, Interval], int | str]] = {
    "wait": lambda row, _: -row.value,
    "count": lambda row, _: -(row.count or 0),
    "mean": lambda row, _: -(row.mean or 0),
    "max": lambda row, interval: -interval.max_below.get(row.id, 0),
    "name": lambda row, _: row.name,
}
"""The orders of the rows, by name: the sort key of each."""


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """What a viewer has chosen.

    Attributes:
        sort: one of `SORTS`.
        wanted: only rows of which a name, a class or a caller has this text; in any case.
        selected: the row whose stacks are shown; None for the first.
    """

    sort: str = "wait"
    wanted: str = ""
    selected: RowId | None = None


@dataclass(frozen=True, slots=True)
class ClassBar:
    """The share of one lock class."""

    name: str
    value: str
    share: float


@dataclass(frozen=True, slots=True)
class LiveView:
    """One interval, ready to be shown.

    Attributes:
        headline: the answer, in one sentence.
        bars: the classes, the largest first.
        table: of the locks.
        rows: the rows of the table.
        selected: the index of the one whose stacks are shown; -1 if there is none.
        stacks: of that row.
        losses: what is missing, in words.
        aside: what the filters do not show, in words; empty if they show all.
    """

    headline: str
    bars: tuple[ClassBar, ...]
    table: Table
    rows: tuple[Row, ...]
    selected: int
    stacks: Folded
    losses: tuple[str, ...] = field(default=())
    aside: str = ""


def build(history: History, interval: Interval, options: LiveOptions) -> LiveView:
    """Return the view of an interval.

    Args:
        history: all that came; for the trends and the losses.
        interval: the one that is shown.
        options: what the viewer has chosen.
    """
    rows = chosen_rows(interval, options)
    ids = [row.id for row in rows]
    selected = ids.index(options.selected) if options.selected in ids else min(len(rows), 1) - 1
    return LiveView(
        headline=headline(interval),
        bars=_bars(interval),
        table=table_of(rows, interval, history),
        rows=rows,
        selected=selected,
        stacks=_stacks(interval.classified, rows[selected].id if rows else None, interval.unit),
        losses=tuple(f"{loss.text} ({loss.count:,})" for loss in history.losses),
        aside=_aside(interval),
    )


def _aside(interval: Interval) -> str:
    """Return in words what was recorded, but is in no row."""
    value = interval.total - interval.kept
    if not value or is_of_code(interval.unit):
        return ""
    return f"not shown: {rate_text(value, interval)} of other kinds of wait"


def chosen_rows(interval: Interval, options: LiveOptions) -> tuple[Row, ...]:
    """Return the rows that the viewer wants, in their order."""
    wanted = options.wanted.casefold()
    rows = (row for row in interval.rows if wanted in _texts(row).casefold())
    key = SORTS[options.sort]
    return tuple(sorted(rows, key=lambda row: (key(row, interval), row.id)))


def _texts(row: Row) -> str:
    return "\n".join((row.name, row.lock_class, caller_of(row)))


def caller_of(row: Row) -> str:
    """Return the function that waited longest, or an empty text."""
    return row.callers[0][0] if row.callers and not row.is_function else ""


def rate_text(value: int, interval: Interval) -> str:
    """Return a value per second: ``812 ms/s``, ``4,210/s``."""
    text = format_value(interval.rate(value), interval.unit, _DIGITS)
    return f"{text}/s"


def headline(interval: Interval) -> str:
    """Return the answer in one sentence."""
    if not interval.total:
        return f"Nothing was recorded in {format_value(interval.length_ns, 'ns', _DIGITS)}"
    if is_of_code(interval.unit):
        return f"{rate_text(interval.total, interval)} {interval.unit} on the CPUs"
    kernel = interval.by_kind.get(KERNEL, 0)
    threads = kernel / max(interval.length_ns, 1)
    share = f"{format_share(kernel, interval.total)} of {rate_text(interval.total, interval)}"
    rate = rate_text(kernel, interval)
    return f"Kernel waiting on itself: {rate}, {share}; {threads:.2f} threads"


def _bars(interval: Interval) -> tuple[ClassBar, ...]:
    whole = max(interval.kept, 1)
    return tuple(
        ClassBar(show_controls(name), rate_text(value, interval), value / whole)
        for name, value in interval.by_class
    )


def table_of(rows: tuple[Row, ...], interval: Interval, history: History) -> Table:
    """Return the table of the rows, with their rates and trends."""
    has_max = any(row.id in interval.max_below for row in rows)
    is_code = is_of_code(interval.unit)
    columns = [
        Column("Function" if is_code else "Lock or wait", is_name=True),
        Column("Class", rank=3, is_words=True),
        Column("Samples/s" if is_code else "Wait/s", is_number=True),
        Column("Waits/s", is_number=True, rank=1),
        Column("Mean", is_number=True, rank=2),
        *([Column("Max <", is_number=True, rank=4)] if has_max else []),
        Column("Trend", rank=6),
        Column("Top caller", is_name=True, rank=5),
    ]
    unwanted = {"Waits/s", "Mean", "Class"} if is_code else set()
    cells = []
    for row in rows:
        texts = [
            row.name,
            row.lock_class,
            format_value(interval.rate(row.value), interval.unit, _DIGITS),
            "-" if row.count is None else _per_second(row.count, interval),
            "-" if row.mean is None else format_value(row.mean, interval.unit, _DIGITS),
            *([_max_text(row, interval)] if has_max else []),
            spark_line(history.trend(row.id, _TREND_CELLS)),
            caller_of(row) or "-",
        ]
        cells.append(
            tuple(
                text
                for column, text in zip(columns, texts, strict=True)
                if column.name not in unwanted
            )
        )
    shown = tuple(column for column in columns if column.name not in unwanted)
    return Table("", shown, tuple(cells))


def _per_second(count: int, interval: Interval) -> str:
    rate = count * NS_PER_S / max(interval.length_ns, 1)
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


def _max_text(row: Row, interval: Interval) -> str:
    below = interval.max_below.get(row.id)
    return "-" if below is None else format_value(below, "ns", _DIGITS)


def spark_line(values: tuple[int, ...]) -> str:
    """Return one character for each value; the highest is as high as the line."""
    top = max(values, default=0)
    steps = len(_SPARKS) - 1
    return "".join(_SPARKS[-(-value * steps // top) if top else 0] for value in values)


def _stacks(classified: Classified, row: RowId | None, unit: Unit) -> Folded:
    """Return the stacks of a row, each from the function that waited to its callers.

    ::

        kernel`trap;kernel`vm_fault;kernel`pmap_enter;kernel`turnstile_wait      as recorded
        kernel`pmap_enter;kernel`vm_fault;kernel`trap                            as shown
    """
    if row is None or not classified.measurements:
        return Folded((), unit)
    values: Counter[Stack] = Counter()
    for part in classified.measurements[0].kept:
        for row_id, piece in split_by_row(part, unit):
            if row_id == row:
                for stack, weight in piece.stacks.items():
                    values[_from_caller(piece.key, stack, classified.rules)] += weight.value
    return Folded(tuple((stack, value) for stack, value in values.items() if value), unit)


def _from_caller(key: Key, stack: Stack, rules: Matcher) -> Stack:
    frames = frames_of(stack)
    caller = rules.top_caller(key, stack)
    end = len(frames) - frames[::-1].index(caller) if caller in frames else len(frames)
    return stack_of(reversed(frames[:end]))
