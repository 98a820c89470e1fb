"""Folded stacks as text: one line a stack, frames joined by ``;``, a blank, the value."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter

from pvprof.analysis.stacks.fold import Folded
from pvprof.model.stacks import Stack
from pvprof.render.rendered import Rendered


def render(folded: Folded) -> Rendered:
    """Return one line for each stack, in ascending order of their text, each with its newline."""
    return Rendered("".join(map("%s %d\n".__mod__, sorted(folded.rows, key=itemgetter(0)))))


def render_differential(rows: Iterable[tuple[Stack, int, int]]) -> Rendered:
    """Return one line for each stack with two numbers: of the base and of the new side."""
    return Rendered("".join(map("%s %d %d\n".__mod__, rows)))
