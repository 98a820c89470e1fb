"""Texts that rich draws, and plain text of them, for files and pipes."""

from __future__ import annotations

import io
import os
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from pvprof.model.stacks import show_controls
from pvprof.render.rendered import Rendered

_PIPE_WIDTH = 200
"""Columns of a tree in a file or a pipe, unless COLUMNS says otherwise."""


def styled(text: str, style: str = "") -> Text:
    """Return a text for a console: no character of it is markup, or commands the terminal."""
    return Text(show_controls(text), style)


def plain_text(draw: Callable[[Console], None]) -> Rendered:
    """Return the drawn text, without colour and without blanks at the ends of lines."""
    out = io.StringIO()
    draw(Console(file=out, width=columns_asked_for() or _PIPE_WIDTH, color_system=None))
    return Rendered("".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines()))


def columns_asked_for() -> int | None:
    """Return the number of columns that COLUMNS asks for; None if it does not."""
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and int(columns) else None
