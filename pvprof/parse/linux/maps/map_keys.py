r"""The keys of maps, of any parts: stacks, names, numbers, tuples in tuples.

::

    @[                                  a stack is a part: an empty line, a line for each frame
        vfs_read+142
    , cat, 4711]: 4                     parts are joined by ", ", in JSON by ","
    @[(                                 a tuple in the key
        vfs_read+142
    , cat), 1]: 4                       in JSON of 0.22 and 0.23 it is a list: ["...","cat"],1
    @[, cat]: 4                         an empty stack up to 0.21
    @[
    , cat]: 4                           and from 0.22 on

Nothing is quoted, so a name that holds a separator is several parts, and a name that begins with a
newline is taken for a stack.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from pvprof.parse.text.frames import decode

_NUMBER = re.compile(r"-?[0-9]+|0x[0-9a-f]+")
_STACK_BEGINS = re.compile(rb'(?:,[ ]?|[(\[]|[,\[]")$')
_MAX_OPENING = 2
_CLOSES = (b",", b")", b"]", b'"')
_CLOSING = {"(": ")", "[": "]"}


@dataclass(frozen=True, slots=True)
class MapKey:
    """A key of a map.

    Attributes:
        raw: its text.
        words: the parts that are neither stacks nor numbers.
        stacks: the lines of each stack, leaf first; a stack may be empty.
    """

    raw: bytes
    words: tuple[str, ...]
    stacks: tuple[tuple[bytes, ...], ...]


def begins_stack(text: bytes) -> bool:
    """Tell whether a stack follows a text of a key that ends in a newline."""
    return not text or _STACK_BEGINS.search(text, max(len(text) - _MAX_OPENING, 0)) is not None


def ends_stack(line: bytes) -> bool:
    """Tell whether a line of a key is the first after a stack: no frame begins like that."""
    return line.startswith(_CLOSES)


def read_key_parts(text: bytes, separator: bytes) -> MapKey:
    """Return the parts of a key.

    Args:
        text: what is between its brackets.
        separator: what is between two parts.
    """
    lines = text.split(b"\n")
    stacks: list[tuple[bytes, ...]] = []
    texts: list[bytes] = []
    words = [lines[0]]
    number = 1
    while number < len(lines):
        if not begins_stack(b"\n".join(words[-2:])):
            words.append(lines[number])  # a name that holds a newline
            number += 1
            continue
        texts.append(b"\n".join(words))
        end = number
        while end < len(lines) - 1 and not ends_stack(lines[end]):
            end += 1
        stacks.append(tuple(lines[number:end]))
        words = [lines[end]]
        number = end + 1
    texts.append(b"\n".join(words))
    parts = [part for one in texts for part in decode(one).split(separator.decode())]
    return MapKey(text, tuple(_words(parts)), tuple(stacks))


def _words(parts: Iterable[str]) -> list[str]:
    """Return the words among parts, without the parentheses of tuples."""
    texts = _without_tuples([part.strip(" \n") for part in parts])
    return [text for text in texts if text.strip(" ,") and not _NUMBER.fullmatch(text)]


def _without_tuples(parts: list[str]) -> list[str]:
    """Take the brackets of tuples off; those of a name, as in ``(sd-pam)`` and ``:-)``, stay."""
    opened: list[tuple[int, str]] = []  # the part that has an opening bracket, and the bracket
    lists = 0  # how many of them are square
    texts: list[str] = []
    for index, part in enumerate(parts):
        begin, end = 0, len(part)
        excess = {"(": part.count("(") - part.count(")"), "[": part.count("[") - part.count("]")}
        while excess.get(part[begin : begin + 1], 0) > 0:
            opened.append((index, part[begin]))
            lists += part[begin] == "["
            excess[part[begin]] -= 1
            begin += 1
        quotes = '"' if lists else ""
        while opened and begin < end and part[end - 1] == _CLOSING[opened[-1][1]]:
            if excess[opened[-1][1]] >= 0:
                break
            bracket = opened.pop()[1]
            lists -= bracket == "["
            excess[bracket] += 1
            end -= 1
        texts.append(part[begin:end].strip(quotes))
    names = defaultdict(list)
    for index, bracket in opened:
        names[index].append(bracket)
    for index, brackets in names.items():
        texts[index] = "".join(brackets) + texts[index]
    return texts
