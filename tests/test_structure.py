"""The tree of pvprof: few entries per folder, and one name for one thing.

The allowed exceptions shrink: remove an entry when its clash is gone; a test fails if it is stale.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "pvprof"
MODULES = [path for path in sorted(ROOT.rglob("*.py")) if path.name != "__init__.py"]
MAX_ENTRIES = 12
MAX_PACKAGES = 15

ALLOWED_CLASSES = {
    # parse: private classes of one reader with the name of a public class elsewhere.
    *("Row", "Section", "Snapshot"),
    # classify
    "Table",
    # render, views and cli
    *("Layout", "Scale"),
}
ALLOWED_MODULES = {
    # One set for each tracer: collect.dtrace and collect.bpftrace.
    *("collect/builders", "collect/programs", "collect/syntax"),
}
AT_THE_TOP = {"__init__.py", "__main__.py", "py.typed", "errors.py", "units.py"}


def classes_by_name() -> dict[str, list[tuple[str, Path]]]:
    """Return (name, module) of each class, by the name without underscores in front."""
    classes = defaultdict(list)
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                classes[node.name.lstrip("_")].append((node.name, path))
    return classes


def clashing_classes() -> set[str]:
    """Return the names of several classes, at least one of which is public."""
    return {
        public_name
        for public_name, classes in classes_by_name().items()
        if len(classes) > 1 and any(name == public_name for name, _ in classes)
    }


def clashing_modules() -> set[str]:
    """Return PACKAGE/NAME for each name of several modules in one package of the top."""
    modules = defaultdict(list)
    for path in MODULES:
        package, *folders = path.relative_to(ROOT).parts
        if folders:
            modules[f"{package}/{path.stem}"].append(path)
    return {name for name, paths in modules.items() if len(paths) > 1}


@pytest.mark.slow
def test_a_class_name_is_used_once() -> None:
    assert clashing_classes() - ALLOWED_CLASSES == set()


def test_a_module_name_is_used_once_in_a_layer() -> None:
    assert clashing_modules() - ALLOWED_MODULES == set()


@pytest.mark.slow
def test_each_allowed_clash_exists() -> None:
    assert ALLOWED_CLASSES - clashing_classes() == set()
    assert ALLOWED_MODULES - clashing_modules() == set()


def imports_of(path: Path) -> set[str]:
    """Return the modules of pvprof that a module imports, anywhere in it, except for types only."""
    names: set[str] = set()
    nodes: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        nodes.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.slow
def test_no_module_imports_itself_through_others() -> None:
    modules = {".".join(("pvprof", *p.relative_to(ROOT).with_suffix("").parts)): p for p in MODULES}
    graph = {name: sorted(imports_of(path) & modules.keys()) for name, path in modules.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail[trail.index(name) :], name))
        if name not in done:
            for imported in graph[name]:
                visit(imported, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())
    assert sum(map(len, graph.values())) > 500


def test_a_folder_has_at_most_12_modules() -> None:
    modules = defaultdict(list)
    for path in MODULES:
        modules[path.parent.relative_to(ROOT)].append(path.name)
    crowded = {str(folder): names for folder, names in modules.items() if len(names) > MAX_ENTRIES}
    assert crowded == {}


def test_the_top_has_few_packages() -> None:
    entries = {path.relative_to(ROOT).parts[0] for path in ROOT.rglob("*.py")}
    assert len(entries - AT_THE_TOP) <= MAX_PACKAGES
