"""``pvprof completion``: the script that makes a shell complete pvprof's words."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from pvprof.cli.guidance.headings import PvprofCommand
from pvprof.cli.terminal import print_text

SHELLS = ("bash", "zsh", "fish")


@click.command(
    "completion",
    cls=PvprofCommand,
    epilog="""\b
Examples, each a line for the file that the shell reads when it starts:
  eval "$(pvprof completion bash)"        in ~/.bashrc
  eval "$(pvprof completion zsh)"         in ~/.zshrc, after compinit
  pvprof completion fish | source         in ~/.config/fish/config.fish""",
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print a script that completes commands, options, files, modes, kinds, classes and formats.

    The script is for the shell that you name. It asks pvprof at each Tab.
    """
    complete = get_completion_class(shell)
    assert complete is not None  # click knows all SHELLS
    script = complete(ctx.find_root().command, {}, "pvprof", "_PVPROF_COMPLETE").source()
    print_text(f"{script}\n")
