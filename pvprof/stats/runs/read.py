"""The way in: files of any kind that holds numbers of repeated runs, into sets of runs.

Each file is a set, but for two things: single recordings of one label make one set, and headings in
a text of times make several.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pvprof.errors import InputError, UsageError, first_line
from pvprof.model.problems import Problem
from pvprof.model.stacks import show_controls
from pvprof.recording.layout import SET_FILE
from pvprof.recording.manifest import Manifest, is_manifest
from pvprof.recording.open import open_recording
from pvprof.stats.runs.columns import ColumnOptions, read_columns
from pvprof.stats.runs.manifests import read_set, run_from_manifest
from pvprof.stats.runs.runs import UNCLEAR, TimedRun, TimeReader, run_sets
from pvprof.stats.study import RunSet

TIMES = "times"
COLUMNS = "columns"
KINDS = (TIMES, COLUMNS)


@dataclass(frozen=True, slots=True)
class TimesOptions:
    """How text is read.

    Attributes:
        kind: of `KINDS`; empty to tell by the text: times where a line has any.
        columns: where plain numbers stand.
    """

    kind: str = ""
    columns: ColumnOptions = field(default_factory=ColumnOptions)


@dataclass(slots=True)
class _Source:
    """What one file holds, or all single recordings of one label."""

    name: str
    runs: list[TimedRun]
    problems: list[Problem]


def read_run_sets(paths: Sequence[str], options: TimesOptions | None = None) -> list[RunSet]:
    """Read sets of runs, in the order of the files; ``-`` is stdin.

    Raises:
        InputError: a file cannot be read, or holds no run that counts.
        UsageError: a file is given twice.
    """
    options = options or TimesOptions()
    _refuse_twice(paths)
    sources: list[_Source] = []
    by_label: dict[str, _Source] = {}
    for path in paths:
        label, source = _read(path, options)
        if label and label in by_label:
            by_label[label].runs += source.runs
            by_label[label].problems += source.problems
            continue
        if label:
            by_label[label] = source
        sources.append(source)
    _tell_apart(sources)
    sets = [
        made
        for one in sources
        for made in run_sets(show_controls(one.name), one.runs, one.problems)
    ]
    for one in sets:
        if not one.series:
            told = "; ".join(problem.text for problem in one.problems if problem.severity != "note")
            raise InputError(f"{one.name}: no run that counts" + (f": {told}" if told else ""))
    return sets


def _read(path: str, options: TimesOptions) -> tuple[str, _Source]:
    """Return what a file holds, and the label by which it joins others, if it is one recording."""
    place = Path(path)
    if path != "-" and (place.name == SET_FILE or (place / SET_FILE).is_file()):
        directory = place.parent if place.name == SET_FILE else place
        label, runs, problems = read_set(directory)
        return "", _Source(label or path, runs, problems)
    recording = open_recording(path)
    manifest = recording.manifest
    text = "" if manifest else bytes(recording.data).decode("utf-8", "replace")
    if text.lstrip().startswith("{"):
        manifest = _manifest(recording.path, text)
    if not manifest:
        return "", _of_text(recording.path, text, options, recording.problems)
    run = run_from_manifest(manifest)
    run.fault = f"{path}: {run.fault}" if run.fault else ""
    problems = [problem for problem in recording.problems if problem.kind == "incomplete"]
    return manifest.label, _Source(manifest.label or path, [run], problems)


def _manifest(name: str, text: str) -> Manifest:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: begins as JSON, but: {first_line(error)}") from error
    if not is_manifest(document):
        raise InputError(f"{name}: JSON, but no manifest of a recording")
    return Manifest.from_json(document)


def _of_text(name: str, text: str, options: TimesOptions, problems: Sequence[Problem]) -> _Source:
    lines = text.splitlines()
    if options.kind != COLUMNS:
        reader = TimeReader(name)
        for number, line in enumerate(lines, 1):
            reader.feed(number, line)
        reader.finish()
        if any(problem.kind == UNCLEAR for problem in reader.problems) or reader.runs:
            return _Source(name, reader.runs, [*problems, *reader.problems])
        if options.kind == TIMES:
            raise InputError(f"{name}: no times in it", "time(1) and the shells' times are known")
    runs, found = read_columns(name, lines, options.columns)
    return _Source(name, runs, [*problems, *found])


def _tell_apart(sources: Sequence[_Source]) -> None:
    """Give sets of one name a number: two sets of recordings with one label, say."""
    names = [one.name for one in sources]
    for name in dict.fromkeys(names):
        same = [one for one in sources if one.name == name]
        for number, one in enumerate(same if len(same) > 1 else [], 1):
            one.name = f"{name} ({number})"


def _refuse_twice(paths: Sequence[str]) -> None:
    seen: dict[object, str] = {}
    for path in paths:
        try:
            facts = os.stat(path) if path != "-" else None
        except OSError:
            continue  # opening it says why
        identity: object = (facts.st_dev, facts.st_ino) if facts else "-"
        if identity in seen:
            other = f" (as {seen[identity]})" if seen[identity] != path else ""
            raise UsageError(
                f"{path}: given twice{other}", "a set compared with itself shows nothing"
            )
        seen[identity] = path
