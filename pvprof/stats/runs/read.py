"""Entry point: read files with numbers of repeated runs into sets of runs.

Each file is one set, with three exceptions: single recordings with one label are one set, headings
in a text of times begin a new set, and each command in an export of hyperfine is one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from pvprof.errors import InputError, UsageError, first_line
from pvprof.model.problems import Problem
from pvprof.model.stacks import show_controls
from pvprof.recording.directory import recordings_in
from pvprof.recording.layout import SET_FILE, Recording
from pvprof.recording.limits import HINT, USUAL, Limits, load_json
from pvprof.recording.manifest import Manifest, is_manifest
from pvprof.recording.open import open_recording
from pvprof.stats.runs.columns import ColumnOptions, is_table, read_columns
from pvprof.stats.runs.hyperfine import is_export, read_export
from pvprof.stats.runs.manifests import read_set, run_from_manifest
from pvprof.stats.runs.perf_stat import is_json_line
from pvprof.stats.runs.runs import UNCLEAR, TimedRun, TimeReader, run_sets
from pvprof.stats.study import RunSet

TIMES = "times"
COLUMNS = "columns"
KINDS = (TIMES, COLUMNS)


_BLANK_BYTES = 256  # in which a JSON document must begin


@dataclass(frozen=True, slots=True)
class TimesOptions:
    """How text is read.

    Attributes:
        kind: one of `KINDS`; empty to detect it: times, if any line has one.
        columns: the position of plain numbers.
        limits: how large a file, its lines and its documents may be.
    """

    kind: str = ""
    columns: ColumnOptions = field(default_factory=ColumnOptions)
    limits: Limits = USUAL


@dataclass(slots=True)
class _RunFile:
    """The runs of one file, or of all single recordings with one label."""

    name: str
    runs: list[TimedRun]
    problems: list[Problem]


def read_run_sets(paths: Sequence[str], options: TimesOptions | None = None) -> list[RunSet]:
    """Return the sets of runs, in the order of the files; ``-`` is stdin.

    Raises:
        InputError: a file cannot be read, or has no run that counts.
        UsageError: a file is given twice.
    """
    options = options or TimesOptions()
    _refuse_twice(paths)
    files: list[_RunFile] = []
    by_label: dict[str, _RunFile] = {}
    for path in paths:
        label, file = _read(path, options)
        if label and label in by_label:
            by_label[label].runs += file.runs
            by_label[label].problems += file.problems
            continue
        if label:
            by_label[label] = file
        files.append(file)
    _number_equal_names(files)
    sets = [
        run_set
        for file in files
        for run_set in run_sets(show_controls(file.name), file.runs, file.problems)
    ]
    for run_set in sets:
        if not run_set.series:
            problems = [problem.text for problem in run_set.problems if problem.severity != "note"]
            reason = f": {'; '.join(problems)}" if problems else ""
            raise InputError(f"{run_set.name}: no run that counts{reason}")
    return sets


def _read(path: str, options: TimesOptions) -> tuple[str, _RunFile]:
    """Return the label of a single recording, else an empty text; and the runs of the file."""
    location = Path(path)
    if path != "-" and (location.name == SET_FILE or (location / SET_FILE).is_file()):
        directory = location.parent if location.name == SET_FILE else location
        label, runs, problems = read_set(directory)
        return "", _RunFile(label or path, runs, problems)
    recordings = recordings_in(path) if path != "-" else []
    if recordings:
        return "", _of_directory(path, recordings, options)
    recording = open_recording(path, options.limits)
    manifest = recording.manifest
    text = "" if manifest else _text_of(recording, options.limits)
    if text.lstrip().startswith("{") and not is_json_line(text.lstrip().partition("\n")[0]):
        document = _json(recording.path, text, options.limits)
        if is_export(document):
            runs, problems = read_export(recording.path, document)
            return "", _RunFile(recording.path, runs, [*recording.problems, *problems])
        manifest = Manifest.from_json(document)
    if not manifest:
        return "", _of_text(recording.path, text, options, recording.problems)
    run = run_from_manifest(manifest)
    run.fault = f"{path}: {run.fault}" if run.fault else ""
    problems = [problem for problem in recording.problems if problem.kind == "incomplete"]
    return manifest.label, _RunFile(manifest.label or path, [run], problems)


def _text_of(recording: Recording, limits: Limits) -> str:
    """Return the text of a file that is no recording.

    Raises:
        InputError: it is too large, or a line of it is too long.
    """
    is_document = bytes(recording.data[:_BLANK_BYTES]).lstrip().startswith(b"{")
    max_bytes = limits.document_bytes if is_document else limits.times_bytes
    if len(recording.data) > max_bytes:
        reason = f"more than {max_bytes >> 20:,} MiB, which no file of times has"
        raise InputError(f"{recording.path}: {reason}", HINT)
    return bytes(recording.data).decode("utf-8", "replace")


def _of_directory(path: str, recordings: Sequence[str], options: TimesOptions) -> _RunFile:
    """Return the runs of all recordings in a directory."""
    files = [_read(recording, options) for recording in recordings]
    labels = {label for label, _ in files}
    return _RunFile(
        name=labels.pop() or path if len(labels) == 1 else path,
        runs=[run for _, file in files for run in file.runs],
        problems=[problem for _, file in files for problem in file.problems],
    )


def _json(name: str, text: str, limits: Limits) -> Mapping[str, Any]:
    """Return a JSON document that is a manifest, or an export of hyperfine."""
    try:
        document = load_json(text, limits)
    except ValueError as error:
        raise InputError(f"{name}: begins as JSON, but: {first_line(error)}") from error
    if not is_manifest(document) and not is_export(document):
        raise InputError(
            f"{name}: JSON, but no manifest of a recording, and no export of hyperfine"
        )
    return cast("Mapping[str, Any]", document)


def _of_text(name: str, text: str, options: TimesOptions, problems: Sequence[Problem]) -> _RunFile:
    lines = text.splitlines()
    if len(lines) > options.limits.runs:
        raise InputError(f"{name}: more than {options.limits.runs:,} lines", HINT)
    if options.kind != COLUMNS:
        reader = TimeReader(name)
        for number, line in enumerate(lines, 1):
            reader.feed(number, line)
        reader.finish()
        if any(problem.kind == UNCLEAR for problem in reader.problems) or reader.runs:
            return _RunFile(name, reader.runs, [*problems, *reader.problems])
        if options.kind == TIMES:
            raise InputError(f"{name}: no times in it", "time(1) and the shells' times are known")
        if not is_table(lines, options.columns):
            read_columns(name, lines, options.columns)  # it may have a more exact reason
            hint = "times of time(1), of shells, of perf stat and of hyperfine are known"
            raise InputError(f"{name}: no times in it, and its lines are no table of numbers", hint)
    runs, column_problems = read_columns(name, lines, options.columns)
    return _RunFile(name, runs, [*problems, *column_problems])


def _number_equal_names(files: Sequence[_RunFile]) -> None:
    """Add a number to equal names: for example of two run sets with one label."""
    for name in dict.fromkeys(file.name for file in files):
        same = [file for file in files if file.name == name]
        for number, file in enumerate(same if len(same) > 1 else [], 1):
            file.name = f"{name} ({number})"


def _refuse_twice(paths: Sequence[str]) -> None:
    seen: dict[object, str] = {}
    for path in paths:
        try:
            facts = os.stat(path) if path != "-" else None
        except OSError:
            continue  # opening it reports the error
        identity: object = (facts.st_dev, facts.st_ino) if facts else "-"
        if identity in seen:
            other = f" (as {seen[identity]})" if seen[identity] != path else ""
            raise UsageError(
                f"{path}: given twice{other}", "a set compared with itself shows nothing"
            )
        seen[identity] = path
