"""Times of recordings: from their manifests, and from the ``set.json`` of several runs.

The mode that a run was traced in becomes the metrics' condition: tracing costs time, each mode its
own, so that only runs of one mode are compared.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pvprof.errors import InputError, first_line
from pvprof.model.problems import Problem
from pvprof.model.stacks import show_controls
from pvprof.recording.open import SCHEMA, SET_FILE
from pvprof.stats.runs.runs import TimedRun
from pvprof.stats.runs.time_output import REAL, SYS, USER
from pvprof.stats.series import MAX_VALUE

_TIMES = {"real_s": REAL, "user_s": USER, "sys_s": SYS}


def run_from_manifest(facts: Mapping[str, Any]) -> TimedRun:
    """Return the run that a manifest, or an entry of a ``set.json``, tells of.

    A run whose workload failed did something else than the others: it has a fault.
    """
    run = TimedRun(is_warmup=facts.get("warmup") is True)
    mode = facts.get("mode")
    for key, metric in _TIMES.items():
        value = _number(facts.get(key))
        if value is None:
            continue
        run.values[replace(metric, condition=f"traced: {mode}" if mode else "traced")] = value
        if value < 0:
            run.fault = f"{key} is negative ({value:g})"
    if not run.values:
        run.fault = "its workload was not timed"
    if facts.get("exit_status"):
        run.fault = f"its workload failed (exit status {facts['exit_status']})"
    elif facts.get("exit_signal"):
        run.fault = f"its workload was killed (signal {facts['exit_signal']})"
    return run


def is_manifest(document: object) -> bool:
    """Tell whether a JSON document may be the manifest of a recording."""
    return isinstance(document, dict) and "schema" in document and "mode" in document


def read_set(directory: Path) -> tuple[str, list[TimedRun], list[Problem]]:
    """Return the label, the runs and the problems of a set of recordings.

    Raises:
        InputError: its ``set.json`` cannot be read.
    """
    place = directory / SET_FILE
    try:
        contents = json.loads(place.read_text("utf-8"))
        schema = contents.get("schema")
        if schema != SCHEMA:
            raise InputError(f"{place}: schema {schema!r} is not known; {SCHEMA} is")
        runs = [_named_run(entry) for entry in contents["runs"]]
    except OSError as error:
        raise InputError(f"{place}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{place}: not a set of recordings: {first_line(error)}") from error
    problems = []
    made = len([run for run in runs if not run.is_warmup])
    wanted = contents.get("wanted")
    if isinstance(wanted, int) and made < wanted:
        text = f"{made} of {wanted} runs were made"
        problems.append(Problem("runs-missing", text, directory.name))
    label = contents.get("label")
    return (show_controls(label) if isinstance(label, str) else ""), runs, problems


def _named_run(entry: Mapping[str, Any]) -> TimedRun:
    run = run_from_manifest(entry)
    if run.fault:
        run.fault = f"{entry.get('name')}: {run.fault}"
    return run


def _number(value: object) -> float | None:
    """Return a number of a manifest, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= MAX_VALUE and not math.isnan(value) else None
