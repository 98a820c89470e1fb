"""The ratio of two means with its interval, by the bootstrap (percentiles of resampled means).

Deterministic: the random bits are always the same. Both sides draw with both of two streams, so
that exchanging the sides gives the reciprocal interval, to the last bit of a division.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pvprof.stats.series import Series

if TYPE_CHECKING:
    import numpy as np

_SEED = 24217
_RESAMPLES = 10_000
_MOST_DRAWS = 20_000_000
LEAST_RUNS = 8
"""Below so many runs a side the interval is too narrow: few values have few resamples."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """New over base: that of the means, and its confidence interval."""

    value: float
    low: float
    high: float


def ratio_of_means(base: Series, new: Series, confidence: float) -> Ratio | None:
    """Return the ratio; None where a value is not above 0, a side has only one, or none is finite.

    Args:
        base: below the line.
        new: above the line.
        confidence: in percent.
    """
    import numpy as np  # noqa: PLC0415

    if min(*base.values, *new.values) <= 0 or min(len(base.values), len(new.values)) < 2:
        return None
    count = max(100, min(_RESAMPLES, _MOST_DRAWS // (2 * max(len(base.values), len(new.values)))))
    with np.errstate(over="ignore"):
        ratios = np.concatenate(
            [_means(new, stream, count) / _means(base, 1 - stream, count) for stream in (0, 1)]
        )
    ratios.sort()
    # Whole places from both ends, no interpolation: exchanging the sides mirrors them.
    outside = math.floor(len(ratios) * (100 - confidence) / 200)
    found = Ratio(
        new.summary().mean / base.summary().mean,
        float(ratios[outside]),
        float(ratios[len(ratios) - 1 - outside]),
    )
    return found if all(map(math.isfinite, (found.value, found.low, found.high))) else None


def _means(series: Series, stream: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the means of `count` resamples; the order of the runs does not matter."""
    import numpy as np  # noqa: PLC0415

    values = np.asarray(series.ordered)
    bits = np.random.PCG64(np.random.SeedSequence([_SEED, stream]))
    means = np.empty(count)
    rows = max(1, 1_000_000 // len(values))
    for first in range(0, count, rows):
        part = means[first : first + rows]
        # Raw bits, not Generator: their sequence is promised to stay the same.
        raw = bits.random_raw(len(part) * len(values)).astype(np.uint64) >> np.uint64(32)
        places = (raw * np.uint64(len(values))) >> np.uint64(32)
        part[:] = values[places.astype(np.intp)].reshape(len(part), -1).mean(axis=1)
    return means
