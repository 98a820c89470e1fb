"""A trend as what its picture shows, and its changes in words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from pvprof.store.trend import CONFIDENCE, Trend, TrendPoint
from pvprof.units import Unit, format_value


@dataclass(frozen=True, slots=True)
class Level:
    """The mean of the runs between two changes.

    Attributes:
        first, last: indices of its points.
        mean: in the unit of the trend.
    """

    first: int
    last: int
    mean: float


@dataclass(frozen=True, slots=True)
class TrendView:
    """The picture of a trend.

    Attributes:
        title, subtitle: one line each.
        unit: of all values.
        points: from left to right.
        levels: of the mean, from left to right; they meet at the changes.
        changes: in words, from left to right; or that none is proven.
        notes: (label, text) pairs.
    """

    title: str
    subtitle: str
    unit: Unit
    points: tuple[TrendPoint, ...]
    levels: tuple[Level, ...]
    changes: tuple[str, ...]
    notes: tuple[tuple[str, str], ...]


def build(found: Trend, what: str, by: str, per: str, where: str) -> TrendView:
    """Return the picture of a trend.

    Args:
        found: the trend.
        what: the expression of the lock classes.
        by: what a point is: kernel, commit or day.
        per: run or second.
        where: which recordings were taken; empty for all.
    """
    runs = sum(len(point.values) for point in found.points)
    notes = [
        ("Interval", f"{CONFIDENCE:g} % of the mean of a point's runs (Student's t)"),
        ("Changes", "binary segmentation, permutation test at 1 % (docs/store.md)"),
    ]
    notes += [("Recordings", f"those with {where}")] if where else []
    if found.left_out:
        notes.append(("Left out", left_out_in_words(found, by, per)))
    if found.other_rules:
        notes.append(("Classes", other_rules_in_words(found)))
    return TrendView(
        title=f"{what}: wait per {per}, by {by}" if found.unit == "ns" else f"{what}, by {by}",
        subtitle=f"{found.mode}: {runs:,} runs, {len(found.points):,} {by}s",
        unit=found.unit,
        points=found.points,
        levels=_levels(found),
        changes=tuple(changes_in_words(found)),
        notes=tuple(notes),
    )


def changes_in_words(found: Trend) -> list[str]:
    """Return a sentence for each change; one that says it if there is none."""
    if not found.changes:
        return ["No change proven."]
    sentences = []
    for change in found.changes:
        point = found.points[change.point]
        before, after = (
            format_value(round(value), found.unit) for value in (change.before, change.after)
        )
        share = f" ({change.after / change.before - 1:+.1%})" if change.before else ""
        name = point.name if point.name == point.day else f"{point.name} ({point.day})"
        sentences.append(f"Changed at {name}: {before} -> {after}{share}, p = {change.p:.2g}")
    return sentences


def left_out_in_words(found: Trend, by: str, per: str) -> str:
    """Return the number of recordings that are in no point, and why, in words."""
    what = f"a {by}" if per == "run" else f"a {by} or a length"
    return f"{found.left_out:,} recordings without {what}"


def other_rules_in_words(found: Trend) -> str:
    """Return the number of recordings that other rules have classified, in words."""
    return f"{found.other_rules:,} recordings were classified by other rules than today's"


def _levels(found: Trend) -> tuple[Level, ...]:
    starts = [0, *(change.point for change in found.changes), len(found.points)]
    levels = []
    for first, end in pairwise(starts):
        values = [value for point in found.points[first:end] for value in point.values]
        levels.append(Level(first, end - 1, sum(values) / len(values)))
    return tuple(levels)
