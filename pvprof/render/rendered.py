"""The result of every renderer: a text, and the problems of what it cannot show."""

from __future__ import annotations

from dataclasses import dataclass

from pvprof.model.problems import Problem


@dataclass(frozen=True, slots=True)
class Rendered:
    """The text of a result.

    Attributes:
        text: all of it, with a final newline.
        problems: what the text could not take, or shows otherwise than it was measured.
    """

    text: str
    problems: tuple[Problem, ...] = ()
