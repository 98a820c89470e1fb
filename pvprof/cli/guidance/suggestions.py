"""A group of commands that suggests what a user may have meant."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from pvprof.errors import close_to


class SuggestingGroup(click.Group):
    """A group that suggests commands for a word that is none."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the words begin with; suggest one if there is none."""
        word = args[0]
        is_word = not word.startswith("-") and not ctx.resilient_parsing
        if is_word and self.get_command(ctx, word) is None:
            question = close_to(word, self.list_commands(ctx))
            if not question and Path(word).exists():
                question = f"did you mean {ctx.command_path} report {shlex.quote(word)}?"
            hint = question or f"commands: {', '.join(self.list_commands(ctx))}"
            ctx.fail(f"No such command '{word}': {hint}")
        return super().resolve_command(ctx, args)
