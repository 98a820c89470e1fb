"""Folded stacks as text: one line a stack, frames joined by ``;``, a blank, the value."""

from __future__ import annotations

from pvprof.fold import Folded


def render(folded: Folded) -> str:
    """Return one line for each stack, in ascending order, each with its newline."""
    return "".join([f"{stack} {value}\n" for stack, value in folded.rows])
