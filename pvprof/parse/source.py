"""The text to read and how to read it: the one argument that every reader takes.

Owns `ReadOptions` and `TextSource`, which cuts a text into shares and pieces for readers that take
one piece at a time. It refuses to know any layout.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, Protocol

from pvprof.errors import UsageError, quote
from pvprof.model.problems import Problem
from pvprof.parse.parallel import (
    Boundary,
    Buffer,
    Share,
    core_count,
    release_pages,
    run_shares,
    shares,
)
from pvprof.parse.result import ParseResult
from pvprof.parse.text.frames import FrameNames
from pvprof.parse.text.line_numbers import LineNumbers
from pvprof.parse.text.symbols import Symbols
from pvprof.parse.window import Window
from pvprof.recording.layout import Recording
from pvprof.recording.limits import USUAL, Limits
from pvprof.units import Unit

if TYPE_CHECKING:
    from pvprof.parse.text.user_code import UserCode

NEEDS_IDS = "pvprof record events records them; perf script -F +pid prints them"
"""What to do if the ids of processes and threads are not known."""


WEIGHTS = ("samples", "period", "events")
"""What a record of a profiler may weigh: one sample, its period, one event."""

_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read a text.

    Attributes:
        layout: a name of `layouts.LAYOUTS`, or empty to detect it.
        unit: the unit of single values; None to go by the layout.
        unit_size: how many of `unit` a single value is: 1,000 if it was given as us.
        factor: multiplies all values; None for 1.
        weight: what a record of a profiler weighs that prints several numbers: "samples",
            "period", "events"; empty to go by the event.
        profile: searched in the names of a speedscope file's profiles; None to read all.
        keep_offsets: leave ``+0x1f`` at the end of frames.
        symbols: names for hex frames.
        user_code: names for the addresses of programs, if their memory maps were recorded.
        jobs: maximum number of processes; 0 for one per core.
        window: keep only the single waits and samples inside; None for all.
        ids: put the process of what was recorded singly, or with ``tid`` both ids, into its key.
        progress: called after each piece with the number of bytes read of a share, and its size,
            in the process that reads it. The last share is read in the first process.
        explain: called with a sentence on each text: in which layout it is read, and why.
        limits: how large a file, its lines and its documents may be.
        redact: takes the private texts out of a recording and of what was read from it.
        is_memory_bounded: bound the memory of this whole process by the size of the recordings.
        piece_bytes: size of the pieces that a text is split into, which bounds the memory that
            splitting takes.
        min_share_bytes: smallest share worth another process: one costs 0.1 s to start and to
            hear from.
        min_table_bytes: smallest text of folded stacks that is read into columns, with numpy.
    """

    layout: str = ""
    unit: Unit | None = None
    unit_size: int = 1
    factor: Fraction | None = None
    weight: str = ""
    profile: re.Pattern[str] | None = None
    keep_offsets: bool = False
    symbols: Symbols = field(default_factory=Symbols)
    user_code: UserCode | None = None
    jobs: int = 0
    window: Window | None = None
    ids: Literal["", "pid", "tid"] = ""
    progress: Callable[[int, int], None] | None = None
    explain: Callable[[str], None] | None = None
    limits: Limits = USUAL
    redact: Callable[[Recording, ParseResult], tuple[Recording, ParseResult]] | None = None
    is_memory_bounded: bool = False
    piece_bytes: int = 2_000_000
    min_share_bytes: int = 24_000_000
    min_table_bytes: int = 1_000_000

    @property
    def scale(self) -> Fraction:
        """Return the multiplier of values whose unit was given."""
        return self.unit_size * (self.factor or Fraction(1))

    def scale_of(self, unit: Unit) -> Fraction:
        """Return the multiplier of values that were read as values of `unit`."""
        return self.scale if unit == self.unit else self.factor or Fraction(1)


def unknown_profile(
    file: str, what: str, pattern: re.Pattern[str], names: Sequence[str]
) -> UsageError:
    """Return the error of a ``--profile`` that matches none of these names; it shows the first.

    Args:
        file: the name of the text.
        what: the names are of: profile, sample type.
        pattern: what matches none.
        names: of all.
    """
    shown = [quote(name) for name in names[:_NAMES_SHOWN]]
    more = len(names) - len(shown)
    shown += [f"{more:,} more"] if more else []
    return UsageError(
        f"{file}: no {what} matches --profile {pattern.pattern}", f"{what}s: {', '.join(shown)}"
    )


class PieceReader(Protocol):
    """Reads a text, or a share of one, piece by piece."""

    def feed(self, piece: bytes, offset: int, /) -> None:
        """Read the next piece, which begins at byte `offset` of the whole text."""

    def finish(self) -> ParseResult:
        """Return the result of all pieces."""


class TextSource:
    """A whole text, not compressed.

    Attributes:
        data: the text.
        name: its name, for problems.
        options: how to read it.
        frame_names: cleans frames; shared by all readers of this text in one process.
    """

    def __init__(self, data: Buffer, name: str, options: ReadOptions) -> None:
        self.data = data
        self.name = name
        self.options = options
        self.frame_names = FrameNames(
            options.symbols, options.keep_offsets, merge_unknown=not options.keep_offsets
        )
        self._line_numbers = LineNumbers(data)

    def __len__(self) -> int:
        return len(self.data)

    def text(self) -> bytes:
        """Return the whole text as bytes, for readers that cannot take it in pieces."""
        return bytes(self.data)

    def line_of(self, offset: int) -> int:
        """Return the 1-based number of the line that holds the byte at `offset`."""
        return self._line_numbers.line_of(offset)

    def last_line(self) -> int:
        """Return the number of the last line that ends in a newline."""
        return self.line_of(len(self.data)) - 1

    def last_line_start(self) -> int:
        """Return the offset of a last line without its newline; the text's length if it has one."""
        if self.data[-1:] == b"\n":
            return len(self.data)
        start: int = self.data.rfind(b"\n") + 1
        return start

    def loss(self, kind: str, text: str) -> Problem:
        """Return a loss at the end of the text."""
        return Problem(kind, text, self.name, self.last_line(), severity="loss")

    def tail_problems(self, end: int) -> Iterator[Problem]:
        """Yield a problem if the text, read up to `end`, does not end in a newline."""
        if end < len(self.data):
            text = "the text ends inside a line, which is left out with the record it belongs to"
            yield self.loss("cut-off", text)
        elif self.data[-1:] != b"\n":
            yield Problem("no-final-newline", "the last line may have been cut short", self.name)

    def read_shares(
        self,
        boundary: Boundary,
        end: int,
        make_reader: Callable[[], PieceReader],
        start: int = 0,
        max_shares: int = 0,
    ) -> ParseResult:
        """Read the bytes from `start` to `end`, in several processes if that is worth it.

        Args:
            boundary: finds where records begin.
            end: offset after the last byte.
            make_reader: called once in each process.
            start: offset of the first byte.
            max_shares: maximum number of processes; 0 to go by the options.
        """
        max_shares = max_shares or self.options.jobs or core_count()

        def read_share(share: Share) -> ParseResult:
            first, last = max(share[0], start), max(share[1], start)
            return self.read_pieces(boundary, (first, last), make_reader())

        parts = shares(self.data, boundary, end, max_shares, self.options.min_share_bytes)
        return run_shares(parts, read_share)

    def read_pieces(self, boundary: Boundary, share: Share, reader: PieceReader) -> ParseResult:
        """Read one share in this process."""
        for start, end in self._pieces(share, boundary):
            reader.feed(bytes(self.data[start:end]), start)
        return reader.finish()

    def _pieces(self, share: Share, boundary: Boundary) -> Iterator[Share]:
        """Yield the pieces of a share, cut where records begin; release each after it was read."""
        start, end = share
        first, last = start, -1
        while last < end:
            last = end
            if first + self.options.piece_bytes < end:
                # Not before: looking for all cuts at once would map pages all over the text.
                match = boundary.search(self.data, first + self.options.piece_bytes, end)
                last = end if match is None else match.end()
            yield first, last
            release_pages(self.data, (first, last))
            if self.options.progress is not None:
                self.options.progress(last - start, end - start)
            first = last
