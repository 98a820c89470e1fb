"""Writing results: to stdout, or to a file that is whole or not there at all."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from pvprof.errors import OutputError, UsageError

output_option = click.option(
    "-o",
    "--output",
    "output",
    metavar="FILE",
    default="-",
    help="Where to write; - is stdout.",
)
force_option = click.option("-f", "--force", is_flag=True, help="Overwrite files.")


def check_output(path: str, force: bool) -> None:
    """Refuse early what `write` would refuse late, after minutes of reading.

    Raises:
        OutputError: the file exists and `force` is false, or its directory does not exist.
    """
    if path == "-":
        return
    place = Path(path)
    try:
        if place.is_dir():
            raise OutputError(f"{path}: is a directory")
        if place.is_file() and not force:
            raise OutputError(f"{path}: exists already", "overwrite it with --force")
        if not place.parent.is_dir():
            raise OutputError(f"{path}: the directory {place.parent} does not exist")
    except OSError as error:  # a name too long, a directory that may not be looked into
        raise OutputError(f"{path}: {error.strerror}") from error
    if not place.exists() and not os.access(place.parent, os.W_OK):
        raise OutputError(f"{path}: no permission to write into {place.parent}")


def check_outputs(paths: Sequence[str], force: bool) -> None:
    """Check several outputs of one run.

    Raises:
        OutputError: as `check_output`.
        UsageError: one of them is named twice.
    """
    for path in paths:
        if paths.count(path) > 1:
            raise UsageError(f"-o {path}: named twice")
        check_output(path, force)


def write(path: str, text: str, force: bool) -> None:
    """Write text as UTF-8: to stdout for ``-``, else under a temporary name, renamed when whole.

    Raises:
        OutputError: the file exists and `force` is false, or cannot be written.
    """
    data = text.encode("utf-8", "backslashreplace")
    if path == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    check_output(path, force)
    place = Path(path)
    temporary = None
    try:
        if place.exists() and not place.is_file():  # /dev/null, a pipe: nothing to rename onto
            place.write_bytes(data)
            return
        handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, place)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise OutputError(f"{path}: {error.strerror}") from error


def deliver(path: str, text: str, force: bool, is_quiet: bool) -> None:
    """Write a result as `write` does, and say on stderr which file was written."""
    write(path, text, force)
    if path != "-" and not is_quiet:
        click.echo(f"pvprof: wrote {path}", err=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
