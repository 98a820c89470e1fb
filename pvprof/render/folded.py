"""Folded stacks as text: one line a stack, frames joined by ``;``, a blank, the value."""

from __future__ import annotations

from operator import itemgetter

from pvprof.fold import Folded


def render(folded: Folded) -> str:
    """Return one line for each stack, in ascending order of their text, each with its newline."""
    return "".join(map("%s %d\n".__mod__, sorted(folded.rows, key=itemgetter(0))))
