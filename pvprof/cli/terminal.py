"""What is drawn by rich: on a terminal as it is, into files and pipes as plain text."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from pvprof.cli.output import write

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_WIDTH = 200
"""Columns of what goes into a file or a pipe, where COLUMNS does not say otherwise."""

Draw = Callable[["Console"], None]


def show(draw: Draw) -> None:
    """Draw on stdout: in colour on a terminal, unless NO_COLOR says otherwise."""
    if not sys.stdout.isatty():
        write("-", plain_text(draw), force=False)
        return
    from rich.console import Console  # noqa: PLC0415 (0.1 s to import: only who prints pays)

    draw(Console(highlight=False, emoji=False, markup=False))


def plain_text(draw: Draw) -> str:
    """Return what `draw` draws as text, without colour and without blanks at line ends."""
    from rich.console import Console  # noqa: PLC0415

    out = io.StringIO()
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdecimal() and int(columns) else _PIPE_WIDTH
    draw(Console(file=out, width=width, color_system=None))
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())
