"""The options that say which stacks are shown, and how they are built."""

from __future__ import annotations

from typing import Literal

import click

from pvprof.analysis.stacks.chains import MAX_DEPTH
from pvprof.analysis.stacks.fold import FoldOptions
from pvprof.cli.option_groups import option, option_group
from pvprof.dataset.dataset import Dataset
from pvprof.dataset.wall_clock import with_wall_clock
from pvprof.errors import UsageError
from pvprof.render.registry import Format, Subject
from pvprof.units import UNITS, Unit
from pvprof.views.chains import CHAINS
from pvprof.views.folded import StackOptions


@option_group
class StackGroup:
    """Which stacks are shown, and how they are built."""

    measure: Unit | None = option(
        "--measure",
        type=click.Choice(UNITS),
        help="Unit to show if a recording has several.  [default: the first of these]",
    )
    by: Literal["leaf", "root", "lock", "none"] = option(
        "--by",
        type=click.Choice(["leaf", "root", "lock", "none"]),
        default="leaf",
        help="Position of the lock name or wait message; lock is the same as root."
        "  [default: leaf]",
    )
    no_execname: bool = option("--no-execname", is_flag=True, help="No process at the root.")
    no_timeline: bool = option(
        "--no-timeline",
        is_flag=True,
        help="speedscope: no profiles of threads in time, only sums.",
    )
    counts: bool = option(
        "--counts", is_flag=True, help="Values are numbers of waits, not their time."
    )
    wall_clock: bool = option(
        "--wall-clock",
        is_flag=True,
        help="On- and off-CPU recordings in one: each sample counts as one sampling period.",
    )
    rate: int | None = option(
        "--rate",
        metavar="HZ",
        type=click.IntRange(1),
        help="With --wall-clock: samples a second of each CPU.  [default: as recorded]",
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
        help="With --chain: maximum number of threads in a chain.",
    )

    def stacks(self) -> StackOptions:
        """Return the options as a value of the library."""
        fold = FoldOptions(
            by="root" if self.by == "lock" else self.by,
            execname=not self.no_execname,
            counts=self.counts,
            chain=self.chain or "",
            chain_depth=self.chain_depth,
        )
        return StackOptions(fold, self.measure, not self.no_timeline)

    def adapt(self, dataset: Dataset) -> Dataset:
        """Return the dataset, with ``--wall-clock`` each sample as the time that it represents."""
        if not self.wall_clock:
            return dataset
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
