"""From inputs to the text of any format: the table that the commands share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pvprof import __version__
from pvprof.analysis.stacks.fold import Folded, FoldOptions, fold
from pvprof.classify.classified import Classified
from pvprof.classify.filters import Part, Selection
from pvprof.classify.rules import OTHER, UNCLASSIFIED
from pvprof.cli.options import say, say_problems
from pvprof.cli.output import deliver
from pvprof.cli.terminal import Draw, plain_text, show
from pvprof.cli.towers import chained
from pvprof.dataset.dataset import Dataset, Measurement
from pvprof.errors import InputError, UsageError
from pvprof.model.problems import merge_problems
from pvprof.model.profile import Weight
from pvprof.render.registry import Format, Source
from pvprof.render.text.folded import render as render_folded
from pvprof.units import MEASURED, Unit, count_stacks, format_exact, format_share, format_value
from pvprof.views.speedscope import NOTHING_KEPT, Rendered, SpeedscopeOptions, convert
from pvprof.views.tables.problems import problem_lines

if TYPE_CHECKING:
    from pvprof.analysis.report import Report
    from pvprof.analysis.stacks.layout import Order
    from pvprof.render.svg.flamegraph import FlamegraphOptions
    from pvprof.render.svg.palette import Palette
    from pvprof.views.tables.table import TableOptions


def print_terminal(report: Report, options: TableOptions) -> None:
    """Print a report on stdout: in colour on a terminal, unless NO_COLOR says otherwise."""
    show(_drawing(report, options))


def _drawing(report: Report, options: TableOptions) -> Draw:
    from pvprof.render.text.terminal import print_report  # noqa: PLC0415 (imports rich)

    return lambda console: print_report(report, console, options)


def render_result(made: Format, inputs: Classified, report: Report, options: TableOptions) -> str:
    """Return the text of a result in the format `made`."""
    if made.source is Source.REPORT:
        return render_tables(made, report, options)
    if made.source is Source.BOTH:
        return _html_text(inputs, report, options)
    tower = Towers.of(inputs, None, FoldOptions())
    return render_folded(tower.folded) if made.name == "folded" else tower.svg(SvgChoices())


def _html_text(inputs: Classified, report: Report, options: TableOptions) -> str:
    from pvprof.cli.page import page_of  # noqa: PLC0415
    from pvprof.render.html.page import render  # noqa: PLC0415

    return render(page_of(inputs, report), options)


def render_pool(made: Format, inputs: Classified, options: SpeedscopeOptions) -> Rendered:
    """Return the text of all that was read and kept, for a viewer.

    Raises:
        UsageError: the format cannot hold it, or the options do not go with it.
    """
    if made.name == "speedscope":
        return convert(inputs, options)
    from pvprof.views.chrome_trace import convert as convert_to_trace  # noqa: PLC0415

    if options.fold.counts or not options.timeline or options.unit not in (None, "ns"):
        raise UsageError(
            "a Chrome trace has single waits in time: not --counts, --no-timeline or --measure"
        )
    return convert_to_trace(inputs)


def deliver_pool(
    path: str,
    result: Rendered,
    inputs: Classified,
    force: bool,
    is_quiet: bool,
) -> bool:
    """Write what `render_pool` made; say on stderr what it could not take and what was lost.

    Returns:
        Whether anything is in it.
    """
    deliver(path, result.text, force, is_quiet)
    say_problems(inputs.dataset, is_quiet)
    say(result.problems, is_quiet)
    return all(problem.kind != NOTHING_KEPT for problem in result.problems)


def render_tables(made: Format, report: Report, options: TableOptions) -> str:
    """Return the text of a report in a format of tables."""
    if made.name == "markdown":
        from pvprof.render.text.markdown import render as render_markdown  # noqa: PLC0415

        return render_markdown(report, options)
    if made.name == "terminal":
        return plain_text(_drawing(report, options))
    from pvprof.render.data.report import (  # noqa: PLC0415
        render_csv,
        render_json,
    )

    if made.name == "csv":
        return render_csv(report, options.only_locks)
    return render_json(report)


def nothing_kept(verb: str, pools: Sequence[Dataset]) -> InputError:
    """Return the error of having nothing to draw or show: the filters', or nothing was there."""
    if not any(pool.records for pool in pools):
        return InputError(
            f"nothing to {verb}: nothing was recorded", "pvprof report says how it was recorded"
        )
    if not any(one.profile.total for pool in pools for one in pool.measurements):
        return InputError(f"nothing to {verb}: every weight is 0")
    what = "no stack" if verb == "draw" else "nothing"
    return InputError(
        f"nothing to {verb}: the filters left {what}", "--kind all keeps every kind of wait"
    )


def check_counts(measurement: Measurement, options: FoldOptions) -> None:
    """Refuse to fold counts where none were recorded.

    Raises:
        UsageError: they were not.
    """
    if options.counts and not measurement.profile.has_counts:
        unit = measurement.profile.unit
        raise UsageError(f"--counts: the recording has {unit} only, no counts of its own")


def cause_of(part: Part, titles: Mapping[str, str]) -> str:
    """Return in words what a wait was for: its lock class, else its kind; empty if unknown.

    A wake-up is known by who was woken.
    """
    verdict = part.verdict
    if part.key.sleeper:
        return f"woken: {part.key.sleeper}"
    if verdict.kind == UNCLASSIFIED and verdict.lock_class == OTHER:
        return ""
    return titles[verdict.kind] if verdict.lock_class == OTHER else verdict.lock_class


@dataclass(frozen=True, slots=True)
class SvgChoices:
    """What a user may choose of a picture; the wording comes from the data."""

    title: str = ""
    width: int = 1200
    min_width_px: float = 0.1
    icicle: bool = False
    is_reversed: bool = False
    order: Order = "name"
    palette: Palette = "auto"


def empty_picture(choices: SvgChoices, reason: str) -> str:
    """Return the flame graph of an empty input, as scripts that draw whatever comes expect one."""
    from pvprof.render.svg.flamegraph import (  # noqa: PLC0415
        FlamegraphOptions,
        render,
    )

    title = choices.title or "Nothing was recorded"
    notes = (("Problems", reason), ("Drawn by", f"pvprof {__version__}"))
    options = FlamegraphOptions(title=title, notes=notes, width=choices.width)
    return render(Folded((), "ns"), options)


@dataclass(frozen=True, slots=True)
class Towers:
    """Folded stacks, and all that a picture says about where they come from."""

    inputs: Classified
    measurement: Measurement
    selection: Selection
    folded: Folded
    options: FoldOptions

    @classmethod
    def of(cls, inputs: Classified, unit: Unit | None, options: FoldOptions) -> Towers:
        """Fold what the filters keep of one unit, the first if none is named.

        Raises:
            UsageError: nothing was measured in that unit, or not what stacks are joined with.
        """
        classified = inputs.measurement(unit)
        measurement, selection = classified.measurement, classified.selection
        check_counts(measurement, options)
        stacks, how = [part.stacks for part in selection.kept], options
        if options.chain:
            stacks, how = chained(measurement, selection.kept, options)
        groups = zip((part.key for part in selection.kept), stacks, strict=True)
        titles = {kind.id: kind.title for kind in inputs.rules.kinds}
        causes = (cause_of(part, titles) for part in selection.kept)
        folded = fold(groups, measurement.profile.unit, how, causes)
        return cls(inputs, measurement, selection, folded, options)

    def svg(self, choices: SvgChoices) -> str:
        """Return the flame graph."""
        from pvprof.render.svg.flamegraph import render  # noqa: PLC0415

        return render(self.folded, self.graph_options(choices))

    def graph_options(self, choices: SvgChoices) -> FlamegraphOptions:
        """Return how the flame graph looks and what it says about itself."""
        from pvprof.render.svg.flamegraph import FlamegraphOptions  # noqa: PLC0415

        return FlamegraphOptions(
            title=choices.title or f"{self.measured}: {self.name}",
            subtitle=self.subtitle,
            notes=self.notes,
            width=choices.width,
            min_width_px=choices.min_width_px,
            icicle=choices.icicle,
            is_reversed=choices.is_reversed,
            order=choices.order,
            palette=choices.palette,
        )

    @property
    def name(self) -> str:
        """Return the names of the recordings."""
        return " + ".join(self.inputs.dataset.names)

    @property
    def measured(self) -> str:
        """Return what is shown, in words."""
        return "Waits" if self.options.counts else MEASURED[self.folded.unit]

    def _shown(self, weight: Weight) -> int:
        """Return the field of a weight that the picture shows."""
        return weight.count if self.options.counts else weight.value

    @property
    def has_loss(self) -> bool:
        """Tell whether data are missing, so that totals are too low."""
        return any(one.severity == "loss" for one in self.inputs.dataset.problems)

    @property
    def subtitle(self) -> str:
        """Return what is shown, and that something is not, if so."""
        parts = [self.kinds, "Data are missing: totals are too low" if self.has_loss else ""]
        return ". ".join(part for part in parts if part)

    @property
    def kinds(self) -> str:
        """Return the kinds of waits that are shown, and their share if there are others."""
        share = f" ({self.share} recorded)" if self.share else ""
        return f"{self.kind_titles}{share}"

    @property
    def kind_titles(self) -> str:
        """Return the kinds of waits that are shown; empty where nobody has sorted them."""
        if not self.selection.kept:
            return "Nothing is shown"
        kinds = dict.fromkeys(part.verdict.kind for part in self.selection.kept)
        if set(kinds) == {UNCLASSIFIED}:  # anybody's folded stacks
            return ""
        return "; ".join([kind.title for kind in self.inputs.rules.kinds if kind.id in kinds])

    @property
    def share(self) -> str:
        """Return how much of what was recorded is shown; empty where that is all."""
        kept = self._shown(self.selection.weight)
        everything = kept + sum(self._shown(one.weight) for one in self.selection.set_aside)
        if everything == kept:
            return ""
        return f"{format_share(kept, everything)} of {format_value(everything, self.folded.unit)}"

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """Return where the picture comes from, and what is missing from it."""
        from pvprof.recording.provenance import provenance_rows  # noqa: PLC0415

        unit = self.folded.unit
        facts = provenance_rows(self.inputs.dataset.manifests)
        known = {label for label, _ in facts}
        known |= {"Kernel ident"} if "Kernel" in known else set()  # it is part of that row
        notes = [row for row in self.inputs.dataset.provenance if row[0] not in known]
        notes += facts
        total = format_exact(self.folded.total, unit)
        notes.append(("Shown", f"{total} in {count_stacks(len(self.folded.rows))}"))
        if self.options.chain:
            depth = self.options.chain_depth
            text = f"{self.options.chain}, at most {depth}, each upside down behind --"
            notes.append(("Joined with", text))
        if self.selection.set_aside:
            values = {one.title: self._shown(one.weight) for one in self.selection.set_aside}
            largest = sorted(values.items(), key=lambda item: -item[1])
            aside = [f"{title}: {format_value(value, unit)}" for title, value in largest]
            notes.append(("Set aside", "\n".join(aside)))
            if not self.folded.rows:
                notes.append(("To see it", "--kind all keeps every kind"))
        problems = problem_lines(merge_problems(self.inputs.dataset.problems))
        if problems:
            notes.append(("Problems", "\n".join(problems)))
        notes.append(("Drawn by", f"pvprof {__version__}"))
        return tuple(notes)
