"""Copies of an input: ``pvprof import`` makes a recording of it, plain or without private texts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from click.testing import CliRunner, Result
from helpers.mixing import total_of

from fuzz.checks import check_messages, traceback_of
from fuzz.targets import Input
from pvprof.cli import cli
from pvprof.errors import PvprofError
from pvprof.parse.read import ReadOptions, read_recording
from pvprof.recording.open import open_recording

COPIES: dict[str, tuple[str, ...]] = {"import": (), "import --redact": ("--redact",)}
"""The options of ``pvprof import`` that are tried, by the name of the copy."""


def check_copies(placed: Input, folder: Path) -> Iterator[str]:
    """Yield the failures of copies: what a copy says must be what the input says."""
    whole = _sums_of(placed.file)
    for name, options in COPIES.items():
        copy = str(folder / "copy.pvprof")
        words = ["import", *options, *placed.options, "--force", "-o", copy, placed.file]
        result = CliRunner().invoke(cli, words)
        yield from (f"{name}: {failure}" for failure in _check(result, copy, whole))


def _check(result: Result, copy: str, whole: tuple[int, ...] | None) -> Iterator[str]:
    traceback = traceback_of(result)
    if traceback:
        yield traceback
        return
    yield from check_messages(result)
    if (result.exit_code == 0) != (whole is not None):
        yield "exit status 0 for what cannot be read" if whole is None else "refused"
    elif whole is not None and _sums_of(copy) != whole:
        yield "other sums"


def _sums_of(path: str) -> tuple[int, ...] | None:
    """Return the sums of a file, or None if it is refused."""
    try:
        return total_of(read_recording(open_recording(path), ReadOptions(jobs=1)))
    except PvprofError:
        return None
