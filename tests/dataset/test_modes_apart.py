"""Several modes measure the same waits: each has its own table, and nothing adds them up."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from conftest import FIXTURES, RECORDINGS
from helpers.command_line import RunCommand, folded_total

import pvprof
from pvprof.classify.filters import ALL_KINDS, Filters

LINUX = FIXTURES / "linux" / "bpftrace"
FREEBSD = FIXTURES / "freebsd-15.1"
THREE_TOOLS = FIXTURES / "freebsd-13.2-three-tools"
SETS = {
    "linux": [LINUX / f"{mode}.pvprof.tar.gz" for mode in ("events", "locks", "offcpu", "wakeup")],
    "freebsd": [FREEBSD / f"stock-{mode}.pvprof" for mode in ("locks", "offcpu", "runq", "events")],
}
FORMATS = ("terminal", "markdown", "remarkup", "plain", "html")


def sections_of(run: RunCommand, *recordings: Path) -> list[dict[str, object]]:
    text = run("report", "-k", "all", *recordings, "--format", "json", "-q").stdout
    sections: list[dict[str, object]] = json.loads(text)["sections"]
    return sections


@pytest.mark.parametrize("name", SETS)
def test_a_report_has_a_section_for_each_mode_as_if_it_were_alone(
    run: RunCommand, name: str
) -> None:
    alone = {section["mode"]: section for one in SETS[name] for section in sections_of(run, one)}
    together = sections_of(run, *SETS[name])
    assert {section["mode"]: section for section in together} == alone
    assert len(together) == len(SETS[name])
    assert together == sections_of(run, *reversed(SETS[name])), "the order of files is irrelevant"


@pytest.mark.parametrize("name", SETS)
def test_runs_of_one_mode_still_add_up(run: RunCommand, name: str, tmp_path: Path) -> None:
    second = [tmp_path / path.name for path in SETS[name]]
    for path, copy in zip(SETS[name], second, strict=True):
        (shutil.copytree if path.is_dir() else shutil.copy)(path, copy)
    once, twice = sections_of(run, *SETS[name]), sections_of(run, *SETS[name], *second)
    for one, two in zip(once, twice, strict=True):
        assert (one["mode"], one["recordings"], two["recordings"]) == (two["mode"], 1, 2)
        assert two["total"] == {key: 2 * value for key, value in one["total"].items()}  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_every_text_names_the_modes_and_says_that_they_do_not_add_up(
    run: RunCommand, tmp_path: Path, form: str
) -> None:
    place = tmp_path / "report"
    done = run("report", *SETS["linux"], *SETS["linux"][:1], "--format", form, "-o", place, "-q")
    assert done.exit_code == 0
    text = re.sub(r"[\s`]+", " ", place.read_text())
    titles = ["offcpu", "events, 2 recordings", "locks", "wakeup"]
    positions = [text.index(f"Off-CPU and lock time ({title}): ") for title in titles]
    assert positions == sorted(positions)
    warning = "Partly the same waits as those of offcpu above, measured in another way"
    assert text.count(warning) == len(titles) - 1


def test_a_report_of_one_mode_does_not_name_it(run: RunCommand) -> None:
    text = run("report", LINUX / "offcpu.pvprof.tar.gz").stdout
    assert "Off-CPU and lock time: " in text
    assert "Partly the same waits" not in text


def test_programs_get_the_mode_of_each_row(run: RunCommand) -> None:
    lines = run("locks", "-k", "all", *SETS["linux"], "--format", "csv").stdout.splitlines()
    assert {line.rpartition(",")[2] for line in lines[1:]} == {
        "offcpu",
        "events",
        "locks",
        "wakeup",
    }
    data = pvprof.open_recordings(*SETS["linux"], filters=Filters((ALL_KINDS,)))
    table = pvprof.lock_table(data)
    of_mode = {
        str(mode): int(value) for mode, value in table.groupby("mode")["value"].sum().items()
    }
    for mode, value in of_mode.items():
        assert int(pvprof.stack_table(data, mode)["value"].sum()) == value
        assert set(pvprof.stack_table(data, mode)["mode"]) == {mode}
        assert sum(pvprof.folded_stacks(data, mode).values()) == value
    assert sum(pvprof.folded_stacks(data).values()) == of_mode["offcpu"], "the first one"
    singly = int(pvprof.wait_table(data)["wait_ns"].sum())
    assert singly == of_mode["events"], "only this mode has single waits"


@pytest.mark.parametrize("command", ["fold", "flamegraph"])
def test_stacks_are_of_one_mode_and_name_the_others(run: RunCommand, command: str) -> None:
    for mode in ("offcpu", "locks", "wakeup", "events"):
        chosen = run(command, "-k", "all", *SETS["linux"], "--measure", mode)
        (path,) = [path for path in SETS["linux"] if path.name.startswith(mode)]
        alone = folded_total(run("fold", "-k", "all", path).stdout)
        if command == "fold":
            assert folded_total(chosen.stdout) == alone
        else:
            assert f"({alone:,} ns)" in chosen.stdout
            assert f"Off-CPU and lock time ({mode}): " in chosen.stdout
        left_out = re.findall(r"left out: (\w+): .*--measure (\w+) takes them", chosen.stderr)
        assert {pair[0] for pair in left_out} == {"offcpu", "locks", "wakeup", "events"} - {mode}
        assert all(one == other for one, other in left_out)
    unknown = run(command, *SETS["linux"], "--measure", "oncpu")
    assert unknown.exit_code == 2
    assert "nothing measured by oncpu" in unknown.stderr
    assert "measured here: offcpu, events, locks, wakeup" in unknown.stderr


def test_joined_stacks_are_of_the_mode_that_has_wakers(run: RunCommand) -> None:
    events = LINUX / "events.pvprof.tar.gz"
    both = run("fold", LINUX / "offcpu.pvprof.tar.gz", events, "--chain", "wakers", "-q")
    assert both.exit_code == 0
    assert both.stdout == run("fold", events, "--chain", "wakers", "-q").stdout


def test_pages_and_files_for_viewers_give_each_mode_back(run: RunCommand, tmp_path: Path) -> None:
    page, viewer = tmp_path / "page.html", tmp_path / "x.speedscope.json"
    assert run("report", "-k", "all", *SETS["linux"], "-o", page, "-o", viewer).exit_code == 0

    def totals(*recordings: Path) -> dict[object, object]:
        sections = sections_of(run, *recordings)
        return {section["mode"]: section["total"]["value"] for section in sections}  # type: ignore[index]

    assert totals(page) == totals(viewer) == totals(*SETS["linux"])
    assert len(totals(page)) == 4
    again = tmp_path / "again.html"
    assert run("report", "-k", "all", page, "-o", again).exit_code == 0
    assert sections_of(run, again) == sections_of(run, page)


def test_a_page_of_two_modes_is_compared_mode_by_mode(run: RunCommand, tmp_path: Path) -> None:
    both = [LINUX / "offcpu.pvprof.tar.gz", LINUX / "locks.pvprof.tar.gz"]
    page = tmp_path / "page.html"
    assert run("report", *both, "-o", page).exit_code == 0
    compared = json.loads(run("compare", page, "--vs", *both, "--format", "json").stdout)
    assert [section["mode"] for section in compared["sections"]] == ["locks", "offcpu"]


def test_a_page_shows_the_stacks_of_a_row_in_the_graphs_of_its_mode(
    run: RunCommand, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    assert run("report", *SETS["linux"], "-o", page).exit_code == 0
    text = page.read_text().partition('<script type="application/gzip"')[0]
    graphs = set(re.findall(r'<section class="graph" [^>]*data-measure="(\w+)"', text))
    rows = set(re.findall(r'<tr data-measure="(\w+)"', text))
    assert graphs == rows == {"offcpu", "events", "locks", "wakeup"}
    assert "5 recordings, those of one mode added up" not in text
    assert "4 recordings, those of one mode added up" in text


def test_tools_that_profile_the_same_run_have_a_table_each(run: RunCommand) -> None:
    recordings = [THREE_TOOLS / name for name in ("locks.out.gz", "lockstat.txt.gz")]
    recordings.append(THREE_TOOLS / "lock-profiling.txt.gz")
    report = json.loads(run("report", *recordings, "--format", "json").stdout)
    assert [section["mode"] for section in report["sections"]] == [
        "locks",
        "lock-profiling",
        "lockstat",
    ]
    alone = json.loads(run("report", recordings[2], "--format", "json").stdout)
    of_profiling = [row for row in report["holds"] if row["mode"] == "lock-profiling"]
    assert of_profiling == alone["holds"], "waits of the other tools are none of these locks' waits"


def test_programs_of_users_belong_to_the_mode_that_measures_the_same(run: RunCommand) -> None:
    (section,) = sections_of(
        run,
        RECORDINGS / "stock-offcpu.out",
        FIXTURES / "freebsd-13.2-grammar-2/stock-offcpu.pvprof",
    )
    assert (section["mode"], section["recordings"]) == ("offcpu", 2)
    apart = sections_of(run, RECORDINGS / "stock-offcpu.out", RECORDINGS / "lockstat-provider.out")
    assert [section["mode"] for section in apart] == ["offcpu", "locks"]


def test_tables_without_the_column_stay_as_they_are_when_others_are_sorted(run: RunCommand) -> None:
    plain, by_p99 = (
        run("report", "-k", "all", *SETS["linux"], *words, "-q").stdout
        for words in ((), ("--sort", "p99"))
    )
    single = (LINUX / "events.pvprof.tar.gz", "--sort", "p99")
    alone = run("report", "-k", "all", *single, "-q").stdout
    order = re.compile(r"^Timers.*?\n\n", re.M | re.S)
    sums, events = order.findall(by_p99)[:2]
    assert sums == order.findall(plain)[0], "offcpu has no quantiles"
    assert events == order.findall(alone)[0]
    refused = run("report", *SETS["linux"], "--sort", "beauty")
    assert (refused.exit_code, "no such column" in refused.stderr) == (2, True)
