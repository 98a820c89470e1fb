"""The registry of output formats: every row works, and a new row is all that a format needs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import RECORDINGS, assert_golden
from helpers.command_line import RunCommand

from pvprof.cli.commands import compare, fold, locks, path, report, stats
from pvprof.cli.commands.pictures import flamegraph, heatmap
from pvprof.errors import UsageError
from pvprof.render import registry
from pvprof.render.registry import (
    FORMATS,
    Format,
    Output,
    Subject,
    format_named,
    format_of,
    formats_for,
    function_of,
)

EVENTS = RECORDINGS / "events.out.gz"
PAGE = Path(__file__).parents[2] / "docs" / "output-formats.md"
COMMANDS: dict[str, tuple[Subject, ...]] = {
    "report": report.SUBJECTS,
    "locks": locks.SUBJECTS,
    "fold": fold.SUBJECTS,
    "flamegraph": flamegraph.SUBJECTS,
    "heatmap": heatmap.SUBJECTS,
    "path": path.SUBJECTS,
    "compare": compare.SUBJECTS,
    "stats": stats.SUBJECTS,
}
TSV = """
from pvprof.render.rendered import Rendered


def render_tsv(view):
    rows = [row for section in view.report.sections for row in section.rows]
    return Rendered("".join(f"{row.name}\\t{row.value}\\n" for row in rows))
"""
START = """
import sys
from pvprof.render import registry
from pvprof.render.registry import Format, Output, Subject

row = Output("pvprof.views.report_view:build", "tsv:render_tsv")
registry.FORMATS += (
    Format("tsv", (".tsv",), "tabs between the cells", {Subject.TABLES: row}, for_people=False),
)
from pvprof.cli import cli
cli(sys.argv[1:])
"""


@pytest.mark.parametrize("fmt", FORMATS, ids=lambda fmt: fmt.name)
def test_every_function_of_a_row_exists(fmt: Format) -> None:
    assert fmt.outputs
    assert fmt.summary
    for output in fmt.outputs.values():
        for name in (output.builder, output.renderer, output.drawer or output.renderer):
            assert callable(function_of(name))


@pytest.mark.parametrize("name", ["no_such_module:render", "json:no_such_function"])
def test_a_row_without_its_function_fails_loudly(name: str) -> None:
    with pytest.raises((ImportError, AttributeError)):
        Output(name, "json:dumps").build(None, None)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_two_formats_of_a_command_share_a_suffix(command: str) -> None:
    suffixes = [suffix for fmt in formats_for(COMMANDS[command]) for suffix in fmt.suffixes]
    assert len(suffixes) == len(set(suffixes))


def row(name: str, suffixes: tuple[str, ...]) -> Format:
    outputs = {Subject.TABLES: Output("json:load", "json:dumps")}
    return Format(name, suffixes, "mine", outputs, for_people=False)


@pytest.mark.parametrize(
    ("name", "suffix", "word"), [("mine", ".md", ".md"), ("markdown", ".mine", "markdown")]
)
def test_a_row_with_the_name_or_suffix_of_another_fails_loudly(
    name: str, suffix: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "FORMATS", (*FORMATS, row(name, (suffix,))))
    with pytest.raises(ValueError, match="two output formats") as caught:
        formats_for([Subject.TABLES])
    assert str(caught.value) == (
        f"two output formats have the name or suffix {word}: markdown"
        f" (pvprof.render.text.markdown:render) and {name} (json:dumps)"
    )
    assert formats_for([Subject.STACKS])  # the commands that do not offer the row still work


def test_suffixes_are_a_tuple_of_texts_that_begin_with_a_dot() -> None:
    with pytest.raises(TypeError, match=r"format mine: suffixes must be a tuple: '\.org'"):
        row("mine", (".org"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="format mine: a suffix begins with a dot: 'org'"):
        row("mine", ("org",))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_lists_each_format_and_no_other(command: str, run: RunCommand) -> None:
    shown = run(command, "--help").stdout
    offered = [fmt.name for fmt in formats_for(COMMANDS[command])]
    listed = shown.partition("Formats:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == offered
    assert "--format FORMAT" in shown
    refused = run(command, "x", "--format", "nosuch").stderr
    assert set(re.findall(r"'([\w-]+)'", refused.partition("'nosuch' is not")[2])) == set(offered)


@pytest.mark.parametrize("subject", Subject)
def test_a_format_cannot_be_chosen_for_a_subject_that_it_cannot_hold(subject: Subject) -> None:
    for fmt in FORMATS:
        if subject in fmt.outputs:
            assert format_of("-", fmt.name, fmt.name, [subject]) is fmt
        else:
            with pytest.raises(UsageError, match="no such format here"):
                format_of("-", fmt.name, fmt.name, [subject])


@pytest.mark.slow
def test_a_new_row_is_all_that_a_format_needs(tmp_path: Path) -> None:
    (tmp_path / "tsv.py").write_text(TSV)
    (tmp_path / "start.py").write_text(START)

    def start(*words: object) -> str:
        command = [sys.executable, "start.py", *map(str, words)]
        return subprocess.check_output(command, text=True, cwd=tmp_path)

    start("report", EVENTS, "-q", "-o", "x.tsv")
    rows = [line.split("\t") for line in (tmp_path / "x.tsv").read_text().splitlines()]
    assert rows
    assert all(name and int(value) > 0 for name, value in rows)
    assert start("locks", EVENTS, "--format", "tsv") == (tmp_path / "x.tsv").read_text()
    assert "tsv           .tsv                tabs between the cells" in start("report", "--help")
    assert "tsv" not in start("fold", "-k", "all", "--help")


def test_the_page_of_formats_lists_every_row() -> None:
    lines = ["| format | suffixes | contents | commands |", "|---|---|---|---|"]
    for fmt in FORMATS:
        suffixes = " ".join(f"`{suffix}`" for suffix in fmt.suffixes)
        commands = [name for name, subjects in COMMANDS.items() if fmt.subject_among(subjects)]
        words = ", ".join(f"`{name}`" for name in commands)
        lines.append(f"| `{fmt.name}` | {suffixes} | {fmt.summary} | {words} |")
    before, _, rest = PAGE.read_text().partition("<!-- formats -->\n")
    _, _, after = rest.partition("<!-- end of formats -->")
    table = "\n".join(lines)
    current = f"{before}<!-- formats -->\n{table}\n<!-- end of formats -->{after}"
    assert_golden(current, PAGE)


def test_terminal_is_the_format_of_trees() -> None:
    assert formats_for([Subject.TREE]) == (format_named("terminal"),)
