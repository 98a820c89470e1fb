"""What each side found a lock to be: its classes, and which primitives implement it.

Owns the one name of each primitive: rules and kernels may call the same one differently.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pvprof.analysis.lock_table import RowId, split_by_row
from pvprof.classify.filters import Part
from pvprof.classify.matcher import Matcher

_NAMES = {"rw": "rwlock", "rm": "rmlock"}
"""What the kernel calls a primitive, and what everybody else does."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What one side found a lock or a family of classes to be; empty if the side lacks it.

    Attributes:
        classes: the lock classes, sorted.
        primitives: the kinds of lock: by the rules, else as the kernel recorded them; sorted.
    """

    classes: tuple[str, ...] = ()
    primitives: tuple[str, ...] = ()


def primitives_of(parts: Iterable[Part], rules: Matcher) -> Mapping[RowId, frozenset[str]]:
    """Map the id of each row of a report on waits to the primitives of its lock that are known."""
    primitives: dict[RowId, set[str]] = {}
    for part in parts:
        recorded = part.key.lock_class
        known = rules.family_of(part.verdict.lock_class).primitive or _NAMES.get(recorded, recorded)
        if known:
            for row_id, _ in split_by_row(part, "ns"):
                primitives.setdefault(row_id, set()).add(known)
    return {row_id: frozenset(known) for row_id, known in primitives.items()}
