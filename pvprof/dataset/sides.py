"""The two sides of a comparison: repeated runs, and what their values are taken per.

Owns the vocabulary that `caveats`, `changes` and `study` share. It refuses to read recordings
(``cli.sides`` does) and to judge anything.
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
    """One recording.

    Attributes:
        name: a short name.
        pool: what was read from it, and from nothing else.
        manifest: its facts, or empty.
        times: of its workload, in seconds; none where it was not timed, or failed.
        duration_ns: how long was recorded, or None where nothing says.
        script: the D program, or empty.
        digest: the same for two recordings of the very same output.
        place: the same for two ways to name one file, or empty (stdin).
    """

    name: str
    pool: Dataset
    manifest: Manifest = field(default_factory=Manifest)
    times: Mapping[Metric, float] = field(default_factory=dict)
    duration_ns: int | None = None
    script: str = ""
    digest: str = ""
    place: str = ""

    @property
    def mode(self) -> str:
        """Return the mode that was recorded, or an empty text where nothing says."""
        return self.manifest.mode


@dataclass(frozen=True, slots=True)
class Side:
    """The runs of one side, at least one.

    Attributes:
        name: for messages: ``stock``.
        runs: in the order in which they were made, as far as that is known.
        problems: what was set aside on the way here.
    """

    name: str
    runs: tuple[RecordedRun, ...]
    problems: tuple[Problem, ...] = ()
