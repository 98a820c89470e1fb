"""The result of every renderer: a text or bytes, and the problems of what it cannot show."""

from __future__ import annotations

from dataclasses import dataclass

from pvprof.model.problems import Problem


@dataclass(frozen=True, slots=True)
class Rendered:
    """The content of a file.

    Attributes:
        text: all of it, with a final newline; empty if the format is binary.
        problems: what the file could not take, or shows otherwise than it was measured.
        binary: the bytes of a binary format, else None.
    """

    text: str
    problems: tuple[Problem, ...] = ()
    binary: bytes | None = None

    @property
    def content(self) -> str | bytes:
        """Return the text or the bytes of the file."""
        return self.text if self.binary is None else self.binary
