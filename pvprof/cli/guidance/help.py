"""``pvprof help``: the help of a command."""

from __future__ import annotations

import click

from pvprof.cli.guidance.headings import PvprofCommand
from pvprof.cli.guidance.values import CommandName
from pvprof.cli.terminal import print_text


@click.command(
    "help",
    cls=PvprofCommand,
    epilog="""\b
Examples:
  pvprof help
  pvprof help record
  pvprof help patch apply""",
)
@click.argument("words", metavar="[COMMAND]...", nargs=-1, type=CommandName())
@click.pass_context
def command(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Show the help of a command, as its --help does; without COMMAND, that of pvprof.

    The manual pages have the same texts: man pvprof, man pvprof-record.
    """
    here = ctx.find_root()
    for word in words:
        if not isinstance(here.command, click.Group):
            ctx.fail(f"{here.command_path} has no commands below it")
        name, found, _ = here.command.resolve_command(here, [word])
        assert found is not None  # else resolve_command fails
        here = click.Context(found, here, name)
    print_text(f"{here.get_help()}\n")
