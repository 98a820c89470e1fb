"""The answer of a comparison in a few sentences: what changed, by how much, is it proven.

Owns the first paragraph of ``pvprof compare`` and ``pvprof stats``. Only what is proven is called a
change. The locks that the patch changed come first, whatever their size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pvprof.analysis.compare.compare import Comparison, SectionChange
from pvprof.analysis.compare.measures import CLASS, KIND, LOCK, RowChange
from pvprof.model.stacks import show_controls
from pvprof.stats.comparison import SeriesComparison, SeriesOptions, Verdict, power_sentence
from pvprof.stats.study import Study, StudySection
from pvprof.views.verdicts.words import (
    change_text,
    not_proven_text,
    proven_text,
    signed_value_text,
    size_text,
    value_text,
)

_MAX_ROWS = 3
_MAX_CALLERS = 3
_MAX_SIDE_NAME = 12
_JUDGES = ("real", "sys")
"""The run times that count spinning as well as waiting."""

_Named = tuple[str, SeriesComparison]


def conclusion(changes: Comparison) -> list[str]:
    """Return the sentences on a comparison of recordings."""
    options = changes.options.stats
    lines = _verdicts([(time_name(time, changes), time) for time in changes.times], options)
    lines[1:1] = _opposite(changes)
    for section in changes.sections:
        lines += _section(section, changes)
    lines += _without_verdict(_judged(changes))
    lines += _power(changes)
    return [show_controls(line) for line in _confidence_once(lines, options)]


def study_conclusion(study: Study) -> list[str]:
    """Return the sentences on sets of runs, each compared with the first."""
    base, *others = study.names
    lines = []
    for name in others:
        named = [
            (metric_name(section, study), row.comparison)
            for section in study.sections
            for row in section.rows
            if row.series.name == name and row.comparison
        ]
        texts = _verdicts(named, study.options.compare)
        texts += _without_verdict(named)
        texts += [_resolution(metric, one) for metric, one in named[:1] if power_sentence(one)]
        lines += [f"{name} against {base}: {texts[0]}", *texts[1:]] if texts else []
    return [show_controls(line) for line in lines]


def _confidence_once(lines: Iterable[str], options: SeriesOptions) -> list[str]:
    """Return the lines with the confidence in the first proof only: it is that of all."""
    texts = [f"{before} {proven_text(options)}" for before in (",", ":")]
    kept: list[str] = []
    is_first = True
    for line in lines:
        short = line
        for text in texts:
            short = short.replace(text, f"{text[0]} proven")
        kept.append(line if is_first else short)
        is_first = is_first and short == line
    return kept


def row_title(row: RowChange, changes: Comparison) -> str:
    """Return the name of a row; a lock whose primitive changed says how."""
    if row.level == KIND:
        return next(kind.title for kind in changes.kinds if kind.id == row.kind)
    return f"{row.name} ({row.identity_change})" if row.identity_change else row.name


def time_name(time: SeriesComparison, changes: Comparison) -> str:
    """Return the name of a run time, with the mode that traced it if there are several."""
    conditions = {one.metric.condition for one in changes.times}
    return time.metric.title if len(conditions) > 1 else time.metric.name


def mode_mark(section: SectionChange, changes: Comparison) -> str:
    """Return the mode of a section behind a blank, if there are several sections."""
    return f" [{section.mode}]" if len(changes.sections) > 1 and section.mode else ""


def metric_name(section: StudySection, study: Study) -> str:
    """Return the name of a metric, with its condition unless all metrics have the same."""
    is_common = len({one.metric.condition for one in study.sections}) == 1
    return section.metric.name if is_common else section.metric.title


def _verdicts(named: Iterable[_Named], options: SeriesOptions) -> list[str]:
    """Return one sentence each on what is proven, what is not, and what has no verdict."""
    named = list(named)
    proven = [f"{name} {size_text(one)}" for name, one in named if one.is_different]
    unproven = [name for name, one in named if one.verdict is Verdict.UNPROVEN]
    others = [f"{name} {change_text(one)}" for name, one in named if one.verdict is Verdict.NONE]
    lines = [f"{', '.join(proven)}: {proven_text(options)}."] if proven else []
    lines += [f"{', '.join(unproven)}: {not_proven_text(options)}."] if unproven else []
    return [*lines, *([f"{', '.join(others)}: no verdict."] if others else [])]


def _section(section: SectionChange, changes: Comparison) -> list[str]:
    """Return the sentences on the changed locks, on each kind, and on the largest other changes."""
    options = changes.options.stats
    per = changes.options.basis.name
    locks = section.level(LOCK) or section.level(CLASS)
    changed = [row for row in locks if row.identity_change]
    mark = mode_mark(section, changes)
    lines = []
    for row in changed:
        if row.main.comparison:
            lines.append(_sentence(f"{row_title(row, changes)}{mark}", row, section, changes))
            lines += _callers(row, changes)
    lines += _kinds(section, changes)
    others = [row for row in locks if row not in changed and row.is_different]
    others.sort(key=lambda row: (-abs(row.difference), row.name))
    texts = [
        f"{row_title(row, changes)} {signed_value_text(row.difference, section.unit)}"
        for row in others[:_MAX_ROWS]
    ]
    rest = len(others) - len(texts)
    if texts:
        more = f"; {rest} more below" if rest else ""
        largest = "Largest other changes" if changed else "Largest changes"
        lines.append(f"{largest} per {per}: {', '.join(texts)}: {proven_text(options)}{more}.")
        lines += [] if changed else _callers(others[0], changes)
    return lines


def _kinds(section: SectionChange, changes: Comparison) -> list[str]:
    """Return a sentence on each of the largest kinds; the first says what a sum of waits is."""
    mark = mode_mark(section, changes)
    about = ", summed over all threads" if section.unit == "ns" else ""
    lines = []
    for row in _largest(section.level(KIND)):
        if row.main.comparison:
            name = f"{row_title(row, changes)}{mark}{about}"
            lines.append(_sentence(name, row, section, changes))
            about = ""
    return lines


def _opposite(changes: Comparison) -> list[str]:
    """Return why off-CPU time can grow in a faster run, if both are proven; or the opposite."""
    directions = {time.metric.name: time.is_better for time in changes.times}
    is_faster = directions.get("real")
    waits = [
        row.main.comparison.is_better
        for section in changes.sections
        if section.is_off_cpu
        for row in section.level(KIND)
        if row.kind == changes.kinds[0].id and row.main.comparison
    ]
    if is_faster is None or (not is_faster) not in waits:
        return []
    how = (
        "If threads that spun sleep now, off-CPU time grows while the run gets faster"
        if is_faster
        else "If threads that slept spin now, off-CPU time shrinks while the run gets slower"
    )
    judges = " and ".join(name for name in _JUDGES if name in directions)
    return [f"Spinning was not recorded: it counts as sys. {how}. Judge by {judges}."]


def main_locks(section: SectionChange) -> list[RowChange]:
    """Return the locks whose primitive changed, or else the lock of the largest proven change."""
    locks = section.level(LOCK)
    changed = [row for row in locks if row.identity_change]
    proven = sorted(
        (row for row in locks if row.is_different), key=lambda row: -abs(row.difference)
    )
    return changed or proven[:1]


def side_names(changes: Comparison) -> tuple[str, str]:
    """Return the names of both sides if they are short and differ, else ``Base`` and ``New``."""
    names = changes.base.name, changes.new.name
    is_short = max(map(len, names)) <= _MAX_SIDE_NAME and names[0] != names[1]
    return names if is_short else ("Base", "New")


def _callers(row: RowChange, changes: Comparison) -> list[str]:
    """Return one sentence on who waits for a lock on the new side, or on the base without any."""
    for is_new in (True, False):
        values = [
            (one.new_mean if is_new else one.base_mean, one.name.removeprefix("kernel`"))
            for one in row.callers
        ]
        waiting = sorted((-value, name) for value, name in values if value)
        if waiting:
            break
    else:
        return []
    one = row.main.comparison
    assert one is not None  # it is proven, or the caller has looked
    total = one.new.mean if is_new else one.base.mean
    percents = [(round(-100 * value / total), name) for value, name in waiting]
    percents = [(percent, name) for percent, name in percents if percent]
    shares = [f"{name} ({percent}%)" for percent, name in percents[:_MAX_CALLERS]]
    rest = len(percents) - len(shares)
    more = f" and {rest} more" if rest else ""
    side = side_names(changes)[is_new]
    return [f"Callers that wait for {row.name} ({side}): {', '.join(shares)}{more}."]


def _largest(rows: Sequence[RowChange]) -> list[RowChange]:
    """Return the largest rows, in their order."""
    largest = sorted(rows, key=lambda row: -row.size)[:_MAX_ROWS]
    return [row for row in rows if row in largest]


def _sentence(name: str, row: RowChange, section: SectionChange, changes: Comparison) -> str:
    comparison = row.main.comparison
    assert comparison is not None  # the caller has looked
    base, new = (value_text(side.mean, section.unit) for side in (comparison.base, comparison.new))
    values = f"{name}: {base} -> {new} per {changes.options.basis.name}"
    options = changes.options.stats
    if comparison.is_different:
        return f"{values}, {size_text(comparison)}, {proven_text(options)}."
    if comparison.verdict is Verdict.NONE:
        size = "" if comparison.percent is None else f", {change_text(comparison)}"
        return f"{values}{size}: no verdict."
    return f"{values}. {not_proven_text(options)}."


def _judged(changes: Comparison) -> list[_Named]:
    """Return the comparisons that are judged, by name: times, kinds, locks or else classes."""
    named = [(time_name(time, changes), time) for time in changes.times]
    for section in changes.sections:
        rows: Sequence[RowChange] = section.level(LOCK) or section.level(CLASS)
        named += [
            (f"{row_title(row, changes)}{mode_mark(section, changes)}", row.main.comparison)
            for row in (*section.level(KIND), *rows)
            if row.main.comparison
        ]
    return named


def _without_verdict(judged: Sequence[_Named]) -> list[str]:
    """Return a sentence for each reason why there is no verdict."""
    by_reason: dict[str, list[str]] = {}
    for name, one in judged:
        if one.verdict is Verdict.NONE:
            by_reason.setdefault(one.reason, []).append(name)
    lines = []
    for reason, names in by_reason.items():
        more = f" and {len(names) - _MAX_ROWS} more" if len(names) > _MAX_ROWS else ""
        about = "" if len(names) == len(judged) else f" on {', '.join(names[:_MAX_ROWS])}{more}"
        lines.append(f"No verdict{about}: {reason}.")
    return lines


def _power(changes: Comparison) -> list[str]:
    """Return the change that these runs can show, of real or else of a kind; more runs for less."""
    named = [(time_name(time, changes), time) for time in changes.times[:1]]
    for section in [] if named else changes.sections[:1]:
        named += [
            (row_title(row, changes), row.main.comparison)
            for row in section.level(KIND)[:1]
            if row.main.comparison
        ]
    return [_resolution(name, one) for name, one in named if power_sentence(one)]


def _resolution(name: str, comparison: SeriesComparison) -> str:
    return f"Resolution of {name}: {power_sentence(comparison)}."
