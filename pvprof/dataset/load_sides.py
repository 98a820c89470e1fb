"""Read the recordings of the two sides of a comparison."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pvprof.dataset.differential import sides_of
from pvprof.dataset.load import combine, open_recordings
from pvprof.dataset.read_named import read_named
from pvprof.dataset.sides import RecordedRun, Side
from pvprof.errors import InputError, UsageError
from pvprof.model.problems import Problem
from pvprof.parse.files.folded import DIFFERENTIAL_NEW, TWO_COLUMNS
from pvprof.parse.read import ReadOptions
from pvprof.parse.result import ParseResult
from pvprof.recording.layout import Recording
from pvprof.stats.runs.manifests import run_from_manifest

_MAX_NAMED = 4
_LABEL_HINT = "give the new side after --vs: pvprof compare BASE... --vs NEW..."


@dataclass(frozen=True, slots=True)
class SideRun:
    """A recording of a side that is not yet read.

    Attributes:
        recording: as it was opened.
        digest: hash of the output; equal for a recording and its copy.
        place: where it is, the same for one place only: an absolute path; empty for stdin.
        read: returns it, and what it holds.
    """

    recording: Recording
    digest: str
    place: str
    read: Callable[[], tuple[Recording, ParseResult]]


def read_sides(
    base: Sequence[str], new: Sequence[str] | None, base_label: str, options: ReadOptions
) -> tuple[Side, Side]:
    """Return the base and the new side, each recording as a dataset of its own.

    Warm-ups and copies are set aside, with a problem.

    Args:
        base: recordings or run sets; those of both sides if `new` is None, or one differential
            file.
        new: those of the new side, or None to sort by the labels in the manifests.
        base_label: the label of the base; empty for that of the first recording.
        options: how to read recordings.

    Raises:
        InputError: a recording cannot be read.
        UsageError: a side is empty, labels do not make two sides, or the sides share a recording.
    """
    difference = _difference(base[0], options) if new is None and len(base) == 1 else None
    if difference is not None:
        return difference
    if new is not None:
        for paths, position in ((base, "before"), (new, "after")):
            if not paths:
                raise UsageError(f"no recordings {position} --vs", _LABEL_HINT)
    return sides_of_runs(
        _opened(base, options),
        None if new is None else partial(_opened, new, options),
        base_label,
        is_redacted=options.redact is not None,
    )


def sides_of_runs(
    base: Sequence[SideRun],
    new: Callable[[], Sequence[SideRun]] | None,
    base_label: str,
    *,
    is_redacted: bool = False,
) -> tuple[Side, Side]:
    """Return the base and the new side; see `read_sides`.

    Args:
        base: those of both sides if `new` is None.
        new: opens those of the new side, or None to sort by the labels in the manifests.
        base_label: the label of the base; empty for that of the first recording.
        is_redacted: the names of recordings are private.

    Raises:
        InputError, UsageError: as `read_sides`.
    """
    if new is None:
        groups = _by_label(base, base_label)
    else:
        if base_label:
            raise UsageError("--base and --vs: give one of them")
        groups = [("", base), ("", new())]
        _check_shared(groups[0][1], groups[1][1])
    base_side, new_side = (_side(label, runs, is_redacted) for label, runs in groups)
    base_name, new_name = base_side.name, new_side.name
    if base_name == new_name:
        base_name, new_name = f"{base_name} (base)", f"{new_name} (new)"
    return _named(base_side, base_name), _named(new_side, new_name)


def _opened(paths: Sequence[str], options: ReadOptions) -> list[SideRun]:
    """Return the recordings of these paths.

    Raises:
        InputError: one of them cannot be opened.
    """
    return [_side_run(recording, options) for recording in open_recordings(paths, options)]


def _side_run(recording: Recording, options: ReadOptions) -> SideRun:
    digest = hashlib.sha256(recording.data).hexdigest()
    read = partial(read_named, recording, options)
    return SideRun(recording, digest, _real_path(recording), read)


def _difference(path: str, options: ReadOptions) -> tuple[Side, Side] | None:
    """Return the sides of a differential file, one run each; None for anything else."""
    recordings = open_recordings([path], options)
    if len(recordings) != 1 or recordings[0].manifest.mode not in ("", DIFFERENTIAL_NEW):
        return None
    run = _run(replace(_side_run(recordings[0], options), digest=""))
    sides = sides_of(run.dataset)
    if sides is None:
        return None
    # Without a digest and a path they are no two copies of one recording.
    base, new = (
        replace(run, name=side.names[0], dataset=side, digest=side.names[0], real_path="")
        for side in sides
    )
    doubts = tuple(one for one in run.dataset.problems if one.kind == TWO_COLUMNS)
    return Side(base.name, (base,)), _named(Side(new.name, (new,), doubts), new.name)


def _named(side: Side, name: str) -> Side:
    """Return the side with its name, which its problems name too."""
    problems = (
        replace(problem, text=f"{name}: {problem.text}", file="", line=0)
        for problem in side.problems
    )
    return Side(name, side.runs, tuple(problems))


def _check_shared(base: Sequence[SideRun], new: Sequence[SideRun]) -> None:
    """Refuse sides that share some of their recordings.

    Two sides of the very same recordings are a comparison with itself: a caveat of the result.

    Raises:
        UsageError: a recording is on both sides, another on one.
    """
    sides = [{one.place: one for one in side if one.place} for side in (base, new)]
    shared = [path for path in sides[0] if path in sides[1]]
    if not shared or sides[0].keys() == sides[1].keys():
        return
    both = [sides[0][path].recording for path in shared]
    names = [one.path or one.name for one in both]
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    raise UsageError(
        f"on both sides of --vs: {', '.join(names[:_MAX_NAMED])}{more}",
        "each recording belongs to one side: before --vs the base, after it the new side",
    )


def _real_path(recording: Recording) -> str:
    """Return the absolute path without symbolic links, or an empty text for stdin."""
    return "" if recording.path in ("-", "stdin") else os.path.realpath(recording.path)


def _side_name(recordings: Sequence[SideRun], runs: Sequence[RecordedRun]) -> str:
    """Return the label that all recordings of a side have, else the names of its runs."""
    labels = {one.recording.manifest.label for one in recordings}
    if len(labels) == 1 and "" not in labels:
        return labels.pop()
    names = [run.name for run in runs]
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _by_label(runs: Sequence[SideRun], base: str) -> list[tuple[str, Sequence[SideRun]]]:
    """Return (label, runs) of the base and of the new side.

    Raises:
        UsageError: the labels do not make two sides.
    """
    groups: dict[str, list[SideRun]] = {}
    for run in runs:
        groups.setdefault(run.recording.manifest.label, []).append(run)
    unlabelled = [run.recording.name for run in groups.get("", [])]
    if unlabelled:
        names = ", ".join(unlabelled[:_MAX_NAMED])
        raise UsageError(f"{names}: no label says which side it is", _LABEL_HINT)
    labels = ", ".join(groups)
    if base and base not in groups:
        raise UsageError(f"--base {base}: no recording has label {base} (here: {labels})")
    if len(groups) == 1:
        raise UsageError(f"only one side (label {labels})", _LABEL_HINT)
    if len(groups) != 2:
        raise UsageError(f"two labels make two sides; here: {labels}", _LABEL_HINT)
    order = sorted(groups, key=lambda label: label != (base or next(iter(groups))))
    return [(label, groups[label]) for label in order]


def _side(label: str, opened: Sequence[SideRun], is_redacted: bool) -> Side:
    """Return the runs of one side; warm-ups and copies are problems.

    A copy does not count: it would be a second run that agrees with the first by construction.

    Raises:
        InputError: a recording cannot be read, or all are warm-ups.
    """
    runs: dict[str, RecordedRun] = {}
    problems: list[Problem] = []
    for one in opened:
        recording = one.recording
        if recording.manifest.is_warmup:
            problems.append(Problem("warm-up", "warm-ups are set aside", severity="note"))
            continue
        if one.digest in runs:
            copy = "a recording" if is_redacted else recording.name
            text = f"{copy} is a copy of {runs[one.digest].name}: counted once"
            problems.append(Problem("recording-twice", text))
            continue
        runs[one.digest] = _run(one)
    if not runs:
        raise InputError(f"{label or opened[0].recording.name}: only warm-ups on this side")
    measured = tuple(part for run in runs.values() for part in _parts_of(run))
    return Side(_side_name(opened, measured), measured, tuple(problems))


def _parts_of(run: RecordedRun) -> list[RecordedRun]:
    """Return a run for each mode of an HTML report of several modes; else the run itself."""
    datasets = run.dataset.by_mode()
    if len(datasets) < 2:
        return [run]
    return [replace(run, dataset=part, page_mode=mode) for mode, part in datasets.items()]


def _run(run: SideRun) -> RecordedRun:
    recording, parsed = run.read()
    manifest = recording.manifest
    is_known = manifest.duration_ns > 0 and not parsed.window
    times = run_from_manifest(manifest)
    return RecordedRun(
        name=recording.name,
        dataset=combine([(recording, parsed)]),
        manifest=manifest,
        times={} if times.fault else times.values,
        duration_ns=manifest.duration_ns if is_known else parsed.duration_ns,
        script=recording.script,
        digest=run.digest,
        real_path=run.place,
    )
