"""What is proven of two sides compared, in sentences: what terminal and Markdown renderers share.

Owns their wording, as ``comparison`` owns that of the tables.
"""

from __future__ import annotations

from collections.abc import Sequence

from pvprof.analysis.compare.compare import Comparison
from pvprof.analysis.compare.measures import KIND, RowChange
from pvprof.model.stacks import show_controls
from pvprof.stats.comparison import SeriesComparison, Verdict, power_sentence
from pvprof.views.tables.compare import (
    format_mean,
    judged,
    p_of,
    percent_text,
    probability_text,
    row_name,
)


def sentences(changes: Comparison) -> list[str]:
    """Return a sentence for each verdict: what differs one by one, the rest together."""
    lines = []
    unproven: list[str] = []
    without: dict[str, list[str]] = {}
    for name, one, row in judged(changes):
        if one.is_different:
            lines.append(_sentence(name, one, row, changes))
        elif one.verdict is Verdict.UNPROVEN:
            unproven.append(name)
        else:
            without.setdefault(one.reason, []).append(name)
    if unproven:
        lines.append(
            f"No difference is proven for {_list(unproven)}; that does not make them equal."
        )
    for reason, names in without.items():
        lines.append(f"No verdict for {_list(names)}: {reason}.")
    return [show_controls(line) for line in lines]


def missing_line(changes: Comparison) -> str:
    """Return what the runs at hand show of the largest kind of wait, or an empty text."""
    for section in changes.sections:
        for row in section.level(KIND):
            text = power_sentence(row.main.comparison) if row.main.comparison else ""
            if text:
                return f"{row_name(row, changes)}: {text}"
    return ""


def _sentence(name: str, one: SeriesComparison, row: RowChange | None, changes: Comparison) -> str:
    word = "less" if one.verdict is Verdict.LESS else "more"
    size = "something where there was 0,"
    if one.percent is not None:
        size = percent_text(abs(one.percent))
    quality = "" if one.is_better is None else (", better" if one.is_better else ", worse")
    if row is None:
        values = f"{one.new.mean:.6g} against {one.base.mean:.6g} {one.metric.unit}"
    else:
        unit = one.metric.unit.partition("/")[0]
        values = f"{format_mean(one.new.mean, unit)} against {format_mean(one.base.mean, unit)}"
        values += f" per {changes.options.basis.name}"
    interval = one.percent_interval
    reach = (
        f"; {one.options.confidence:g} % interval {percent_text(interval[0], signed=True)} to "
        f"{percent_text(interval[1], signed=True)}"
        if interval
        else ""
    )
    p = probability_text(p_of(one))
    p_text = f"p < {p[1:]}" if p.startswith("<") else f"p = {p}"
    further = ""
    if row is not None:
        told = [
            f"{further_one.name} {percent_text(abs(found.percent or 0))} "
            f"{'less' if found.verdict is Verdict.LESS else 'more'}"
            for further_one in row.measures[1:]
            if (found := further_one.comparison) and found.is_different
        ]
        further = f" Also {', '.join(told)}." if told else ""
    return f"{name}: {size} {word}{quality} ({values}{reach}; {p_text}).{further}"


def _list(names: Sequence[str]) -> str:
    most = 8
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
