"""docs/example-lock-patch.md: its tables and pictures are what the commands print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from conftest import FIXTURES, assert_golden
from helpers.command_line import RunCommand

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "example-lock-patch.md"
PICTURES = DOCS / "example-lock-patch"
RECORDINGS = FIXTURES / "example-lock-patch"
# A block of the page: a command, marked as one whose output follows, and the output.
BLOCK = re.compile(r"<!-- output of the command -->\n```\n\$ (pvprof .*)\n(?:.*\n)*?```\n")


@pytest.fixture(autouse=True)
def _in_the_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(RECORDINGS)
    monkeypatch.setenv("COLUMNS", "100")


def test_each_output_on_the_page_is_what_its_command_prints(run: RunCommand) -> None:
    def executed(match: re.Match[str]) -> str:
        result = run(*shlex.split(match[1])[1:])
        assert result.exit_code == 0, result.stderr
        output = "\n".join(line.rstrip() for line in result.stdout.strip("\n").splitlines())
        return f"<!-- output of the command -->\n```\n$ {match[1]}\n{output}\n```\n"

    text = PAGE.read_text()
    assert len(BLOCK.findall(text)) >= 3
    assert_golden(BLOCK.sub(executed, text), PAGE)


def test_each_picture_of_the_page_is_what_its_command_draws(
    run: RunCommand, tmp_path: Path
) -> None:
    text = PAGE.read_text()
    drawn = re.findall(r"^    (pvprof .* -o (\S+\.svg))$", text, re.M)
    shown = re.findall(r"!\[[^]]+\]\(example-lock-patch/(\S+\.svg)\)", text)
    assert sorted(name for _, name in drawn) == sorted(set(shown)) != []
    for command, name in drawn:
        result = run(*shlex.split(command)[1:-1], tmp_path / name)
        assert result.exit_code == 0, result.stderr
        assert_golden((tmp_path / name).read_text(), PICTURES / name)
