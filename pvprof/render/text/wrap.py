"""Break text into lines of a number of cells, at blanks where there are some."""

from __future__ import annotations

from rich.cells import cell_len, chop_cells


def wrap_cells(text: str, width: int) -> list[str]:
    """Return the text as lines of at most `width` cells; its blanks at the front are kept.

    Words that are longer are broken anywhere.
    """
    indent = text[: len(text) - len(text.lstrip(" "))]
    lines: list[str] = []
    line = indent
    for word in text.split():
        joined = f"{line} {word}" if line.strip() else line + word
        if cell_len(joined) <= width:
            line = joined
            continue
        if line.strip():
            lines.append(line)
        *whole, line = chop_cells(word, width) if cell_len(word) > width else [word]
        lines += whole
    return [*lines, line] if line.strip() else lines


def wrap_hanging(text: str, width: int, first: str, further: str) -> list[str]:
    """Return the text as lines, the first one after `first`, the others after `further`."""
    lines = wrap_cells(text, width - max(len(first), len(further)))
    return [f"{further if index else first}{line}" for index, line in enumerate(lines)]
