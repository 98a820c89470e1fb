"""Help explains every option in whole sentences below headings; words that are wrong are helped."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
from conftest import RECORDINGS
from helpers.command_line import RunCommand
from helpers.terminal import on_terminal

from pvprof.cli import COMMANDS, cli
from pvprof.cli.guidance.headings import HelpHeading, headed_options

EVENTS = RECORDINGS / "events.out.gz"
MISLEADING = (
    "So long.",
    "What traces.",
    "What single values are.",
    "Record there",
    "Only count and sum up",
    "not by the suffix",
    "best of repeated runs",
)

ROOT = click.Context(cli, info_name="pvprof", **cli.context_settings)


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its words, those of groups as well."""
    for name in COMMANDS:
        command = cli.get_command(ROOT, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"{name} {below}", command.commands[below]) for below in command.commands)
        yield name, command


ALL = dict(commands())


def options_of(command: click.Command) -> list[click.Option]:
    return [one for one in command.params if isinstance(one, click.Option)]


@pytest.mark.parametrize("words", ALL)
def test_every_option_is_explained_in_a_sentence(words: str) -> None:
    for option in options_of(ALL[words]):
        help_text = option.help or ""
        sentence = re.sub(r"  \[default: .*", "", help_text)
        assert re.fullmatch(r"[A-Z].*\s.*[.?]", sentence, re.S), (words, option.opts, help_text)


@pytest.mark.parametrize("words", ALL)
def test_help_has_an_example_and_no_misleading_text(words: str, run: RunCommand) -> None:
    shown = " ".join(run(*words.split(), "--help").stdout.split())
    assert "Example" in shown
    assert f"pvprof {words}" in shown
    assert not [text for text in MISLEADING if text in shown]


@pytest.mark.parametrize("words", ALL)
def test_examples_come_before_the_options_and_all_fits_into_80_columns(
    words: str, run: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = run(*words.split(), "--help").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    if not isinstance(ALL[words], click.Group):
        (example,) = [row for row, line in enumerate(lines) if line.startswith("  Example")]
        headings = {f"{heading.value}:" for heading in HelpHeading}
        assert example < min(row for row, line in enumerate(lines) if line in headings)


@pytest.mark.parametrize("words", ["report", "flamegraph", "compare", "record", "stats"])
def test_options_are_below_headings_and_rare_ones_come_last(words: str) -> None:
    command = ALL[words]
    context = click.Context(command, ROOT, words)
    headings = [heading for heading, _ in headed_options(command, context)]
    assert len(headings) >= 4
    assert headings == [heading for heading in HelpHeading if heading in headings]
    shown = command.get_help(context)
    places = [shown.index(f"\n{heading.value}:\n") for heading in headings]
    assert places == sorted(places)
    rows = {
        flags: heading for heading, rows in headed_options(command, context) for flags, _ in rows
    }
    listed = {flag for flags in rows for flag in re.findall(r"--?[\w-]+", flags)}
    assert {flag for option in options_of(command) for flag in option.opts} <= listed
    if words == "report":
        assert rows["-o, --output FILE"] is HelpHeading.OUTPUT
        assert rows["--offsets"] is HelpHeading.INPUT


@pytest.mark.parametrize("words", ALL)
def test_help_of_a_command_is_its_own_help(words: str, run: RunCommand) -> None:
    asked = run("help", *words.split())
    assert (asked.exit_code, asked.stdout) == (0, run(*words.split(), "--help").stdout)


@pytest.mark.parametrize("words", [[], ["compare"]])
def test_help_says_what_a_directory_stands_for(words: list[str], run: RunCommand) -> None:
    shown = " ".join(run(*words, "--help").stdout.split())
    assert "A directory that holds recordings stands for all of them." in shown
    assert "is the same as its" not in shown


def test_help_alone_is_that_of_pvprof(run: RunCommand) -> None:
    assert run("help").stdout == run("--help").stdout


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["reprot"], "No such command 'reprot': did you mean report"),
        (["flamgraph", "x"], "No such command 'flamgraph': did you mean flamegraph"),
        (["help", "recrod"], "No such command 'recrod': did you mean record"),
        (["help", "record", "x"], "pvprof record has no commands below it"),
        (["patch", "chekc"], "No such command 'chekc': did you mean check?"),
        (["xyzzy"], "No such command 'xyzzy': commands: record, "),
        ([EVENTS], f"did you mean pvprof report {EVENTS}?"),
        (["report", "--clas", "x"], "--class"),
        (["record", "offcup"], "did you mean offcpu"),
        (
            ["locks", EVENTS, "--lock", "foo"],
            "'--lock': to filter by lock: --name, by class: --class",
        ),
        (["report", EVENTS, "--filter=foo"], "by function: --frame, by process: --execname"),
        (["compare", EVENTS, "--function", "foo"], "by function: --frame"),
    ],
)
def test_a_misspelt_word_gets_a_suggestion(
    words: list[object], answer: str, run: RunCommand
) -> None:
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert answer in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["flamegraph"], "-o x.svg"),
        (["heatmap"], "-o x.svg"),
        (["flamegraph", "--format", "speedscope"], "-o x.speedscope.json"),
        (["report", "--format", "html"], "-o x.html"),
        (["fold", "--format", "chrome-trace"], "-o x.trace.json"),
    ],
)
def test_a_terminal_gets_no_picture(words: list[str], hint: str) -> None:
    printed = on_terminal(*words, EVENTS, columns=80).decode()
    assert "refusing to write" in printed
    assert hint in printed
    assert len(printed) < 300


@pytest.mark.slow
def test_a_terminal_gets_folded_stacks_and_trees() -> None:
    assert "vm object" in on_terminal("fold", EVENTS, columns=80).decode()
    assert "vm object" in on_terminal("flamegraph", "--tree", EVENTS, columns=80).decode()
