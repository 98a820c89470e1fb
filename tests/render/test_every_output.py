"""Every output of every format is written once, of real recordings, as users write it."""

from __future__ import annotations

import ast
import html
import io
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import RECORDINGS, read_recording_bytes, require_packages_of
from helpers.command_line import RunCommand
from rich.console import Console

from pvprof.render.registry import FORMATS, Format, Output, Subject
from pvprof.units import format_value
from pvprof.views.verdicts.words import value_text

RENDER = Path(__file__).parents[2] / "pvprof" / "render"

DROPS = "records dropped: a principal buffer was full"
BAD_LINE = "a line without times"

WRITTEN_BY = {
    Subject.TABLES: "report a.out",
    Subject.PAGE: "report a.out",
    Subject.STACKS: "fold a.out",
    Subject.VIEWER: "fold a.out",
    Subject.PICTURE: "flamegraph a.out",
    Subject.DIFFERENCE: "flamegraph --diff a.out b.out",
    Subject.TREE: "flamegraph --tree a.out",
    Subject.HEAT_MAP: "heatmap a.out",
    Subject.COMPARISON: "compare a.out --vs b.out",
    Subject.STUDY: "stats a.time b.time",
    Subject.PATH: "path a.out",
}
"""A command that writes each subject."""

WITHOUT_FORMAT = (Subject.DIFFERENCE, Subject.TREE)
"""Subjects that an option chooses: the command then has one format only."""

OUTPUTS = [(fmt, subject) for fmt in FORMATS for subject in fmt.outputs]
TABLES = (Subject.TABLES, Subject.PAGE, Subject.COMPARISON, Subject.STUDY, Subject.PATH)
"""Subjects that show problems and what was set aside; others leave both to stderr."""


def name_of(value: Format | Subject) -> str:
    return value.name if isinstance(value, Format) else value.value


class Written:
    """The text of an output, its view, and the subject that it was made from."""

    def __init__(self, text: str, view: Any, subject: Any) -> None:
        self.text = text
        self.view = view
        self.subject = subject

    def words(self) -> str:
        """Return the visible text in one line: no markup, no script."""
        is_page = self.text.startswith("<!DOCTYPE")
        tags = r"<(script|style)\b.*?</\1>|<[^>]*>"
        shown = html.unescape(re.sub(tags, " ", self.text, flags=re.S)) if is_page else self.text
        return " ".join(shown.split())


@pytest.fixture(name="write")
def _write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: RunCommand) -> Any:
    """Return a function that writes a subject in a format, of damaged copies of real recordings."""
    monkeypatch.chdir(tmp_path)
    drops = b"dtrace: 5 drops on CPU 1\n"
    Path("a.out").write_bytes(read_recording_bytes("events.out.gz") + drops)
    Path("b.out").write_bytes(read_recording_bytes("stock-offcpu.out") + drops)
    for name, source in (("a.time", "events.time"), ("b.time", "seed-offcpu.time")):
        Path(name).write_bytes((RECORDINGS / source).read_bytes() + b"no time\n")
    built: list[Any] = []
    rendered: list[tuple[str, Any]] = []
    build, render = Output.build, Output.render

    def spy_on_build(output: Output, subject: object, options: object) -> Any:
        built.append(subject)
        return build(output, subject, options)

    def spy(output: Output, view: object) -> Any:
        rendered.append((output.renderer, view))
        return render(output, view)

    monkeypatch.setattr(Output, "build", spy_on_build)
    monkeypatch.setattr(Output, "render", spy)

    def write(fmt: Format, subject: Subject) -> Written:
        require_packages_of(fmt)
        words = WRITTEN_BY[subject].split()
        words += [] if subject in WITHOUT_FORMAT else ["--format", fmt.name]
        result = run(*words, "-o", "result")
        assert result.exit_code == 0, result.stderr
        ((renderer, view),) = rendered
        assert renderer == fmt.outputs[subject].renderer
        text = Path("result").read_bytes().decode(errors="replace")
        return Written(text, view, built[-1])

    return write


@pytest.mark.slow
@pytest.mark.parametrize(("fmt", "subject"), OUTPUTS, ids=name_of)
def test_every_output_is_written_of_a_real_recording(
    fmt: Format, subject: Subject, write: Any
) -> None:
    written = write(fmt, subject)
    assert written.text.strip()
    output = fmt.outputs[subject]
    if output.drawer:
        drawn = io.StringIO()
        output.draw(written.view, Console(file=drawn, width=160))
        assert drawn.getvalue().strip()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fmt", "subject"),
    [(fmt, subject) for fmt, subject in OUTPUTS if fmt.for_people and subject in TABLES],
    ids=name_of,
)
def test_a_format_for_people_shows_problems_and_what_was_set_aside(
    fmt: Format, subject: Subject, write: Any
) -> None:
    written = write(fmt, subject)
    words = written.words()
    problem = BAD_LINE if subject is Subject.STUDY else DROPS
    assert problem in words, f"{fmt.name} for people: a problem is not in it: {problem}"
    for title, value in set_aside(subject, written.subject):
        assert title in words, f"{fmt.name} for people: what was set aside is not in it: {title}"
        assert value in words, f"{fmt.name} for people: the total set aside is not in it: {value}"


def set_aside(subject: Subject, data: Any) -> list[tuple[str, str]]:
    """Return title and total of what was set aside in the data of a subject."""
    if subject in (Subject.STUDY, Subject.PATH):  # nothing can be
        return []
    if subject is Subject.COMPARISON:
        found = [
            (aside.title, value_text(mean, section.unit))
            for section in data.sections
            for aside in section.aside
            for mean in (aside.base_mean, aside.new_mean)
        ]
    else:
        found = [
            (aside.title, format_value(aside.weight.value, section.unit))
            for section in (data.report if subject is Subject.PAGE else data).sections
            for aside in section.set_aside
        ]
    assert found
    return found


@pytest.mark.slow
def test_every_module_that_renders_is_used() -> None:
    sources = {path: path.read_text(encoding="utf-8") for path in RENDER.parent.rglob("*.py")}
    named = {
        function.partition(":")[0]
        for fmt in FORMATS
        for output in fmt.outputs.values()
        for function in (output.renderer, output.drawer)
    }
    for text in sources.values():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                named |= {f"{node.module}.{alias.name}" for alias in node.names}
                named.add(str(node.module))
    for path in sources:
        module = ".".join(path.relative_to(RENDER.parents[1]).with_suffix("").parts)
        if path.is_relative_to(RENDER) and path.stem != "__init__":
            assert module in named, f"{module} is not used: has its format a row in registry.py?"
