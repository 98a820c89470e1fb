"""Tables of stacks, made of weights by stack."""

from __future__ import annotations

import numpy as np

from pvprof.model.profile import StackTable, Weight
from pvprof.model.stacks import Stack


def table_of(weights: dict[Stack, Weight]) -> StackTable:
    """Return weights as columns."""
    numbers: dict[str, int] = {}
    frames = [
        [numbers.setdefault(name, len(numbers)) for name in one.split(";")] for one in weights
    ]
    depths = [len(one) for one in frames]
    values, counts, records = np.array(list(weights.values()), np.int64).T
    return StackTable(
        list(numbers),
        np.array([number for one in frames for number in one], np.int32),
        np.cumsum(depths),
        values,
        (counts, records),
    )
