"""Types of values that shells complete: files, and the words that pvprof knows.

They check nothing: what reads a value says what is wrong with it. Words with blanks are completed
as regular expressions without characters that a shell would interpret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

HAS_WORKLOAD = "pvprof.cli has workload"
"""The key in a context's ``meta`` of a command line that has ``--``."""


class FileName(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.2
    """A path of any kind; the shell completes files."""

    name = "file"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Let the shell complete files."""
        return [CompletionItem(incomplete, type="file")]


class KnownWord(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.2
    """A word, usually one of a list that is made only when a shell asks for it."""

    name = "text"

    def __init__(self, words: Callable[[], Iterable[str]]) -> None:
        self._words = words

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the known words that begin alike; after ``--``, let the shell complete files."""
        if ctx.meta.get(HAS_WORKLOAD):
            return [CompletionItem(incomplete, type="file")]
        words = dict.fromkeys(word for word in self._words() if word.startswith(incomplete))
        return [CompletionItem(word) for word in words]


class CommandName(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.2
    """The name of a command, or of one below those that come before it."""

    name = "command"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the commands that begin alike."""
        root = ctx.find_root()
        group: click.Command | None = root.command
        for word in ctx.params.get(param.name or "") or ():
            group = group.get_command(root, word) if isinstance(group, click.Group) else None
        names = group.list_commands(root) if isinstance(group, click.Group) else []
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def as_regex(text: str) -> str:
    """Return a regular expression for a text, without blanks and characters of shells."""
    return re.sub(r"[^\w/-]", ".", text)
