"""Problems of the input in words: one line each, and what a report says of all of them.

Owns their order by importance: what is missing is one line above the tables, with its share; all
the rest is below them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pvprof.analysis.losses import Losses, losses_of
from pvprof.model.problems import Problem
from pvprof.model.stacks import show_controls
from pvprof.units import format_share

if TYPE_CHECKING:  # every command prints problems, and few need tables
    from pvprof.analysis.report import Report, Section
    from pvprof.views.tables.table import Notes

_MAX_NOTES = 5


def problem_lines(problems: Sequence[Problem]) -> list[str]:
    """Return one line for each problem: severity, count, text, place."""
    return [problem_line(problem) for problem in problems]


def problem_line(problem: Problem, *, place_first: bool = False) -> str:
    """Return a problem as one line; the place is last, or before the text as compilers have it."""
    times = f"{problem.count:,} x " if problem.count > 1 else ""
    before = f"{problem.place}: " if problem.place and place_first else ""
    after = f" ({problem.place})" if problem.place and not place_first else ""
    return show_controls(f"{problem.severity}: {before}{times}{problem.text}{after}")


def losses_in(report: Report) -> Losses:
    """Return the losses of a report."""
    return losses_of(report.problems, sum(map(_recorded, report.sections)))


def _recorded(section: Section) -> int:
    """Return the number of waits or samples in a section, or of records if neither is known."""
    if section.unit == "samples":
        return section.total.value
    return section.total.count if section.has_counts else section.total.records


def _nouns(sections: Sequence[Section]) -> str:
    """Return the word for what `_recorded` counts in these sections."""
    waits = ["waits"] if any(section.has_counts for section in sections) else []
    samples = ["samples"] if any(section.unit == "samples" for section in sections) else []
    return " and ".join((*waits, *samples)) or "records"


def loss_sentence(report: Report, losses: Losses) -> str:
    """Return one sentence on the losses of a report, with their share; empty unless large."""
    noun = _nouns(report.sections)
    everything = losses.lost + losses.recorded
    sentences = []
    if losses.is_large:
        texts = []
        if losses.lost:
            share = format_share(losses.lost, everything)
            texts.append(f"{losses.lost:,} of {everything:,} {noun} ({share})")
        if losses.unknown:
            texts.append(f"how much is not known: {'; '.join(losses.unknown)}")
        sentences.append(missing_sentence(", and ".join(texts)))
    if losses.lacks_stacks:
        share = format_share(losses.stackless, everything)
        start = "Stacks are missing" if losses.is_large else "Stacks are missing, totals are right"
        amount = f"{losses.stackless:,} of {everything:,} {noun} ({share})"
        sentences.append(f"{start}: {amount} lost theirs, or a part of it")
    return ". ".join(sentences)


def missing_sentence(text: str) -> str:
    """Return the sentence that begins with what losses mean, and ends in what is missing."""
    return f"Data are missing, totals are too low: {text}"


def notes_of(report: Report, losses: Losses, notes: Notes) -> tuple[tuple[Problem, ...], int]:
    """Return the problems to list, and the number of notes that are left out.

    Equal problems of several recordings are one; small losses are notes.
    """
    merged = _merged(report.problems)
    if losses.is_small:
        merged = [
            replace(problem, severity="note") if problem.severity == "loss" else problem
            for problem in merged
        ]
    serious = [problem for problem in merged if problem.severity != "note"]
    others = [problem for problem in merged if problem.severity == "note"]
    max_others = {"none": 0, "few": _MAX_NOTES, "all": len(others)}[notes]
    return (*serious, *others[:max_others]), len(others) - len(others[:max_others])


def _merged(problems: Sequence[Problem]) -> list[Problem]:
    """Return the problems, those of equal kind and text in several files as one."""
    by_text: dict[tuple[str, str, str], list[Problem]] = {}
    for problem in problems:
        by_text.setdefault((problem.severity, problem.kind, problem.text), []).append(problem)
    merged = []
    for same in by_text.values():
        first = same[0]
        files = len({problem.file for problem in same})
        if files > 1:
            count = sum(problem.count for problem in same)
            first = replace(first, count=count, file=f"{files:,} recordings", line=0)
        merged.append(first)
    return merged
