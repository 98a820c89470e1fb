"""The bars of an HTML report: the sum of a section by class and kind, histograms of waits.

Owns lengths, order and wording; refuses to know tags (``html.jinja`` does). All text is as it was
recorded: ``page`` escapes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pvprof.analysis.histograms import ALL, Distribution
from pvprof.analysis.lock_table import Row
from pvprof.analysis.report import Report, Section
from pvprof.classify.rules import OTHER, WaitKind
from pvprof.render.html.tables import colour_of_row
from pvprof.units import Unit, count_waits, format_share, format_value, unit_words
from pvprof.views.tables.report import mark_of

_MAX_BARS = 9
_MAX_FIGURES = 6
_MIN_WAITS = 5
"""A histogram of fewer waits says little: it is shown only if there is no other."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, its length in percent of the longest, its value and share in words.

    Attributes:
        tone: ``kept``, ``aside`` or ``rest``.
        colour: ``#rrggbb``, as in the flame graph, or empty.
    """

    label: str
    percent: str
    value: str
    share: str
    tone: str = "kept"
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars under one heading; `heads` are the headings of label, value and share."""

    title: str
    heads: tuple[str, str, str]
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Headline:
    """The sum of a section: a figure, its title, a sentence, and bars."""

    title: str
    figure: str
    about: str
    charts: tuple[Bars, ...]


class _Scale(NamedTuple):
    """The scale of bars: the total of the shares, the longest bar, the unit."""

    total: int
    largest: int
    unit: Unit

    def bar(self, label: str, value: int, tone: str = "kept", colour: str = "") -> Bar:
        text, share = format_value(value, self.unit), format_share(value, self.total)
        return Bar(label, _percent(value, self.largest), text, share, tone, colour)


def _percent(part: int, whole: int) -> str:
    """Return a length in percent of the longest bar; a length above 0 is visible."""
    hundredths = (part * 10_000 + whole // 2) // whole if whole else 0
    return f"{max(hundredths, 20 if part else 0) / 100:.2f}"


def headline(section: Section, report: Report, colours: Mapping[str, str]) -> Headline:
    """Return the headline of a section: its first kind by class, and everything by kind."""
    unit, total = section.unit, section.total.value
    of_kind = _sums((row.kind, row.value) for row in section.rows)
    of_aside = _sums((row.kind, row.value) for row in section.aside_rows)
    kinds = [kind for kind in report.kinds if kind.id in of_kind]
    charts = []
    value, title, waits = section.kept.value, section.words.measured, ""
    if kinds:
        kind = kinds[0]
        value, title = of_kind[kind.id], kind.title
        rows = [row for row in section.rows if row.kind == kind.id]
        if section.has_counts and unit == "ns":
            waits = f"in {count_waits(sum(row.count or 0 for row in rows))}; "
        charts.append(_process_bars(section) or _class_bars(rows, unit, colours))
    charts.append(_kind_bars(report.kinds, of_kind, of_aside, section))
    title += mark_of(section, report)
    about = f"{waits}{format_share(value, total)} of {format_value(total, unit)} recorded"
    return Headline(title, format_value(value, unit), about, tuple(charts))


def _sums(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for name, value in pairs:
        totals[name] = totals.get(name, 0) + value
    return totals


def _process_bars(section: Section) -> Bars | None:
    """Return bars by process for samples of several; None for others."""
    if len(section.processes) < 2 or len({row.kind for row in section.rows}) > 1:
        return None
    return _largest("By process", "Process", section.processes, section.unit, {})


def _class_bars(rows: Sequence[Row], unit: Unit, colours: Mapping[str, str]) -> Bars:
    """Return bars by lock class; by name if there are no classes."""
    by_class = any(row.lock_class != OTHER for row in rows)
    names = [row.lock_class if by_class else row.name for row in rows]
    sums = _sums((name, row.value) for name, row in zip(names, rows, strict=True))
    colour_of = {name: colour_of_row(row, colours) for name, row in zip(names, rows, strict=True)}
    ordered = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    title, head = ("By lock class", "Lock class") if by_class else ("Largest", "Name")
    return _largest(title, head, ordered, unit, colour_of)


def _largest(
    title: str,
    head: str,
    ordered: Sequence[tuple[str, int]],
    unit: Unit,
    colour_of: Mapping[str, str],
) -> Bars:
    """Return a bar for each of the first (name, value) pairs, and one for all others."""
    values = [value for _, value in ordered]
    rest = values[_MAX_BARS:]
    scale = _Scale(sum(values), max([*values, sum(rest)]), unit)
    bars = [
        scale.bar(name, value, colour=colour_of.get(name, ""))
        for name, value in ordered[:_MAX_BARS]
    ]
    if rest:
        bars.append(scale.bar(f"{len(rest):,} more", sum(rest), "rest"))
    return Bars(title, (head, unit_words(unit).quantity, "Share"), tuple(bars))


def _kind_bars(
    kinds: Sequence[WaitKind], kept: Mapping[str, int], aside: Mapping[str, int], section: Section
) -> Bars:
    """Return bars by kind, of everything recorded; labels mark what was set aside."""
    parts = [(kind.title, kept.get(kind.id, 0), "kept") for kind in kinds]
    parts += [(f"{kind.title} (set aside)", aside.get(kind.id, 0), "aside") for kind in kinds]
    parts = sorted(
        (part for part in parts if part[1]), key=lambda part: (part[2] == "aside", -part[1])
    )
    scale = _Scale(
        section.total.value, max([value for _, value, _ in parts], default=0), section.unit
    )
    bars = tuple([scale.bar(title, value, tone) for title, value, tone in parts])
    return Bars("Everything recorded, by kind", ("Kind", section.words.quantity, "Share"), bars)


@dataclass(frozen=True, slots=True)
class Figure:
    """One histogram: a bar for each bucket. `is_name`: its title is a recorded name."""

    title: str
    is_name: bool
    about: str
    bars: tuple[Bar, ...]


class Figures(NamedTuple):
    """Histograms to show at first, and on request."""

    shown: tuple[Figure, ...]
    more: tuple[Figure, ...]


def figures(distributions: Sequence[Distribution], report: Report) -> Figures:
    """Return the histograms of a page."""
    filled = [distribution for distribution in distributions if distribution.buckets]
    shown = [distribution for distribution in filled if distribution.count >= _MIN_WAITS][
        :_MAX_FIGURES
    ]
    shown = shown or filled[:_MAX_FIGURES]
    return Figures(
        tuple([_figure(distribution, report) for distribution in shown]),
        tuple(
            [_figure(distribution, report) for distribution in filled if distribution not in shown]
        ),
    )


def _figure(distribution: Distribution, report: Report) -> Figure:
    largest = max(bucket.count for bucket in distribution.buckets)
    bars = [
        Bar(
            format_value(bucket.low_ns, "ns"),
            _percent(bucket.count, largest),
            f"{bucket.count:,}",
            format_share(bucket.count, distribution.count),
        )
        for bucket in distribution.buckets
    ]
    about = [f"{distribution.count:,} {'wait' if distribution.count == 1 else 'waits'}"]
    about += [
        text for text in (distribution.lock_class, distribution.event) if text not in ("", OTHER)
    ]
    is_name = distribution.name != ALL
    title = distribution.name if is_name else report.title_of(distribution.kind)
    return Figure(title, is_name, ", ".join(about), tuple(bars))
