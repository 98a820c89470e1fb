"""Which frame has which colour, and what the colours mean.

Owns colours and legend; refuses to draw. A colour follows from a name alone (its place in a list,
or crc32, never hash order), so that a function, a module or a lock class looks the same in the
pictures of two days; except ``safe``, which has too few colours for that.
Black text on every colour has the contrast that WCAG level AA requires.
"""

from __future__ import annotations

import colorsys
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pvprof.analysis.stacks.boxes import MIXED, REST, Box
from pvprof.model.stacks import DELIMITER, NO_STACK, WAKER_DELIMITER
from pvprof.render.svg.labels import ANNOTATIONS, split_annotation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pvprof.analysis.stacks.fold import Folded
    from pvprof.model.stacks import Frame
    from pvprof.views.flamegraph import Palette

ROOT_COLOUR = "#d9d6cf"
MATCH_COLOUR = "#e58bf2"
_GREYS = {DELIMITER: "#d4d4d4", WAKER_DELIMITER: "#a9a9a9", NO_STACK: "#b8b8b8", REST: "#c9c9c9"}
_MIXED_COLOUR = "#e6e0d4"
_NO_GROUP = "process, lock or message"
_WAKER = ANNOTATIONS["w"]
_ADDRESS = re.compile(r"0x[0-9a-f]+|\[unknown\]")

# Positions of modules and annotations on the circle of hues, beside those that rules give to lock
# classes and wait kinds (`Folded.hues`). Neighbours in this order are far apart in hue.
_MODULE_HUES = {
    "kernel": 0, "zfs.ko": 12, "libc.so.7": 84, "dtrace.ko": 85, "unresolved": 86,
    "waker": 88, "JIT": 89, "inlined": 90,
}  # fmt: skip
_FIRST_HASHED = 91  # above the positions that the packaged rules give
_GOLDEN_ANGLE = 137.508
# That of the first place; then all hues but those around `MATCH_COLOUR`.
_FIRST_HUE, _HUES_FROM, _HUES = 85, 310, 330
_LIGHT_AND_SATURATION = ((70, 80), (66, 55), (78, 60))
_MAX_HASHED = 99_991
_SAFE_COLOURS = (
    "#e6ab3c", "#72bfe8", "#3fb795", "#f0e442", "#6ca6d9", "#ec8a4f", "#d99cbd", "#b9b3a6",
)  # fmt: skip
_SHADES = 3
_NAME_HUES, _NAME_LIGHTS = 18, 3
_HOT_STEPS = 24
_PALE_PERCENT = 62


@dataclass(frozen=True, slots=True)
class Painting:
    """The colours of the boxes of several layouts.

    Attributes:
        colours: each distinct colour, ``#rrggbb``.
        of_boxes: for each layout, for each box, an index into `colours`.
        legend: (colour, meaning), in reading order.
    """

    colours: tuple[str, ...]
    of_boxes: tuple[tuple[int, ...], ...]
    legend: tuple[tuple[str, str], ...]


def paint(layouts: Sequence[Sequence[Box]], folded: Folded, palette: Palette) -> Painting:
    """Return the colours of all boxes of the layouts of one profile."""
    names = {box.name for boxes in layouts for box in boxes if box.depth}
    chosen = _choose(names, folded) if palette in ("auto", "safe") else palette
    brush: _Brush
    if chosen == "cause" and folded.causes:
        brush = _ByCause(folded, is_safe=palette == "safe")
    elif chosen == "module":
        brush = _ByModule(names, is_safe=palette == "safe")
    else:
        brush = _ByName(is_hot=chosen == "hot", is_safe=palette == "safe")
    index: dict[str, int] = {}
    of_boxes = tuple(
        tuple([index.setdefault(colour, len(index)) for colour in _colours(boxes, brush)])
        for boxes in layouts
    )
    seen = {box.name for boxes in layouts for box in boxes}
    greys = [
        (_GREYS[name], text)
        for name, text in (
            (DELIMITER, "- between user and kernel"),
            (WAKER_DELIMITER, "-- between waker and sleeper"),
        )
        if name in seen
    ]
    if any(box.rest for boxes in layouts for box in boxes):
        greys.append((_GREYS[REST], "... too narrow to draw"))
    return Painting(tuple(index), of_boxes, (*brush.legend(), *greys))


def grey_of(name: Frame) -> str:
    """Return the grey of a frame that is not code, in any palette; empty for other frames."""
    return _GREYS.get(name, "")


def _choose(names: Iterable[Frame], folded: Folded) -> Palette:
    if folded.reasons and folded.causes:
        return "cause"
    groups = {group_of(name) for name in names} - {_NO_GROUP, ""}
    return "module" if len(groups) > 1 else "name"


def _colours(boxes: Iterable[Box], brush: _Brush) -> Iterable[str]:
    """Yield the colour of each box; boxes above a ``--`` belong to a waker."""
    waker_from = 0
    for box in boxes:
        if waker_from and box.depth <= waker_from:
            waker_from = 0
        if not box.depth:
            yield ROOT_COLOUR
            continue
        yield grey_of(box.name) or brush.colour(box, bool(waker_from))
        if box.name == WAKER_DELIMITER and not waker_from:
            waker_from = box.depth


class _Brush:
    """A palette that colours boxes."""

    def colour(self, box: Box, of_waker: bool) -> str:
        """Return the colour of a box that is neither root nor separator."""
        raise NotImplementedError

    def legend(self) -> tuple[tuple[str, str], ...]:
        """Return (colour, meaning) pairs."""
        raise NotImplementedError


class _ByCause(_Brush):
    """The waited-for frame in full colour, code that leads to one cause only in a pale one."""

    def __init__(self, folded: Folded, *, is_safe: bool) -> None:
        self._reasons = folded.reasons
        totals: dict[str, int] = {}
        for stack, value in folded.rows:
            cause = folded.causes.get(stack, MIXED)
            totals[cause] = totals.get(cause, 0) + value
        totals.pop(MIXED, None)
        causes = sorted(totals, key=lambda cause: (-totals[cause], cause))
        self._strong = _group_colours(causes, folded.hues, is_safe=is_safe)
        self._pale = {cause: _mix(colour, "#ffffff") for cause, colour in self._strong.items()}

    def colour(self, box: Box, of_waker: bool) -> str:
        if box.cause == MIXED:
            return _MIXED_COLOUR
        return (self._strong if box.name in self._reasons else self._pale)[box.cause]

    def legend(self) -> tuple[tuple[str, str], ...]:
        pale = next(iter(self._pale.values()), _MIXED_COLOUR)
        return (
            *_legend_of(self._strong),
            (pale, "pale: code that leads there only"),
            (_MIXED_COLOUR, "code that leads to several"),
        )


class _ByModule(_Brush):
    """One hue for each module or annotation, in shades by name."""

    def __init__(self, names: Iterable[Frame], *, is_safe: bool) -> None:
        named = {group_of(name) for name in names} - {_NO_GROUP, ""}
        groups = sorted(named, key=lambda group: (_hue_of(group, _MODULE_HUES), group))
        self._groups = _group_colours(groups, _MODULE_HUES, is_safe=is_safe)
        self._shades: dict[tuple[str, Frame], str] = {}
        waker = _group_colours([_WAKER], _MODULE_HUES, is_safe=is_safe)[_WAKER]
        self._waker = self._groups.get(_WAKER, waker)
        self._seen: dict[str, str] = {}

    def colour(self, box: Box, of_waker: bool) -> str:
        group = group_of(box.name)
        if of_waker:
            group = _WAKER
        known = self._shades.get((group, box.name))
        if known is None:
            base = self._waker if of_waker else self._groups.get(group, _MIXED_COLOUR)
            self._seen.setdefault(group, base)
            shade = _crc(function_of(box.name)) % _SHADES
            known = _mix(base, "#ffffff", 100 - 14 * shade)
            self._shades[group, box.name] = known
        return known

    def legend(self) -> tuple[tuple[str, str], ...]:
        order = sorted(self._seen, key=lambda group: (group == _NO_GROUP, group))
        return tuple(_legend_of({group: self._seen[group] for group in order}))


class _ByName(_Brush):
    def __init__(self, *, is_hot: bool, is_safe: bool) -> None:
        self._is_hot = is_hot
        self._is_safe = is_safe

    def colour(self, box: Box, of_waker: bool) -> str:
        if self._is_safe:
            return _SAFE_COLOURS[_crc(function_of(box.name)) % len(_SAFE_COLOURS)]
        return name_colour(box.name, is_hot=self._is_hot)

    def legend(self) -> tuple[tuple[str, str], ...]:
        return (
            (_MIXED_COLOUR, "a function has the same colour in every graph; colours mean no more"),
        )


def name_colour(name: Frame, *, is_hot: bool = False) -> str:
    """Return the colour of a function: the same in every module."""
    mix = _crc(function_of(name))
    if is_hot:
        step = mix % _HOT_STEPS
        return _hsl(4 + 2.2 * step, 60 + step % 5, 92)
    hue, light = mix % _NAME_HUES, mix // _NAME_HUES % _NAME_LIGHTS
    return _hsl(hue * 360 / _NAME_HUES, 72 + 5 * light, 62)


def function_of(name: Frame) -> str:
    """Return a frame without its module and annotation."""
    plain, _ = split_annotation(name)
    return plain.partition("`")[2] or plain


def group_of(name: Frame) -> str:
    """Return the module of a frame, the meaning of its annotation, or `_NO_GROUP`."""
    plain, letter = split_annotation(name)
    if letter:
        return ANNOTATIONS[letter]
    if plain in _GREYS:
        return ""
    module, tick, function = plain.partition("`")
    if _ADDRESS.fullmatch(function if tick else module) and module in ("", plain):
        return "unresolved"
    return (module or "unresolved") if tick else _NO_GROUP


def cause_colours(causes: Sequence[str], hues: Mapping[str, int]) -> dict[str, str]:
    """Return a colour for each cause, by its name or its position on the circle of hues."""
    return _group_colours(causes, hues, is_safe=False)


def _group_colours(
    groups: Iterable[str], hues: Mapping[str, int], *, is_safe: bool
) -> dict[str, str]:
    """Return a colour for each group, by its name and its position among the hues alone.

    There are too few safe colours for that: the first groups have one each, in the given order, all
    others share the last.
    """
    if is_safe:
        last = len(_SAFE_COLOURS) - 1
        return {group: _SAFE_COLOURS[min(place, last)] for place, group in enumerate(groups)}
    return {group: _colour_at(_hue_of(group, hues)) for group in groups}


def _hue_of(group: str, hues: Mapping[str, int]) -> int:
    """Return the position of a group: a given one, else one by a checksum of its name."""
    return hues.get(group, _FIRST_HASHED + _crc(group) % _MAX_HASHED)


def _colour_at(place: int) -> str:
    light, saturation = _LIGHT_AND_SATURATION[place % len(_LIGHT_AND_SATURATION)]
    turned = (_FIRST_HUE + place * _GOLDEN_ANGLE) % 360
    return _hsl(_HUES_FROM + turned * _HUES / 360, light, saturation)


def _legend_of(groups: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (colour, groups that have it) in the order of the groups."""
    names: dict[str, list[str]] = {}
    for group, colour in groups.items():
        names.setdefault(colour, []).append(group)
    return [(colour, ", ".join(same_colour)) for colour, same_colour in names.items()]


def _crc(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


def _hsl(hue: float, light: float, saturation: float) -> str:
    red, green, blue = colorsys.hls_to_rgb(hue % 360 / 360, light / 100, saturation / 100)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def _mix(colour: str, other: str, percent: int = 100 - _PALE_PERCENT) -> str:
    """Return a mix: `percent` of a colour, the rest of another."""
    pairs = zip(bytes.fromhex(colour[1:]), bytes.fromhex(other[1:]), strict=True)
    mixed = bytes((own * percent + others * (100 - percent) + 50) // 100 for own, others in pairs)
    return f"#{mixed.hex()}"
