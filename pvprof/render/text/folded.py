"""Folded stacks as text: one line a stack, frames joined by ``;``, a blank, the value.

The first line is a comment with the unit of the values. It does not end in a number, so other tools
do not count it: speedscope skips it, flamegraph.pl and inferno also warn of one line ignored.
"""

from __future__ import annotations

from operator import itemgetter

from pvprof.analysis.stacks.fold import Folded
from pvprof.model.stacks import DIFFERENTIAL_COMMENT, UNIT_COMMENT
from pvprof.render.rendered import Rendered
from pvprof.views.comparison import DifferentialView


def render(folded: Folded) -> Rendered:
    """Return the unit, and one line for each stack, in ascending order of their text."""
    lines = "".join(map("%s %d\n".__mod__, sorted(folded.rows, key=itemgetter(0))))
    return Rendered(f"{UNIT_COMMENT}{folded.unit}\n{lines}" if lines else "")


def render_differential(view: DifferentialView) -> Rendered:
    """Return the unit, and one line for each stack with two numbers: of base and new side."""
    lines = "".join(map("%s %d %d\n".__mod__, view.rows))
    return Rendered(f"{DIFFERENTIAL_COMMENT}{view.unit}\n{lines}" if lines else "")
