"""What pvprof knows about one input layout: how to detect it, how to read it, what it states.

Each reader module defines a `Layout` beside its reader; `layouts` lists them all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from pvprof.model.problems import Problem
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.diagnostics import parse_diagnostics

SAMPLE_BYTES = 1 << 18
"""Size of the beginning of a text by which its layout is detected."""

FRAME = re.compile(rb"^ *(?:\S*`\S|0x[0-9a-fA-F]+$)", re.M)
"""Matches the beginning of a line that looks like a frame of DTrace's."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The beginning of a text, by which its layout is detected.

    Attributes:
        start: the first bytes.
        text: the same without a last line that was cut off.
        lines: the lines of `text` that are not blank.
        has_frames: whether any line begins like DTrace's frames: ``kernel`f``, ``0xffffff``.
    """

    start: bytes
    text: bytes
    lines: tuple[bytes, ...] = field(init=False)
    has_frames: bool = field(init=False)

    def __post_init__(self) -> None:
        lines = tuple(line for line in self.text.split(b"\n") if line.strip())
        object.__setattr__(self, "lines", lines)
        object.__setattr__(self, "has_frames", FRAME.search(self.text) is not None)


def _is_never_complete(_result: ParseResult) -> bool:
    return False


def _has_no_mechanism(_program: str) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One layout of texts.

    It is detected by at most one of `signature`, `line` and `shape`. Signatures of all layouts are
    tried first, then lines, then shapes; see ``detect``. Without any of them it is only read if
    the user names it.

    Attributes:
        name: as ``--input-format`` takes it.
        summary: what prints such texts, for the table of layouts in docs/layouts.md.
        read: reads a whole text.
        signature: tells whether a text has what no other layout can have.
        line: matches the start of a line that only this tool prints.
        shape: tells whether most lines look like this layout's.
        mode: of all texts in this layout, if a single tool prints them in a single mode; or empty.
        states_units: who states the units, for the message that refuses ``--unit`` and
            ``--factor``, e.g. "lockstat(1)"; empty if they may be given.
        has_fractions: whether the reader itself multiplies values by the scale in the options,
            because it keeps fractions until they are added up; `read` does it for all others.
        has_profiles: whether ``--profile`` selects parts of a text.
        is_complete: tells whether a result without records is no error: the text itself states
            that nothing is missing.
        read_stderr: yields the problems in what the tool printed on stderr, given its lines and a
            name for them.
        mechanism_of: returns the mechanism that the D program beside a text measured, for keys
            without one, or an empty text.
    """

    name: str
    summary: str
    read: Callable[[TextSource], ParseResult]
    signature: Callable[[Sample], bool] | None = None
    line: re.Pattern[bytes] | None = None
    shape: Callable[[Sample], bool] | None = None
    mode: str = ""
    states_units: str = ""
    has_fractions: bool = False
    has_profiles: bool = False
    is_complete: Callable[[ParseResult], bool] = _is_never_complete
    read_stderr: Callable[[Iterable[str], str], Iterator[Problem]] = parse_diagnostics
    mechanism_of: Callable[[str], str] = _has_no_mechanism
