"""Documents for users: the commands that they show, and the outputs below them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

TOP = Path(__file__).parents[2]
DOCUMENTS = (
    TOP / "README.md",
    TOP / "SECURITY.md",
    *sorted(TOP.glob("docs/*.md")),
    *sorted(TOP.glob("*/README.md")),
)

SAMPLE = re.compile(
    r"<!-- output of the command(?:: the first (\d+) paragraphs( and the last)?)? -->\n"
    r"```\n\$ (.*)\n(?:.*\n)*?```\n"
)
"""A command whose output follows: all of it, or some of its paragraphs."""

_COMMAND = re.compile(r"^    ((?:[\w./$-]*pvprof|sysctl|dtrace) .*?)(?:  +#.*)?$", re.M)


def commands_of(document: Path) -> Iterator[str]:
    """Yield the commands of pvprof that a document shows, without the comments behind them."""
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.S)
    for command in _COMMAND.findall(text):
        if "pvprof " in command:
            yield command


def with_outputs(text: str, output_of: Callable[[str], str]) -> str:
    """Return the text of a document, each output replaced by what its command prints now."""

    def replaced(match: re.Match[str]) -> str:
        first, last, command = match.groups()
        lines = (line.rstrip() for line in output_of(command).strip("\n").splitlines())
        output = "\n".join(lines)
        if first:
            paragraphs = output.split("\n\n")
            kept = [*paragraphs[: int(first)], "..."]
            kept += paragraphs[-1:] if last else []
            assert len(paragraphs) > int(first), f"{command}: prints {len(paragraphs)} paragraphs"
            output = "\n\n".join(kept)
        head = match[0].partition("\n")[0]
        return f"{head}\n```\n$ {command}\n{output}\n```\n"

    return SAMPLE.sub(replaced, text)


def run_script(
    script: str, words: tuple[str, ...], place: Path, path: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a script of ours in a copy of the tree, so that it writes nowhere else.

    Args:
        script: as ``scripts/demo``.
        words: its arguments.
        place: an empty directory.
        path: directories to look for programs in first.
    """
    shutil.copytree(TOP / "scripts", place / "scripts")
    (place / "tests").symlink_to(TOP / "tests")
    pvprof = Path(sys.executable).parent / "pvprof"
    environment = os.environ | {"PVPROF": str(pvprof), "PATH": f"{path}:{os.environ['PATH']}"}
    return subprocess.run(
        [place / script, *words], env=environment, capture_output=True, text=True, check=False
    )
