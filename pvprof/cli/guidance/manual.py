"""Manual pages, made of the same commands, options and texts as ``--help``.

The pages are in ``man/``, in the macros of man(7), which mandoc and groff read; ``scripts/man``
writes them. It refuses to say anything that ``--help`` does not.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click

from pvprof import __version__
from pvprof.cli import COMMANDS, cli
from pvprof.cli.guidance.headings import headed_options

_DATE = "2026-11-27"
_SUMMARY = "what a FreeBSD kernel is waiting for, and whether a lock patch helped"
_WIDTH = 68  # characters that roff needs two for are common
_SEE_ALSO = ("dtrace(1)", "lockstat(1)", "ministat(1)", "pmcstat(8)")
_EXIT_STATUS = (
    ("0", "The result is complete."),
    ("1", "There is no result, or it is incomplete."),
    ("2", "The options or words are wrong."),
    ("3", "The target cannot do what was asked, cannot be reached, or was lost."),
    ("130", "The user interrupted pvprof."),
)


def pages() -> dict[str, str]:
    """Map the file name of each manual page to its text."""
    root = click.Context(cli, info_name="pvprof", **cli.context_settings)
    texts = {"pvprof.1": _page(cli, root, "pvprof")}
    for name in cli.list_commands(root):
        command = cli.get_command(root, name)
        assert command is not None  # it is listed
        texts[f"pvprof-{name}.1"] = _page(command, click.Context(command, root, name), name)
    return texts


def _page(command: click.Command, ctx: click.Context, name: str) -> str:
    title = "pvprof" if command is cli else f"pvprof-{name}"
    help_text = command.help or ""
    first = (_SUMMARY if command is cli else COMMANDS[name]).rstrip(".")
    lines = [
        f'.TH {title.upper()} 1 {_DATE} "pvprof {__version__}" "General Commands Manual"',
        ".SH NAME",
        *_text(f"{title} - {first[0].lower()}{first[1:]}"),
        ".SH SYNOPSIS",
        f".B {_plain(ctx.command_path)}",
        *_text(" ".join(command.collect_usage_pieces(ctx))),
        ".SH DESCRIPTION",
        *_paragraphs(help_text),
        *_commands(command, ctx),
        *_options(command, ctx),
        *_epilog(command.epilog or ""),
        ".SH EXIT STATUS",
        *(line for row in _EXIT_STATUS for line in _item(*row)),
        ".SH SEE ALSO",
        *_text(", ".join(_related(command, ctx))),
    ]
    return "\n".join(lines) + "\n"


def _related(command: click.Command, ctx: click.Context) -> Iterator[str]:
    root = ctx.find_root()
    if command is not cli:
        yield "pvprof(1)"
    yield from (f"pvprof-{name}(1)" for name in cli.list_commands(root) if name != ctx.info_name)
    yield from _SEE_ALSO


def _commands(command: click.Command, ctx: click.Context) -> Iterator[str]:
    """Yield the commands of a group: those of pvprof have pages, those of others their options."""
    if not isinstance(command, click.Group):
        return
    yield ".SH COMMANDS"
    for name in command.list_commands(ctx):
        below = command.get_command(ctx, name)
        assert below is not None  # it is listed
        yield from _item(name, below.get_short_help_str(200))
        if command is not cli:
            inner = click.Context(below, ctx, name)
            for _, rows in headed_options(below, inner):
                yield ".RS"
                for row in rows:
                    yield from _item(*row)
                yield ".RE"


def _options(command: click.Command, ctx: click.Context) -> Iterator[str]:
    yield ".SH OPTIONS"
    for heading, rows in headed_options(command, ctx):
        yield f".SS {_plain(heading.value)}"
        for row in rows:
            yield from _item(*row)


def _item(term: str, text: str) -> Iterator[str]:
    yield ".TP"
    yield f".B {_plain(term)}"
    yield from _text(text)


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(re.split(r"\n\s*\n", text.strip())):
        if number:
            yield ".PP"
        yield from _text(paragraph)


def _epilog(text: str) -> Iterator[str]:
    """Yield the blocks below the help: each has a title, and lines that stay as they are."""
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.replace("\b\n", "").replace("\b", "").splitlines()
        title, colon, rest = lines[0].partition(":")
        yield f".SH {_plain(title.partition(',')[0].upper())}"
        yield ".nf"
        body = [rest.strip()] if colon and len(lines) == 1 else [line.strip() for line in lines[1:]]
        yield from map(_plain, body)
        yield ".fi"


def _text(text: str) -> Iterator[str]:
    """Yield lines of text that roff fills."""
    line = " ".join(text.split())
    return map(_plain, textwrap.wrap(line, _WIDTH, break_on_hyphens=False, break_long_words=False))


def _plain(text: str) -> str:
    """Return a text that roff prints as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    text = text.replace("^", "\\(ha").replace("~", "\\(ti").replace('"', "\\(dq")
    return f"\\&{text}" if text.startswith(".") else text


def main(directory: str) -> None:
    """Write all pages into a directory; remove pages of commands that are no more."""
    place = Path(directory)
    texts = pages()
    for old in set(place.glob("*.1")) - {place / name for name in texts}:
        old.unlink()
    for name, text in texts.items():
        (place / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
