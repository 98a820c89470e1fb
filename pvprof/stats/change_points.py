"""Where the mean of a series of runs changes: binary segmentation with a permutation test.

The runs come in points of one kernel, commit or day each, and a change is between two points::

    values     5 6 5 | 5 5 6 || 9 8 9 | 9 9 8
    points       A       B        C       D        the change is at C

Method: of all places between points, the one that splits the values into two parts whose means
explain most of the variance. It is accepted if at most `ALPHA` of `PERMUTATIONS` shuffles of the
same values have a place that explains as much; both parts are then searched in the same way. The
generator is seeded: the same values give the same changes. Nothing is assumed of the distribution
but that runs without a change could come in any order. (A. J. Scott and M. Knott 1974; D. S.
Matteson and N. A. James 2014.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

ALPHA = 0.01
"""The share of shuffles that may explain as much."""

PERMUTATIONS = 1_999
MIN_RUNS = 3
"""Each side of a change has at least this number of runs."""

_SEED = 20200329
_MAX_CELLS = 4_000_000


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A change of the mean.

    Attributes:
        point: the index of the first point after the change.
        before, after: the means of the runs between this change and its neighbours.
        p: the share of shuffles that explain as much.
    """

    point: int
    before: float
    after: float
    p: float


def change_points(points: Sequence[Sequence[float]]) -> tuple[ChangePoint, ...]:
    """Return the changes of the mean, in order.

    Args:
        points: the values of the runs of each point, in order; a point may be empty.
    """
    import numpy as np  # noqa: PLC0415 (0.1 s to import)

    values = np.asarray([value for runs in points for value in runs], dtype=np.float64)
    ends = np.cumsum([len(runs) for runs in points])
    found: dict[int, float] = {}
    open_parts = [(0, len(points))]
    while open_parts:
        first, last = open_parts.pop()
        begin = int(ends[first - 1]) if first else 0
        part = values[begin : int(ends[last - 1])] if last else values[:0]
        split = _split(part, ends[first : last - 1] - begin)
        if split is not None:
            place, p = split
            found[first + 1 + place] = p
            open_parts += [(first, first + 1 + place), (first + 1 + place, last)]
    bounds = [0, *sorted(found), len(points)]
    means = [
        float(values[(int(ends[start - 1]) if start else 0) : int(ends[stop - 1])].mean())
        for start, stop in pairwise(bounds)
        if found
    ]
    return tuple(
        ChangePoint(point, before, after, found[point])
        for point, before, after in zip(sorted(found), means, means[1:], strict=False)
    )


def _split(values: Any, places: Any) -> tuple[int, float] | None:
    """Return the best place to split values, as an index of `places`, and its p; None if none is.

    Args:
        values: float64, one-dimensional.
        places: int64; the numbers of values before each place.
    """
    import numpy as np  # noqa: PLC0415 (0.1 s to import)

    series = np.asarray(values, dtype=np.float64)
    counts = np.asarray(places, dtype=np.int64)
    is_wide = (counts >= MIN_RUNS) & (len(series) - counts >= MIN_RUNS)
    allowed = np.flatnonzero(is_wide)
    if not len(allowed):
        return None
    centred = series - series.mean()
    own = _explained(centred[None, :], counts[allowed])[0]
    best = int(own.argmax())
    if own[best] <= 0:
        return None
    generator = np.random.default_rng(_SEED)
    as_good = 0
    batch = max(1, min(PERMUTATIONS, _MAX_CELLS // len(series)))
    for start in range(0, PERMUTATIONS, batch):
        number = min(batch, PERMUTATIONS - start)
        shuffled = generator.permuted(np.tile(centred, (number, 1)), axis=1)
        maxima = _explained(shuffled, counts[allowed]).max(axis=1)
        as_good += int((maxima >= own[best] * (1 - 1e-12)).sum())
    p = (as_good + 1) / (PERMUTATIONS + 1)
    return (int(allowed[best]), p) if p <= ALPHA else None


def _explained(rows: Any, counts: Any) -> Any:
    """Return the sum of squares that each split explains; rows have mean 0.

    A row of ``n`` values, of which the first ``k`` add up to ``s``: ``s² n / (k (n - k))``.
    """
    import numpy as np  # noqa: PLC0415 (0.1 s to import)

    series, places = np.asarray(rows), np.asarray(counts)
    number = series.shape[1]
    sums = np.cumsum(series, axis=1)[:, places - 1]
    return sums**2 * (number / (places * (number - places)))
