"""Differential files: one dataset whose two modes are the sides of a difference.

It refuses to read columns (``parse.files.folded`` does) and to draw anything.
"""

from __future__ import annotations

from dataclasses import replace

from pvprof.dataset.dataset import Dataset
from pvprof.parse.files.folded import DIFFERENTIAL_BASE, DIFFERENTIAL_NEW

__all__ = ["DIFFERENTIAL_BASE", "sides_of"]


def sides_of(dataset: Dataset) -> tuple[Dataset, Dataset] | None:
    """Return the base and the new side of differential files, or None for any other dataset.

    Problems are those of the new side, so that each is reported once.
    """
    modes = dataset.by_mode()
    if modes.keys() != {DIFFERENTIAL_BASE, DIFFERENTIAL_NEW}:
        return None
    base, new = modes[DIFFERENTIAL_BASE], modes[DIFFERENTIAL_NEW]
    return (
        replace(base, names=_named(dataset, "base"), problems=()),
        replace(new, names=_named(dataset, "new")),
    )


def _named(dataset: Dataset, side: str) -> tuple[str, ...]:
    return tuple(f"{name} ({side})" for name in dataset.names)
