"""Checks of what a command left: a result, or one clear error."""

from __future__ import annotations

import re

from click.testing import Result


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
    """Check that a command gave a result, and only problems with the input on stderr."""
    assert_no_traceback(result)
    assert result.exit_code == 0, result.output
    assert result.stdout_bytes
    for line in result.stderr.splitlines():
        assert re.match(r"pvprof: (note|warning|loss): [^:]+(:\d+)?: .", line)
        assert len(line) < 1000, "a problem is a line to read, not the input"
