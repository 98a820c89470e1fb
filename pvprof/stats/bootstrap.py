"""The ratio of two means and its interval, by the bootstrap (percentiles of resampled means).

Deterministic: the random bits are always the same. Each side is resampled with both of two streams,
so that exchanging the sides gives the reciprocal interval, to the last bit of a division. Import it
only if a ratio is asked for: it imports numpy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pvprof.stats.series import Series

_SEED = 24217
_RESAMPLES = 10_000
_MIN_RESAMPLES = 100
_MAX_DRAWS = 20_000_000
_MAX_DRAWS_IN_MEMORY = 1_000_000


@dataclass(frozen=True, slots=True)
class Ratio:
    """The mean of the new side over that of the base, and its confidence interval."""

    value: float
    low: float
    high: float


def ratio_of_means(base: Series, new: Series, confidence: float) -> Ratio | None:
    """Return the ratio, or None if there is none that makes sense.

    That is so if a value is not above 0, a side has only one value, or the ratio is not finite.

    Args:
        base: the denominator.
        new: the numerator.
        confidence: in percent.
    """
    if min(*base.values, *new.values) <= 0 or min(len(base.values), len(new.values)) < 2:
        return None
    largest = max(len(base.values), len(new.values))
    count = max(_MIN_RESAMPLES, min(_RESAMPLES, _MAX_DRAWS // (2 * largest)))
    with np.errstate(over="ignore"):
        ratios = np.concatenate(
            [_means(new, stream, count) / _means(base, 1 - stream, count) for stream in (0, 1)]
        )
    ratios.sort()
    # Whole indices from both ends, no interpolation: exchanging the sides mirrors them.
    outside = math.floor(len(ratios) * (100 - confidence) / 200)
    ratio = Ratio(
        new.summary().mean / base.summary().mean,
        float(ratios[outside]),
        float(ratios[len(ratios) - 1 - outside]),
    )
    return ratio if all(map(math.isfinite, (ratio.value, ratio.low, ratio.high))) else None


def _means(series: Series, stream: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the means of `count` resamples; the order of the runs has no effect."""
    values = np.asarray(series.ordered)
    bits = np.random.PCG64(np.random.SeedSequence([_SEED, stream]))
    means = np.empty(count)
    resamples = max(1, _MAX_DRAWS_IN_MEMORY // len(values))
    for first in range(0, count, resamples):
        part = means[first : first + resamples]
        # Raw bits, not a Generator: numpy guarantees that their sequence never changes.
        raw = bits.random_raw(len(part) * len(values)).astype(np.uint64) >> np.uint64(32)
        index = (raw * np.uint64(len(values))) >> np.uint64(32)
        part[:] = values[index.astype(np.intp)].reshape(len(part), -1).mean(axis=1)
    return means
