"""What is proven of two sides compared, in sentences, for the terminal and Markdown renderers.

Owns the wording of sentences; ``compare`` owns that of tables.
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
    row_name,
)
from pvprof.views.tables.stats import probability_text


def sentences(changes: Comparison) -> list[str]:
    """Return a sentence for each difference, and one for the rest of each verdict."""
    lines = []
    unproven: list[str] = []
    without_verdict: dict[str, list[str]] = {}
    for name, comparison, row in judged(changes):
        if comparison.is_different:
            lines.append(_sentence(name, comparison, row, changes))
        elif comparison.verdict is Verdict.UNPROVEN:
            unproven.append(name)
        else:
            without_verdict.setdefault(comparison.reason, []).append(name)
    if unproven:
        lines.append(
            f"No difference is proven for {_list(unproven)}; that does not make them equal."
        )
    for reason, names in without_verdict.items():
        lines.append(f"No verdict for {_list(names)}: {reason}.")
    return [show_controls(line) for line in lines]


def missing_line(changes: Comparison) -> str:
    """Return the line on the difference that the runs can show of the largest kind, or empty."""
    for section in changes.sections:
        for row in section.level(KIND):
            text = power_sentence(row.main.comparison) if row.main.comparison else ""
            if text:
                return f"{row_name(row, changes)}: {text}"
    return ""


def _sentence(
    name: str, comparison: SeriesComparison, row: RowChange | None, changes: Comparison
) -> str:
    word = "less" if comparison.verdict is Verdict.LESS else "more"
    size = "something where there was 0,"
    if comparison.percent is not None:
        size = percent_text(abs(comparison.percent))
    judgement = (
        "" if comparison.is_better is None else (", better" if comparison.is_better else ", worse")
    )
    if row is None:
        values = (
            f"{comparison.new.mean:.6g} against {comparison.base.mean:.6g} {comparison.metric.unit}"
        )
    else:
        unit = comparison.metric.unit.partition("/")[0]
        new, base = (format_mean(side.mean, unit) for side in (comparison.new, comparison.base))
        values = f"{new} against {base} per {changes.options.basis.name}"
    interval = comparison.percent_interval
    reach = (
        f"; {comparison.options.confidence:g} % interval"
        f" {percent_text(interval[0], signed=True)} to {percent_text(interval[1], signed=True)}"
        if interval
        else ""
    )
    p = probability_text(p_of(comparison))
    p_text = f"p < {p[1:]}" if p.startswith("<") else f"p = {p}"
    further = ""
    if row is not None:
        texts = [
            f"{measured.name} {percent_text(abs(further_comparison.percent or 0))} "
            f"{'less' if further_comparison.verdict is Verdict.LESS else 'more'}"
            for measured in row.measures[1:]
            if (further_comparison := measured.comparison) and further_comparison.is_different
        ]
        further = f" Also {', '.join(texts)}." if texts else ""
    return f"{name}: {size} {word}{judgement} ({values}{reach}; {p_text}).{further}"


def _list(names: Sequence[str]) -> str:
    max_names = 8
    more = f" and {len(names) - max_names} more" if len(names) > max_names else ""
    return ", ".join(names[:max_names]) + more
