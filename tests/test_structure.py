"""The tree of pvprof: few entries per folder, and one name for one thing.

The allowed exceptions shrink: remove an entry when its clash is gone; a test fails if it is stale.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent / "pvprof"
MODULES = [path for path in sorted(ROOT.rglob("*.py")) if path.name != "__init__.py"]
MAX_ENTRIES = 12

ALLOWED_CLASSES = {
    # parse: private classes of one reader with the name of a public class elsewhere.
    *("Record", "Row", "Section", "Snapshot"),
    # classify
    *("Plan", "Table"),
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


def test_a_class_name_is_used_once() -> None:
    assert clashing_classes() - ALLOWED_CLASSES == set()


def test_a_module_name_is_used_once_in_a_layer() -> None:
    assert clashing_modules() - ALLOWED_MODULES == set()


def test_each_allowed_clash_exists() -> None:
    assert ALLOWED_CLASSES - clashing_classes() == set()
    assert ALLOWED_MODULES - clashing_modules() == set()


def test_a_folder_has_at_most_12_modules() -> None:
    modules = defaultdict(list)
    for path in MODULES:
        modules[path.parent.relative_to(ROOT)].append(path.name)
    crowded = {str(folder): names for folder, names in modules.items() if len(names) > MAX_ENTRIES}
    assert crowded == {}


def test_the_top_has_at_most_12_packages() -> None:
    entries = {path.relative_to(ROOT).parts[0] for path in ROOT.rglob("*.py")}
    assert len(entries - AT_THE_TOP) <= MAX_ENTRIES
