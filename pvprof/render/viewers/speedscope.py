"""Profiles as a speedscope file: JSON in the format that https://www.speedscope.app opens.

Owns the form of the file and the viewer's limits. It refuses to decide which profiles the file has
(``views.viewers.speedscope`` does).

The viewer's rules, tried with speedscope 1.25.0 in Chromium:

* a frame is its index, not its name: every name is once in one table for all profiles;
* ``at`` of opening and closing events never decreases, and every event closes the frame on top;
* numbers are doubles: sums from 2**53 on are rounded;
* it descends a stack by recursion: 3,000 frames are drawn, 4,000 are not, 10,000 are refused;
* text above 2**27 bytes is read by a slower parser, and much larger text not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvprof import __version__
from pvprof.errors import OutputError, quote
from pvprof.model.problems import Problem
from pvprof.model.stacks import Stack, frames_of, show_controls
from pvprof.render.data.encoding import json_text
from pvprof.render.rendered import Rendered
from pvprof.units import Unit, unit_words
from pvprof.views.viewers.speedscope import Evented, Sampled, SpeedscopeProfile, SpeedscopeView

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SCHEMA_URL = "https://www.speedscope.app/file-format-schema.json"
"""The viewer recognises its format by this exact text."""

MAX_FRAMES = 2_000
"""Of a stack in the file; deeper stacks lose their middle."""

EXACT_BELOW = 1 << 53
QUICK_BYTES = 1 << 27
# The viewer has no numbers above the largest double.
_LARGEST = 10**300


def render(view: SpeedscopeView) -> Rendered:
    """Return the text of a speedscope file, one sample a line, with a final newline.

    Raises:
        OutputError: a value is so large that no double holds it.
    """
    profiles = view.profiles
    for profile in profiles:
        if profile.end > _LARGEST:
            raise OutputError(
                f"speedscope: {quote(profile.name)}: its total is too large for the format"
            )
    frames = _Frames()
    texts = [
        _sampled(profile, frames) if isinstance(profile, Sampled) else _evented(profile, frames)
        for profile in profiles
    ]
    table = ",\n".join([f'{{"name":{json_text(frame)}}}' for frame in frames])
    text = (
        f'{{"$schema":{json_text(SCHEMA_URL)},\n'
        f'"exporter":"pvprof@{__version__}",\n'
        f'"name":{json_text(show_controls(view.name))},\n'
        '"activeProfileIndex":0,\n'
        f'"shared":{{"frames":[\n{table}\n]}},\n'
        f'"profiles":[\n{_lines(texts)}\n]}}\n'
    )
    return Rendered(text, (*view.problems, *_problems(profiles, frames, text)))


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
    """Return the frames next to the root and next to the leaf, which identify a stack best."""
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

    All events of one wait's beginning (or end) have the same time, so their text is the texts
    between the times, joined by the time: one call for a wait, however deep its stack.
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
    shown = json_text(show_controls(name))
    return f'"name":{shown},"unit":"{unit_words(unit).speedscope}","startValue":0,"endValue":{end}'


def _lines(texts: Iterable[str]) -> str:
    return ",\n".join(texts)


def _problems(
    profiles: Sequence[SpeedscopeProfile], frames: _Frames, text: str
) -> Iterable[Problem]:
    if frames.shortened:
        deep = f"stacks of more than {MAX_FRAMES:,} frames, which speedscope cannot draw: "
        count = len(frames.shortened)
        yield Problem("deep-stack", deep + "the middle of each was left out", count=count)
    large = [profile for profile in profiles if profile.end >= EXACT_BELOW]
    if large:
        rounded = "profiles that end above 2**53: speedscope rounds their sums"
        yield Problem("inexact", rounded, count=len(large))
    size = len(text) if text.isascii() else len(text.encode("utf-8", "backslashreplace"))
    if size > QUICK_BYTES:
        slow = f"the speedscope file has {size / 1e6:,.0f} MB: above 134 MB the viewer is slow"
        has_timeline = any(isinstance(profile, Evented) for profile in profiles)
        hint = "; filters make it smaller" + (", and --no-timeline" if has_timeline else "")
        yield Problem("large-file", slow + hint)
