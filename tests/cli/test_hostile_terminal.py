"""What a stranger wrote reaches a terminal as text: in recordings, run sets, pages, file names."""

from __future__ import annotations

import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import read_recording_bytes
from helpers.command_line import RunCommand
from helpers.hostile import make_waits
from helpers.terminal import on_terminal
from rich.console import Console

import pvprof.__main__
from pvprof.cli.job_messages import JobMessages
from pvprof.cli.terminal import MAX_MESSAGE_CHARACTERS, visible_text
from pvprof.errors import PvprofError
from pvprof.model.stacks import UNSEEN
from pvprof.render.text.console import styled

HOSTILE = "h\x1b]0;OWNED\x07\u202e\r\x9b31m [red]x[/] [/y]"
_TEXTS = ("pvprof", "host", "model", "mode", "program", "tracer", "scope", "options", "label")
_MORE_TEXTS = ("workload", "kernel", "ident", "notes", "exit_signal", "incomplete_reason", "layout")
_OURS = re.compile(r"\x1b\[[\d;]*m|\r\n|\r\x1b\[K|\n")
"""What rich and a progress line write, and the end of a line on a terminal."""


def make_hostile(directory: Path) -> Path:
    """Write a recording whose every text is hostile, into a directory of a hostile name."""
    recording = directory / f"r{HOSTILE.replace('/', '')}.pvprof"
    recording.mkdir(parents=True)
    wait = f"{HOSTILE}: 3 drops\n\nsleepq|{HOSTILE}|{HOSTILE}\nkernel`{HOSTILE}\n5 1\n".encode()
    (recording / "raw.out").write_bytes(read_recording_bytes("stock-offcpu.out") + wait)
    (recording / "stderr.txt").write_text(f"dtrace: {HOSTILE}\ndtrace: 5 drops on CPU 1\n")
    facts = {**dict.fromkeys((*_TEXTS, *_MORE_TEXTS), HOSTILE), "layout": "", "real_s": 3.5}
    drops = {"schema": 1, "complete": False, "drops": {HOSTILE: 7}, "run": 1}
    (recording / "manifest.json").write_text(json.dumps({**facts, **drops}))
    return recording


def make_hostile_set(directory: Path) -> Path:
    """Write a run set with a hostile label, names and facts."""
    recording = make_hostile(directory / "set")
    facts = json.loads((recording / "manifest.json").read_text())
    recording.rename(recording.with_name("a.pvprof"))
    runs = [{**facts, "name": "a.pvprof"}, {**facts, "name": HOSTILE, "mode": HOSTILE, "run": 2}]
    contents = {"schema": 1, "label": HOSTILE, "recordings": ["a.pvprof"], "runs": runs}
    (directory / "set/set.json").write_text(json.dumps(contents))
    return directory / "set"


def unseen(text: str) -> list[str]:
    """Return the characters of printed text that command a terminal, but for pvprof's own."""
    return UNSEEN.findall(_OURS.sub("", text))


COMMANDS = {
    "report": "report R",
    "all of it": "report -v R -k all --top 0",
    "locks": "locks R --sort name",
    "bad column": "locks R --sort {}",
    "markdown": "report R --format markdown",
    "remarkup": "report R --format remarkup",
    "plain": "report R --format plain",
    "csv": "report R --format csv -k all",
    "json": "report R --format json -k all",
    "fold": "fold R -k all",
    "fold by name": "fold R -k all --root name",
    "speedscope": "fold R -k all --format speedscope",
    "picture": "flamegraph R -k all",
    "tree": "flamegraph --tree R -k all",
    "difference": "flamegraph --diff R R -k all",
    "compare": "compare R --vs R -k all",
    "compared markdown": "compare R --vs R --format markdown",
    "compared json": "compare R --vs R --format json",
    "strict": "compare R --vs OUT --strict",
    "stats": "stats R R",
    "set": "report SET",
    "set, compared": "compare SET --vs SET",
    "set, times": "stats SET SET",
    "import": "import R",
    "import again": "import R",
    "page": "report R -o page.html",
    "a page read back": "report page.html",
    "a page, folded": "fold page.html -k all",
    "single waits": "report E -k all",
    "details": "locks E -k all --overlap --objects --wakers --stacks",
    "single waits, markdown": "report E -k all --format markdown",
    "path": "path E -k all",
    "path, markdown": "path E -k all --format markdown",
    "path, json": "path E -k all --format json",
    "path, csv": "path E -k all --format csv",
    "path, picture": "path E -k all --format svg",
    "heat map": "heatmap E -k all",
    "trace": "fold E -k all --format chrome-trace",
    "no such file": "report {}",
    "no such option": "report --{} R",
    "no such command": "{}",
    "no such format": "report R --format {}",
    "bad name": "report R --name {}[",
    "too many words": "completion bash {}",
    "bad number": "report R --top {}",
    "no help": "help {}",
    "no patch": "patch show --branch {}",
    "no tree": "patch check --src {}",
    "no rules": "report R --rules {}",
    "no symbols": "report R --symbols {}",
    "bad unit": "fold R --unit {}",
    "bad mode": "record -m {} -- true",
    "bad host": "doctor --host {}",
    "script": "script {}",
}


@pytest.fixture(scope="module", name="place")
def _place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("hostile")
    make_hostile(place)
    make_hostile_set(place)
    make_waits(place / "waits.pvprof", (HOSTILE, f"{HOSTILE}{HOSTILE}", "\x9b\u2028"), HOSTILE)
    (place / "out.out").write_bytes(read_recording_bytes("seed-offcpu.out"))
    return place


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_command_prints_no_control_character(
    command: str, place: Path, run: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    (recording,) = place.glob("r*.pvprof")
    words = {"R": recording, "SET": "set", "OUT": "out.out", "E": "waits.pvprof"}
    args = [words.get(word, word.replace("{}", HOSTILE)) for word in command.split()]
    result = run(*args)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert unseen(result.stdout + result.stderr) == []
    assert result.stdout + result.stderr or "-o" in command or "import" in command


@pytest.mark.slow
@pytest.mark.parametrize("command", ["report R", "flamegraph --tree R", "fold R -k all", "help {}"])
def test_a_real_terminal_gets_no_control_character(command: str, place: Path) -> None:
    (recording,) = place.glob("r*.pvprof")
    args = [recording if word == "R" else word.format(HOSTILE) for word in command.split()]
    printed = on_terminal(*args, columns=100).decode("utf-8", "replace")
    assert unseen(printed) == []
    assert "OWNED" in printed


def test_what_another_machine_prints_is_text_and_no_markup() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system="truecolor", width=200)
    console.print(styled(HOSTILE))
    assert unseen(out.getvalue()) == []
    assert "[red]x[/] [/y]" in out.getvalue()


TARGET_SAYS = {
    "doctor": 'printf \'ok\\tr%s\\td%s\\th%s\\n\' "$H" "$H" "$H"',
    "doctor, an error": 'echo "pvprof: error: $H" >&2; echo "pvprof: hint: $H" >&2; exit 3',
    "doctor, lost": 'echo "ssh: $H" >&2; exit 255',
    "record an": 'echo "pvprof: note: $H" >&2; echo "$H" >&2; exit 4',
    "record a": 'echo "pvprof: error: $H" >&2; echo "pvprof: hint: $H" >&2; exit 3',
}


@pytest.mark.parametrize("command", TARGET_SAYS)
def test_what_a_target_says_is_text(
    command: str, run: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "target"
    script.write_text(f"#!/bin/sh\nH='{HOSTILE}'\ncat >/dev/null & {TARGET_SAYS[command]}\n")
    script.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    words = ["doctor"] if command.startswith("doctor") else ["record", "-d", "1", "-o", "x.pvprof"]
    result = run(*words, "--root-command", str(script))
    assert unseen(result.stdout + result.stderr) == []
    assert "OWNED" in result.stdout + result.stderr


def test_the_progress_of_a_job_is_text_and_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(out, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", out)
    with JobMessages(is_set=False, is_quiet=False).watch(f"offcpu {HOSTILE}") as listener:
        listener.state(HOSTILE)
        listener.message(HOSTILE)
        listener.progress(1, 2, 3)
    shown = re.sub(r"\x1b\[\??[\d;]*[A-Za-z]", "", out.getvalue())
    assert unseen(shown.replace("\r", "")) == []
    assert "\\x1b]0;OWNED\\x07\\u202e\\x0d\\x9b31m [red]x[/] [/y]" in shown


def test_a_command_that_is_suggested_runs_nothing_else(
    run: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a b.out", "x;reboot", "$(reboot)", "it's"):
        Path(name).write_text("")
        told = run(name).stderr
        assert f"did you mean pvprof report {shlex.quote(name)}?" in told


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\nc\n", "a\tb\nc\n"),
        ("a\x1b[2J\n\x9b\r\n", "a\\x1b[2J\n\\x9b\\x0d\n"),
        ("\u202e\t\x00", "\\u202e\t\\x00"),
    ],
)
def test_a_text_of_several_lines_keeps_its_lines_and_tabs(text: str, shown: str) -> None:
    assert visible_text(text) == shown


def test_the_traceback_of_a_fault_is_text(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise ValueError(HOSTILE)

    monkeypatch.setattr("pvprof.cli.cli", fail)
    assert pvprof.__main__._run() == 1
    told = capfd.readouterr().err
    assert told.startswith("pvprof: error: a fault of pvprof itself")
    assert "OWNED" in told
    assert unseen(told) == []


def test_a_message_is_one_line(run: RunCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PvprofError("a\npvprof: wrote b", "c\npvprof: d")

    monkeypatch.setattr("pvprof.cli.input_options.load_dataset", fail)
    result = run("report", "x")
    assert result.stderr.splitlines() == [
        "pvprof: error: a\\x0apvprof: wrote b",
        "  c\\x0apvprof: d",
    ]


# ---- no other way out ---------------------------------------------------------------------------

WAYS_AROUND = (
    "import click\n\nclick.echo('x')\n",
    "from click import echo\n\necho('x')\n",
    "import sys\n\nsys.stderr.write('x')\n",
    "import json\n\njson.dumps('x')\n",
    "from rich.text import Text\n\nText('x')\n",
    "from markupsafe import Markup\n\nMarkup('x')\n",
    "import csv\n\ncsv.writer(open('x'))\n",
    "print('x')\n",
)


def refusals(path: str, source: str) -> list[str]:
    """Return the rules that ruff finds broken in a module of that path."""
    command = [sys.executable, "-m", "ruff", "check", "-q", "--output-format", "concise"]
    command += ["--select", "TID251,T20", "--stdin-filename", path, "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    return re.findall(r"TID251|T201", done.stdout)


def test_the_linter_refuses_every_way_around_the_functions_that_make_texts_harmless() -> None:
    for way in WAYS_AROUND:
        assert refusals("pvprof/views/new.py", way), way
    assert refusals("pvprof/cli/terminal.py", WAYS_AROUND[0]) == []


@pytest.mark.parametrize("name", ["x" * 5_000, "\t" * 900, "a b" * 1_000])
def test_a_message_is_a_line_to_read(name: str, run: RunCommand) -> None:
    result = run(
        "report", "-", stdin=f"dtrace: {name}: what?\n\nsleepq|a\nkernel`f\n5 1\n".encode()
    )
    refused = run("report", "-", "--name", f"{name}(", stdin=b"a;b 5\n")
    assert refused.exit_code == 2
    for line in (result.stderr + refused.stderr).splitlines():
        assert len(line) <= MAX_MESSAGE_CHARACTERS
    assert "x" * 5_000 not in result.stderr + refused.stderr
    assert "unterminated subpattern at position" in refused.stderr, "the end is kept"
