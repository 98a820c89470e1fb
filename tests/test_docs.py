"""The documents are right: commands run, tables are complete, links are valid."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
from conftest import (
    FIXTURES,
    RECORDINGS,
    SYMBOLS,
    assert_golden,
    require,
    require_packages_of,
)
from helpers.command_line import RunCommand
from helpers.documents import DOCUMENTS, commands_of

from pvprof import __version__
from pvprof.cli import COMMANDS, cli
from pvprof.parse.layouts import LAYOUTS
from pvprof.parse.recognition.other_tools import OTHER_TOOLS
from pvprof.render.data import comparison, report, stacks
from pvprof.render.registry import format_named
from pvprof.views import single_waits

TOP = Path(__file__).parent.parent
LAYERS = (
    *("model", "recording", "collect", "kernel_patch", "parse", "stats", "dataset", "store"),
    *("classify", "analysis", "views", "render", "fleet", "server", "cli"),
)
NOT_RUN = {
    r"pvprof store serve ": "it runs until a signal; tests/server has one",
    r"pvprof agent ": "it records; tests/fleet/test_agent.py runs it on a stand-in",
    r" s3://": "it needs a server of S3; tests/store/test_s3.py has one",
    r"pvprof push ": "it needs a server; tests/fleet/test_push.py has one",
    r"pvprof (doctor|record|top) ": "they need a target; tests/collect runs them on a stand-in",
    r"pvprof patch (apply|check|revert) ": "they need a source tree; tests/kernel_patch has one",
}
"""Commands of documents that are not run, by a pattern, and why; their options are checked."""
COMMANDS_SHOWN = sorted({command for path in DOCUMENTS for command in commands_of(path)})


def reason_not_to_run(command: str) -> str:
    return next((why for pattern, why in NOT_RUN.items() if re.search(pattern, command)), "")


@pytest.fixture
def _recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go to a directory that has recordings of the names that documents use."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    grammar = FIXTURES / "freebsd-13.2-grammar-2"
    for name, source in {
        "offcpu.out": RECORDINGS / "stock-offcpu.out",
        "lockstat.out": RECORDINGS / "lockstat-1.out",
        "kernel-symbols.nm.gz": SYMBOLS,
        "build.pvprof": grammar / "stock-offcpu.pvprof",
        "stock.pvprof": grammar / "stock-offcpu.pvprof",
        "patched.pvprof": grammar / "patched-offcpu.pvprof",
        "oncpu.pvprof": grammar / "stock-oncpu.pvprof",
        "locks.pvprof": grammar / "stock-locks.pvprof",
        "events.pvprof": grammar / "stock-events.pvprof",
        "path.pvprof": FIXTURES / "linux/bpftrace/path.pvprof.tar.gz",
        "slow.pvprof": FIXTURES / "intervals/freebsd-13.2-offcpu.out",
        "stock": FIXTURES / "example-lock-patch/rwlock",
        "patched": FIXTURES / "example-lock-patch/obm",
    }.items():
        (tmp_path / name).symlink_to(source)
    for path in (FIXTURES / "example-lock-patch").iterdir():
        (tmp_path / path.name).symlink_to(path)
    Path("any.folded").write_text("a;b;c 3\na;d 4\n")
    for name in ("stock.times", "patched.times"):
        Path(name).write_text(f"1 real 2 user 3 sys\n1.{len(name)} real 2 user 3 sys\n")


@pytest.mark.slow
@pytest.mark.usefixtures("_recordings")
@pytest.mark.parametrize("command", [c for c in COMMANDS_SHOWN if not reason_not_to_run(c)])
def test_each_command_of_the_documents_runs(command: str, run: RunCommand) -> None:
    if ".parquet" in command:
        require_packages_of(format_named("parquet"))
    if re.search(r"\bfleet\b", command):
        require(find_spec("duckdb") is not None, "duckdb is not installed")
        assert run("store", "add", "fleet", "stock", "patched", "-q").exit_code == 0
    if re.search("[|>&;]", re.sub(r"'[^']*'", "", command)):
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return
    result = run(*shlex.split(command)[1:])
    assert result.exit_code == 0, result.stderr


ROOT_CONTEXT = click.Context(cli, info_name="pvprof", **cli.context_settings)


@pytest.mark.parametrize("command", [c for c in COMMANDS_SHOWN if reason_not_to_run(c)])
def test_each_command_of_the_documents_that_is_not_run_has_options_that_exist(
    command: str,
) -> None:
    for part in re.split("&&", command):
        name, *words = shlex.split(part)
        if name == "pvprof":
            command_of_name = cli.get_command(ROOT_CONTEXT, words[0])
            assert command_of_name is not None
            if isinstance(command_of_name, click.Group):
                assert words[1] in command_of_name.list_commands(ROOT_CONTEXT)
                # Without its parent a command would keep other names of --help.
                command_of_name.commands[words[1]].make_context(
                    words[1], words[2:], parent=ROOT_CONTEXT
                )
            else:
                command_of_name.make_context(words[0], words[1:], parent=ROOT_CONTEXT)


def test_each_reason_not_to_run_a_command_has_a_command() -> None:
    for pattern in NOT_RUN:
        assert any(re.search(pattern, command) for command in COMMANDS_SHOWN), pattern
    assert len(COMMANDS_SHOWN) >= 40


@pytest.mark.parametrize("command", COMMANDS)
def test_guide_and_changelog_name_every_command(command: str) -> None:
    assert f"pvprof {command}" in (TOP / "docs/guide.md").read_text()
    assert f"`pvprof {command}`" in (TOP / "CHANGELOG.md").read_text()


def test_the_readme_names_the_kernels_that_ran() -> None:
    header = next(
        line
        for line in (TOP / "docs/freebsd.md").read_text().splitlines()
        if line.startswith("| | ")
    )
    ran = set(re.findall(r"\d+\.\d+", header))
    (sentence,) = re.findall(r"recorded FreeBSD (.+?) on amd64", (TOP / "README.md").read_text())
    assert set(re.findall(r"\d+\.\d+", sentence)) == ran != set()


def test_the_page_of_other_tools_cites_what_was_measured() -> None:
    cited = (TOP / "docs/other-tools.md").read_text()
    measured = (TOP / "docs/freebsd.md").read_text()
    for tool, pattern in (
        ("lockstat", r"within ([\d.]+ %)"),
        ("LOCK_PROFILING", r"([\d.]+ to [\d.]+ %) above"),
    ):
        (number,) = set(re.findall(pattern, cited))
        assert re.findall(pattern, measured) == [number], tool


def test_the_readme_is_read_in_two_minutes() -> None:
    text = re.sub(r"```.*?```", "", (TOP / "README.md").read_text(), flags=re.S)
    assert len(re.sub(r"\]\([^)]*\)", "]", text).split()) <= 600
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    assert pictures
    for picture in pictures:
        drawn = (TOP / picture).read_text()
        assert drawn.startswith("<?xml")
        assert "PVPROBES" in drawn or "PVOBM" in drawn  # of a real recording


_ROW = re.compile(r"^\| `([a-z-]+)` \| .*? \|(| .*?) \| `parse/.*` \|$", re.M)


def layout_table(notes: Mapping[str, str]) -> str:
    """Return a table of every layout, with notes by its name."""
    lines = ["| name | what prints it | notes | module |", "|---|---|---|---|"]
    for layout in LAYOUTS.values():
        summary = layout.summary.replace("|", r"\|")
        module = layout.read.__module__.removeprefix("pvprof.").replace(".", "/")
        note = notes.get(layout.name, "")
        lines.append(f"| `{layout.name}` | {summary} |{note} | `{module}.py` |")
    return "\n".join(lines)


def test_the_page_of_layouts_lists_every_layout() -> None:
    page = TOP / "docs/layouts.md"
    before, table, after = parts_of(page, "layouts")
    current = layout_table(dict(_ROW.findall(table)))
    assert_golden(f"{before}{current}{after}", page)


def test_the_page_of_layouts_lists_every_tool_that_is_refused() -> None:
    page = TOP / "docs/layouts.md"
    before, _, after = parts_of(page, "other tools")
    escaped = "\\|"
    rows = ((tool.name.removeprefix("the output of "), tool.hint) for tool in OTHER_TOOLS)
    table = [f"| {name} | {hint.replace('|', escaped)} |" for name, hint in rows]
    text = "\n".join(("| the output of | what to run instead |", "|---|---|", *table))
    assert_golden(f"{before}{text}{after}", page)


COLUMNS_OF = {
    "lock_table": report.CSV_COLUMNS,
    "wait_table": single_waits.COLUMNS,
    "stack_table": stacks.COLUMNS,
    "comparison_table": comparison.CSV_COLUMNS,
}
_COLUMN = re.compile(r"^\| `([a-z0-9_]+)` \| (.+) \|$", re.M)


@pytest.mark.parametrize("function", COLUMNS_OF)
def test_the_page_of_tables_describes_every_column(function: str) -> None:
    page = TOP / "docs/python.md"
    before, table, after = parts_of(page, f"columns of {function}")
    meanings = dict(_COLUMN.findall(table))
    lines = ["| column | meaning |", "|---|---|"]
    for column in COLUMNS_OF[function]:
        assert column in meanings, f"docs/python.md: describe the column {column} of {function}"
        lines.append(f"| `{column}` | {meanings[column]} |")
    assert_golden(before + "\n".join(lines) + after, page)


def test_the_example_of_the_page_of_tables_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(TOP)
    (code,) = re.findall(r"```python\n(.*?)```", (TOP / "docs/python.md").read_text(), re.S)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "python.md", "exec"), {})
    assert printed.getvalue().splitlines()[-1] == "True"


def texts_of_the_program() -> str:
    """Return all texts that the program can print, one a line; what differs is left out."""
    texts = [path.read_text() for path in (TOP / "pvprof").rglob("*.sh")]
    for path in (TOP / "pvprof").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return "\n".join(texts)


def test_the_picture_of_a_growing_store_has_the_figures_of_its_page(tmp_path: Path) -> None:
    drawn = tmp_path / "growth.svg"
    figures = TOP / "bench/store-growth.json"
    words = [sys.executable, str(TOP / "bench/store_growth.py"), str(figures), str(drawn)]
    subprocess.run(words, check=True)
    assert drawn.read_text() == (TOP / "docs/store-growth.svg").read_text()
    document = json.loads(figures.read_text())
    page = (TOP / "docs/store.md").read_text()
    for unit, lines in (("s", document["time_s"]), ("MB", document["size_mb"])):
        for name, values in lines.items():
            cells = [f"{value:g} {unit}" if value else "" for value in values]
            row = rf"\| ([a-z]+ ){{0,3}}{name}.* \| {' *[|] '.join(cells)} *\|"
            assert re.search(row, page), row


@pytest.mark.slow
def test_the_page_of_troubleshooting_quotes_messages_of_the_program() -> None:
    page = (TOP / "docs/troubleshooting.md").read_text()
    quoted = re.findall(r"^\| `([^`]+)` \|", page, re.M)
    assert len(quoted) >= 20
    known = texts_of_the_program()
    for message in quoted:
        for part in filter(None, message.split("...")):
            assert part in known, f"docs/troubleshooting.md: no message reads {part!r}"


def parts_of(page: Path, name: str) -> tuple[str, str, str]:
    """Return a page in three parts: up to the comment above a table, the table, the rest."""
    begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    before, _, rest = page.read_text().partition(begin)
    table, _, after = rest.partition(end)
    return before + begin, table, end + after


def module_table() -> str:
    """Return a table of every module and the first line of its docstring, package by package."""
    lines = ["| module | what it does |", "|---|---|"]
    for path in sorted((TOP / "pvprof").rglob("*.py"), key=module_order):
        name = ".".join(path.relative_to(TOP / "pvprof").with_suffix("").parts)
        docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
        name = name.removesuffix("__init__")
        shown = (
            f"**`{name.rstrip('.') or 'pvprof'}`**" if not name or name[-1] == "." else f"`{name}`"
        )
        lines.append(f"| {shown} | {docstring.splitlines()[0]} |")
    return "\n".join(lines)


def module_order(place: Path) -> tuple[int, list[str]]:
    """Return a sort key: by layer, a package before its modules."""
    parts = list(place.relative_to(TOP / "pvprof").parts)
    layers = ("__init__.py", "__main__.py", "errors.py", "units.py", *LAYERS)
    parts[-1] = parts[-1].replace("__init__", "")
    first = parts[0] if len(parts) > 1 else place.name
    return layers.index(first), parts


@pytest.mark.slow
def test_the_architecture_page_has_every_module() -> None:
    page = TOP / "docs/architecture.md"
    before, _, after = parts_of(page, "modules")
    assert_golden(f"{before}{module_table()}{after}", page)


@pytest.mark.parametrize(
    "document",
    [*DOCUMENTS, TOP / "CHANGELOG.md", TOP / "CONTRIBUTING.md"],
    ids=lambda place: str(place.relative_to(TOP)),
)
def test_links_between_documents_are_valid(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", document.read_text()):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_version_is_in_one_place() -> None:
    project = (TOP / "pyproject.toml").read_text()
    assert 'dynamic = ["version"]' in project
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


def test_the_page_for_users_of_other_tools_names_options_that_exist() -> None:
    page = (TOP / "docs/coming-from.md").read_text()
    known = {
        name
        for command in map(partial(cli.get_command, ROOT_CONTEXT), COMMANDS)
        if command is not None
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    named = set()
    for line in page.partition("## What pvprof does not")[0].splitlines():
        if line.startswith("| "):
            ours = line.rstrip("| ").split(" | ")[-1]
            for code in re.findall(r"`([^`]+)`", ours):
                named |= set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", code))
    assert len(named) >= 20
    assert named <= known
