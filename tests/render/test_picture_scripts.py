"""The scripts of pictures: ES modules that tools can parse, joined into one function."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from conftest import require

from pvprof.render.svg.flamegraph import SCRIPTS, joinable_lines

FOLDER = Path(__file__).parents[2] / "pvprof" / "render" / "svg"
MODULES = {name: (FOLDER / name).read_text() for name in SCRIPTS}
_IMPORT = re.compile(r'import \{ ([\w, ]+) \} from "\./(\w+\.js)";')
_DECLARED = re.compile(r"^(export )?(?:const|let|function|class) (\w+)", re.M)


def test_every_flame_script_is_joined() -> None:
    assert set(SCRIPTS) == {
        "shortcuts.js",
        "themes.js",
        *(path.name for path in FOLDER.glob("flame_*.js")),
    }


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_import_is_one_line_and_names_an_export(name: str) -> None:
    for line in MODULES[name].splitlines():
        if not line.lstrip().startswith("import"):
            continue
        match = _IMPORT.fullmatch(line)
        assert match, line
        exported = {found for export, found in _DECLARED.findall(MODULES[match[2]]) if export}
        assert set(match[1].split(", ")) <= exported


def test_no_two_modules_declare_the_same_name() -> None:
    declared = Counter(name for text in MODULES.values() for _, name in _DECLARED.findall(text))
    assert [name for name, count in declared.items() if count > 1] == []


def test_joined_lines_have_no_module_syntax_and_no_comment_lines() -> None:
    lines = ['import { a } from "./a.js";', "", "// why", "export const b = a; // what"]
    module = "\n".join([*lines, "  export function c() {"])
    assert joinable_lines(module) == ["const b = a; // what", "function c() {"]
    for text in MODULES.values():
        assert not [line for line in joinable_lines(text) if re.match("import |export |//", line)]


@pytest.mark.viewer
def test_the_joined_script_is_valid(tmp_path: Path) -> None:
    node = shutil.which("node")
    require(node is not None, "node")
    lines = [line for name in SCRIPTS for line in joinable_lines(MODULES[name])]
    script = tmp_path / "joined.cjs"
    script.write_text('(function () {\n"use strict";\n' + "\n".join(lines) + "\n});\n")
    done = subprocess.run([str(node), "--check", str(script)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
