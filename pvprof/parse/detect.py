"""Recognise the layout of a text by its first bytes, and its last.

Owns the decision; how much of a text a layout explains is its own to say (`Layout.explain`). What
only one layout can contain (a signature) decides. Otherwise the layout that explains most lines is
taken, if it explains nearly all. The lines of a second layout, or of a tool that pvprof does not
read, are a reason to refuse a text; lines that no layout explains are one unless other programs may
have printed them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pvprof.errors import InputError, quote
from pvprof.parse.layout import Layout
from pvprof.parse.layouts import LAYOUTS, layout_names
from pvprof.parse.parallel import Buffer
from pvprof.parse.recognition.explanation import ANY_TEXT, FITS, OWN, Explanation
from pvprof.parse.recognition.sample import SAMPLE_BYTES, Sample, later_sample
from pvprof.parse.text.frames import decode
from pvprof.parse.text.values import read_values

_VALUE_AT_END = re.compile(rb"\s*\S.*\s\d+(?:\.\d*)?\s*$")
_DAMAGED = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")  # no tool prints these
_BEGIN_MARK = re.compile(rb"^#begin [0-9]{1,20} [0-9]{1,20}\r?$", re.M)
_MAX_UNEXPLAINED_SHARE = 0.1
_MAX_UNEXPLAINED = 2  # in a text of few lines, if no more are unexplained than explained
_MIN_FOREIGN = 2
_MIN_FOREIGN_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Recognition:
    """The layout of a text.

    Attributes:
        layout: the one to read it in.
        why: the reason, for the user.
        unexplained: number of lines in the samples that the layout does not explain.
        first_line: number of the first of them, or 0.
    """

    layout: Layout
    why: str
    unexplained: int = 0
    first_line: int = 0


@dataclass(frozen=True, slots=True)
class _Guess:
    """A layout, and how much of a sample it explains."""

    layout: Layout
    sample: Sample
    explanation: Explanation

    @property
    def is_enough(self) -> bool:
        """Tell whether nearly all lines are explained; damaged ones need not be."""
        size, explained = len(self.sample.lines), self.explanation.explained
        lines = map(self.sample.all_lines.__getitem__, self.explanation.unexplained(self.sample))
        unexplained = sum(1 for line in lines if not _DAMAGED.search(line))
        if unexplained <= size * _MAX_UNEXPLAINED_SHARE:
            return True
        return unexplained <= _MAX_UNEXPLAINED and explained >= unexplained

    @property
    def is_certain(self) -> bool:
        """Tell whether all lines are explained, and some are the layout's own."""
        return self.explanation.own > 0 and self.explanation.explained == len(self.sample.lines)

    @property
    def may_be_among_others(self) -> bool:
        """Tell whether the text may be this layout's among the output of other programs."""
        return self.layout.has_other_output and self.explanation.own > 0

    @property
    def score(self) -> str:
        """Return the number of lines that are explained, in words."""
        explained, size = self.explanation.explained, len(self.sample.lines)
        of = "of" if len(self.sample.start) < SAMPLE_BYTES else "of the first"
        return f"{self.layout.name} explains {explained:,} {of} {size:,} lines"

    def first_unexplained(self) -> int:
        """Return the index of the first line that is not explained, or -1."""
        return next(iter(self.explanation.unexplained(self.sample)), -1)


def detect(data: bytes) -> Layout:
    """Return the layout of a text.

    Raises:
        InputError: the text has none of the layouts, or several.
    """
    return recognise(data).layout


def recognise(data: Buffer) -> Recognition:
    """Return the layout of a text and why it has that.

    Raises:
        InputError: the text has none of the layouts, or several.
    """
    start = bytes(data[:SAMPLE_BYTES])
    sample = Sample(start, _whole_lines(start))
    candidates = []
    for layout in LAYOUTS.candidates(sample):  # those with a signature come first
        if layout.signature is not None and layout.signature(sample):
            return _by_signature(layout, sample)
        candidates.append(layout)
    if not sample.lines:
        raise InputError("the file is empty")
    _refuse_headless(sample)
    guesses = _guesses(sample, candidates)
    chosen = _choice(guesses)
    if chosen is None or not chosen.is_certain:
        _refuse_other_tool(chosen, sample)
    chosen = chosen or _choice_by_end(data)
    if chosen is None:
        raise _refusal(sample, guesses)
    _refuse_mixture(chosen, guesses, 0)
    later = _unexplained_later(chosen, data) if len(data) > SAMPLE_BYTES else 0
    return _recognition(chosen, guesses, later)


def _refuse_headless(sample: Sample) -> None:
    """Refuse pvprof's own grammar without its first line: no other layout has its begin mark.

    Raises:
        InputError: it is that.
    """
    if _BEGIN_MARK.search(sample.text):
        text = "a recording of pvprof, but its first line (#pvprof ...) is missing or damaged"
        raise InputError(text, "copy the file once more")


def _by_signature(layout: Layout, sample: Sample) -> Recognition:
    explanation = None if layout.explain is None else layout.explain(sample)
    if explanation is not None and explanation.unexplained(sample):
        _refuse_mixture(_Guess(layout, sample, explanation), _guesses(sample), 0)
    return Recognition(layout, "it has what only that layout has")


def _whole_lines(start: bytes) -> bytes:
    """Return the start of a text without a cut-off last line, unless it is the only line."""
    end = start.rfind(b"\n")
    last = start[end + 1 :]
    if end < 0 or _VALUE_AT_END.match(last) or read_values(last) is not None:
        return start
    return start[: end + 1]


def _guesses(sample: Sample, candidates: Iterable[Layout] | None = None) -> list[_Guess]:
    """Return the layouts that explain any line of a sample, the best first."""
    guesses = []
    for layout in LAYOUTS.candidates(sample) if candidates is None else candidates:
        explanation = None if layout.explain is None else layout.explain(sample)
        if explanation is not None and explanation.explained:
            guesses.append(_Guess(layout, sample, explanation))
    return sorted(guesses, key=lambda guess: guess.explanation.rank, reverse=True)


def _choice(guesses: list[_Guess]) -> _Guess | None:
    """Return the best guess if it is good enough."""
    best = next(iter(guesses), None)
    return best if best and (best.is_enough or best.may_be_among_others) else None


def _refuse_other_tool(chosen: _Guess | None, sample: Sample) -> None:
    """Refuse what a tool printed that pvprof does not read, by its name.

    Raises:
        InputError: it is that.
    """
    from pvprof.parse.recognition.other_files import what_else  # noqa: PLC0415
    from pvprof.parse.recognition.other_tools import other_tool  # noqa: PLC0415 (80 expressions)

    other = what_else(sample.start) if b"\0" in sample.start and chosen is None else None
    if other is not None:
        raise other.refusal()
    found = other_tool(sample)
    if found is None:
        return
    tool, explanation = found
    if chosen is None or _explains_more(explanation, chosen.explanation):
        raise tool.refusal()


def _explains_more(tool: Explanation, chosen: Explanation) -> bool:
    """Tell whether another tool explains a text at least as well as the chosen layout."""
    if not chosen.own:
        return tool.rank >= chosen.rank
    return tool.explained >= chosen.explained and tool.own >= chosen.own


def _choice_by_end(data: Buffer) -> _Guess | None:
    """Return the layout of the end of a text: a long output of a workload may come before it."""
    if len(data) <= SAMPLE_BYTES:
        return None
    best = _choice(_guesses(_end_of(data)))
    return best if best and best.is_enough and best.may_be_among_others else None


def _end_of(data: Buffer) -> Sample:
    """Return the end of a text, from the beginning of a line."""
    start = bytes(data[max(len(data) - SAMPLE_BYTES, SAMPLE_BYTES) :])
    return Sample(start, start[start.find(b"\n") + 1 :])


def _refuse_mixture(chosen: _Guess, guesses: list[_Guess], lines_before: int) -> None:
    """Refuse a sample that has lines of a second layout.

    Raises:
        InputError: it has.
    """
    for other in guesses:
        foreign = _foreign_lines(chosen, other)
        has_own = any(other.explanation.marks[index] == OWN for index in foreign)
        if has_own and len(foreign) >= max(
            _MIN_FOREIGN, len(chosen.sample.lines) * _MIN_FOREIGN_SHARE
        ):
            place = (
                f"line {lines_before + foreign[0] + 1}" if lines_before >= 0 else "further below"
            )
            line = quote(decode(chosen.sample.all_lines[foreign[0]].strip()))
            raise InputError(
                f"two layouts in one text: {chosen.layout.name}, and {other.layout.name} in"
                f" {len(foreign):,} lines (the first is {place}: {line})",
                "make a file of each; --input-format NAME reads all of it in one layout",
            )


def _foreign_lines(chosen: _Guess, other: _Guess) -> list[int]:
    """Return the indices of lines that another layout has and that mean nothing in the chosen."""
    marks = zip(chosen.explanation.marks, other.explanation.marks, strict=True)
    return [
        index for index, (mine, theirs) in enumerate(marks) if mine <= ANY_TEXT and theirs >= FITS
    ]


def _unexplained_later(chosen: _Guess, data: Buffer) -> int:
    """Return the number of lines later in a text that the layout does not explain.

    Only some of the lines are looked at.

    Raises:
        InputError: these lines are in another layout.
    """
    sample = later_sample(data, SAMPLE_BYTES)
    explain = chosen.layout.explain
    explanation = explain(sample) if explain else None
    explanation = explanation or Explanation(bytes(len(sample.all_lines)))
    unexplained = len(explanation.unexplained(sample))
    if unexplained or ANY_TEXT in explanation.marks:
        _refuse_mixture(_Guess(chosen.layout, sample, explanation), _guesses(sample), -1)
    return unexplained


def _recognition(chosen: _Guess, guesses: list[_Guess], later: int) -> Recognition:
    others = [guess.score for guess in guesses if guess.layout is not chosen.layout]
    why = "; ".join((chosen.score, *others[:1]))
    unexplained = chosen.explanation.unexplained(chosen.sample)
    first = unexplained[0] + 1 if unexplained else 0
    return Recognition(chosen.layout, why, len(unexplained) + later, first)


def _refusal(sample: Sample, guesses: list[_Guess]) -> InputError:
    """Return the error for a text of no layout."""
    from pvprof.parse.recognition.other_files import what_else  # noqa: PLC0415

    other = what_else(sample.start)
    if other is not None:
        return other.refusal()
    if b"\0" in sample.text:
        return InputError("binary data, not dtrace output", _hint())
    if not guesses:
        return InputError("no stack, event or aggregation in it", _hint())
    return InputError(f"in no known layout: {'; '.join(map(_account, guesses[:2]))}", _hint())


def _hint() -> str:
    return f"layouts: {layout_names()}; --input-format NAME overrides the guess"


def _account(guess: _Guess) -> str:
    """Return the score of a guess, and the first line that it does not explain."""
    first = guess.first_unexplained()
    line = quote(decode(guess.sample.all_lines[first].strip()))
    return f"{guess.score}, not line {first + 1}: {line}"
