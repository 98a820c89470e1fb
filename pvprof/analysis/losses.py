"""How much is missing from the data, beside how much was recorded.

Owns which losses can be counted in waits or records. The others (a recording that ends early) lack
an unknown amount.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pvprof.model.problems import Problem

_COUNTED = frozenset(
    {
        # An event that was kept from the program is part of one wait at most.
        "skipped-events",
        *("drops", "aggregation-drops", "dynamic-variable-drops", "speculative-drops"),
        *(
            "lost-samples",
            "lost-waits",
            "map-full",
            "missed-ends",
            "not-printed",
            "probe-errors",
            "rows-not-printed",
        ),
        *("bad-line", "before-header", "damaged", "negative", "stray-lines", "without-time"),
    }
)
"""The kinds of problems whose count is a number of waits, records or rows."""

_STACKS = frozenset({"lost-sample-stacks", "lost-stacks", "unreadable-stacks"})
"""The kinds whose count is a number of waits or samples that are there, without a stack."""

_MAX_SMALL_PER_MILLE = 1


@dataclass(frozen=True, slots=True)
class Losses:
    """What is missing.

    Attributes:
        lost: number of waits or records that are missing, as far as they were counted.
        stackless: number of waits or samples that are in the totals, but lost their stack.
        recorded: number of those that were recorded.
        unknown: the texts of losses whose amount is not known.
    """

    lost: int
    stackless: int
    recorded: int
    unknown: tuple[str, ...]

    def __bool__(self) -> bool:
        """Tell whether anything is missing."""
        return bool(self.lost or self.unknown or self.stackless)

    @property
    def is_large(self) -> bool:
        """Tell whether totals lack 0.1 % or more, or an unknown amount."""
        return bool(self.unknown) or self._is_much(self.lost)

    @property
    def lacks_stacks(self) -> bool:
        """Tell whether 0.1 % or more of what was recorded lost its stack."""
        return self._is_much(self.stackless)

    @property
    def is_small(self) -> bool:
        """Tell whether less than 0.1 % is missing, and all of that was counted."""
        return not self.is_large and not self.lacks_stacks

    def _is_much(self, count: int) -> bool:
        everything = self.lost + self.recorded
        return 1000 * count >= _MAX_SMALL_PER_MILLE * everything > 0 or count > everything


def losses_of(problems: Sequence[Problem], recorded: int) -> Losses:
    """Return the losses among some problems.

    Args:
        problems: of the recordings.
        recorded: number of waits or samples, or of records if waits were not counted.
    """
    losses = [problem for problem in problems if problem.severity == "loss"]
    return Losses(
        lost=sum(problem.count for problem in losses if problem.kind in _COUNTED),
        stackless=sum(problem.count for problem in losses if problem.kind in _STACKS),
        recorded=recorded,
        unknown=tuple(
            dict.fromkeys(
                problem.text for problem in losses if problem.kind not in _COUNTED | _STACKS
            )
        ),
    )
