"""Draw two profiles as one flame graph, coloured by what has changed.

Owns the colours and words of a difference; ``analysis.stacks.diff_layout`` decides which boxes
there are and what has become of them, ``flamegraph`` how a picture is put together. The colour of a
frame shows its inclusive change, so that many small changes in one stack show along the whole
stack; it gives the factor by which the frame itself has changed, not its share of the total.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from pvprof.analysis.stacks.boxes import REST, Shape
from pvprof.analysis.stacks.diff_layout import (
    NEW,
    SHAPE_COLUMNS,
    STEP_RATIOS,
    TOTAL,
    VANISHED,
    DiffBox,
    DiffProfile,
    Threshold,
    diff_profiles,
    lay_out_diff,
)
from pvprof.model.stacks import show_controls
from pvprof.render.rendered import Rendered
from pvprof.render.svg.canvas import Sheet, Tile, tiles_of
from pvprof.render.svg.flamegraph import (
    XML_HEAD,
    common_data,
    cut_of,
    document,
    empty_sheet,
    rest_words,
    sizes_of,
)
from pvprof.render.svg.labels import format_percent, format_value
from pvprof.render.svg.script_data import Names, encode_tree
from pvprof.units import count_stacks, format_amount
from pvprof.units import format_value as short_value
from pvprof.views.diff_flamegraph import DiffFlameGraphView, DiffOptions

if TYPE_CHECKING:
    from pvprof.analysis.stacks.diff_layout import DiffLayout
    from pvprof.analysis.stacks.fold import Folded
    from pvprof.render.svg.canvas import AnyBox
    from pvprof.render.svg.element import SvgElement
    from pvprof.units import Unit

CHANGE_COLOURS = (
    "#2fb5a8", "#6d7ae6", "#669aec", "#86b8f0", "#a9cef4", "#cae0f9", "#edebe6",
    "#fbcdb9", "#f8b190", "#f29068", "#ea7147", "#e5487d", "#f2c230",
)  # fmt: skip
"""From `VANISHED` over no change to `NEW`: blues and reds, distinct with any colour vision, and two
hues of their own for paths that only one profile has, which are also marked in their labels."""

_STEPS = tuple([100 - Fraction(100 * low, high) for high, low in STEP_RATIOS])
"""The falls, in percent of the base, at which `Threshold.change` takes the next step."""

_WHOLES: dict[Shape, str] = {
    "base": "Total of the base:",
    "new": "Total of the new profile:",
    "union": "Width: the larger of both values, together",
}
_MARKS = {VANISHED: "- ", NEW: "+ "}


def render_view(view: DiffFlameGraphView) -> Rendered:
    """Return the differential flame graph as one SVG file."""
    return Rendered(render_diff(view.base, view.new, view.options), view.caveats)


def render_diff(base: Folded, new: Folded, options: DiffOptions) -> str:
    """Return the text of an SVG file that shows the change from one profile to another.

    Raises:
        UsageError: the profiles are in different units, or the options contradict each other.
    """
    return XML_HEAD + render_diff_inline(base, new, options, "")


def render_diff_inline(base: Folded, new: Folded, options: DiffOptions, prefix: str) -> str:
    """Return the same as an element for an HTML page; see `flamegraph.render_inline`.

    Raises:
        UsageError: as `diff_element`.
    """
    return diff_element(base, new, options, prefix).text


def diff_element(base: Folded, new: Folded, options: DiffOptions, prefix: str) -> SvgElement:
    """Return the picture as an element; `prefix` distinguishes the pictures of a page.

    Raises:
        UsageError: as `render_diff`, or the prefix is not valid.
    """
    options.graph.check()
    profile = diff_profiles(base, new, options.scale)
    cut = cut_of(sum(profile.union), options.graph)
    views = {
        view: lay_out_diff(
            profile, cut, options.shape, options.graph.order, is_reversed=view == "reversed"
        )
        for view in ("normal", "reversed")
    }
    if not profile.stacks:
        return document(options.graph, prefix, empty_sheet(options.graph), None)
    legend = _legend(options.threshold)
    names = Names()
    data = common_data(options.graph, profile.unit, legend) | {
        "subtitle": show_controls(_subtitle(views["normal"], profile, options)),
        "trees": {
            view: encode_tree(layout.boxes, [0] * len(layout.boxes), names, _values)
            for view, layout in views.items()
        },
        "colours": CHANGE_COLOURS,
        "diff": {
            "colours": CHANGE_COLOURS,
            "stepRatios": STEP_RATIOS,
            "framePercent": float(options.threshold.of_frame_percent),
            "totalPercent": float(options.threshold.of_total_percent),
            "smallWords": _small_words(options.threshold),
            "totals": [str(views["normal"].base), str(views["normal"].new)],
        },
    }
    data["start"]["shape"] = options.shape
    data |= {
        "names": names.texts,
        "nameColours": names.colours,
        "attributes": names.attributes(options.graph.attributes),
    }
    layout = views["reversed" if options.graph.is_reversed else "normal"]
    sheet = Sheet(sizes_of(options.graph))
    sheet.heading(options.graph.title, data["subtitle"])
    sheet.legend(legend)
    if layout.total:
        _draw(sheet, layout, profile.unit, options)
    sheet.notes(options.graph.notes)
    return document(options.graph, prefix, sheet, data)


def change_words(base: int, new: int, unit: Unit) -> str:
    """Return both values of a frame, and its change."""
    if not base:
        return f"only in new: {short_value(new, unit)}"
    if not new:
        return f"vanished, in base: {short_value(base, unit)} (-100.00%)"
    delta = new - base
    sign = "+" if delta > 0 else ""
    return (
        f"base {short_value(base, unit)}, new {short_value(new, unit)}:"
        f" {sign}{short_value(delta, unit)} ({sign}{format_percent(delta, base)})"
    )


def _draw(sheet: Sheet, layout: DiffLayout, unit: Unit, options: DiffOptions) -> None:
    larger = max(layout.base, layout.new)

    def look(base: int, new: int) -> tuple[str, str]:
        change = options.threshold.change(base, new, larger)
        return CHANGE_COLOURS[change - VANISHED], _MARKS.get(change, "")

    def words(tile: Tile) -> str:
        base, new = _both(tile)
        stacks = f", {count_stacks(tile.box.rest_stacks)}" if tile.name == REST else ""
        return f"{change_words(base, new, unit)}{stacks}"

    tiles = tiles_of(
        layout.boxes,
        [look(box.base, box.new) for box in layout.boxes],
        lambda box: look(*_rests(box)[:2]),
        options.graph,
    )
    sheet.frames(tiles, layout.total, options.graph.icicle, words)
    total = format_value(layout.total, unit, options.graph.count_name)
    rest = rest_words(layout.rest_stacks, layout.rest, layout.total, options.graph)
    small = _small_words(options.threshold)
    sheet.account(f"{_WHOLES[options.shape]} {total}.{rest}{small}")


def _both(tile: Tile) -> tuple[int, int]:
    """Return the value of a tile in each profile."""
    assert isinstance(tile.box, DiffBox)
    if tile.name == REST and tile.depth > tile.box.depth:
        return tile.box.rests[SHAPE_COLUMNS["base"]], tile.box.rests[SHAPE_COLUMNS["new"]]
    return tile.box.base, tile.box.new


def _rests(box: AnyBox) -> tuple[int, int, int]:
    assert isinstance(box, DiffBox)
    return box.rests


def _values(box: AnyBox) -> tuple[Sequence[int], Sequence[int]]:
    assert isinstance(box, DiffBox)
    return box.own, box.rests


def _subtitle(layout: DiffLayout, profile: DiffProfile, options: DiffOptions) -> str:
    """Return the sides, how they were scaled, and the change of the whole."""
    parts = [options.graph.subtitle] if options.graph.subtitle else []
    parts.append(f"Base: {options.base_name}; new: {options.new_name}")
    if (scale := options.scale) is None:
        parts += [options.unscaled] if options.unscaled else []
    elif scale.unit == TOTAL:
        factor = format_amount(scale.new / scale.base)
        parts.append(f"The base is scaled by {factor} to the total of the new profile")
    else:
        base, new = (f"{format_amount(amount)} {scale.unit}" for amount in (scale.base, scale.new))
        parts.append(
            f"The base ({base}) is scaled by {format_amount(scale.new / scale.base)}"
            f" to the {new} of the new profile"
        )
    parts.append(f"All: {change_words(layout.base, layout.new, profile.unit)}")
    return ". ".join(parts)


def _legend(threshold: Threshold) -> tuple[tuple[str, str], ...]:
    """Return (colour, meaning) of each step: the change of a frame, in percent of the base.

    Steps below the threshold are left out.
    """
    floor = threshold.of_frame_percent
    down = [bound for bound in _STEPS if bound > floor]
    edges = [floor, *down, Fraction(100)]
    first = len(_STEPS) - len(down) + 1
    rows = [(VANISHED, "- vanished")]
    for step in range(len(down), -1, -1):
        words = f"-{format_amount(edges[step])}% to -{format_amount(edges[step + 1])}%"
        rows.append((-first - step, words))
    rows.append((0, f"unchanged (within {format_amount(floor)}%)" if floor else "unchanged"))
    for step in range(len(down) + 1):
        low, high = (_rise(bound) for bound in edges[step : step + 2])
        rows.append((first + step, f"{low} to {high}" if high else f"{low} or more"))
    rows.append((NEW, "+ new"))
    return tuple((CHANGE_COLOURS[step - VANISHED], words) for step, words in rows)


def _rise(fall: Fraction) -> str:
    """Return the rise that undoes a fall, both in percent; empty if none does."""
    return f"+{float(fall / (100 - fall) * 100):.0f}%" if fall < 100 else ""


def _small_words(threshold: Threshold) -> str:
    """Return the sentence on changes that are too small in the whole to be coloured."""
    share = format_amount(threshold.of_total_percent)
    return f" Changes below {share}% of the total count as unchanged." if share != "0" else ""
