"""The options that say which stacks and which rows of tables are shown, and how they are built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import click

from pvprof.analysis.stacks.chains import MAX_DEPTH
from pvprof.analysis.stacks.fold import FoldOptions
from pvprof.classify.classified import Classified
from pvprof.cli.guidance.headings import HelpHeading
from pvprof.cli.guidance.values import KnownWord
from pvprof.cli.input_options import InputGroup
from pvprof.cli.option_groups import group, option, option_group, with_field
from pvprof.collect.modes import MODES
from pvprof.dataset.dataset import Dataset
from pvprof.dataset.stack_edits import ADDRESSES, Addresses, NamedFrames, StackEdits
from pvprof.dataset.wall_clock import with_wall_clock
from pvprof.errors import UsageError
from pvprof.render.registry import Format, Subject
from pvprof.units import UNITS
from pvprof.views.chains import CHAINS
from pvprof.views.folded import StackOptions
from pvprof.views.tables.table import TableOptions


def _measures() -> list[str]:
    return list(dict.fromkeys([*MODES, *UNITS]))


@option_group
class EditGroup:
    """How stacks are edited before they are shown; make it with `edit_group`."""

    heading: ClassVar[HelpHeading] = HelpHeading.STACKS

    root: tuple[str, ...] = ()
    skip_after: tuple[str, ...] = option(
        "--skip-after",
        metavar="FRAME",
        multiple=True,
        help="Leave out the callers of this frame, and keep other stacks as they are (repeatable).",
    )
    collapse_recursion: bool = option(
        "--collapse-recursion",
        is_flag=True,
        help="Show a function that calls itself as one frame.",
    )
    addresses: Addresses = option(
        "--addresses",
        type=click.Choice(ADDRESSES),
        default="keep",
        help="Merge addresses without a name into [unknown], one for each module; or strip each"
        " address, also in names, to 0x..., so that two builds match.  [default: keep]",
    )

    def edits(self) -> StackEdits:
        """Return the options as a value of the library."""
        return StackEdits(
            addresses=self.addresses,
            collapse_recursion=self.collapse_recursion,
            root=NamedFrames(self.root) if self.root else None,
            skip_after=NamedFrames(self.skip_after) if self.skip_after else None,
        )


def edit_group(has_base: bool = True) -> type[EditGroup]:
    """Return the group, with ``--base`` as another name of ``--root`` where that is free."""
    names = ("--root", "--base") if has_base else ("--root",)
    field = option(
        *names,
        metavar="FRAME",
        multiple=True,
        help="Keep stacks with this frame (its whole name), and leave out its callers"
        " (repeatable; the innermost counts).",
    )
    return with_field(EditGroup, "root", "tuple[str, ...]", field)


@option_group
class StackGroup:
    """Which stacks are shown, and how they are built."""

    heading: ClassVar[HelpHeading] = HelpHeading.STACKS

    measure: str | None = option(
        "--measure",
        metavar="MODE|UNIT",
        type=KnownWord(_measures),
        help="Show what was recorded in this mode (offcpu, locks, ...) or this unit"
        f" ({', '.join(UNITS)}, ...), if there are several.  [default: the first of the report]",
    )
    by: Literal["leaf", "root", "lock", "none"] = option(
        "--by",
        type=click.Choice(["leaf", "root", "lock", "none"]),
        default="leaf",
        help="Put the lock name or wait message at this end of the stack, or leave it out; lock is"
        " the same as root.  [default: leaf]",
    )
    no_execname: bool = option(
        "--no-execname", is_flag=True, help="Leave out the process at the root."
    )
    ids: Literal["pid", "tid"] | None = option(
        "--ids",
        type=click.Choice(["pid", "tid"]),
        help="Show single waits, and perf's samples, of each process apart, as name/PID at the"
        " root, or of each thread, as name/PID/TID.",
    )
    no_timeline: bool = option(
        "--no-timeline",
        is_flag=True,
        help="For speedscope: leave out the profiles of threads in time, and keep the sums.",
    )
    counts: bool = option(
        "--counts", is_flag=True, help="Show numbers of waits instead of their time."
    )
    wall_clock: bool = option(
        "--wall-clock",
        is_flag=True,
        help="Show on- and off-CPU recordings in one: a sample counts as one sampling period. Add"
        " one of runq for the time waiting for a CPU.",
    )
    path: bool = option(
        "--path",
        is_flag=True,
        help="Show the time of the critical path, by the code that ran; behind '--' is what waited"
        " for it. Needs single waits with wake-ups.",
    )
    rate: int | None = option(
        "--rate",
        metavar="HZ",
        type=click.IntRange(1),
        help="With --wall-clock: each CPU was sampled HZ times a second.  [default: as recorded]",
    )
    chain: str | None = option(
        "--chain",
        type=click.Choice(CHAINS),
        help="Join each wait's stack with that of its waker, or with the wait of the lock's owner;"
        " the other stack follows '--', leaf first.",
    )
    chain_depth: int = option(
        "--chain-depth",
        type=click.IntRange(1, MAX_DEPTH),
        default=1,
        show_default=True,
        help="With --chain: join the stacks of up to this many threads.",
    )

    edits: EditGroup = group(edit_group())

    def load(self, inputs: InputGroup, recordings: Sequence[str] | None = None) -> Classified:
        """Return the data of the recordings as these options want them; see `InputGroup.load`.

        Raises:
            PvprofError: as `InputGroup.load`.
            UsageError: a recording lacks what ``--wall-clock`` or ``--path`` needs, or other
                options ask for something else.
        """
        adapt = self._adapted if self.wall_clock else None
        classified = inputs.load(adapt, recordings, self.edits.edits(), self.ids or "")
        if not self.path:
            return classified
        if self.wall_clock or self.chain or self.counts or self.measure:
            raise UsageError(
                "--path does not go together with --chain, --counts, --measure or --wall-clock"
            )
        from pvprof.analysis.critical_path.stacks import with_path  # noqa: PLC0415 (numpy)

        return with_path(classified)

    def stacks(self) -> StackOptions:
        """Return the options as a value of the library."""
        fold = FoldOptions(
            by="root" if self.by == "lock" else self.by,
            execname=not self.no_execname,
            ids=self.ids or "",
            counts=self.counts,
            chain=self.chain or "",
            chain_depth=self.chain_depth,
        )
        return StackOptions(fold, self.measure, not self.no_timeline)

    def _adapted(self, dataset: Dataset) -> Dataset:
        """Return the dataset with each sample as the time that it represents."""
        # The modes take a while to import, and few need them.
        from pvprof.collect.options import ProgramOptions  # noqa: PLC0415

        return with_wall_clock(dataset, self.rate, ProgramOptions().rate_hz)

    def check(self, subject: Subject, fmt: Format) -> None:
        """Refuse to write joined stacks in a format that holds single waits.

        Raises:
            UsageError: the user asks for both.
        """
        if self.chain and subject is Subject.VIEWER:
            raise UsageError(f"--chain and a {fmt.name} file do not go together", "-o X.folded")


@option_group
class RowGroup:
    """Rows of the lock tables in texts; make it with `row_group`."""

    heading: ClassVar[HelpHeading] = HelpHeading.TABLES

    limit: int = 0
    sort: str = option(
        "--sort",
        metavar="COLUMN",
        default="",
        help="Sort the rows by a column: wait, count, mean, max, p99, name, ...  [default: wait]",
    )
    min_share: float = option(
        "--min-share",
        metavar="PERCENT",
        type=click.FloatRange(0, 100),
        default=0.0,
        help="Add up the rows that have a smaller share of what was kept.",
    )

    def table_options(self, is_quiet: bool, is_verbose: bool) -> TableOptions:
        """Return the options as a value of the library."""
        return TableOptions(
            top=self.limit,
            sort=self.sort.lower(),
            min_share=self.min_share,
            notes="none" if is_quiet else "all" if is_verbose else "few",
        )


def row_group(limit: int) -> type[RowGroup]:
    """Return the group with this default for the number of rows."""
    shown = f"  [default: {limit}]" if limit else "  [default: all]"
    field = option(
        "--limit",
        "--top",
        metavar="N",
        type=click.IntRange(0),
        default=limit,
        help="Show at most N rows of each kind of wait, and add up the others; 0 shows all."
        + shown,
    )
    return with_field(RowGroup, "limit", "int", field)
