"""A picture of how a store grows: times of questions and sizes on disk, by its recordings.

    python bench/store_growth.py [FIGURES [PICTURE]]

It draws the figures that `bench/store.py --figures` wrote: the same file gives the same bytes. Both
axes are logarithmic, so a straight line that rises one decade in a decade is linear growth.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "bench/store-growth.json"
PICTURE = ROOT / "docs/store-growth.svg"

WIDTH, HEIGHT = 900, 430
TOP, BOTTOM = 92, 366
COLOURS = ("#3b82c4", "#d9822b", "#2f9e6e", "#b05fb5", "#c94f4f", "#7c8a2e")
"""Each has a contrast of at least 3 with both backgrounds."""

_STYLE = """\
.paper{fill:#fff}.text{fill:#222}.quiet{fill:#555}.rule{stroke:#ddd}
@media (prefers-color-scheme:dark){\
.paper{fill:#16181c}.text{fill:#eee}.quiet{fill:#b5b8bd}.rule{stroke:#3a3d43}}
text{font:12px system-ui,sans-serif}.title{font-size:17px;font-weight:600}.head{font-weight:600}
"""
_LABEL_STEP_PX = 15


@dataclass
class Growth:
    """What was measured at each size.

    Attributes:
        sizes: numbers of recordings, in rising order.
        time_s: by question, the seconds it took at each size; None if it was not measured.
        size_mb: by kind of file, the megabytes on disk.
    """

    sizes: list[int] = field(default_factory=list)
    time_s: dict[str, list[float | None]] = field(default_factory=dict)
    size_mb: dict[str, list[float | None]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Growth:
        """Return the figures of a file; none if there is no such file."""
        return cls(**json.loads(path.read_text())) if path.exists() else cls()

    def write(self, path: Path) -> None:
        """Write the figures, those of one name on one line."""
        text = json.dumps(asdict(self), indent=1)
        flat = re.sub(
            r"\[[^\[\]{}]*\]",
            lambda match: " ".join(match[0].split()).replace("[ ", "[").replace(" ]", "]"),
            text,
        )
        path.write_text(f"{flat}\n")

    def note(self, size: int, name: str, *, time_s: float | None = None, mb: float = 0.0) -> None:
        """Keep one figure in the place of an earlier one."""
        if size not in self.sizes:
            self.sizes = sorted([*self.sizes, size])
            place = self.sizes.index(size)
            for values in (*self.time_s.values(), *self.size_mb.values()):
                values.insert(place, None)
        of_name, value = (self.size_mb, mb) if time_s is None else (self.time_s, time_s)
        values = of_name.setdefault(name, [None] * len(self.sizes))
        values[self.sizes.index(size)] = float(f"{value:.3g}")


@dataclass(frozen=True)
class Panel:
    """One diagram: its place in pixels, and the range of both axes."""

    title: str
    left: float
    right: float
    sizes: Sequence[int]
    lines: Mapping[str, Sequence[float | None]]

    def text(self) -> str:
        """Return its elements."""
        return "".join((*self._axes(), *self._drawn()))

    @property
    def _ends(self) -> tuple[float, float]:
        """Return the logarithms of the lowest and the highest mark: 1, 2 or 5 times a power."""
        values = [value for line in self.lines.values() for value in line if value]
        low = max(mark for mark in _marks() if mark <= min(values))
        return math.log10(low), math.log10(min(mark for mark in _marks() if mark >= max(values)))

    def _x(self, size: float) -> float:
        first, last = math.log10(self.sizes[0]), math.log10(self.sizes[-1])
        share = (math.log10(size) - first) / (last - first or 1)
        return round(self.left + share * (self.right - self.left), 1)

    def _y(self, value: float) -> float:
        low, high = self._ends
        return round(BOTTOM - (math.log10(value) - low) / (high - low) * (BOTTOM - TOP), 1)

    def _axes(self) -> Iterator[str]:
        head = escape(self.title)
        yield f'<text class="text head" x="{self.left}" y="{TOP - 16}">{head}</text>\n'
        low, high = self._ends
        for mark in _marks():
            if low <= math.log10(mark) <= high:
                y = self._y(mark)
                yield (
                    f'<path class="rule" d="M{self.left} {y}H{self.right}"/>'
                    f'<text class="quiet" x="{self.left - 6}" y="{y + 4}" text-anchor="end">'
                    f"{mark:,g}</text>\n"
                )
        for size in self.sizes:
            x = self._x(size)
            yield (
                f'<path class="rule" d="M{x} {TOP}V{BOTTOM}"/>'
                f'<text class="quiet" x="{x}" y="{BOTTOM + 18}" text-anchor="middle">'
                f"{size:,}</text>\n"
            )
        middle = (self.left + self.right) / 2
        yield (
            f'<text class="quiet" x="{middle}" y="{BOTTOM + 38}" text-anchor="middle">'
            "recordings in the store</text>\n"
        )

    def _drawn(self) -> Iterator[str]:
        """Yield the lines, then their names beside their ends, one above the other."""
        ends = []
        for (name, values), colour in zip(self.lines.items(), COLOURS, strict=False):
            points = [
                (self._x(size), self._y(value), size, value)
                for size, value in zip(self.sizes, values, strict=True)
                if value
            ]
            path = " ".join(f"{x},{y}" for x, y, *_ in points)
            yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>\n'
            for x, y, size, value in points:
                words = escape(f"{name}, {size:,} recordings: {value:,g} {self._unit}")
                yield (
                    f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}">'
                    f"<title>{words}</title></circle>\n"
                )
            ends.append((points[-1][1], name, colour))
        previous = -math.inf
        for y, name, colour in sorted(ends):
            previous = max(y, previous + _LABEL_STEP_PX)
            x = self.right + 10
            yield (
                f'<rect x="{x}" y="{previous - 5}" width="10" height="10" fill="{colour}"/>'
                f'<text class="text" x="{x + 15}" y="{previous + 4}">{escape(name)}</text>\n'
            )

    @property
    def _unit(self) -> str:
        return self.title.rpartition(" in ")[2]


def _marks() -> Iterator[float]:
    """Yield the values that an axis may have marks at."""
    return (first * 10.0**power for power in range(-3, 7) for first in (1, 2, 5))


def picture(growth: Growth) -> str:
    """Return the figures as an SVG, which has its own background in light and in dark."""
    title = "What a store of recordings costs as it grows"
    about = "2,000 stacks a recording; two cores; both axes are logarithmic"
    time = Panel("Time, in s", 50, 260, growth.sizes, growth.time_s)
    size = Panel("Size on disk, in MB", 500, 690, growth.sizes, growth.size_mb)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{title}">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n"
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}" rx="6"/>\n'
        f'<text class="text title" x="16" y="30">{title}</text>\n'
        f'<text class="quiet" x="16" y="50">{about}</text>\n'
        f"{time.text()}{size.text()}</svg>\n"
    )


def main() -> None:
    figures, target = [*map(Path, sys.argv[1:]), FIGURES, PICTURE][:2]
    target.write_text(picture(Growth.read(figures)))


if __name__ == "__main__":
    main()
