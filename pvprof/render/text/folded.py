"""Folded stacks as text: one line a stack, frames joined by ``;``, a blank, the value."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter

from pvprof.analysis.stacks.fold import Folded
from pvprof.model.stacks import Stack


def render(folded: Folded) -> str:
    """Return one line for each stack, in ascending order of their text, each with its newline."""
    return "".join(map("%s %d\n".__mod__, sorted(folded.rows, key=itemgetter(0))))


def render_differential(rows: Iterable[tuple[Stack, int, int]]) -> str:
    """Return one line for each stack with two numbers, the base's and the new side's."""
    return "".join(map("%s %d %d\n".__mod__, rows))
