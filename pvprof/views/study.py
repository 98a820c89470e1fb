"""Statistics of repeated runs as tables and plots: how much of them an output shows.

``views.tables`` words the tables; ``stats`` computes them.
"""

from __future__ import annotations

from dataclasses import dataclass

from pvprof.stats.study import Study


@dataclass(frozen=True, slots=True)
class StudyViewOptions:
    """How much of a study is shown.

    Attributes:
        has_plot: whether runs are drawn above their tables.
    """

    has_plot: bool = True


@dataclass(frozen=True, slots=True)
class StudyView:
    """A study, and how much of it is shown."""

    study: Study
    options: StudyViewOptions


def build(study: Study, options: StudyViewOptions) -> StudyView:
    """Return the study as tables and plots."""
    return StudyView(study, options)
