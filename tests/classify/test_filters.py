"""Filters keep what the user asks for and account for the rest."""

from __future__ import annotations

import json

import pytest
from conftest import RECORDINGS
from helpers.command_line import RunCommand

EVENTS = RECORDINGS / "events.out.gz"
LOCKSTAT = RECORDINGS / "lockstat-provider.out"


def section(run: RunCommand, *args: object) -> dict[str, object]:
    result = run("report", *args, "--format", "json", "-q")
    assert result.exit_code == 0, result.stderr
    (only,) = json.loads(result.stdout)["sections"]
    return only  # type: ignore[no-any-return]


def names(some: dict[str, object]) -> set[str]:
    return {row["name"] for row in some["rows"]}  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["--kind", "child"], {"wait"}),
        (["--kind", "child", "--kind", "user"], {"wait", "uwait"}),
        (["--class", "pv list"], {"pmap pv list"}),
        (["--name", "^vm .* queue$"], {"vm page free queue"}),
        (["--execname", "^dtrace$", "--kind", "all"], {"uwait"}),
        (["--frame", "vm_mmap_vnode"], {"vm object"}),
        (["--class", "vm", "--frame", "vm_mmap_vnode"], {"vm object"}),
    ],
)
def test_a_filter_keeps_what_it_names(
    options: list[str], wanted: set[str], run: RunCommand
) -> None:
    found = section(run, EVENTS, *options)
    assert names(found) == wanted
    aside = sum(one["value"] for one in found["set_aside"])  # type: ignore[attr-defined]
    kept = found["kept"]["value"]  # type: ignore[index]
    assert kept + aside == found["total"]["value"]  # type: ignore[index]


def test_each_filter_says_what_it_removed(run: RunCommand) -> None:
    found = section(run, EVENTS, "--class", "pv list", "--frame", "pmap_remove_pages")
    reasons = [aside["reason"] for aside in found["set_aside"]]  # type: ignore[attr-defined]
    assert set(reasons) == {
        "kind child",
        "kind user",
        "not --class pv list",
        "not --frame pmap_remove_pages",
    }


def test_a_filtered_picture_says_what_was_set_aside(run: RunCommand) -> None:
    picture = run("flamegraph", EVENTS, "--class", "pv list").stdout
    assert "Kernel waiting on itself (0.1% of 136.8 s recorded)" in picture
    assert "not --class pv list: 1.296 s" in picture
    assert "Waiting for children: 132.2 s" in picture


def test_folding_keeps_the_kinds_of_a_report_unless_all_are_asked_for(run: RunCommand) -> None:
    everything = run("fold", "-k", "all", EVENTS, "-q").stdout
    assert ";wait " in everything
    kernel = run("fold", EVENTS, "-q", "--kind", "kernel").stdout
    assert ";wait " not in kernel
    assert run("fold", EVENTS, "-q").stdout == kernel
    assert set(kernel.splitlines()) < set(everything.splitlines())


def test_idle_cpus_are_set_aside_with_their_samples(run: RunCommand) -> None:
    found = section(run, RECORDINGS / "oncpu-default.out")
    assert [(aside["reason"], aside["value"]) for aside in found["set_aside"]] == [  # type: ignore[attr-defined]
        ("kind idle", 28650)
    ]


def test_stacks_folded_by_another_tool_are_drawn_whole(run: RunCommand) -> None:
    folded = b"main;kernel`umtxq_sleep;kernel`lock_delay 90\nmain;b 10\nsh;kernel`sched_idletd 5\n"
    picture = run("flamegraph", "-", stdin=folded).stdout
    assert "Total: 105 samples." in picture
    assert "Set aside" not in picture


def test_running_totals_are_a_warning(run: RunCommand) -> None:
    text = b"tick 1\n\nturnstile|x\nkernel`a\n5 1\n\ntick 2\n\nturnstile|x\nkernel`a\n9 2\n"
    result = run("fold", "-k", "all", "-", stdin=text)
    assert result.stdout == "kernel`a;x 14\n"
    assert "warning: stdin: 2 x running totals: all snapshots were added up" in result.stderr
