"""Read the recordings of the two sides of a comparison."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

from pvprof.dataset.load import combine
from pvprof.dataset.sides import RecordedRun, Side
from pvprof.errors import InputError, UsageError
from pvprof.model.problems import Problem
from pvprof.parse.read import ReadOptions, read_recording
from pvprof.recording.layout import Recording
from pvprof.recording.open import open_recording
from pvprof.recording.run_set import expand
from pvprof.stats.runs.manifests import run_from_manifest

_LABEL_HINT = "give the new side after --vs: pvprof compare BASE... --vs NEW..."


def read_sides(
    base: Sequence[str], new: Sequence[str] | None, base_label: str, options: ReadOptions
) -> tuple[Side, Side]:
    """Read both sides, each recording by itself. Warm-ups and copies are set aside, with a problem.

    Args:
        base: recordings or run sets; of both sides if `new` is None.
        new: those of the new side, or None to go by the labels in the manifests.
        base_label: the label of the base; empty for the first one's.
        options: how recordings are read.

    Raises:
        InputError: a recording cannot be read.
        UsageError: a side is empty, or labels do not make two sides.
    """
    if new is None:
        groups = _by_label([open_recording(path) for path in expand(base)], base_label)
    else:
        for paths, name in ((base, "before"), (new, "behind")):
            if not paths:
                raise UsageError(f"no recordings {name} --vs", _LABEL_HINT)
        if base_label:
            raise UsageError("--base and --vs: give one of them")
        groups = [("", [open_recording(path) for path in expand(paths)]) for paths in (base, new)]
    sides = [_side(label, some, options) for label, some in groups]
    names = [side_name(side, some) for side, (_, some) in zip(sides, groups, strict=True)]
    if names[0] == names[1]:
        names = [f"{name} ({place})" for name, place in zip(names, ("base", "new"), strict=True)]
    made = [
        Side(name, side.runs, _renamed(side.problems, name))
        for side, name in zip(sides, names, strict=True)
    ]
    return made[0], made[1]


def _renamed(problems: Sequence[Problem], name: str) -> tuple[Problem, ...]:
    return tuple(
        Problem(one.kind, f"{name}: {one.text}", count=one.count, severity=one.severity)
        for one in problems
    )


def side_name(side: Side, recordings: Sequence[Recording]) -> str:
    """Return the label that all recordings of a side have, else their names."""
    labels = {one.manifest.label for one in recordings}
    if len(labels) == 1 and "" not in labels:
        return labels.pop()
    names = [run.name for run in side.runs]
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _by_label(recordings: Sequence[Recording], base: str) -> list[tuple[str, list[Recording]]]:
    groups: dict[str, list[Recording]] = {}
    for one in recordings:
        groups.setdefault(one.manifest.label, []).append(one)
    without = [one.name for one in groups.get("", [])]
    if without:
        raise UsageError(f"{', '.join(without[:4])}: no label says which side it is", _LABEL_HINT)
    if len(groups) != 2:
        labels = ", ".join(groups)
        raise UsageError(f"two labels make two sides; here: {labels or 'none'}", _LABEL_HINT)
    if base and base not in groups:
        raise UsageError(f"--base {base}: no such label", f"labels: {', '.join(groups)}")
    order = sorted(groups, key=lambda label: label != (base or next(iter(groups))))
    return [(label, groups[label]) for label in order]


def _side(name: str, recordings: Sequence[Recording], options: ReadOptions) -> Side:
    """Read the recordings of one side.

    A copy is left out: two runs made of one would give a verdict made of nothing.
    """
    runs: dict[str, RecordedRun] = {}
    problems: list[Problem] = []
    for recording in recordings:
        if recording.manifest.is_warmup:
            problems.append(Problem("warm-up", "warm-ups are set aside", severity="note"))
            continue
        digest = hashlib.sha256(recording.data).hexdigest()
        if digest in runs:
            text = f"{recording.name} is {runs[digest].name} once more: counted once"
            problems.append(Problem("recording-twice", text))
            continue
        runs[digest] = _run(recording, digest, options)
    if not runs:
        raise InputError(f"{name or recordings[0].name}: only warm-ups on this side")
    return Side(name, tuple(runs.values()), tuple(problems))


def _run(recording: Recording, digest: str, options: ReadOptions) -> RecordedRun:
    parsed = read_recording(recording, options)
    manifest = recording.manifest
    is_known = manifest.duration_ns > 0 and options.window is None
    times = run_from_manifest(manifest)
    return RecordedRun(
        name=recording.name,
        dataset=combine([(recording, parsed)]),
        manifest=manifest,
        times={} if times.fault else times.values,
        duration_ns=manifest.duration_ns if is_known else parsed.duration_ns,
        script=recording.script,
        digest=digest,
        place="" if recording.path in ("-", "stdin") else os.path.realpath(recording.path),
    )
