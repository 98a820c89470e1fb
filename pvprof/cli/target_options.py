"""Options that say on which machine the recorder runs."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any, TypeVar

import click

from pvprof.collect.target import Target

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--host", metavar="[USER@]HOST", default="", help="Record there, through ssh."),
    click.option(
        "--ssh-option",
        "ssh_options",
        metavar="NAME=VALUE",
        multiple=True,
        help="Goes to ssh's -o (repeatable).",
    ),
    click.option(
        "--root-command",
        metavar="CMD",
        default="",
        help="What makes a command root there: 'sudo -n', 'doas'.",
    ),
    click.option(
        "--tmpdir",
        metavar="DIR",
        default="",
        help="Where the target keeps the recording meanwhile.  [default: its TMPDIR, or /tmp]",
    ),
)


def target_options(command: _Command) -> _Command:
    """Add the options that name a target."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def target_from(params: dict[str, Any]) -> Target:
    """Return the target that the options name; takes them out of `params`."""
    return Target(
        host=params.pop("host"),
        ssh_options=params.pop("ssh_options"),
        root_command=tuple(shlex.split(params.pop("root_command"))),
    )
