"""What an HTML report says of its recordings: what was lost, and where, how and what ran.

Owns order and wording. A manifest is taken as it comes: whatever is missing or of another type than
expected is left out. All text is still as it was recorded: ``html`` makes it safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pvprof.analysis.report import Report
from pvprof.model.problems import Problem
from pvprof.recording.manifest import Manifest, words
from pvprof.recording.provenance import Provenance
from pvprof.render.svg.labels import format_value
from pvprof.views.tables.problems import problem_lines

_MOST_WARNINGS = 12
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
    """What a reader must know first: (severity, text) of each, and whether anything was lost."""

    shown: tuple[tuple[str, str], ...]
    more: tuple[tuple[str, str], ...]
    has_loss: bool


def warnings(
    problems: Sequence[Problem],
    recordings: Sequence[tuple[str, Manifest]],
    notes: Sequence[str],
) -> Warnings:
    """Return the problems of all recordings, losses first, and other things to be known.

    Args:
        problems: of all recordings.
        recordings: (name, manifest) of each: a manifest may know of drops that dtrace's stderr,
            where the problems come from, does not tell.
        notes: other things to be known.
    """
    lost = [
        ("loss", f"{text} ({name})")
        for name, manifest in recordings
        if (text := Provenance.from_manifest(manifest).lost)
        and not any(one.severity == "loss" and one.file.startswith(name) for one in problems)
    ]
    lines = problem_lines(problems)
    told = lost + [
        (one.severity, line.partition(": ")[2]) for one, line in zip(problems, lines, strict=True)
    ]
    return Warnings(
        (*told[:_MOST_WARNINGS], *(("note", note) for note in notes)),
        tuple(told[_MOST_WARNINGS:]),
        any(severity == "loss" for severity, _ in told),
    )


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one recording, as (label, text); `head` is what a page begins with."""

    name: str
    rows: tuple[tuple[str, str], ...]

    @property
    def head(self) -> tuple[tuple[str, str], ...]:
        """Return the rows that a reader wants to see before anything else."""
        return tuple([row for row in self.rows if row[0] in _IN_THE_HEAD])


def recording_facts(name: str, manifest: Manifest) -> Facts:
    """Return what a manifest says of the run."""
    times = (("real", manifest.real_s), ("user", manifest.user_s), ("sys", manifest.sys_s))
    took = [f"{name} {seconds:,.2f} s" for name, seconds in times if seconds is not None]
    rows = (
        *Provenance.from_manifest(manifest).rows(),
        (
            "Workload took",
            ", ".join(took),
        ),
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
    """Return what holds for all recordings together; a text may have several lines."""
    facts = [row for row in report.provenance if row[0] in _COMMON]
    for section in report.sections:
        unit = section.unit
        facts.append(("Total", format_value(section.total.value, unit)))
        facts.append(("Kept", format_value(section.kept.value, unit)))
        aside = [
            f"{one.title}: {format_value(one.weight.value, unit)} ({one.reason})"
            for one in sorted(section.set_aside, key=lambda one: -one.weight.value)
        ]
        if aside:
            facts.append(("Left out", "\n".join(aside)))
    return (*facts, ("Made by", f"pvprof {report.version}"))
