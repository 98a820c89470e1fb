"""``pvprof stats``: tables, options and errors."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import FIXTURES, assert_golden
from helpers.command_line import RunCommand
from hypothesis import given
from hypothesis import strategies as st

from pvprof.stats.series import Metric, Series
from pvprof.views.tables.plot import draw, shorten

THREAD = FIXTURES / "times"
BOX = THREAD / "box-32-threads.txt"
SKYLAKE = THREAD / "skylake-104-threads.txt"
GOLDEN = FIXTURES / "golden"


@pytest.fixture
def sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write three files of plain numbers and change to their directory."""
    monkeypatch.chdir(tmp_path)
    Path("iguana").write_text("50\n200\n150\n400\n750\n400\n150\n")
    Path("chameleon").write_text("150\n400\n720\n500\n930\n")
    Path("one").write_text("5\n")
    return tmp_path


@pytest.mark.parametrize("columns", [80, 200])
def test_tables_of_three_sets_are_as_reviewed(
    run: RunCommand, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    result = run("stats", SKYLAKE, "--ratio")
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= columns
    assert_golden(result.stdout, GOLDEN / f"stats-thread-{columns}.txt")


@pytest.mark.parametrize(("name", "suffix"), [("markdown", "md"), ("csv", "csv"), ("json", "json")])
def test_tables_in_other_formats_are_as_reviewed(
    run: RunCommand, tmp_path: Path, name: str, suffix: str
) -> None:
    path = tmp_path / f"x.{suffix}"
    result = run("stats", BOX, "--holm", "-o", path)
    assert result.exit_code == 0
    assert f"wrote {path}" in result.stderr
    assert path.read_text() == run("stats", BOX, "--holm", "--format", name).stdout
    if name == "markdown":  # other formats have all digits, and a newer scipy may change the last
        assert_golden(path.read_text(), GOLDEN / f"stats-thread.{suffix}")


def test_json_and_csv_have_the_same_numbers_in_full_precision(run: RunCommand) -> None:
    document = json.loads(run("stats", SKYLAKE, "--format", "json").stdout)
    rows = list(csv.DictReader(io.StringIO(run("stats", SKYLAKE, "--format", "csv").stdout)))
    assert len(rows) == 9
    found = {
        (one["name"], side["name"]): side for one in document["metrics"] for side in one["sets"]
    }
    for row in rows:
        side = found[row["metric"], row["set"]]
        assert float(row["mean"]) == side["mean"]
        if side["comparison"] is None:
            assert row["verdict"] == ""
            continue
        assert row["verdict"] == side["comparison"]["verdict"]
        assert float(row["percent_low"]) == side["comparison"]["percent_low"]
    assert found["sys", "head"]["warmups"] == [2210.51]


def test_the_numbers_are_those_in_the_manual_of_ministat(run: RunCommand, sets: Path) -> None:
    result = run("stats", "iguana", "chameleon", "-c", "80", "-A")
    assert "240 ± 212.215" in result.stdout
    assert "80% ± 70.7384%" in result.stdout
    assert "264.159" in result.stdout
    assert "238.04761" in result.stdout
    assert "No difference proven at 95.0% confidence" in run("stats", "iguana", "chameleon").stdout


def test_alpha_is_one_minus_confidence(run: RunCommand, sets: Path) -> None:
    files = ("iguana", "chameleon", "--format", "json")
    assert run("stats", *files, "--alpha", "0.2").stdout == run("stats", *files, "-c", "80").stdout
    both = run("stats", *files, "--alpha", "0.2", "-c", "80")
    assert both.exit_code == 2
    assert "give one of them" in both.stderr


def test_base_chooses_the_base(run: RunCommand) -> None:
    result = run("stats", SKYLAKE, "--base", "head + objc", "--metric", "sys", "-A")
    assert "Against head + objc, at 95% confidence" in result.stdout
    assert "-90.638 ± " in result.stdout
    wrong = run("stats", SKYLAKE, "--base", "tail")
    assert (wrong.exit_code, "no set of that name" in wrong.stderr) == (2, True)
    assert "sets: head, head + objc" in wrong.stderr


def test_a_metric_that_was_not_measured_is_refused(run: RunCommand) -> None:
    result = run("stats", BOX, "--metric", "swaps")
    assert result.exit_code == 2
    assert "measured here: real, user, sys" in result.stderr


def test_counters_of_time_l_are_shown_on_request(run: RunCommand) -> None:
    path = FIXTURES / "freebsd-13.2" / "build-events.time"
    assert "also measured: maximum resident set size" in run("stats", path).stdout
    shown = run("stats", path, "--metric", "involuntary context switches")
    assert "674009" in shown.stdout
    assert "real" not in shown.stdout


def test_one_run_per_side_has_no_verdict(run: RunCommand, tmp_path: Path) -> None:
    for name, values in (("a", "237.53 real 6782.41 user 567.74 sys"),
                         ("b", "227.86 real 6730.43 user 307.43 sys")):  # fmt: skip
        (tmp_path / name).write_text(f"{values}\n")
    result = run("stats", tmp_path / "a", tmp_path / "b")
    assert result.exit_code == 0
    assert "real -4.1%, user -0.77%, sys -45.9%: no verdict." in result.stdout
    assert result.stdout.count("no verdict") == 1 + 2 * 3  # the first table, and those below
    assert "1 run a side: a verdict needs 3 a side" in result.stdout
    assert "less" not in result.stdout


def test_the_better_direction_of_plain_numbers_can_be_given(run: RunCommand, sets: Path) -> None:
    files = ("iguana", "chameleon", "-c", "80", "-A")
    assert "% more (worse)" in run("stats", *files, "--better", "lower").stdout
    assert "% more (better)" in run("stats", *files, "--better", "higher").stdout


def test_the_number_of_runs_needed_is_stated(run: RunCommand) -> None:
    result = run("stats", BOX, "--metric", "real", "--detect", "0.2", "-A")
    expected = "3 runs a side detect a change of 0.75% (with 80% power); for 0.2% use 25 runs"
    assert expected in result.stdout


def test_stdin_is_a_set(run: RunCommand, sets: Path) -> None:
    result = run("stats", "-", "iguana", "-A", stdin=b"1 5\n2 6\n3 7\n")
    assert "Against stdin" in result.stdout


def test_warnings_of_machine_formats_are_on_stderr(run: RunCommand) -> None:
    result = run("stats", SKYLAKE, "--format", "csv")
    assert "pvprof: warning: head + objc: sys: later runs are higher" in result.stderr
    assert "1 warm-up set aside: 335.91 real" in result.stderr
    quiet = run("stats", SKYLAKE, "--format", "csv", "-q").stderr
    assert "later runs" in quiet
    assert "warm-up set aside" not in quiet


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none"], 1, "none: No such file"),
        (["words"], 1, "neither times nor a column of numbers"),
        (["empty"], 1, "no numbers in it"),
        (["iguana", "iguana"], 2, "iguana: given twice"),
        (["iguana", "times"], 1, "nothing was measured in common: iguana: column 1; times: real"),
        (["iguana", "-C", "2"], 1, "no column 2"),
        (["iguana", "-d", ""], 2, "no delimiters"),
        (["iguana", "-c", "100"], 2, "a confidence of 100% cannot be"),
        (["iguana", "-c", "0.99"], 2, "--confidence 0.99: is a percentage; did you mean 99?"),
        (["iguana", "--alpha", "nan"], 2, "a confidence of nan% cannot be"),
        (["iguana", "--detect", "-1"], 2, "a difference of -1% cannot be shown"),
        (["iguana", "-o", "x.svg"], 2, "no format has that suffix"),
        (["iguana", "-o", "iguana.txt"], 1, "already exists"),
        ([], 2, "Missing argument"),
    ],
)
def test_bad_input_is_one_clear_error(
    run: RunCommand, sets: Path, arguments: list[str], code: int, message: str
) -> None:
    Path("words").write_text("no numbers here\n")
    Path("empty").write_text("")
    Path("times").write_text("1 real 2 user 3 sys\n")
    Path("iguana.txt").write_text("")
    result = run("stats", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_metric_missing_in_one_set_is_a_warning(
    run: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a").write_text("1.0 real 2 user 3 sys\n1.1 real 2 user 3 sys\n1.2 real 2 user 3 sys\n")
    Path("b").write_text("real 1.0\nreal 1.1\nreal 1.3\n")
    result = run("stats", "a", "b", "-A")
    assert result.exit_code == 0
    assert "user: not measured in b" in result.stdout
    assert result.stdout.count("Against a") == 1


def test_copies_of_a_file_are_a_warning(run: RunCommand, sets: Path) -> None:
    Path("copy").write_text(Path("iguana").read_text())
    result = run("stats", "iguana", "copy", "-A")
    assert "the same numbers as iguana, in the same order" in result.stdout
    assert "No difference proven" in result.stdout


def test_zero_variance_has_a_reason_and_no_plot(run: RunCommand, sets: Path) -> None:
    Path("five").write_text("5\n5\n5\n")
    Path("six").write_text("6\n6\n6\n")
    apart = run("stats", "five", "six").stdout
    assert "no verdict" in apart
    assert "no side varies" in apart
    alone = run("stats", "five")
    assert alone.exit_code == 0
    assert "├" not in alone.stdout


def test_long_names_and_numbers_do_not_break_the_tables(
    run: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    path = tmp_path / ("\x1b[31m" + "long" * 30)
    path.write_text("1e-7\n123456.789012345\n3e9\n")
    other = tmp_path / "b"
    other.write_text("1e-7\n123456.789012345\n3e8\n")
    result = run("stats", path, other)
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout


@pytest.mark.slow
def test_the_same_input_gives_the_same_bytes_in_another_process() -> None:
    command = [sys.executable, "-m", "pvprof", "stats", str(SKYLAKE), "--ratio", "--format", "json"]
    first, second = (
        subprocess.run(command, capture_output=True, check=True).stdout for _ in range(2)
    )
    assert first == second


@pytest.mark.slow
def test_without_ranks_and_ratios_scipys_statistics_are_not_imported() -> None:
    code = (
        "import sys; sys.argv = ['pvprof', 'stats', sys.argv[1], '--format', 'csv']\n"
        "from pvprof.cli import cli\n"
        "try: cli()\n"
        "finally: print({'scipy.stats', 'pandas', 'rich'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(BOX)], capture_output=True, check=True, text=True
    )
    assert done.stderr.splitlines()[-1] == "set()"


# --- the plot ----------------------------------------------------------------------------------

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30)


@given(sides=st.lists(NUMBERS, min_size=1, max_size=4), width=st.integers(40, 200))
def test_a_plot_has_a_mark_for_every_run_and_fits(sides: list[list[float]], width: int) -> None:
    metric = Metric("column 1")
    series = [Series(metric, f"s{n}", tuple(side)) for n, side in enumerate(sides)]
    lines = draw(series, width)
    if not lines:
        assert len({value for side in sides for value in side}) == 1
        return
    assert len(lines) == 2 * len(sides) + 1
    assert max(map(len, lines)) <= width
    for number, side in enumerate(sides):
        marks = lines[2 * number].split(maxsplit=1)[1].replace(" ", "")
        assert "#" in marks or sum(1 if mark == "•" else int(mark) for mark in marks) == len(side)
        assert "A" in lines[2 * number + 1]


@given(text=st.text(max_size=40), most=st.integers(1, 30))
def test_shortened_names_keep_both_ends(text: str, most: int) -> None:
    short = shorten(text, most)
    assert len(short) == min(len(text), most)
    if len(text) <= most:
        assert short == text
