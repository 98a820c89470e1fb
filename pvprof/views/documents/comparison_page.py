"""A comparison as a page: the whole document, and a picture of each section."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pvprof.analysis.compare.compare import Comparison
from pvprof.views.comparison import ComparisonOptions
from pvprof.views.diff_flamegraph import DiffFlameGraphView, build_from_comparison
from pvprof.views.documents import comparison_document
from pvprof.views.documents.blocks import Document


@dataclass(frozen=True, slots=True)
class ComparisonPageView:
    """A comparison as a page.

    Attributes:
        document: all of it in words and tables.
        pictures: a differential flame graph for each section that has stacks.
        version: of pvprof.
    """

    document: Document
    pictures: tuple[DiffFlameGraphView, ...]
    version: str


def build(changes: Comparison, options: ComparisonOptions) -> ComparisonPageView:
    """Return the comparison as a page."""
    pictures = [
        build_from_comparison(changes, replace(options, unit=section.unit, mode=section.mode))
        for section in changes.sections
    ]
    return ComparisonPageView(
        comparison_document.build(changes, options),
        tuple(picture for picture in pictures if not picture.is_empty),
        changes.version,
    )
