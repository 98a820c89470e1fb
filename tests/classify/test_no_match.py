"""Filters that match nothing say what there is, and fail alike in every command."""

from __future__ import annotations

import pytest
from conftest import RECORDINGS
from helpers import native_writer
from helpers.command_line import RunCommand, assert_is_error

EVENTS = RECORDINGS / "events.out.gz"
CLASSES = "(vm page busy, vm object, vnode/namecache, vm page queues, pv list (rwlock), proc tree)"


@pytest.mark.slow
@pytest.mark.parametrize("command", ["report", "locks", "flamegraph", "heatmap"])
@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["--class", "nosuchclass"], f"no class matches 'nosuchclass' {CLASSES}", ""),
        (["--name", "nosuch"], "no lock name or wait message matches 'nosuch' (vmpfw, vm obj", ""),
        (["--name", "^WAIT$"], "no lock name or wait message matches '^WAIT$' (vmpfw", "-k child"),
        (["--execname", "make"], "no process matches 'make' (pvload)", ""),
        (["--frame", "nosuch"], "no frame matches 'nosuch'", ""),
        (["--frame", "pmap_entr"], "no frame matches 'pmap_entr'", "did you mean pmap_enter"),
        (["--frame", "VM_FUALT"], "no frame matches 'VM_FUALT'", "did you mean vm_fault"),
        (["--execname", "pvlaod"], "no process matches 'pvlaod'", "did you mean pvload?"),
        (["-k", "io"], "no wait is of the kind io (child, user, kernel)", ""),
        (
            ["--class", "^vm object$", "--name", "tmpfs"],
            "no wait matches --class '^vm object$' and --name 'tmpfs' together",
            "each of them alone matches some",
        ),
    ],
)
def test_a_filter_that_matches_nothing_says_what_there_is(
    command: str, words: list[str], message: str, hint: str, run: RunCommand
) -> None:
    result = run(command, EVENTS, *words)
    assert assert_is_error(result).startswith(f"pvprof: error: {message}")
    assert hint in "".join(result.stderr.splitlines()[1:])


@pytest.mark.slow
def test_each_command_exits_with_the_same_status(run: RunCommand) -> None:
    commands: list[list[object]] = [
        ["fold", "-k", "all", EVENTS],
        ["compare", EVENTS, "--vs", EVENTS],
    ]
    commands += [[command, EVENTS] for command in ("report", "locks", "flamegraph", "heatmap")]
    commands += [["flamegraph", "--diff", EVENTS, EVENTS]]
    for words in commands:
        message = assert_is_error(run(*words, "--class", "nosuchclass"))
        assert message.startswith("pvprof: error: no class matches 'nosuchclass' (")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "value"),
    [("--class", "PV LIST"), ("--name", "PMAP pv"), ("--execname", "PVLOAD"), ("--frame", "Vm_")],
)
def test_filters_ignore_case(option: str, value: str, run: RunCommand) -> None:
    lower = run("fold", "-k", "all", EVENTS, option, value.lower())
    assert lower.stdout
    assert run("fold", "-k", "all", EVENTS, option, value).stdout == lower.stdout


def test_a_lock_that_only_one_side_has_is_drawn(run: RunCommand) -> None:
    sides = [RECORDINGS / "stock-offcpu.out", RECORDINGS / "runq.out"]
    result = run("flamegraph", "--diff", *sides, "--measure", "ns", "--name", "vm object")
    assert result.exit_code == 0, result.stderr


def test_a_recording_of_nothing_is_no_fault_of_a_filter(run: RunCommand) -> None:
    result = run(
        "fold", "-k", "all", "-", "--name", "x", stdin=native_writer.text_of([], "events", "ns")
    )
    assert (result.exit_code, result.stdout) == (0, "")


def test_stacks_without_names_say_that_none_has_one(run: RunCommand) -> None:
    message = assert_is_error(run("fold", "-k", "all", "-", "--name", "x", stdin=b"a;b 3\n"))
    assert message.endswith("no lock name or wait message matches 'x' (none has one)")
