r"""Files of attributes for frames, as ``flamegraph.pl --nameattr`` and inferno read them.

A name, and pairs of attribute and value, with tabs between them; a value may be in quotes::

    vm_fault<tab>href=https://cgit.freebsd.org/src/tree/sys/vm/vm_fault.c<tab>title=page faults
    kernel`uma_zalloc<tab>title="the slab allocator"

Owns which attributes are used: ``href`` and ``title``. Others would put any markup into a picture,
or (``id``, ``class``) mean nothing in it. A link is relative or of http or https: a picture may be
opened by others, and a link of another scheme may run a program.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from pvprof.errors import quote
from pvprof.model.frame_attributes import NO_ATTRIBUTES, AttributesByName, FrameAttributes
from pvprof.model.problems import Problem
from pvprof.parse.text.frames import decode

_OTHERS = frozenset(("id", "class", "target", "g_extra", "a_extra"))
_ABSOLUTE = re.compile(r"https?://[^/?#]+", re.IGNORECASE)
_NO_SCHEME = re.compile(r"(?!//)[^:/?#]*(?:[/?#]|$)")
_NOT_IN_A_LINK = re.compile(r"[\\\s\"<>^`{|}]")
_LINK_HELP = "links are relative, or of http or https, without blanks"


def read_attributes(data: bytes, source: str) -> AttributesByName:
    """Return the attributes in a text; what cannot be used is a problem."""
    reader = _Reader(source)
    for number, line in enumerate(data.split(b"\n"), 1):
        name, *pairs = map(str.strip, decode(line).split("\t"))
        if name:
            reader.read(name, list(filter(None, pairs)), number)
    return AttributesByName(reader.by_name, reader.all_problems())


class _Reader:
    """Reads names and their pairs."""

    def __init__(self, source: str) -> None:
        self.by_name: dict[str, FrameAttributes] = {}
        self._source = source
        self._problems: list[Problem] = []
        self._unused: Counter[str] = Counter()

    def read(self, name: str, pairs: list[str], line: int) -> None:
        """Add the pairs of a name; a later one of the same attribute counts."""
        attributes = self.by_name.get(name, NO_ATTRIBUTES)
        for pair in pairs:
            key, equals, value = (part.strip() for part in pair.partition("="))
            value = _unquoted(value)
            if key in _OTHERS:
                self._unused[key] += 1
            elif not equals or key not in ("href", "title"):
                self._note(f"no attribute: {quote(pair)}; known are href and title", line)
            elif key == "title":
                attributes = replace(attributes, title=value)
            elif is_safe_link(value):
                attributes = replace(attributes, link=value)
            else:
                self._note(f"no link: {quote(value)}; {_LINK_HELP}", line)
        if not pairs:
            self._note(f"no attributes of {quote(name)}: a tab divides them from the name", line)
        self.by_name[name] = attributes

    def all_problems(self) -> tuple[Problem, ...]:
        """Return a problem for each pair that is not used."""
        unused = (
            Problem(
                "bad-attribute",
                f"attributes {key}: not used, pictures have href and title",
                self._source,
                count=count,
                severity="note",
            )
            for key, count in sorted(self._unused.items())
        )
        return (*self._problems, *unused)

    def _note(self, text: str, line: int) -> None:
        self._problems.append(Problem("bad-attribute", text, self._source, line))


def is_safe_link(text: str) -> bool:
    r"""Tell whether a text is a relative URL, or one of http or https with a host.

    Browsers leave out control characters within a scheme, and take ``\`` for ``/``: a text with any
    of these, or with blanks, is no link.
    """
    if not text.isprintable() or _NOT_IN_A_LINK.search(text):
        return False
    return bool(text) and bool(_ABSOLUTE.match(text) or _NO_SCHEME.match(text))


def _unquoted(value: str) -> str:
    is_quoted = len(value) >= 2 and value[0] == value[-1] == '"'
    return value[1:-1] if is_quoted else value
