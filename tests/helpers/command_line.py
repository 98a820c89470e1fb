"""The type of the `run` fixture, and the two outcomes that a command may have."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable

from click.testing import Result

RunCommand = Callable[..., Result]
"""Run a pvprof command in this process: ``run("report", path)``, bytes for stdin as `stdin`."""


NOTHING_WAITED = """\
#pvprof 2 offcpu stock ns 0.1.0 frames=32
#begin 1000 1700000000000000000
#end 2000 1700000000000001000
"""
"""A recording in which nothing waited."""


def csv_rows(result: Result) -> list[dict[str, str]]:
    """Return the rows of a command's CSV."""
    assert result.exit_code == 0, result.stderr
    return list(csv.DictReader(io.StringIO(result.stdout)))


def folded_total(text: str) -> int:
    """Return the sum of the values of folded stacks; comments have none."""
    lines = [line for line in text.splitlines() if not line.startswith("# ")]
    return sum(int(line.rpartition(" ")[2]) for line in lines)


def assert_no_traceback(result: Result) -> None:
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output


def assert_is_error(result: Result, code: int = 1) -> str:
    """Check that a command failed with one line, and at most a hint below it; return the line."""
    assert_no_traceback(result)
    assert (result.exit_code, result.stdout_bytes) == (code, b"")
    error, *hint = result.stderr.splitlines()
    assert re.match("pvprof: error: .", error)
    assert len(hint) <= 1
    assert all(line.startswith("  ") for line in hint)
    assert max(map(len, (error, *hint))) < 1000, "an error is a line to read, not the input"
    return error


def assert_is_result(result: Result) -> None:
    """Check that a command gave a result, and on stderr nothing but what it says of the input."""
    assert_no_traceback(result)
    assert result.exit_code == 0, result.output
    assert result.stdout_bytes
    for line in result.stderr.splitlines():
        assert re.match(r"pvprof: (note|warning|loss): [^:]+(:\d+)?: .", line)
        assert len(line) < 1000, "a problem is a line to read, not the input"
