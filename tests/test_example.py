"""README.md and docs/: outputs and pictures are what the commands print and draw."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from conftest import FIXTURES, assert_golden
from helpers.command_line import RunCommand
from helpers.documents import DOCUMENTS, SAMPLE, TOP, run_script, with_outputs

PAGE = TOP / "docs/example-lock-patch.md"
PICTURES = TOP / "docs/example-lock-patch"
RECORDINGS = FIXTURES / "example-lock-patch"
WITH_SAMPLES = [path for path in DOCUMENTS if SAMPLE.search(path.read_text())]


@pytest.fixture(autouse=True)
def _in_the_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(RECORDINGS)
    monkeypatch.setenv("COLUMNS", "100")


def test_the_readme_and_the_example_have_samples() -> None:
    numbers = {path.name: len(SAMPLE.findall(path.read_text())) for path in WITH_SAMPLES}
    assert numbers["README.md"] >= 2
    assert numbers[PAGE.name] >= 3


@pytest.mark.slow
@pytest.mark.parametrize("document", WITH_SAMPLES, ids=lambda path: path.name)
def test_each_output_in_a_document_is_what_its_command_prints(
    document: Path, run: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80" if document.name == "README.md" else "100")

    def output_of(command: str) -> str:
        program, *words = shlex.split(command)
        if program == "pvprof":
            result = run(*words)
            assert result.exit_code == 0, result.stderr
            return result.stdout
        done = run_script(program, tuple(words), tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert_golden(with_outputs(document.read_text(), output_of), document)


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
