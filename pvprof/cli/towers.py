"""Options of the commands that fold stacks, and how they become `FoldOptions`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from pvprof.analysis.stacks.chains import MAX_DEPTH, join_stacks
from pvprof.analysis.stacks.fold import FoldOptions
from pvprof.analysis.wakers import wakeup_sums_of
from pvprof.classify.filters import Part
from pvprof.dataset.dataset import Measurement
from pvprof.errors import UsageError
from pvprof.model.profile import Weight
from pvprof.model.stacks import Stack
from pvprof.render.registry import Format, Source
from pvprof.units import UNITS, Unit

Chained = tuple[list[Mapping[Stack, Weight]], FoldOptions]
"""The joined stacks of each part, and how they are to be folded."""

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _waker_chains(measurement: Measurement, parts: Sequence[Part], options: FoldOptions) -> Chained:
    from pvprof.analysis.waits.waker_chains import (  # noqa: PLC0415
        NO_WAKER,
        EndedWaits,
        chains_of_sums,
        chains_of_waits,
    )

    if not parts:
        return [], options
    if not measurement.has_wakers:
        raise _lacking("wakers")
    if options.chain_depth == 1 or measurement.events is None or measurement.wakeups is None:
        joined = chains_of_sums(wakeup_sums_of(measurement), options)
    else:
        singles = EndedWaits(measurement.events, measurement.wakeups, measurement.runs)
        joined = chains_of_waits(singles, options)
    if options.chain_depth > 1 and measurement.carried is not None:
        raise UsageError(
            f"--chain-depth {options.chain_depth}: a page carries no single waits along",
            "use the recordings that it was made from, or --chain-depth 1",
        )
    return join_stacks(joined, parts, options, NO_WAKER)


def _owner_chains(measurement: Measurement, parts: Sequence[Part], options: FoldOptions) -> Chained:
    from pvprof.analysis.waits.owner_chains import (  # noqa: PLC0415
        NO_OWNER,
        chains_of_owners,
    )

    if not parts:
        return [], options
    if measurement.events is None:
        raise _lacking("owners")
    joined = chains_of_owners(measurement.events, measurement.runs, options)
    return join_stacks(joined, parts, options, NO_OWNER)


def _lacking(chain: str) -> UsageError:
    """Return the error of a recording without what stacks are to be joined with."""
    from pvprof.views.tables.details import NEEDS  # noqa: PLC0415 (imports all tables)

    reason, hint = NEEDS[chain]
    return UsageError(f"--chain {chain}: {reason}", hint)


_CHAINS: dict[str, Callable[[Measurement, Sequence[Part], FoldOptions], Chained]] = {
    "wakers": _waker_chains,
    "owners": _owner_chains,
}
"""What joins stacks, by the name of what they are joined with."""


def towers_options(command: _Command) -> _Command:
    """Add the options that say how towers are built."""
    for option in (
        click.option(
            "--chain-depth",
            type=click.IntRange(1, MAX_DEPTH),
            default=1,
            show_default=True,
            help="With --chain: follow so many.",
        ),
        click.option(
            "--chain",
            type=click.Choice(tuple(_CHAINS)),
            help="Join each wait's stack, upside down behind '--', with that of who ended it, or"
            " with what the lock's owner was waiting for.",
        ),
        click.option(
            "--rate",
            metavar="HZ",
            type=click.IntRange(1),
            help="With --wall-clock: samples a second of each CPU.  [default: as recorded]",
        ),
        click.option(
            "--wall-clock",
            is_flag=True,
            help="On- and off-CPU recordings in one: each sample as the time that it stands for.",
        ),
        click.option("--counts", is_flag=True, help="Weigh by how many times, not by how long."),
        click.option(
            "--no-timeline",
            is_flag=True,
            help="speedscope: add single waits up, not one profile for each thread in time.",
        ),
        click.option("--no-execname", is_flag=True, help="No process at the root."),
        click.option(
            "--by",
            type=click.Choice(["leaf", "root", "lock", "none"]),
            default="leaf",
            help="Where the lock name or wait message stands; lock: at the root.  [default: leaf]",
        ),
        click.option(
            "--measure",
            type=click.Choice(UNITS),
            help="Which unit, where a recording has several.  [default: the first of these]",
        ),
    ):
        command = option(command)
    return command


def fold_options(options: dict[str, Any]) -> tuple[Unit | None, FoldOptions]:
    """Take the options that say how stacks are folded, and of which unit, out of `options`."""
    measure = options.pop("measure")
    by = options.pop("by")
    return measure, FoldOptions(
        by="root" if by == "lock" else by,
        execname=not options.pop("no_execname"),
        counts=options.pop("counts"),
        chain=options.pop("chain") or "",
        chain_depth=options.pop("chain_depth"),
    )


def chained(measurement: Measurement, parts: Sequence[Part], options: FoldOptions) -> Chained:
    """Return the stacks of the parts, joined as the options say.

    Raises:
        UsageError: the recording does not have what they are to be joined with.
    """
    return _CHAINS[options.chain](measurement, parts, options)


def check_chain(options: FoldOptions, made: Format) -> None:
    """Refuse to write joined stacks in a format that takes single waits.

    Raises:
        UsageError: they are asked for.
    """
    if options.chain and made.source is Source.POOL:
        raise UsageError(f"--chain and a {made.name} file do not go together", "-o X.folded")
