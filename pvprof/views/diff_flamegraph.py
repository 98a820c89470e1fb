"""A differential flame graph: two profiles, and what the picture says about the difference.

Owns title, subtitle, notes and caveats, for two recordings and for two sides of repeated runs. It
refuses to draw (``render.svg.diff_flamegraph`` does).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

from pvprof.analysis.compare.caveats import unnamed_addresses
from pvprof.analysis.compare.code_changes import scale_of
from pvprof.analysis.compare.compare import Comparison, SectionChange
from pvprof.analysis.stacks.boxes import Shape
from pvprof.analysis.stacks.diff_layout import TOTAL, Threshold, WorkScale
from pvprof.analysis.stacks.fold import Folded
from pvprof.analysis.stacks.pairing import pair
from pvprof.classify.classified import Classified
from pvprof.dataset.sides import Side
from pvprof.model.problems import Problem
from pvprof.recording.provenance import provenance_rows
from pvprof.views.comparison import ComparisonOptions, section_of
from pvprof.views.flamegraph import (
    Account,
    FlamegraphOptions,
    Notes,
    account_of,
    has_loss,
    joined,
    loss_sentence,
)
from pvprof.views.folded import (
    StackOptions,
    check_counts,
    fold_options,
    fold_parts,
    fold_with_causes,
)
from pvprof.views.tables.problems import problem_lines
from pvprof.views.verdicts.comparison_tables import heading, section_title


@dataclass(frozen=True, slots=True)
class DiffOptions:
    """What the caller may choose about a differential flame graph.

    Attributes:
        graph: as for one profile; its palette is not used.
        shape: the profile that gives the boxes their width, to begin with.
        threshold: which changes are too small to be coloured.
        scale: how much work each profile covers; None compares the values as they are.
        has_equal_totals: scale the base to the total of the new profile, in place of `scale`.
        base_name, new_name: what the profiles are called.
        unscaled: what the picture says of the values if they are not scaled.
    """

    graph: FlamegraphOptions = field(default_factory=FlamegraphOptions)
    shape: Shape = "union"
    threshold: Threshold = field(default_factory=Threshold)
    scale: WorkScale | None = None
    has_equal_totals: bool = False
    base_name: str = "base"
    new_name: str = "new"
    unscaled: str = "Values as recorded, not scaled"


@dataclass(frozen=True, slots=True)
class DifferenceOptions:
    """Which stacks of two recordings are compared, and how the picture looks."""

    stacks: StackOptions
    diff: DiffOptions


@dataclass(frozen=True, slots=True)
class DiffFlameGraphView:
    """A differential flame graph, ready to be drawn.

    Attributes:
        base, new: what is compared.
        options: title, subtitle, notes, scale and look.
        caveats: what makes the comparison doubtful; the notes list them, too.
    """

    base: Folded
    new: Folded
    options: DiffOptions
    caveats: tuple[Problem, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to draw."""
        return not (self.base.rows or self.new.rows)


def build(sides: tuple[Classified, Classified], options: DifferenceOptions) -> DiffFlameGraphView:
    """Return the difference of two recordings, the base and the new one.

    Raises:
        UsageError: a side has nothing in the unit, or lacks the counts or the chain asked for.
    """
    base_folded, new_folded = _fold_both(sides, options.stacks)
    base = account_of(sides[0], base_folded, options.stacks)
    new = account_of(sides[1], new_folded, options.stacks)
    base_name, new_name = _names(sides, (base.name, new.name))
    caveats = unnamed_addresses(base_folded, new_folded)
    notes = (("Base", _indented(base.notes)), ("New", _indented(new.notes)), *_caveats(caveats))
    look = replace(
        options.diff.graph,
        title=options.diff.graph.title or f"{new.measured}: {base_name} → {new_name}",
        subtitle=joined(options.diff.graph.subtitle, _subtitle(base, new)),
        notes=(*options.diff.graph.notes, *notes),
    )
    scale = options.diff.scale
    if options.diff.has_equal_totals:
        scale = _equal_totals(base_folded, new_folded)
    diff = replace(options.diff, graph=look, scale=scale, base_name=base_name, new_name=new_name)
    return DiffFlameGraphView(base_folded, new_folded, diff, caveats)


def _equal_totals(base: Folded, new: Folded) -> WorkScale | None:
    """Return the scale to equal totals; None if they are equal, or a side has no value."""
    if base.total == new.total or not (base.total and new.total):
        return None
    return WorkScale(TOTAL, Fraction(base.total), Fraction(new.total))


def _names(sides: tuple[Classified, Classified], names: tuple[str, str]) -> tuple[str, str]:
    """Return the names of the sides, with their labels before names that are equal."""
    labels = [
        ", ".join(dict.fromkeys(one.label for one in side.dataset.manifests if one.label))
        for side in sides
    ]
    if names[0] != names[1] or not all(labels) or labels[0] == labels[1]:
        return names
    return f"{labels[0]} {names[0]}", f"{labels[1]} {names[1]}"


def _fold_both(sides: tuple[Classified, Classified], options: StackOptions) -> tuple[Folded, ...]:
    """Return the folded stacks of both sides: paired, unless they are joined with other threads'.

    Raises:
        UsageError: as `build`.
    """
    if options.fold.chain:
        return tuple(fold_with_causes(side, options) for side in sides)
    measured = [side.measurement(options.measure) for side in sides]
    for one in measured:
        check_counts(one.measurement, options.fold)
    paired = pair([measured[0].kept], [measured[1].kept], sides[0].rules)
    return tuple(
        fold_parts(groups, one.unit, fold_options(side, options), one.kept, one.rules)
        for side, one, (groups,) in zip(sides, measured, (paired.base, paired.new), strict=True)
    )


def build_from_comparison(comparison: Comparison, options: ComparisonOptions) -> DiffFlameGraphView:
    """Return the picture of one section of a comparison of repeated runs.

    Raises:
        UsageError: the comparison has no section of that unit and mode.
    """
    section = section_of(comparison, options)
    title = heading(comparison).partition(": ")[2]
    subtitle = _amounts_sentence(section, comparison)
    if has_loss(comparison.caveats):
        subtitle += f". {loss_sentence('')}"
    notes = (
        ("Base", _facts(comparison.base)),
        ("New", _facts(comparison.new)),
        *_caveats(comparison.caveats),
    )
    diff = DiffOptions(
        graph=FlamegraphOptions(f"{section_title(section)}: {title}", subtitle, notes),
        scale=scale_of(comparison.options.basis.names, section.amounts),
        base_name=comparison.base.name,
        new_name=comparison.new.name,
        unscaled="",
    )
    return DiffFlameGraphView(section.base_folded, section.new_folded, diff)


def _indented(notes: Notes) -> str:
    """Return notes as one text: a line each, further lines of a note indented."""
    return "\n".join([f"{label}: {text}".replace("\n", "\n  ") for label, text in notes])


def _caveats(caveats: tuple[Problem, ...]) -> Notes:
    return (("Caveats", "\n".join(problem_lines(caveats))),) if caveats else ()


def _subtitle(base: Account, new: Account) -> str:
    """Return the kinds, the share of each side that is compared, and which side lacks data."""
    sides = (("base", base), ("new", new))
    kinds = " or ".join(
        dict.fromkeys(account.kind_titles for _, account in sides if account.kind_titles)
    )
    if base.share or new.share:
        shares = [f"{side} {account.share or 'all'}" for side, account in sides]
        kinds = f"{kinds} ({', '.join(shares)} recorded)".lstrip()
    lossy = [side for side, account in sides if account.has_loss]
    loss = loss_sentence(" and ".join(lossy)) if lossy else ""
    return ". ".join(part for part in (kinds, loss) if part)


def _amounts_sentence(section: SectionChange, comparison: Comparison) -> str:
    """Return the sentence on the values: sums of all runs, unlike those of the tables."""
    base, new = len(section.base_amounts), len(section.new_amounts)
    if base == new == 1:
        parts = ["One run a side"]
    elif base == new:
        parts = [f"Sums of {base} runs a side"]
    else:
        runs = f"{base} {'run' if base == 1 else 'runs'}"
        parts = [f"Sums of {runs} of the base and {new} of the new side"]
    basis = comparison.options.basis
    if basis.kind != "run" or max(base, new) > 1:
        parts.append(f"the tables are per {basis.name}")
    if basis.kind == "work":
        parts.append(basis.sentence.partition(": ")[2])
    return "; ".join(parts)


def _facts(side: Side) -> str:
    names = ", ".join(run.name for run in side.runs)
    rows = [("Recordings", names), *provenance_rows(run.manifest for run in side.runs)]
    return "\n".join(f"{label}: {text}" for label, text in rows)
