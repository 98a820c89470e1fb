"""The registry of input layouts, the strictest first.

Recognition, reading, the choices of ``--input-format`` and the table in docs/layouts.md all derive
from `LAYOUTS`. To add a layout, write a reader module with a `Layout` in it and list that here.

A reader is imported when it is asked for, or when a text has any of its marks: without them none
of its lines can be there. That saves a third of the time in which a small file is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from importlib import import_module

from pvprof.errors import UsageError
from pvprof.parse.layout import Layout
from pvprof.parse.recognition.sample import Sample

_COMMENTS = re.compile(rb"(?:\n#[^\n]*+)*+")


@dataclass(frozen=True, slots=True)
class LayoutPlace:
    """Where a layout is.

    Attributes:
        name: of the layout.
        module: below ``pvprof.parse``.
        attribute: of the module.
        marks: texts without all of these have neither its signature nor a line that is its own;
            empty if it is always asked. A newline in a mark stands for the beginning, too.
        pattern: in the place of marks, if they are very many.
        has_comments: whether a line that begins with ``#`` is none of its own.
    """

    name: str
    module: str
    attribute: str = "LAYOUT"
    marks: tuple[bytes, ...] = ()
    has_comments: bool = False
    pattern: re.Pattern[bytes] | None = None

    def may_be_of(self, text: bytes) -> bool:
        """Tell whether a text, behind an end of line, has what the layout's texts have."""
        if self.pattern is not None:
            return self.pattern.search(text) is not None
        return not self.marks or any(mark in text for mark in self.marks)

    def load(self) -> Layout:
        """Import the layout."""
        layout = getattr(import_module(f"pvprof.parse.{self.module}"), self.attribute)
        assert isinstance(layout, Layout)
        assert layout.name == self.name, f"{self.name} is named {layout.name}"
        return layout


class Layouts(MutableMapping[str, Layout]):
    """Layouts by their names, in order; each is imported when it is first asked for.

    Raises:
        ValueError: two of them have the same name.
    """

    def __init__(self, *places: LayoutPlace) -> None:
        self._places: dict[str, LayoutPlace] = {}
        self._loaded: dict[str, Layout] = {}
        self._names: dict[str, None] = {}
        for place in places:
            other = self._places.setdefault(place.name, place)
            if other is not place:
                modules = f"{other.module} and {place.module}"
                raise ValueError(
                    f"two layouts are named {place.name}: those of {modules}; rename one"
                )
            self._names[place.name] = None

    def __getitem__(self, name: str) -> Layout:
        if name not in self._loaded:
            self._loaded[name] = self._places[name].load()
        return self._loaded[name]

    def __setitem__(self, name: str, layout: Layout) -> None:
        self._loaded[name] = layout
        self._names[name] = None

    def __delitem__(self, name: str) -> None:
        del self._names[name]
        self._loaded.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def candidates(self, sample: Sample) -> Iterator[Layout]:
        """Yield the layouts of which a sample may have lines."""
        text = b"\n" + (sample.start or sample.text)
        comments = _COMMENTS.match(text)
        body = text if comments is None else text[comments.end() :]
        for name in self._names:
            place = self._places.get(name)
            searched = body if place is not None and place.has_comments else text
            if place is None or place.may_be_of(searched):
                yield self[name]


# Perf's heads have a colon, and its frames a place, an indentation or an address of the kernel.
_OF_PERF = (
    *(b"(", b":", b"  ", b"\t", b"\r", b"\v", b"\f", b"\n "),
    *(b" ffff", b"\nffff", b" c0000000", b"\nc0000000"),
)

# Of a sample type, the first bytes: a part of this length, with the number of a text in it.
_OF_PPROF = re.compile(rb"\n[\x02-\x16]\x08")

LAYOUTS = Layouts(
    # signatures
    LayoutPlace("pprof", "files.pprof", pattern=_OF_PPROF),
    LayoutPlace("speedscope", "files.speedscope", marks=(b"{",)),
    LayoutPlace("html", "files.html_report", marks=(b"<",)),
    LayoutPlace("pvprof", "native.reader", marks=(b"#pvprof ",)),
    LayoutPlace("bpftrace", "linux.bpftrace", marks=(b"#pvprof ",)),
    # lines that only one tool prints
    LayoutPlace(
        "lock-profiling", "freebsd.lock_profiling", marks=(b" (", b"debug.lock", b"wait_total")
    ),
    LayoutPlace("lockstat", "freebsd.lockstat", marks=(b"%", b" events in ", b"cuml")),
    LayoutPlace("pmcstat", "freebsd.pmc_callgraph", marks=(b"%", b" samples]")),
    LayoutPlace(
        "pmcstat-log", "freebsd.pmc_log", marks=(b" 0x", b"\t0x", b"\r0x", b"\v0x", b"\f0x")
    ),
    LayoutPlace("bcc", "linux.bcc.bcc_text", marks=(b"Tracing ", b"Sampling ", b"  ", b"\t")),
    LayoutPlace("klockstat", "linux.bcc.klockstat", marks=(b"Count",)),
    LayoutPlace("bcc-histogram", "linux.bcc.distributions", marks=(b"distribution",)),
    LayoutPlace("perf", "linux.perf.script", marks=_OF_PERF, has_comments=True),
    LayoutPlace("bpftrace-json", "linux.maps.map_json", marks=(b'{"type"',)),
    LayoutPlace("bpftrace-map", "linux.maps.map_text", marks=(b"@",)),
    # lines that other texts may have, too, from the strictest to the loosest
    LayoutPlace("events", "dtrace.events"),
    LayoutPlace("differential", "files.folded", "DIFFERENTIAL"),
    LayoutPlace("folded", "files.folded"),
    LayoutPlace("single-stacks", "dtrace.actions"),
    LayoutPlace("classic", "dtrace.aggregates", "CLASSIC"),
    LayoutPlace("thread", "dtrace.aggregates", "THREAD"),
    LayoutPlace("rows", "dtrace.rows"),
    LayoutPlace("histogram", "dtrace.aggregates", "HISTOGRAM"),
    LayoutPlace("keyed", "dtrace.aggregates", "KEYED"),
)
"""Every layout by its name."""


def layout_names() -> str:
    """Return all names, for messages."""
    return ", ".join(LAYOUTS)


def layout_named(name: str) -> Layout:
    """Return the layout of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in LAYOUTS:
        raise UsageError(f"no such layout: {name}", f"layouts: {layout_names()}")
    return LAYOUTS[name]
