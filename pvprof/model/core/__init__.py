"""The compiled core (``core/stack_sums.c``), where it was built and nothing turns it off."""

from __future__ import annotations

import os
from types import ModuleType

WITHOUT_CORE = "PVPROF_WITHOUT_CORE"
"""The environment variable that turns the core off."""


def core_module() -> ModuleType | None:
    """Return the core, a module that ``stack_sums.pyi`` describes, or None."""
    if os.environ.get(WITHOUT_CORE):
        return None
    try:
        from pvprof.model.core import stack_sums  # noqa: PLC0415 (may be absent)
    except ImportError:
        return None
    return stack_sums


def secret_seed() -> tuple[int, int]:
    """Return the seed of new sums: a file could be made whose lines all have one known hash."""
    seed = os.urandom(16)
    return int.from_bytes(seed[:8]), int.from_bytes(seed[8:])
