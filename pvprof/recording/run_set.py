"""A run set: a directory of recordings with a ``set.json``, as ``pvprof record --repeat`` makes it.

Owns that file, both ways::

    {"schema": 1, "label": "stock", "wanted": 5,
     "recordings": ["offcpu-1.pvprof", ...], "warmups": [...],
     "runs": [{"name": "offcpu-1.pvprof", "mode": ..., "run": ..., "real_s": ..., ...}, ...]}
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pvprof.errors import InputError, first_line, quote
from pvprof.model.stacks import show_controls
from pvprof.recording.layout import SET_FILE
from pvprof.recording.limits import MAX_FACTS_BYTES, load_json
from pvprof.recording.manifest import SCHEMA, Manifest, as_integer, as_text

_RUN_FACTS = ("mode", "run", "warmup", "real_s", "user_s", "sys_s", "exit_status", "complete")
"""What ``set.json`` repeats of each run's manifest."""


@dataclass(frozen=True, slots=True)
class RunSetFile:
    """The contents of a ``set.json``.

    Attributes:
        label: the side of a comparison, or empty.
        wanted: the number of runs that were asked for; None if unknown.
        runs: (name, facts) of each run, warm-ups included.
    """

    label: str
    wanted: int | None
    runs: tuple[tuple[str, Manifest], ...]


def write_run_set(
    directory: Path, label: str, wanted: int, runs: Sequence[tuple[str, Manifest]]
) -> None:
    """Write the ``set.json`` of a directory.

    Args:
        directory: of the recordings.
        label: the side of a comparison, or empty.
        wanted: the number of runs that were asked for, without warm-ups.
        runs: (name, manifest) of each recording that was made.
    """
    contents = {
        "schema": SCHEMA,
        "label": label,
        "wanted": wanted,
        "recordings": [name for name, manifest in runs if not manifest.is_warmup],
        "warmups": [name for name, manifest in runs if manifest.is_warmup],
        "runs": [
            {"name": name, **{key: manifest.raw.get(key) for key in _RUN_FACTS}}
            for name, manifest in runs
        ],
    }
    (directory / SET_FILE).write_text(json.dumps(contents, indent=1) + "\n", "utf-8")


def read_run_set(directory: Path) -> RunSetFile:
    """Return the contents of a directory's ``set.json``.

    Raises:
        InputError: it cannot be read, or is not one.
    """
    path = directory / SET_FILE
    contents = _contents(path)
    if contents.get("schema") != SCHEMA:
        schema = quote(as_text(contents.get("schema")))
        raise InputError(f"{path}: unknown schema {schema}; {SCHEMA} is known")
    runs = contents.get("runs")
    if not isinstance(runs, list) or not all(isinstance(run, dict) for run in runs):
        raise InputError(f"{path}: not a set of recordings: 'runs' must be a list of objects")
    label = contents.get("label")
    return RunSetFile(
        label=show_controls(label) if isinstance(label, str) else "",
        wanted=as_integer(contents.get("wanted")),
        runs=tuple((as_text(run.get("name")), Manifest.from_json(run)) for run in runs),
    )


def members(directory: Path) -> list[str]:
    """Return the paths of a run set's recordings, in the order of the runs, without warm-ups.

    Raises:
        InputError: the ``set.json`` cannot be read, or lists no recording.
    """
    return [str(directory / name) for name in _recordings(directory / SET_FILE)]


def _recordings(path: Path) -> list[str]:
    """Return the file names of a set's recordings: no directories, so that none leads elsewhere."""
    names = _contents(path).get("recordings")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{path}: not a set of recordings: 'recordings' must be a list of names")
    if not names:
        raise InputError(f"{path}: no recordings in this set")
    for name in names:
        if not name.isprintable() or PurePosixPath(name).name in ("", ".."):
            raise InputError(f"{path}: not a set of recordings: {quote(name)} is not a file name")
    found = [PurePosixPath(name).name for name in names]
    twice = next((name for name, count in Counter(found).items() if count > 1), None)
    if twice is not None:
        raise InputError(f"{path}: not a set of recordings: {quote(twice)} is listed twice")
    return found


def _contents(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > MAX_FACTS_BYTES:
            raise InputError(f"{path}: more than {MAX_FACTS_BYTES >> 20} MiB")
        contents = load_json(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path}: not a set of recordings: {first_line(error)}") from error
    if not isinstance(contents, dict):
        raise InputError(f"{path}: not a set of recordings: not a JSON object")
    return contents
