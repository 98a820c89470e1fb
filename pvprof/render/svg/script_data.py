"""The data of the script of a flame graph: trees and texts, as small as possible.

Owns the encoding, which ``flame_model.js`` reads. A tree is one string, its boxes
parents first, joined by blanks. Each is

    NAME [.OWN] [~REST*STACKS] [!COLOUR] [^UP]

NAME, STACKS, COLOUR and UP are numbers in base 36: an index into the names, the number of stacks in
the rest, an index into the colours if it is not that of the name, and the number of levels from
where a child of the previous box would be up to this box. OWN and REST are values in hex, joined by
``,`` if a tree has several columns. What is 0 is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pvprof.model.frame_attributes import NO_ATTRIBUTES, AttributesByName
from pvprof.model.stacks import show_controls
from pvprof.render.data.encoding import json_text

if TYPE_CHECKING:
    from pvprof.render.svg.canvas import AnyBox

_MARKUP = re.compile("[<>&]")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Names:
    """The distinct names of trees, each with the colour of its first box."""

    def __init__(self) -> None:
        self._index: dict[str, int] = {}
        self._colours: list[int] = []

    def index(self, name: str, colour: int) -> int:
        """Return the number of a name; a new one takes the colour as its own."""
        number = self._index.get(name)
        if number is None:
            number = self._index[name] = len(self._index)
            self._colours.append(colour)
        return number

    def colour(self, index: int) -> int:
        """Return the colour of a name."""
        return self._colours[index]

    @property
    def texts(self) -> list[str]:
        """Return the names by number."""
        return [show_controls(name) for name in self._index]

    @property
    def colours(self) -> list[int]:
        """Return the colours by number."""
        return self._colours

    def attributes(self, attributes: AttributesByName) -> dict[str, list[str]]:
        """Map the number of each name that has any to its link and its title."""
        found = ((number, attributes.of(name)) for name, number in self._index.items())
        return {
            str(number): [own.link, show_controls(own.title)]
            for number, own in found
            if own != NO_ATTRIBUTES
        }


def encode_tree(
    boxes: Sequence[AnyBox],
    colours: Iterable[int],
    names: Names,
    values: Callable[[AnyBox], tuple[Sequence[int], Sequence[int]]],
) -> str:
    """Return a tree as one string.

    Args:
        boxes: parents first.
        colours: of each box.
        names: takes the names in.
        values: returns the own values of a box and those of its rest.
    """
    parts = []
    previous = -1
    for box, colour in zip(boxes, colours, strict=True):
        number = names.index(box.name, colour)
        own, rest = values(box)
        text = base36(number)
        if any(own):
            text += "." + ",".join([f"{value:x}" for value in own])
        if any(rest):
            text += "~" + ",".join([f"{value:x}" for value in rest]) + "*" + base36(box.rest_stacks)
        if colour != names.colour(number):
            text += "!" + base36(colour)
        up = previous + 1 - box.depth
        if up:
            text += "^" + base36(up)
        previous = box.depth
        parts.append(text)
    return " ".join(parts)


def base36(number: int) -> str:
    """Return a number, not negative, in base 36."""
    digits = ""
    while number >= 36:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return _DIGITS[number] + digits


def embed(data: Mapping[str, Any]) -> str:
    """Return data as JSON that is safe between tags of XML and HTML."""
    text = json_text(data, is_sorted=True)
    return _MARKUP.sub(lambda match: f"\\u{ord(match.group()):04x}", text)
