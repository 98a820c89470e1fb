"""The worked examples of CONTRIBUTING.md: applied to a copy of the tree, and used.

A fenced block of an example names its file, and how the block goes there::

    ```python new pvprof/parse/files/x.py          the whole file
    ```python pvprof/parse/layouts.py after LINE   below the one line that is LINE
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

TOP = Path(__file__).parent.parent
TEXT = (TOP / "CONTRIBUTING.md").read_text(encoding="utf-8")
COPIED = ("pvprof", "kernel-patches", "dscripts", "btscripts", "docs", "tests")
_BLOCK = re.compile(r"^```\w+ (new )?(\S+\.\w+)(?: after ([^\n]*))?\n(.*?)^```$", re.M | re.S)


class Block(NamedTuple):
    """One block of an example: its file, the line it goes below (None: a new file), its text."""

    path: str
    after: str | None
    text: str


def blocks_of(heading: str) -> Iterator[Block]:
    """Yield the blocks of the example below a heading."""
    section = TEXT.partition(f"\n### {heading}\n")[2].partition("\n### ")[0].partition("\n## ")[0]
    assert section, f"no heading {heading!r} in CONTRIBUTING.md"
    for is_new, path, after, text in _BLOCK.findall(section):
        yield Block(path, None if is_new else after, text)


def apply(heading: str, tree: Path) -> int:
    """Apply an example to a copy of the tree; return the number of files that it touches."""
    blocks = list(blocks_of(heading))
    for block in blocks:
        path = tree / block.path
        if block.after is None:
            assert not path.exists()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
            continue
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        places = [index for index, line in enumerate(lines) if line.strip() == block.after.strip()]
        assert len(places) == 1, f"{block.path}: {len(places)} lines are {block.after!r}"
        lines.insert(places[0] + 1, block.text)
        path.write_text("".join(lines), encoding="utf-8")
    return len({block.path for block in blocks})


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a copy of what the examples change and use."""
    for name in COPIED:
        ignored = shutil.ignore_patterns("__pycache__", "golden")
        shutil.copytree(TOP / name, tmp_path / name, symlinks=True, ignore=ignored)
    for name in (
        "pyproject.toml",
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "LICENSE",
    ):
        shutil.copy(TOP / name, tmp_path)
    return tmp_path


def pvprof(tree: Path, *args: object, stdin: str = "") -> str:
    """Return the stdout of a tree's pvprof."""
    done = python(tree, "-m", "pvprof", *args, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout


def python(
    tree: Path, *args: object, stdin: str = "", blesses: bool = False
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, args)],
        cwd=tree,
        input=stdin,
        capture_output=True,
        check=False,
        text=True,
        env=os.environ | {"PVPROF_BLESS": "1" if blesses else ""},
    )


def bless(tree: Path, *tests: str) -> None:
    """Let tests of a tree write the files that they compare with; then they pass."""
    python(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, blesses=True)
    assert_passes(tree, *tests)


def assert_passes(tree: Path, *tests: str) -> None:
    """Run tests of a tree."""
    done = python(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.slow
def test_a_text_layout(tree: Path) -> None:
    assert apply("A text layout", tree) <= 4
    printed = "holdtime: vm object 250 us kernel`vm_fault,kernel`trap\n" * 2
    folded = pvprof(tree, "fold", "-", stdin=printed)
    assert folded == "# pvprof folded, unit: ns\nkernel`trap;kernel`vm_fault;vm object 500000\n"
    assert "holdtime" in pvprof(tree, "report", "--help")
    assert_passes(tree, "tests/parse/test_holdtime.py", "tests/parse/test_layouts.py")
    assert_passes(tree, "tests/parse/test_bad_input.py", "-k", "holdtime or text_to_damage")
    bless(tree, "tests/test_docs.py", "-k", "page_of_layouts or architecture_page")
    page = (tree / "docs/layouts.md").read_text()
    assert (
        "| `holdtime` | the waits that holdtime(1) prints | | `parse/freebsd/holdtime.py` |" in page
    )


@pytest.mark.slow
def test_a_lock_class(tree: Path) -> None:
    assert apply("A lock class", tree) <= 2
    waits = "\nturnstile|mydrv softc\nkernel`mydrv_read\nkernel`dofileread\n70 1\n"
    table = pvprof(tree, "locks", "-", "--format", "csv", stdin=waits)
    assert ",my driver," in table
    assert_passes(tree, "tests/classify/test_rules.py", "-k", "mydrv or driver or listed or kinds")


@pytest.mark.slow
def test_an_output_format(tree: Path) -> None:
    assert apply("An output format", tree) <= 3
    waits = "\nturnstile|vm object\nkernel`vm_fault\n70 1\n"
    table = pvprof(tree, "report", "-", "--format", "tsv", stdin=waits)
    assert table == "ns\tvm object\t70\n"
    pvprof(tree, "locks", "-", "-o", "x.tsv", stdin=waits)
    assert (tree / "x.tsv").read_text() == table
    assert "lock tables with tabs" in pvprof(tree, "locks", "--help")
    assert "tsv" not in pvprof(tree, "fold", "--help")
    assert_passes(tree, "tests/cli/test_cli.py", "-k", "each_format_of_a_command")
    assert_passes(tree, "tests/render/test_every_output.py", "-k", "tsv or module")


@pytest.mark.slow
def test_a_mode(tree: Path) -> None:
    assert apply("A mode", tree) <= 5
    assert "execs" in pvprof(tree, "script", "--list")
    program = pvprof(tree, "script", "execs", "--tree")
    assert "proc:::exec-success" in program
    assert 'printf("#pvprof 2 execs stock events ' in program
    assert "dtrace_program_execs()" in pvprof(tree, "script", "execs", "--standalone")
    printed = (
        "#pvprof 2 execs stock events 0.1.0 frames=32\n#begin 100 1700000000000000100\n"
        "> exec exec=2:sh\n\n              kernel`sys_execve+0x1\n= 7\n"
        "#end 900 1700000000000000900\n"
    )
    folded = pvprof(tree, "fold", "-", stdin=printed)
    assert folded == "# pvprof folded, unit: events\nsh;kernel`sys_execve 7\n"


@pytest.mark.slow
def test_a_tracer(tree: Path) -> None:
    assert apply("A tracer", tree) <= 8
    assert "switches" in pvprof(tree, "script", "--list", "--tracer", "illumos")
    assert_passes(tree, "tests/collect/test_illumos.py")
