"""The command line: options in, one call, a result out.

Owns the commands, their messages on stderr, and the exit codes: 0 ok, 1 failure, 2 usage,
3 target. Errors of the library are caught only here. Each command's module is imported when it
runs, so that ``--help`` and the target side never load what only the analysis needs.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from pvprof import __version__
from pvprof.cli.guidance.suggestions import SuggestingGroup
from pvprof.cli.terminal import tell, tell_below, tell_usage
from pvprof.errors import PvprofError

COMMANDS = {
    "record": "Make recordings, here or on another host.",
    "top": "Watch live what a machine waits for, here or on another host.",
    "doctor": "Check what a target needs for recording.",
    "import": "Make a recording from the output of another tool.",
    "report": "Lock tables of recordings, and files made from them.",
    "locks": "The lock table alone.",
    "path": "The critical path: which waits made the run longer, and by how much.",
    "fold": "Folded stacks.",
    "flamegraph": "A flame graph as one SVG file.",
    "heatmap": "How long waits took over the run, as one SVG file: where are spikes?",
    "compare": "Two sides of recordings: what changed, with verdicts.",
    "store": "Many recordings in one folder: add, list, select.",
    "stats": "Repeated runs: summaries, differences, verdicts.",
    "agent": "Record short windows of this machine again and again.",
    "push": "Send recordings to a server of Pyroscope.",
    "script": "Print a D program, or a recorder to carry to a target.",
    "patch": "Kernel patches: list, show, check, apply, revert.",
    "help": "Show the help of a command.",
    "completion": "Print a script that completes pvprof's words in a shell.",
}
_MODULES = {
    "top": "live.top",
    "flamegraph": "commands.pictures.flamegraph",
    "heatmap": "commands.pictures.heatmap",
    "store": "stores.store_command",
    "agent": "commands.fleet.agent",
    "push": "commands.fleet.push",
    "import": "commands.import_",  # a keyword cannot name a module
    "help": "guidance.help",
    "completion": "guidance.completion",
}


class _Commands(SuggestingGroup):
    """The commands, each imported from the module of its name when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = _MODULES.get(cmd_name, f"commands.{cmd_name}")
        command = importlib.import_module(f"pvprof.cli.{module}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Read the options before the command's name."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.ClickException as error:
            tell_usage(error)
            raise click.exceptions.Exit(error.exit_code) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; turn an error into one line and an exit code."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            tell_usage(error)
            ctx.exit(error.exit_code)
        except PvprofError as error:
            tell(f"error: {error.message}")
            for line in error.below:
                tell_below(line)
            if error.hint:
                tell_below(error.hint)
            ctx.exit(error.exit_code)
        except BrokenPipeError:
            # The reader has closed the pipe (a pager was quit). Python would complain again when it
            # flushes stdout at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)
        except OSError as error:
            # An error that nothing else expects, such as a full disk under stdout.
            file = f"{error.filename}: " if error.filename else ""
            tell(f"error: {file}{error.strerror or error}")
            ctx.exit(1)
        except MemoryError as error:
            error.with_traceback(None)  # it holds what took the memory
            tell("error: not enough memory for this input (--max-size SIZE allows more)")
            ctx.exit(1)
        except KeyboardInterrupt:
            tell("interrupted")
            ctx.exit(130)


@click.group(
    "pvprof",
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: pvprof report build.out -o build.md -o build.svg",
)
@click.version_option(__version__, "-V", "--version", message="pvprof %(version)s")
def cli() -> None:
    """Show what a FreeBSD kernel is waiting for, and whether a lock patch helped.

    A recording (REC) is a directory, the same as .tar.gz, or a bare dtrace output file, packed with
    gzip or zstd or not; - is stdin. A directory that holds recordings stands for all of
    them.
    """
