"""The documents are right: commands run, tables are complete, links are valid."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import RECORDINGS, assert_golden, read_recording_bytes
from helpers.command_line import RunCommand
from helpers.two_sides import manifest, raw, records_of, write_recording

from pvprof import __version__
from pvprof.cli import COMMANDS
from pvprof.parse.layouts import LAYOUTS
from pvprof.render.data import comparison, report, stacks
from pvprof.views import single_waits

TOP = Path(__file__).parent.parent
LAYERS = (
    *("model", "recording", "collect", "kernel_patch", "parse", "stats", "dataset", "classify"),
    *("analysis", "views", "render", "cli"),
)
DOCUMENTS = [*TOP.glob("*.md"), *TOP.glob("docs/*.md"), *TOP.glob("*/README.md")]
README_COMMANDS = re.findall(
    r"^    (pvprof (?:report|locks|fold|flamegraph|heatmap|stats|compare) .*?)(?:  +#.*)?$",
    (TOP / "README.md").read_text(),
    re.M,
)


@pytest.mark.parametrize("command", README_COMMANDS)
def test_each_command_of_the_readme_runs(
    command: str, run: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(RECORDINGS / "stock-offcpu.out", "x.out")
    shutil.copy(RECORDINGS / "lockstat-1.out", "lockstat.out")
    shutil.copy(RECORDINGS / "oncpu-default.out", "oncpu.out")
    Path("events.out").write_bytes(read_recording_bytes("events.out.gz"))
    shutil.copy(RECORDINGS / "events-wakeups.out.gz", "wakeups.out.gz")
    Path("any.folded").write_text("a;b;c 3\na;d 4\n")
    for name in ("stock.times", "patched.times"):
        Path(name).write_text(f"1 real 2 user 3 sys\n1.{len(name)} real 2 user 3 sys\n")
    for number, label in enumerate(("stock", "patched")):
        output = raw(records_of({"vm object": (5, 1)}), number)
        write_recording(Path(label) / "1.pvprof", output, manifest(number, label))
        (Path(label) / "set.json").write_text('{"recordings": ["1.pvprof"]}')
    result = run(*shlex.split(command)[1:])
    assert result.exit_code == 0, result.stderr


def test_the_readme_has_commands_to_run() -> None:
    assert len(README_COMMANDS) >= 5


@pytest.mark.parametrize("command", COMMANDS)
def test_readme_and_changelog_name_every_command(command: str) -> None:
    assert f"pvprof {command}" in (TOP / "README.md").read_text()
    assert f"`pvprof {command}`" in (TOP / "CHANGELOG.md").read_text()


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


def test_the_architecture_page_has_every_module() -> None:
    page = TOP / "docs/architecture.md"
    before, _, after = parts_of(page, "modules")
    assert_golden(f"{before}{module_table()}{after}", page)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda place: str(place.relative_to(TOP)))
def test_links_between_documents_are_valid(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", document.read_text()):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_version_is_in_one_place() -> None:
    project = (TOP / "pyproject.toml").read_text()
    assert 'dynamic = ["version"]' in project
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
