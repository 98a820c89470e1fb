"""The command line of the fuzzer."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from fuzz.campaign import Plan, run, table_of
from fuzz.targets import targets


@click.command("fuzz")
@click.option("--minutes", type=float, default=0, help="End after this time.  [default: no limit]")
@click.option("--inputs", type=int, default=1_000, show_default=True, help="Inputs of each reader.")
@click.option("--first", type=int, default=0, help="Go on from this input of each reader.")
@click.option("--reader", "readers", multiple=True, help="Only this reader or file (repeatable).")
@click.option(
    "--write-every",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Write the result of one input in N in one of all formats. The others are only read, or"
    " written as CSV, which takes less time.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Choose other inputs.")
@click.option("--jobs", type=int, default=os.cpu_count(), help="Processes.  [default: all cores]")
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    default=Path("fuzz-found"),
    show_default=True,
    help="Where the shortest input of each kind of failure is kept.",
)
@click.option("--list", "is_list", is_flag=True, help="Print the names of all readers and files.")
def main(
    *,
    minutes: float,
    inputs: int,
    first: int,
    readers: tuple[str, ...],
    write_every: int,
    seed: int,
    jobs: int,
    keep: Path,
    is_list: bool,
) -> None:
    """Damage recordings and all other files that pvprof reads, and check what it makes of them.

    The exit status is 1 if anything failed.
    """
    if is_list:
        click.echo("\n".join(targets()))
        return
    unknown = [name for name in readers if name not in targets()]
    if unknown:
        raise click.UsageError(f"no such reader: {unknown[0]}; --list prints all")
    names = readers or tuple(targets())
    plan = Plan(names, inputs, minutes, seed, jobs, keep, first, write_every)
    outcome = run(plan, lambda text: click.echo(f"fuzz: {text}", err=True))
    click.echo(table_of(plan, outcome))
    sys.exit(bool(outcome.kinds))


if __name__ == "__main__":
    main()
