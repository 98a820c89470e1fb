"""The facts of an HTML report about its recordings: losses, machine, kernel, workload.

Owns order and wording. What a manifest lacks, or has in an unexpected type, is left out. All text
is as it was recorded: ``page`` escapes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pvprof.analysis.report import Report
from pvprof.recording.manifest import Manifest, words
from pvprof.recording.provenance import Provenance
from pvprof.render.svg.labels import format_value
from pvprof.views.tables.problems import (
    loss_sentence,
    losses_in,
    missing_sentence,
    notes_of,
    problem_lines,
)
from pvprof.views.tables.report import mark_of

_MAX_WARNINGS = 12
_COMMON = ("Recording", "Records", "Layout", "Duration")
_IN_THE_HEAD = (
    "Host",
    "Kernel",
    "CPUs",
    "Workload",
    "Label",
    "Mode",
    "Duration",
    "Workload took",
)


@dataclass(frozen=True, slots=True)
class Warnings:
    """What may be wrong with the data, as (severity, text).

    Attributes:
        loss: the sentence on what is missing; empty if that is nothing, or very little.
        shown, more: the notes, and those for which there is no room at first.
        has_loss: whether anything is missing, however little.
    """

    loss: str
    shown: tuple[tuple[str, str], ...]
    more: tuple[tuple[str, str], ...]
    has_loss: bool


def warnings(
    report: Report, recordings: Sequence[tuple[str, Manifest]], notes: Sequence[str]
) -> Warnings:
    """Return the problems of all recordings, losses first, and further notes.

    Args:
        report: has the problems.
        recordings: (name, manifest) of each: a manifest may list drops that are missing from
            dtrace's stderr, the source of the problems.
        notes: further notes.
    """
    lost = [
        ("loss", f"{text} ({name})")
        for name, manifest in recordings
        if (text := Provenance.from_manifest(manifest).lost)
        and not any(
            problem.severity == "loss" and problem.file.startswith(name)
            for problem in report.problems
        )
    ]
    losses = losses_in(report)
    problems, _ = notes_of(report, losses, "all")
    lines = problem_lines(problems)
    listed = lost + [
        (problem.severity, line.partition(": ")[2])
        for problem, line in zip(problems, lines, strict=True)
    ]
    sentence = loss_sentence(report, losses)
    if lost and not sentence:
        sentence = missing_sentence("; ".join(text for _, text in lost))
    return Warnings(
        sentence,
        (*listed[:_MAX_WARNINGS], *(("note", note) for note in notes)),
        tuple(listed[_MAX_WARNINGS:]),
        bool(lost or losses),
    )


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts about one recording, as (label, text); a page begins with `head`."""

    name: str
    rows: tuple[tuple[str, str], ...]

    @property
    def head(self) -> tuple[tuple[str, str], ...]:
        """Return the rows that a reader wants to see first."""
        return tuple([row for row in self.rows if row[0] in _IN_THE_HEAD])


def recording_facts(name: str, manifest: Manifest) -> Facts:
    """Return the facts in a manifest."""
    times = (("real", manifest.real_s), ("user", manifest.user_s), ("sys", manifest.sys_s))
    took = [f"{word} {seconds:,.2f} s" for word, seconds in times if seconds is not None]
    rows = (
        *Provenance.from_manifest(manifest).rows(),
        ("Workload took", ", ".join(took)),
        ("Workload ended", _ending(manifest)),
        ("Program", words(manifest.program)),
        ("Options", words(manifest.options)),
        ("Scope", words(manifest.scope)),
        ("Run", words(manifest.run)),
        ("Machine", words(manifest.model)),
        ("Incomplete", manifest.incomplete_reason),
        ("Notes", manifest.notes),
    )
    return Facts(name, tuple([row for row in rows if row[1]]))


def _ending(manifest: Manifest) -> str:
    if manifest.exit_signal:
        return f"by signal {manifest.exit_signal}"
    return "" if manifest.exit_status is None else f"with status {manifest.exit_status}"


def common_facts(report: Report) -> tuple[tuple[str, str], ...]:
    """Return the facts about all recordings together; a text may have several lines."""
    facts = [row for row in report.provenance if row[0] in _COMMON]
    for section in report.sections:
        unit = section.unit
        mark = mark_of(section, report)
        facts.append((f"Total{mark}", format_value(section.total.value, unit)))
        facts.append((f"Kept{mark}", format_value(section.kept.value, unit)))
        aside = [
            f"{aside.title}: {format_value(aside.weight.value, unit)} ({aside.shown_by})"
            for aside in sorted(section.set_aside, key=lambda aside: -aside.weight.value)
        ]
        if aside:
            facts.append((f"Left out{mark}", "\n".join(aside)))
    return (*facts, ("Made by", f"pvprof {report.version}"))
