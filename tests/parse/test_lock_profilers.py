"""Tables that other tools of FreeBSD print: LOCK_PROFILING's sysctl and lockstat(1)."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from conftest import FIXTURES, RECORDINGS, assert_golden
from helpers.command_line import RunCommand
from helpers.readings import parsed_from

from pvprof.errors import InputError
from pvprof.model.problems import Problem
from pvprof.parse.result import ParseResult

GOLDEN = FIXTURES / "golden"
LOCKSTAT = RECORDINGS / "lockstat-1.out"
PROFILING = RECORDINGS / "lock-profiling.sysctl.out"


def problems_of(parsed: ParseResult, kind: str) -> list[Problem]:
    return [one for one in parsed.problems if one.kind == kind]


# ---- every row accounted for --------------------------------------------------------------------


def test_each_row_of_lock_profiling_is_a_weight_or_never_waited() -> None:
    text = PROFILING.read_text()
    rows = text.splitlines()[2:-1]  # behind the two headings; an empty line is the last
    parsed = parsed_from(text)
    (profile,) = parsed.profiles.values()
    weights = sum(weight.records for _, _, weight in profile)
    (idle,) = problems_of(parsed, "never-waited")
    assert weights + idle.count == len(rows) == 677
    assert {one.kind for one in parsed.problems} == {"never-waited"}


def test_hold_times_are_in_a_table_and_in_no_total(run: RunCommand) -> None:
    rows = [line.split() for line in PROFILING.read_text().splitlines()[2:-1]]
    held_us, count = sum(int(row[2]) for row in rows), sum(int(row[4]) for row in rows)
    document = json.loads(run("report", PROFILING, "--format", "json").stdout)
    holds = document["holds"]
    assert sum(row["hold_ns"] for row in holds) == 1000 * held_us
    assert sum(row["acquisitions"] for row in holds) == count == 1_513_435
    assert document["sections"][0]["kept"]["value"] == 28_050_785_000
    (pv_list,) = (row for row in holds if row["name"] == "pmap pv list")
    own = [row for row in rows if " ".join(row[9:]).endswith("(rw:pmap pv list)")]
    assert pv_list["max_hold_ns"] == 1000 * max(int(row[0]) for row in own)
    assert pv_list["waits"] == sum(int(row[8]) for row in own) == 6440
    assert pv_list["acquisitions"] == sum(int(row[4]) for row in own)


def test_the_table_of_hold_times_has_the_contention_rate(run: RunCommand) -> None:
    for command in ("report", "locks"):
        text = run(command, PROFILING, "-q").stdout.partition("Hold times of locks")[2]
        heading = text.splitlines()[1].split()
        assert heading[:4] == ["Lock", "Class", "Hold", "Acquired"]
        assert "Contended" in heading
        pv_list = next(line for line in text.splitlines() if line.startswith("pmap pv list"))
        assert "6,440" in pv_list
        assert "%" in pv_list


def test_hold_times_of_lockstat_are_read(run: RunCommand) -> None:
    document = json.loads(run("report", LOCKSTAT, "--format", "json").stdout)
    (pmap,) = (row for row in document["holds"] if row["name"] == "pmap")
    assert pmap["caller"] == "pmap_enter"
    assert pmap["acquisitions"] >= 12123
    assert pmap["hold_ns"] >= 12123 * 241787
    text = run("report", LOCKSTAT).stdout
    assert "hold: no waiting" not in text


def test_a_page_keeps_hold_times(run: RunCommand, tmp_path: Path) -> None:
    page = tmp_path / "x.html"
    assert run("report", PROFILING, "-o", page).exit_code == 0
    assert "Hold times of locks" in page.read_text()
    first, second = (
        json.loads(run("report", path, "--format", "json").stdout) for path in (PROFILING, page)
    )
    assert first["holds"] == second["holds"] != []


def test_filters_apply_to_hold_times(run: RunCommand) -> None:
    text = run("report", PROFILING, "--name", "^vm object$", "--format", "json").stdout
    assert {row["name"].lower() for row in json.loads(text)["holds"]} == {"vm object"}


def test_each_row_of_lockstat_is_a_weight_or_time_held() -> None:
    text = LOCKSTAT.read_text()
    rows = re.findall(r"(?m)^ *\d+ +\d+% ", text)
    parsed = parsed_from(text)
    (profile,) = parsed.profiles.values()
    weights = sum(weight.records for _, _, weight in profile)
    assert weights + len(parsed.holds) == len(rows) == 108


def test_events_without_a_row_are_a_loss_for_each_section() -> None:
    text = LOCKSTAT.read_text()
    parsed = parsed_from(text)
    missing = {one.line: one.count for one in problems_of(parsed, "rows-not-printed")}
    wanted: dict[int, int] = {}
    for part in re.split(r"(?m)^(?=\S.* events in )", text)[1:]:
        title = part.split("\n", 1)[0]
        if " hold" in title:
            continue
        events = int(title.split(": ")[1].split()[0])
        seen = sum(map(int, re.findall(r"(?m)^ *(\d+) +\d+% ", part)))
        if events != seen:
            wanted[text[: text.index(part)].count("\n") + 1] = events - seen
    assert missing == wanted
    assert sum(missing.values()) == 39


def test_each_mean_lies_within_the_histogram_printed_below_it() -> None:
    parsed = parsed_from(LOCKSTAT.read_text())
    least: Counter[object] = Counter()
    most: Counter[object] = Counter()
    for one in parsed.histograms:
        uppers = [lower for lower, _ in one.buckets[1:]]
        for (lower, count), upper in zip(one.buckets, uppers, strict=False):
            least[one.key] += lower * count
            most[one.key] += upper * count
    (profile,) = parsed.profiles.values()
    assert least, "the recording has histograms"
    for key, stacks in profile.groups.items():
        value = sum(weight.value for weight in stacks.values())
        assert least[key] <= value + sum(weight.count for weight in stacks.values())
        assert value < most[key]


def test_histograms_hold_as_many_waits_as_their_rows() -> None:
    parsed = parsed_from(LOCKSTAT.read_text())
    (profile,) = parsed.profiles.values()
    counts = Counter({k: sum(w.count for w in s.values()) for k, s in profile.groups.items()})
    assert (
        Counter({one.key: 0 for one in parsed.histograms})
        + sum((Counter({one.key: one.count}) for one in parsed.histograms), Counter())
        == counts
    )


# ---- in the tables ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "lock", "lock_class"),
    [
        (LOCKSTAT.name, "pmap pv list", "pv list (rwlock)"),
        (LOCKSTAT.name, "vm object", "vm object"),
        (LOCKSTAT.name, "sched lock 4", "scheduler/turnstile/sleepq chains"),
        (PROFILING.name, "pmap pv list", "pv list (rwlock)"),
        (PROFILING.name, "pmap pv chunk list", "pv chunk"),
        (PROFILING.name, "proctree", "proc tree"),
    ],
)
def test_a_lock_has_the_same_class_as_in_a_recording_by_pvprof(
    run: RunCommand, name: str, lock: str, lock_class: str
) -> None:
    result = run("locks", RECORDINGS / name, "--format", "csv", "-q")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert {row["class"] for row in rows if row["name"] == lock} == {lock_class}


def test_callers_are_file_and_line_below_the_kernels_sources(run: RunCommand) -> None:
    folded = run("fold", "-k", "all", PROFILING, "--name", "^pmap pv list$", "-q").stdout
    frames = [line.split(";")[0] for line in folded.splitlines()]
    assert "amd64/amd64/pmap.c:7117" in frames
    assert all(re.fullmatch(r"[a-z0-9_/]+\.c:\d+", frame) for frame in frames)


def test_a_stack_of_lockstat_is_drawn_from_its_root(run: RunCommand) -> None:
    (line,) = run("fold", "-k", "all", LOCKSTAT, "--name", "^vm pgcache$", "-q").stdout.splitlines()
    *stack, caller, name, event = line.split(";")
    assert (caller, name, event) == ("cache_alloc", "vm pgcache", "adaptive-spin 27691479")
    assert (stack[0], stack[-1]) == ("trap", "vm_page_alloc_domain_after")


def test_spinning_and_blocking_of_a_lock_are_one_row(run: RunCommand) -> None:
    result = run("locks", LOCKSTAT, "--spin", "--format", "markdown", "-q")
    assert_golden(result.stdout, GOLDEN / "locks-lockstat-1.md")


def test_times_that_lock_profiling_adds_up_are_not_split(run: RunCommand) -> None:
    result = run("locks", PROFILING, "--spin", "--format", "markdown", "-q")
    assert_golden(result.stdout, GOLDEN / "locks-lock-profiling.md")


@pytest.mark.slow
@pytest.mark.parametrize("name", [LOCKSTAT.name, PROFILING.name])
@pytest.mark.parametrize("suffix", ["md", "json", "csv", "html", "svg", "folded"])
def test_every_output_format_has_the_locks(
    run: RunCommand, name: str, suffix: str, tmp_path: Path
) -> None:
    place = tmp_path / f"out.{suffix}"
    result = run("report", RECORDINGS / name, "-o", place)
    assert result.exit_code == 0, result.stderr
    assert "pmap pv list" in place.read_text() or suffix == "folded"


# ---- what other options of lockstat(1) print ----------------------------------------------------

TITLE = "\nR/W writer spin on writer: 5 events in 4.519 seconds (1 events/sec)\n\n"
RULE = "-" * 79 + "\n"


def section(heading: str, *rows: str, title: str = TITLE) -> str:
    return title + heading + "\n" + RULE + "".join(f"{row}\n" for row in rows) + RULE


PLAIN = "Count indv cuml rcnt     nsec Lock                   Caller"
GOOD_ROW = "    5 100% 100% 0.00     1001 pmap pv list   pmap_enter+0xce4"
GOOD_SECTION = section(PLAIN, GOOD_ROW)


def test_a_row_without_histogram_weighs_its_mean_by_its_count() -> None:
    parsed = parsed_from(
        section(PLAIN, "    5 100% 100% 0.00     1001 pmap pv list   pmap_enter+0xce4")
    )
    ((key, stack, weight),) = next(iter(parsed.profiles.values()))
    assert (key.mechanism, key.name, key.lock_class) == ("rw-spin", "pmap pv list", "rw")
    assert (stack, weight.value, weight.count) == ("pmap_enter", 5005, 5)
    assert parsed.problems == []


def test_a_table_without_times_is_of_events() -> None:
    text = section(
        "Count indv cuml rcnt Lock                   Caller",
        "    5 100% 100% 0.00 4 sched lock 4        sched_add+0x1",
    )
    ((key, _, weight),) = parsed_from(text).profiles["events", False]
    assert (key.name, weight.value) == ("4 sched lock 4", 5)


def test_sums_that_count_an_event_for_each_caller_are_refused() -> None:
    heading = "Count genr cuml rcnt     nsec Lock                   Caller"
    parsed = parsed_from(GOOD_SECTION + section(heading, "    5 100% ---- 0.00     1001 a   b+0x1"))
    assert [one.total for one in parsed.profiles.values()] == [5005]
    (problem,) = problems_of(parsed, "bad-section")
    assert (problem.severity, problem.count) == ("loss", 1)
    assert "-g" in problem.text


def test_rates_are_refused() -> None:
    heading = "ops/s indv cuml rcnt     nsec Lock                   Caller"
    parsed = parsed_from(GOOD_SECTION + section(heading, "    5 100% 100% 0.00     1001 a   b+0x1"))
    assert [one.total for one in parsed.profiles.values()] == [5005]
    assert "-R" in problems_of(parsed, "bad-section")[0].text


def test_a_section_of_an_unknown_kind_is_no_wait() -> None:
    odd = TITLE.replace("R/W", "Odd")
    parsed = parsed_from(GOOD_SECTION + section(PLAIN, GOOD_ROW, title=odd))
    assert [one.total for one in parsed.profiles.values()] == [5005]
    assert [(one.kind, one.count) for one in parsed.problems] == [("held", 1)]


def test_more_events_in_rows_than_in_the_title_are_a_warning() -> None:
    parsed = parsed_from(section(PLAIN, "    9 100% 100% 0.00     1001 a   b+0x1"))
    (problem,) = parsed.problems
    assert (problem.kind, problem.count, problem.severity) == ("bad-section", 4, "warning")


def test_output_of_the_workload_is_counted_and_skipped(run: RunCommand) -> None:
    text = "make: entering\nall done 5\n" + section(
        PLAIN, "    5 100% 100% 0.00     1001 a   b+0x1"
    )
    result = run("report", "-", "--format", "json", stdin=text.encode())
    document = json.loads(result.stdout)
    assert [(one["kind"], one["count"]) for one in document["problems"]] == [("foreign", 2)]


# ---- rows that are none -------------------------------------------------------------------------

HEAD = """debug.lock.prof.stats:
 max wait_max total wait_total count avg wait_avg cnt_hold cnt_lock name
"""
GOOD = " 1 1 1 7 1 1 1 0 1 /usr/src/sys/vm/a.c:12 (rw:first)"


@pytest.mark.parametrize(
    "bad",
    [
        GOOD.replace(" 7 ", f" {'9' * 30} "),
        GOOD.replace(" 7 ", " -7 "),
        GOOD.replace(" 7 ", " 7.5 "),
        GOOD.replace("(rw:first)", ""),
        GOOD.replace("(rw:first)", "(rw:fi"),
        GOOD.replace("a.c:12", "a.c"),
        GOOD.replace(" 0 1 ", " 1 "),
        "x",
    ],
)
def test_a_malformed_row_is_one_loss_with_its_line(bad: str) -> None:
    parsed = parsed_from(f"{HEAD}{GOOD}\n{bad}\n")
    (profile,) = parsed.profiles.values()
    assert profile.total == 7000
    (problem,) = [one for one in parsed.problems if one.severity == "loss"]
    assert (problem.kind, problem.line) == ("bad-line", 4)


def test_a_lock_name_may_hold_colons_brackets_and_blanks() -> None:
    parsed = parsed_from(HEAD + GOOD.replace("first", "a (b:c) d: 5") + "\n")
    ((key, _, _),) = next(iter(parsed.profiles.values()))
    assert (key.name, key.lock_class) == ("a (b:c) d: 5", "rw")


# ---- parts of tables: after sort | head, tail, grep ---------------------------------------------


def rows_of_profiling() -> list[str]:
    return PROFILING.read_text().splitlines(keepends=True)[2:-1]


@pytest.mark.parametrize("command", ["sort -rn -k4 | head", "tail -n 40", "grep 'pv list'"])
def test_rows_of_lock_profiling_need_no_heading(command: str) -> None:
    rows = rows_of_profiling()
    kept = {
        "sort -rn -k4 | head": sorted(rows, key=lambda row: -int(row.split()[3]))[:10],
        "tail -n 40": rows[-40:],
        "grep 'pv list'": [row for row in rows if "pv list" in row],
    }[command]
    parsed = parsed_from("".join(kept))
    assert parsed.layout == "lock-profiling"
    (profile,) = parsed.profiles.values()
    assert profile.total == 1000 * sum(int(row.split()[3]) for row in kept)
    (missing,) = problems_of(parsed, "no-heading")
    assert missing.severity == "warning"


def test_the_heading_may_be_on_any_line_after_a_sort() -> None:
    lines = [*rows_of_profiling()[:20], *PROFILING.read_text().splitlines(keepends=True)[:2]]
    assert problems_of(parsed_from("".join(lines)), "no-heading") == []


LOCKSTAT_ROWS = """\
   24  25%  25% 0.00  9305715 vm active pagequeue    vm_page_pqbatch_submit+0xe6
   21  22%  47% 0.00   683151 pmap pv list           pmap_enter+0xce4
"""
LOCKSTAT_HEADING = "Count indv cuml rcnt     nsec Lock                   Caller\n"
LOCKSTAT_TITLE = "R/W writer spin on writer: 45 events in 4.519 seconds (10 events/sec)\n"


@pytest.mark.parametrize("text", [LOCKSTAT_ROWS, LOCKSTAT_HEADING + LOCKSTAT_ROWS,
                                  "make: done\n" + LOCKSTAT_ROWS])  # fmt: skip
def test_rows_of_lockstat_without_their_title_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"rows of lockstat\(1\) without the title") as error:
        parsed_from(text)
    assert "give the whole report" in error.value.hint


def test_rows_of_lockstat_need_no_heading_below_their_title() -> None:
    parsed = parsed_from(LOCKSTAT_TITLE + LOCKSTAT_ROWS + "-" * 79 + "\n")
    (profile,) = parsed.profiles.values()
    assert profile.total == 24 * 9305715 + 21 * 683151
    assert parsed.problems == []


def test_rows_of_lockstat_above_the_first_title_are_a_loss() -> None:
    text = LOCKSTAT_ROWS + "\n" + LOCKSTAT_TITLE + LOCKSTAT_HEADING + LOCKSTAT_ROWS + "-" * 79
    parsed = parsed_from(text + "\n")
    (profile,) = parsed.profiles.values()
    assert profile.total == 24 * 9305715 + 21 * 683151
    (lost,) = problems_of(parsed, "bad-section")
    assert (lost.severity, lost.line, lost.count) == ("loss", 1, 2)


def test_sorted_reports_of_lockstat_are_not_read_as_if_they_were_whole() -> None:
    lines = LOCKSTAT.read_text().splitlines(keepends=True)
    for some in (sorted(lines), sorted(lines, reverse=True)):
        try:
            parsed = parsed_from("".join(some))
        except InputError:
            continue
        assert {"rows-not-printed", "bad-section"} & {one.kind for one in parsed.problems}
