"""Times of recordings, from their manifests and from run sets.

The mode of a run is the condition of its metrics: each mode of tracing slows a run down by another
amount, so only runs of one mode are compared.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pvprof.model.problems import Problem
from pvprof.recording.manifest import Manifest
from pvprof.recording.run_set import read_run_set
from pvprof.stats.runs.lines import REAL, SYS, USER
from pvprof.stats.runs.runs import TimedRun
from pvprof.stats.series import MAX_VALUE


def run_from_manifest(manifest: Manifest) -> TimedRun:
    """Return the run that a manifest, or an entry of a ``set.json``, describes.

    A run whose workload failed has a fault: it did not do the same work as the others.
    """
    run = TimedRun(is_warmup=manifest.is_warmup)
    condition = f"traced: {manifest.mode}" if manifest.mode else "traced"
    times = (
        ("real_s", REAL, manifest.real_s),
        ("user_s", USER, manifest.user_s),
        ("sys_s", SYS, manifest.sys_s),
    )
    for name, metric, value in times:
        if value is None or abs(value) > MAX_VALUE:
            continue
        run.values[replace(metric, condition=condition)] = value
        if value < 0:
            run.fault = f"{name} is negative ({value:g})"
    if not run.values:
        run.fault = "its workload was not timed"
    if manifest.exit_status:
        run.fault = f"its workload failed (exit status {manifest.exit_status})"
    elif manifest.exit_signal:
        run.fault = f"its workload was killed (signal {manifest.exit_signal})"
    return run


def read_set(directory: Path) -> tuple[str, list[TimedRun], list[Problem]]:
    """Return the label, the runs and the problems of the run set in a directory.

    Raises:
        InputError: the ``set.json`` cannot be read.
    """
    run_set = read_run_set(directory)
    runs = [_named_run(name, manifest) for name, manifest in run_set.runs]
    problems = []
    count = sum(not run.is_warmup for run in runs)
    if run_set.wanted is not None and count < run_set.wanted:
        text = f"{count} of {run_set.wanted} runs were made"
        problems.append(Problem("runs-missing", text, directory.name))
    return run_set.label, runs, problems


def _named_run(name: str, manifest: Manifest) -> TimedRun:
    run = run_from_manifest(manifest)
    if run.fault:
        run.fault = f"{name}: {run.fault}"
    return run
