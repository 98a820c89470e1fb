"""Folded stacks as text: one line a stack, frames joined by ``;``, a blank, the value.

The first line is a comment with the unit of the values. It does not end in a number, so other tools
do not count it: speedscope skips it, flamegraph.pl and inferno also warn of one line ignored.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter

from pvprof.analysis.stacks.fold import Folded
from pvprof.model.stacks import UNIT_COMMENT, Stack
from pvprof.render.rendered import Rendered


def render(folded: Folded) -> Rendered:
    """Return the unit, and one line for each stack, in ascending order of their text."""
    lines = "".join(map("%s %d\n".__mod__, sorted(folded.rows, key=itemgetter(0))))
    return Rendered(f"{UNIT_COMMENT}{folded.unit}\n{lines}" if lines else "")


def render_differential(rows: Iterable[tuple[Stack, int, int]]) -> Rendered:
    """Return one line for each stack with two numbers: of the base and of the new side."""
    return Rendered("".join(map("%s %d %d\n".__mod__, rows)))
