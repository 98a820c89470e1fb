"""The array types that tables of waits and their analysis share, and the limits of 64 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ints = npt.NDArray[np.signedinteger[Any]]
    """Signed integers: columns are int64, or int32 to save memory."""
    Times = npt.NDArray[np.uint64]
    """Times in ns since a moment that is not later than any of them."""
    Addresses = npt.NDArray[np.uint64]
    Bools = npt.NDArray[np.bool_]

INT64_MAX = (1 << 63) - 1
UINT64_MAX = (1 << 64) - 1
