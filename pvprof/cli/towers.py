"""Options of the commands that fold stacks, and how they become `FoldOptions`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from pvprof.fold import FoldOptions
from pvprof.model import UNITS, Unit

_Command = TypeVar("_Command", bound=Callable[..., Any])


def towers_options(command: _Command) -> _Command:
    """Add the options that say how towers are built."""
    for option in (
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
    )
