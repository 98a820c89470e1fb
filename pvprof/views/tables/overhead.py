"""What tracing costs, as far as it was measured: a caution for readers of a report.

Owns the wording. The numbers are in the table of modes (``collect.modes``). They are from
experiments on other machines: they say how much to expect, not what this recording cost.
"""

from __future__ import annotations

from collections.abc import Iterable

from pvprof.collect.modes import COST_EXPERIMENTS, programs_named
from pvprof.recording.manifest import Manifest

_CAUTION = "Tracing slows down what it measures."


def overhead_notes(manifests: Iterable[Manifest]) -> tuple[str, ...]:
    """Return one sentence per program that recorded, on how much tracing may have cost."""
    programs = {(manifest.program, _tracer(manifest)): None for manifest in manifests}
    notes = tuple(_note(program, tracer) for program, tracer in programs)
    return notes or (_note("", _tracer(Manifest())),)


def _tracer(manifest: Manifest) -> str:
    """Return the name of the tracer; recordings that do not say it are of dtrace."""
    return manifest.tracer if manifest.tracer in COST_EXPERIMENTS else "dtrace"


def _note(program: str, tracer: str) -> str:
    experiment = COST_EXPERIMENTS[tracer]
    for row in programs_named(program):
        if row.tracer == tracer and row.cost is not None:
            return (
                f"{_CAUTION} Program {program}: {row.cost.ratio} times the run time for"
                f" {row.cost.work} ({experiment.conditions})."
            )
    unknown = (
        f"The cost of program {program} is not known"
        if program
        else "Which program recorded is not known"
    )
    return (
        f"{_CAUTION} {unknown}; others took {experiment.cost_range} times the run time"
        f" ({experiment.conditions})."
    )
