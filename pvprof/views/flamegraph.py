"""A flame graph: folded stacks, and what the picture says about them.

Owns title, subtitle and notes: what is shown, which share of the recording that is, what was set
aside, what is missing, and where it comes from. It refuses to draw (``render.svg`` and
``render.text.flame_tree`` do).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from pvprof import __version__
from pvprof.analysis.losses import losses_of
from pvprof.analysis.stacks.boxes import Order
from pvprof.analysis.stacks.fold import Folded
from pvprof.classify.classified import Classified, ClassifiedMeasurement
from pvprof.classify.filters import Selection
from pvprof.classify.rules import UNCLASSIFIED
from pvprof.dataset.dataset import measure_title, measure_words
from pvprof.errors import UsageError
from pvprof.model.frame_attributes import AttributesByName
from pvprof.model.problems import Problem, merge_problems
from pvprof.model.profile import Weight
from pvprof.units import count_stacks, format_exact, format_share, format_value
from pvprof.views.folded import StackOptions, fold_with_causes, shown_measurement
from pvprof.views.provenance import facts_of
from pvprof.views.tables.problems import problem_lines

MIN_WIDTH = 400
"""Of a picture, in pixels."""

Palette = Literal["auto", "cause", "module", "name", "hot", "safe"]
PALETTES: tuple[Palette, ...] = get_args(Palette)
"""``auto`` is ``cause`` if the causes of the waits are known, else ``module`` if frames name
several modules, else ``name``. ``safe`` groups in the same way, in colours that any colour
vision can distinguish (those of Okabe and Ito, lightened)."""

Notes = tuple[tuple[str, str], ...]
"""(label, text) pairs; a text may have several lines."""


@dataclass(frozen=True, slots=True)
class FlamegraphOptions:
    """What the caller may choose about a flame graph.

    Attributes:
        title: the heading; also names the browser's tab.
        subtitle: a line below it: what was measured, where, which filters applied.
        notes: shown in a panel at the bottom.
        count_name: the word after a value that is not a time, e.g. ``waits``; if empty, the unit.
        width: of the picture without script, in pixels; at least 400. With script the picture
            fills its window.
        row_height: of one level, in pixels; more than `font_size`.
        font_size: of the labels, in pixels.
        min_width_px: boxes narrower than this many pixels are drawn together as ``...``; 0 draws
            all.
        icicle: the root on top, callees below, to begin with.
        is_reversed: merged from the leaf, to begin with.
        order: of siblings, to begin with.
        palette: what colours mean.
        attributes: links and titles of frames.
    """

    title: str = "Flame graph"
    subtitle: str = ""
    notes: Notes = ()
    count_name: str = ""
    width: int = 1200
    row_height: int = 16
    font_size: int = 12
    min_width_px: float = 0.1
    icicle: bool = False
    is_reversed: bool = False
    order: Order = "name"
    palette: Palette = "auto"
    attributes: AttributesByName = field(default_factory=AttributesByName)

    def check(self) -> None:
        """Raise `UsageError` if no picture can be drawn with these options."""
        if self.width < MIN_WIDTH:
            raise UsageError(f"a flame graph of {self.width} pixels is narrower than {MIN_WIDTH}")
        if self.font_size < 1 or self.row_height <= self.font_size:
            raise UsageError(
                f"rows of {self.row_height} pixels cannot hold text of {self.font_size} pixels"
            )
        if not (math.isfinite(self.min_width_px) and self.min_width_px >= 0):
            raise UsageError(f"{self.min_width_px} pixels is no width to cut boxes at")
        if self.palette not in PALETTES:
            raise UsageError(f"no palette {self.palette}", f"palettes: {', '.join(PALETTES)}")


@dataclass(frozen=True, slots=True)
class PictureOptions:
    """Which stacks a flame graph has, and how it looks.

    Attributes:
        stacks: which stacks.
        look: size, order and colours; an empty title is replaced by what was measured, and where;
            the account of the data follows the subtitle and the notes.
    """

    stacks: StackOptions = field(default_factory=StackOptions)
    look: FlamegraphOptions = field(default_factory=lambda: FlamegraphOptions(title=""))


@dataclass(frozen=True, slots=True)
class FlameGraphView:
    """A flame graph, ready to be drawn.

    Attributes:
        folded: what is drawn.
        options: title, subtitle, notes and look.
    """

    folded: Folded
    options: FlamegraphOptions

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to draw."""
        return not self.folded.rows


@dataclass(frozen=True, slots=True)
class Account:
    """What a picture can say about the stacks that it shows.

    Attributes:
        name: of the recordings.
        measured: the quantity that is shown.
        kind_titles: the wait kinds that are shown; empty if the stacks were not classified.
        about: what a reader must know of the measurement; usually empty.
        share: the part of the recording that is shown; empty if that is all of it.
        has_loss: whether 0.1% or more is missing, so that the totals are too low.
        notes: where the data come from, and what is missing from the picture.
    """

    name: str
    measured: str
    kind_titles: str
    about: str
    share: str
    has_loss: bool
    notes: Notes

    @property
    def subtitle(self) -> str:
        """Return the kinds that are shown, their share, and whether data are missing."""
        share = f" ({self.share} recorded)" if self.share else ""
        loss = loss_sentence("") if self.has_loss else ""
        parts = [f"{self.kind_titles}{share}", self.about, loss]
        return ". ".join(part for part in parts if part)


def build(classified: Classified, options: PictureOptions) -> FlameGraphView:
    """Return the flame graph of what the filters keep of one measurement.

    Raises:
        UsageError: nothing was measured in that unit or mode, or the recording lacks the counts or
            the chain that the options ask for.
    """
    folded = fold_with_causes(classified, options.stacks)
    account = account_of(classified, folded, options.stacks)
    look = replace(
        options.look,
        title=options.look.title or f"{account.measured}: {account.name}",
        subtitle=joined(options.look.subtitle, account.subtitle),
        notes=(*options.look.notes, *account.notes),
    )
    return FlameGraphView(folded, look)


def joined(*sentences: str) -> str:
    """Return sentences as one line; the last has no full stop."""
    texts = [" ".join(sentence.split()).removesuffix(".") for sentence in sentences]
    return ". ".join(text for text in texts if text)


def build_empty(reason: str, look: FlamegraphOptions) -> FlameGraphView:
    """Return the flame graph of an empty input: scripts that draw any input expect a picture."""
    notes = (*look.notes, ("Problems", reason), ("Drawn by", f"pvprof {__version__}"))
    title = look.title or "Nothing was recorded"
    return FlameGraphView(
        Folded((), "ns"), FlamegraphOptions(title, look.subtitle, notes, width=look.width)
    )


def account_of(classified: Classified, folded: Folded, options: StackOptions) -> Account:
    """Return the account of `folded`, which was built with the same options."""
    measured = shown_measurement(classified, options)
    selection = measured.selection
    return Account(
        name=" + ".join(classified.dataset.names),
        measured="Waits"
        if options.fold.counts
        else measure_title(measured, classified.measurements),
        kind_titles=_kind_titles(selection, classified),
        about=measured.measurement.about,
        share=_share(selection, folded, options),
        has_loss=losses_of(classified.dataset.problems, classified.dataset.records).is_large,
        notes=_notes(classified, measured, folded, options),
    )


def has_loss(problems: Iterable[Problem]) -> bool:
    """Tell whether data are missing, so that totals are too low."""
    return any(problem.severity == "loss" for problem in problems)


def loss_sentence(sides: str) -> str:
    """Return the sentence that says that data are missing, on which sides of a comparison."""
    return f"Data are missing{f' ({sides})' if sides else ''}: totals are too low"


def _shown(weight: Weight, options: StackOptions) -> int:
    """Return the field of a weight that the picture shows."""
    return weight.count if options.fold.counts else weight.value


def _kind_titles(selection: Selection, classified: Classified) -> str:
    if not selection.kept:
        return "Nothing is shown"
    kinds = {part.verdict.kind for part in selection.kept}
    if kinds == {UNCLASSIFIED}:  # folded stacks of other tools
        return ""
    return "; ".join([kind.title for kind in classified.rules.kinds if kind.id in kinds])


def _share(selection: Selection, folded: Folded, options: StackOptions) -> str:
    kept = _shown(selection.weight, options)
    total = kept + sum(_shown(aside.weight, options) for aside in selection.set_aside)
    if total == kept:
        return ""
    return f"{format_share(kept, total)} of {format_value(total, folded.unit)}"


def _notes(
    classified: Classified, measured: ClassifiedMeasurement, folded: Folded, options: StackOptions
) -> Notes:
    selection = measured.selection
    notes = facts_of(classified.dataset)
    total = format_exact(folded.total, folded.unit)
    notes.append(("Shown", f"{total} in {count_stacks(len(folded.rows))}"))
    if options.fold.chain:
        depth = options.fold.chain_depth
        text = f"{options.fold.chain}, at most {depth}, each upside down behind --"
        notes.append(("Joined with", text))
    if selection.set_aside:
        values = {aside.title: _shown(aside.weight, options) for aside in selection.set_aside}
        largest_first = sorted(values.items(), key=lambda item: -item[1])
        lines = [f"{title}: {format_value(value, folded.unit)}" for title, value in largest_first]
        notes.append(("Set aside", "\n".join(lines)))
        if not folded.rows:
            notes.append(("To see it", "--kind all keeps every kind"))
    others = _other_modes(measured, classified.measurements)
    if others:
        notes.append(("Not shown", others))
    problems = problem_lines(merge_problems(classified.dataset.problems))
    if problems:
        notes.append(("Problems", "\n".join(problems)))
    notes.append(("Drawn by", f"pvprof {__version__}"))
    return tuple(notes)


def _other_modes(
    measured: ClassifiedMeasurement, measurements: Sequence[ClassifiedMeasurement]
) -> str:
    """Return a line for each measurement in another mode than the one that is shown."""
    return "\n".join(
        f"{measure_words(one, measurements)}: "
        f"{format_value(one.measurement.profile.total, one.unit)}"
        for one in measurements
        if one.mode != measured.mode
    )
