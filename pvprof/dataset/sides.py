"""The two sides of a comparison: repeated runs, each with its own dataset.

It refuses to read recordings (``load_sides``) and to judge anything (``analysis.compare``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pvprof.dataset.dataset import Dataset
from pvprof.model.problems import Problem
from pvprof.recording.manifest import Manifest
from pvprof.stats.series import Metric


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One recording, read by itself.

    Attributes:
        name: a short name.
        dataset: everything read from it alone.
        manifest: facts about the run; false if there is none.
        times: times of the workload, in seconds; empty if it was not timed, or failed.
        duration_ns: duration of the recording, or None if unknown.
        script: the D program, or empty.
        digest: hash of the output; equal for a recording and its copy.
        real_path: the absolute path without symbolic links, or empty (stdin).
        page_mode: of an HTML report of several modes, the one that this is.
    """

    name: str
    dataset: Dataset
    manifest: Manifest = field(default_factory=Manifest)
    times: Mapping[Metric, float] = field(default_factory=dict)
    duration_ns: int | None = None
    script: str = ""
    digest: str = ""
    real_path: str = ""
    page_mode: str = ""

    @property
    def mode(self) -> str:
        """Return the mode that was recorded, or an empty text if unknown."""
        return self.manifest.mode or self.page_mode


@dataclass(frozen=True, slots=True)
class Side:
    """The runs of one side, at least one.

    Attributes:
        name: for messages, such as ``stock``.
        runs: in the order in which the recordings were given.
        problems: recordings that were set aside, such as warm-ups.
    """

    name: str
    runs: tuple[RecordedRun, ...]
    problems: tuple[Problem, ...] = ()
