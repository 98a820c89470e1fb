"""Exports of hyperfine: ``hyperfine --export-json FILE``.

One result is one command, and becomes one set of runs. hyperfine exports the wall-clock time of
each run, but of the time in user and system mode only the means; means of one set cannot be
compared, so a note says that they are left out. Its warm-up runs are not in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from pvprof.errors import InputError
from pvprof.model.problems import Problem
from pvprof.stats.runs.lines import REAL
from pvprof.stats.runs.runs import TimedRun
from pvprof.stats.series import MAX_VALUE


def is_export(document: object) -> bool:
    """Tell whether a JSON document is an export of hyperfine."""
    if not isinstance(document, Mapping) or not isinstance(document.get("results"), list):
        return False
    return all(isinstance(one, Mapping) and "command" in one for one in document["results"])


def read_export(name: str, document: Mapping[str, Any]) -> tuple[list[TimedRun], list[Problem]]:
    """Return the runs of each command, labelled with the command, and notes.

    Raises:
        InputError: a result has no times of single runs, or one that is no time.
    """
    runs: list[TimedRun] = []
    for result in document["results"]:
        times = result.get("times")
        if not isinstance(times, list) or not times:
            raise InputError(
                f"{name}: {result['command']}: no times of single runs",
                "hyperfine --export-json writes them",
            )
        exit_codes = result.get("exit_codes")
        codes = exit_codes if isinstance(exit_codes, list) else []
        for time, code in zip_longest(times, codes[: len(times)], fillvalue=0):
            if type(time) not in (int, float) or not 0 <= time <= MAX_VALUE:
                raise InputError(f"{name}: {result['command']}: no time in seconds: {time!r}")
            fault = "" if code == 0 else f"its command failed (exit status {code})"
            runs.append(TimedRun(fault=fault, label=_label(result), values={REAL: float(time)}))
    text = "user and sys are left out: hyperfine exports only their means"
    return runs, [Problem("means-only", text, name, severity="note")]


def _label(result: Mapping[str, Any]) -> str:
    """Return the command, and the parameters that hyperfine put into it."""
    parameters = result.get("parameters")
    texts = [f"{key}={value}" for key, value in (parameters or {}).items()]
    return f"{result['command']} ({', '.join(texts)})" if texts else str(result["command"])
