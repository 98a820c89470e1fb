"""Shells complete pvprof's words and files; each test asks a real shell, as a user's Tab does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a directory with recordings in it, and pvprof in its bin."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "pvprof"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m pvprof "$@"\n')
    program.chmod(0o755)
    (tmp_path / "fb").mkdir()
    for name in ("events.out.gz", "events.err", "runq.out"):
        (tmp_path / "fb" / name).write_text("")
    return tmp_path


def ask(home: Path, shell: list[str], script: str) -> list[str]:
    if shutil.which(shell[0]) is None:
        pytest.skip(f"no {shell[0]} here")
    env = {
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "TERM": "dumb",
        "LANG": "C.UTF-8",
    }
    done = subprocess.run(
        [*shell, "-c", script], cwd=home, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def bash(home: Path, words: str) -> list[str]:
    """Return the words that bash completes at the end of a line.

    bash runs the function and, if it asked for that, completes files: as compgen does.
    """
    array = " ".join(f"'{word}'" for word in words.split(" "))
    script = f"""
        eval "$(pvprof completion bash)"
        compopt() {{ asked="$1 $2"; }}
        COMP_WORDS=({array}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_LINE={words!r}
        $(complete -p pvprof | sed 's/.*-F \\([^ ]*\\).*/\\1/') pvprof
        [ "$asked" = '-o default' ] && COMPREPLY=($(compgen -f -- "${{COMP_WORDS[COMP_CWORD]}}"))
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    return sorted(line for line in ask(home, ["bash", "--norc"], script) if line)


def fish(home: Path, words: str) -> list[str]:
    script = f"pvprof completion fish | source; complete -C {words!r}"
    return sorted(line.split("\t")[0] for line in ask(home, ["fish", "--no-config"], script))


def zsh(home: Path, words: str) -> list[str]:
    """Return the words that zsh shows for a Tab at the end of a line, in its own terminal."""
    script = f"""
        zmodload zsh/zpty
        zpty -b tab zsh -f -i
        zpty -w tab 'PS1=; autoload -U compinit && compinit -u -D'
        zpty -w tab 'eval "$(pvprof completion zsh)"; echo R""EADY'
        until [[ $line == *READY* ]]; do zpty -r tab line || sleep 0.1; done
        zpty -w -n tab {words!r}$'\\t\\t'
        for i in {{1..40}}; do
            sleep 0.1
            while zpty -r -t tab line; do print -r -- "$line"; done
        done
        zpty -d tab
    """
    shown = " ".join(ask(home, ["zsh", "-f"], script))
    return sorted(set(shown.replace("\x07", " ").replace("\r", " ").split()))


SHELLS = [bash, fish, zsh]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("pvprof report fb/events.o", {"fb/events.out.gz"}),
        ("pvprof hea", {"heatmap"}),
        ("pvprof record run", {"runq"}),
        ("pvprof report -k ker", {"kernel"}),
    ],
    ids=["a file", "a command", "a mode", "a kind"],
)
def test_tab_completes_in_each_shell(
    shell: Callable[[Path, str], list[str]], line: str, wanted: set[str], home: Path
) -> None:
    words = shell(home, line)
    assert any(word.endswith(next(iter(wanted))) for word in words), words


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("pvprof report fb/event", {"fb/events.err", "fb/events.out.gz"}),
        ("pvprof compare fb/runq.out --vs fb/ru", {"fb/runq.out"}),
        ("pvprof report fb/runq.out --symbols fb/ev", {"fb/events.err", "fb/events.out.gz"}),
        ("pvprof flamegraph x -o fb/ru", {"fb/runq.out"}),
        ("pvprof record o", {"offcpu", "offcpu-sdt", "oncpu", "oncpu-amd64"}),
        ("pvprof script ev", {"events", "events-sdt"}),
        ("pvprof record offcpu -- fb/ru", {"fb/runq.out"}),
        ("pvprof report -k ker", {"kernel"}),
        ("pvprof locks x --class pv.l", {"pv.list", "pv.list..OBM.", "pv.list..rwlock."}),
        ("pvprof report x --format spe", {"speedscope"}),
        ("pvprof report x --input-format lockst", {"lockstat"}),
        ("pvprof f", {"flamegraph", "fold"}),
        ("pvprof help fla", {"flamegraph"}),
        ("pvprof help patch re", {"revert"}),
        ("pvprof completion z", {"zsh"}),
        ("pvprof flamegraph --min-w", {"--min-width"}),
    ],
)
def test_bash_completes_what_may_come_next(line: str, wanted: set[str], home: Path) -> None:
    assert set(bash(home, line)) == wanted


def test_a_class_that_was_completed_matches_that_class() -> None:
    from pvprof.cli.guidance.values import as_regex  # noqa: PLC0415

    assert as_regex("pv list (rwlock)") == "pv.list..rwlock."
