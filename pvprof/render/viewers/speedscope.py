"""Profiles as a speedscope file: JSON in the format that https://www.speedscope.app opens.

Owns how the file is written and what the viewer cannot take. It refuses to decide which profiles
the file has: ``pvprof.speedscope`` does.

What the viewer imposes, tried with speedscope 1.25.0 in Chromium:

* a frame is its index, not its name: every name stands once in one table for all profiles;
* ``at`` of opening and closing events never decreases, and every event closes the frame on top;
* numbers are doubles: sums from 2**53 on are rounded;
* it descends a stack by recursion: 3,000 frames are drawn, 4,000 are not, 10,000 are refused;
* text above 2**27 bytes is read by a slower parser, and soon not at all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pvprof import __version__
from pvprof.errors import OutputError, quote
from pvprof.model.problems import Problem
from pvprof.model.stacks import Stack, frames_of, show_controls
from pvprof.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SCHEMA_URL = "https://www.speedscope.app/file-format-schema.json"
"""Must stand in the file exactly so: the viewer tells its own format by it."""

MAX_FRAMES = 2_000
"""Of a stack in the file; deeper ones lose their middle."""

EXACT_BELOW = 1 << 53
QUICK_BYTES = 1 << 27
# Above the largest double there is no number for the viewer at all.
_LARGEST = 10**300

_UNITS: dict[Unit, str] = {"ns": "nanoseconds", "samples": "none", "events": "none"}


@dataclass(frozen=True, slots=True)
class Sampled:
    """A profile of weighted stacks, drawn side by side in the order of its rows.

    Attributes:
        name: for the viewer's list of profiles.
        unit: of the values.
        rows: (stack, value), stacks root first, values at least 1.
    """

    name: str
    unit: Unit
    rows: tuple[tuple[Stack, int], ...]

    @property
    def end(self) -> int:
        """Return where the profile ends: the sum of its values."""
        return sum([value for _, value in self.rows])


@dataclass(frozen=True, slots=True)
class Evented:
    """A profile of what one thread did in time.

    Attributes:
        name: for the viewer's list of profiles.
        end: where the time axis ends, in ns; not before the last wait does.
        waits: (start, end, stack) in ns from the beginning of the time axis, in order; each ends
            after it starts, and none starts before the one before it ended.
    """

    name: str
    end: int
    waits: tuple[tuple[int, int, Stack], ...]


SpeedscopeProfile = Sampled | Evented


@dataclass(frozen=True, slots=True)
class Rendered:
    """The text of a file, and what the viewer will not show as it was measured."""

    text: str
    problems: tuple[Problem, ...]


def render(name: str, profiles: Sequence[SpeedscopeProfile]) -> Rendered:
    """Return the text of a speedscope file, one sample a line, with a final newline.

    Args:
        name: of the whole, for the viewer's title.
        profiles: at least one, since the viewer refuses a file without; the first is shown first.

    Raises:
        OutputError: a value is so large that no double holds it.
    """
    for profile in profiles:
        if profile.end > _LARGEST:
            raise OutputError(
                f"speedscope: {quote(profile.name)}: its total is too large for the format"
            )
    frames = _Frames()
    texts = [
        _sampled(one, frames) if isinstance(one, Sampled) else _evented(one, frames)
        for one in profiles
    ]
    table = ",\n".join([f'{{"name":{_quoted(frame)}}}' for frame in frames])
    text = (
        f'{{"$schema":{_quoted(SCHEMA_URL)},\n'
        f'"exporter":"pvprof@{__version__}",\n'
        f'"name":{_quoted(show_controls(name))},\n'
        '"activeProfileIndex":0,\n'
        f'"shared":{{"frames":[\n{table}\n]}},\n'
        f'"profiles":[\n{_lines(texts)}\n]}}\n'
    )
    return Rendered(text, tuple(_problems(profiles, frames, text)))


class _Frames(dict[str, str]):
    """The index of each frame, as text, in the order of first sight.

    `shortened` holds the distinct stacks that were too deep.
    """

    def __init__(self) -> None:
        super().__init__()
        self.shortened: set[Stack] = set()

    def __missing__(self, frame: str) -> str:
        number = self[frame] = str(len(self))
        return number

    def of(self, stack: Stack) -> list[str]:
        """Return the indices of a stack's frames, root first, at most `MAX_FRAMES` of them."""
        names = frames_of(stack)
        if len(names) > MAX_FRAMES:
            self.shortened.add(stack)
            names = _without_middle(names)
        return [self[name] for name in names]


def _without_middle(names: list[str]) -> list[str]:
    """Return the frames next to the root and next to the leaf, where stacks tell themselves."""
    half = MAX_FRAMES // 2
    left_out = len(names) - (MAX_FRAMES - 1)
    return [*names[:half], f"[{left_out} frames left out]", *names[half + left_out :]]


def _sampled(profile: Sampled, frames: _Frames) -> str:
    samples = _lines([f"[{','.join(frames.of(stack))}]" for stack, _ in profile.rows])
    weights = ",".join([str(value) for _, value in profile.rows])
    return (
        f'{{"type":"sampled",{_common(profile.name, profile.unit, profile.end)},\n'
        f'"samples":[\n{samples}\n],\n"weights":[{weights}]}}'
    )


def _evented(profile: Evented, frames: _Frames) -> str:
    """Return the text of a timeline: each wait opens all of its frames and closes them again.

    All events of one wait's beginning (or end) hold the same time, so their text is what stands
    between the times, joined by it: one call for a wait, however deep.
    """
    opening: dict[Stack, list[str]] = {}
    closing: dict[Stack, list[str]] = {}
    texts: list[str] = []
    for start, end, stack in profile.waits:
        if stack not in opening:
            indices = frames.of(stack)
            opening[stack] = _around_times("O", indices)
            closing[stack] = _around_times("C", indices[::-1])
        texts += (str(start).join(opening[stack]), str(end).join(closing[stack]))
    return (
        f'{{"type":"evented",{_common(profile.name, "ns", profile.end)},\n'
        f'"events":[\n{_lines(texts)}\n]}}'
    )


def _around_times(kind: str, indices: list[str]) -> list[str]:
    heads = [f'{{"type":"{kind}","frame":{index},"at":' for index in indices]
    return [heads[0], *(f"}},{head}" for head in heads[1:]), "}"]


def _common(name: str, unit: Unit, end: int) -> str:
    shown = _quoted(show_controls(name))
    return f'"name":{shown},"unit":"{_UNITS[unit]}","startValue":0,"endValue":{end}'


def _lines(texts: Iterable[str]) -> str:
    return ",\n".join(texts)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _problems(
    profiles: Sequence[SpeedscopeProfile], frames: _Frames, text: str
) -> Iterable[Problem]:
    if frames.shortened:
        said = f"stacks of more than {MAX_FRAMES:,} frames, which speedscope cannot draw: "
        count = len(frames.shortened)
        yield Problem("deep-stack", said + "the middle of each was left out", count=count)
    large = [profile for profile in profiles if profile.end >= EXACT_BELOW]
    if large:
        said = "profiles that end above 2**53: speedscope rounds their sums"
        yield Problem("inexact", said, count=len(large))
    size = len(text) if text.isascii() else len(text.encode("utf-8", "backslashreplace"))
    if size > QUICK_BYTES:
        said = f"the speedscope file has {size / 1e6:,.0f} MB: above 134 MB the viewer is slow"
        hint = "; filters make it smaller" + (
            ", and --no-timeline" if any(isinstance(one, Evented) for one in profiles) else ""
        )
        yield Problem("large-file", said + hint)
