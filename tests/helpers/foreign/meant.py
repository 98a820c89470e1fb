"""What a generated text means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meant:
    """A text of another tool, and what it means.

    Attributes:
        text: as the tool prints it.
        layout: the name of the layout that must be detected.
        stacks: for each unit, for each stack as ``pvprof fold -k all`` prints it, its value.
    """

    text: bytes
    layout: str
    stacks: Mapping[str, Mapping[str, int]]

    @property
    def totals(self) -> dict[str, int]:
        """Return the sum of all values in each unit."""
        return {unit: sum(values.values()) for unit, values in self.stacks.items()}
