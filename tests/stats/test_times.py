"""Numbers of repeated runs, from whatever printed them."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import FIXTURES, RECORDINGS, require
from hypothesis import given
from hypothesis import strategies as st

from pvprof.errors import InputError, PvprofError, UsageError
from pvprof.model.problems import Problem
from pvprof.stats.runs.columns import ColumnOptions
from pvprof.stats.runs.lines import Times, Unclear
from pvprof.stats.runs.read import COLUMNS, TIMES, TimesOptions, read_run_sets
from pvprof.stats.runs.time_output import read_line, seconds
from pvprof.stats.study import RunSet

THREAD = FIXTURES / "times"


def read(tmp_path: Path, text: str, options: TimesOptions | None = None) -> list[RunSet]:
    place = tmp_path / "numbers"
    place.write_text(text)
    return read_run_sets([str(place)], options)


def values(one: RunSet) -> dict[str, tuple[float, ...]]:
    return {series.metric.name: series.values for series in one.series}


def kinds(one: RunSet) -> list[str]:
    return [problem.kind for problem in one.problems]


# --- lines -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "      237.53 real      6782.41 user       567.74 sys",
            {"real": 237.53, "user": 6782.41, "sys": 567.74},
        ),
        (  # time -h
            "\t3m57.53s real\t\t1h53m2.41s user\t\t9m27.74s sys",
            {"real": 237.53, "user": 6782.41, "sys": 567.74},
        ),
        (  # a German locale
            "        9,94 real         4,25 user        64,27 sys",
            {"real": 9.94, "user": 4.25, "sys": 64.27},
        ),
        (
            "8499.63s user 1150.89s system 3145% cpu 306s real",
            {"user": 8499.63, "sys": 1150.89, "cpu": 3145, "real": 306},
        ),
        (
            "make -j48 bzImage  8499.63s user 1150.89s system 3145% cpu 5:06.80 total",
            {"user": 8499.63, "sys": 1150.89, "cpu": 3145, "real": 306.8},
        ),
        (
            "8499.63s user 1150.89s system 99% cpu 2:40:50.52 total",
            {"user": 8499.63, "sys": 1150.89, "cpu": 99, "real": 9650.52},
        ),
        (
            "8499.630u 1150.890s 5:06.80 3145.0%\t0+0k 0+0io 0pf+0w",
            {"user": 8499.63, "sys": 1150.89, "real": 306.8, "cpu": 3145},
        ),
        (
            "0.06user 0.01system 1:02:03.50elapsed 58%CPU (0avgtext+0avgdata 980maxresident)k",
            {
                "user": 0.06,
                "sys": 0.01,
                "real": 3723.5,
                "cpu": 58,
                "maximum resident set size": 980,
            },
        ),
        ("real 237.53", {"real": 237.53}),
        ("real\t3m57.530s", {"real": 237.53}),
        ("user    0m6.78s", {"user": 6.78}),
        ("    674009  involuntary context switches", {"involuntary context switches": 674009}),
    ],
)
def test_a_line_of_each_program_is_read(line: str, expected: dict[str, float]) -> None:
    found = read_line(line)
    assert isinstance(found, Times)
    assert {metric.name: value for metric, value in found.values} == pytest.approx(expected)


@pytest.mark.parametrize(
    "line",
    [
        # As it was pasted into the thread, without the gap of the table.
        "head211686.83s user 24536.31s system 6359% cpu 3714s real",
        "head + objc +obmv2212009.92s user 23044.97s system 6342% cpu 3706s real",
        "r36352333.13 real 2558.10 user 324.39 sys",
        "1 real 2 user 3 sys 4 real",
    ],
)
def test_an_ambiguous_beginning_of_a_number_is_not_guessed(line: str) -> None:
    assert isinstance(read_line(line), Unclear)


@pytest.mark.parametrize(
    "line",
    [
        "a real problem of the user",
        "3 users, 2 systems",
        "cc -O2 -c kern_obm.c",
        "100% cpu",
        "real estate 5",
        "",
    ],
)
def test_other_lines_have_no_times(line: str) -> None:
    assert read_line(line) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12.3", 12.3),
        ("12,3s", 12.3),
        ("0m0.000s", 0),
        ("1h1m1.5s", 3661.5),
        ("1:02.50", 62.5),
        ("1:00:00", 3600),
        ("-1.5", -1.5),
    ],
)
def test_durations_are_in_seconds(text: str, value: float) -> None:
    assert seconds(text) == pytest.approx(value)


# --- texts -------------------------------------------------------------------------------------


def test_the_threads_table_is_three_sets_with_their_warm_ups_set_aside() -> None:
    sets = read_run_sets([str(THREAD / "skylake-104-threads.txt")])
    assert [one.name for one in sets] == ["head", "head + objc", "head + objc + obm"]
    for one in sets:
        assert [len(series.values) for series in one.series] == [10, 10, 10]
        assert [len(series.warmups) for series in one.series] == [1, 1, 1]
        (told,) = one.problems
        assert told.kind == "warm-up"
    assert (
        sets[0].problems[0].text == "1 warm-up set aside: 335.91 real, 19242.15 user, 2210.51 sys"
    )


def test_a_text_without_a_heading_is_one_set_named_after_the_file() -> None:
    path = str(THREAD / "skylake-obm-rerun.txt")
    (one,) = read_run_sets([path])
    assert one.name == path
    assert [len(series.values) for series in one.series] == [10, 10, 10]


def test_recorded_files_of_time_l_have_one_run_each() -> None:
    (one,) = read_run_sets([str(RECORDINGS / "build-events.time")])
    found = values(one)
    assert found["real"] == (298.44,)
    assert found["user"] == (1784.31,)
    assert found["sys"] == (487.59,)
    assert found["involuntary context switches"] == (674009,)
    assert len(found) == 17
    assert kinds(one) == []


def test_a_long_number_in_a_line_is_read_once() -> None:
    zeros = "0" * 3_700
    lines = [f"  1.25 re{zeros}al 0.{number:02} user" for number in range(60)]
    begin = time.process_time()
    for line in lines:
        assert read_line(line) is None
    assert time.process_time() - begin < 10  # it took 120 s


def test_consecutive_runs_of_time_l_are_separate_runs(tmp_path: Path) -> None:
    text = (RECORDINGS / "events.time").read_text() + (RECORDINGS / "stock-offcpu.time").read_text()
    (one,) = read(tmp_path, text)
    assert {len(series.values) for series in one.series} == {2}


def test_consecutive_runs_of_bash_are_separate_runs(tmp_path: Path) -> None:
    run = "\nreal\t0m1.5s\nuser\t0m1.0s\nsys\t0m0.25s\n"
    (one,) = read(tmp_path, 3 * run)
    assert values(one) == {"real": (1.5,) * 3, "user": (1.0,) * 3, "sys": (0.25,) * 3}


@pytest.mark.parametrize("options", [[], ["-p"]])
def test_the_output_of_the_installed_time_is_read(options: list[str], tmp_path: Path) -> None:
    require(shutil.which("time") is not None, "time")
    done = subprocess.run(["time", *options, "true"], capture_output=True, check=True, text=True)
    found = values(read(tmp_path, 3 * done.stderr)[0])
    assert [len(found[name]) for name in ("real", "user", "sys")] == [3, 3, 3]


def test_the_output_of_the_installed_bash_is_read(tmp_path: Path) -> None:
    done = subprocess.run(["bash", "-c", "time true"], capture_output=True, check=True, text=True)
    assert set(values(read(tmp_path, done.stderr)[0])) == {"real", "user", "sys"}


def test_other_output_is_counted_with_its_first_line(tmp_path: Path) -> None:
    text = "cc -c a.c\nIn function 'foo':\n  warning: x\n 1.0 real 2.0 user 3.0 sys\nlinking it\n"
    (one,) = read(tmp_path, text)
    assert values(one)["real"] == (1.0,)
    (problem,) = one.problems
    assert (problem.kind, problem.line, problem.count) == ("no-times", 1, 4)


def test_a_heading_has_a_colon_or_is_a_word_directly_above(tmp_path: Path) -> None:
    run = "1 real 2 user 3 sys\n"
    text = f"stock\n{run}{run}\npatched, twice:\n\n{run}warmup:\n{run}run:\n{run}"
    sets = read(tmp_path, text)
    assert [(one.name, len(one.series[0].values)) for one in sets] == [
        ("stock", 2),
        ("patched, twice", 2),
    ]
    assert sets[1].series[0].warmups == (1.0,)


def test_a_repeated_heading_gets_a_warning(tmp_path: Path) -> None:
    run = "1 real 2 user 3 sys\n"
    sets = read(tmp_path, f"a:\n{run}b:\n{run}a:\n{run}")
    assert [(one.name, len(one.series[0].values)) for one in sets] == [("a", 2), ("b", 1)]
    (problem,) = sets[0].problems
    assert (problem.kind, problem.line) == ("heading-again", 5)


def test_different_labels_in_front_of_times_make_sets(tmp_path: Path) -> None:
    text = (
        "r359444  33.28 real 2552.36 user 329.16 sys\nr360431  33.26 real 2551.49 user 344.60 sys\n"
    )
    assert [one.name for one in read(tmp_path, text)] == ["r359444", "r360431"]
    text = "make  1s user 2s system 99% cpu 3.0 total\n" * 3
    (one,) = read(tmp_path, text)
    assert values(one)["real"] == (3.0,) * 3


@pytest.mark.parametrize("before", ["time: command terminated abnormally",
                                    "Command exited with non-zero status 2",
                                    "Command terminated by signal 9"])  # fmt: skip
def test_a_run_whose_command_failed_is_set_aside(tmp_path: Path, before: str) -> None:
    run = "1 real 2 user 3 sys\n"
    (one,) = read(tmp_path, f"{run}{before}\n9 real 9 user 9 sys\n{run}")
    assert values(one)["real"] == (1.0, 1.0)
    (problem,) = one.problems
    assert (problem.kind, problem.line) == ("run-set-aside", 3)
    assert "its command failed" in problem.text


@pytest.mark.parametrize(
    ("run", "why"),
    [
        ("-1.0 real 2 user 3 sys", "real is negative (-1 s)"),
        ("nan real 2 user 3 sys", "real is not a number"),
        ("1 real 2 user inf sys", "sys is not a number"),
        ("real -0m1.0s", "real is negative (-1 s)"),
    ],
)
def test_a_run_with_an_impossible_time_is_set_aside(tmp_path: Path, run: str, why: str) -> None:
    (one,) = read(tmp_path, f"1 real 2 user 3 sys\n{run}\n")
    assert values(one) == {"real": (1.0,), "user": (2.0,), "sys": (3.0,)}
    (problem,) = one.problems
    assert (problem.kind, problem.line, problem.text) == (
        "run-set-aside",
        2,
        f"a run is set aside: {why}",
    )


def test_warm_ups_alone_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run that counts"):
        read(tmp_path, "warmup:\n1 real 2 user 3 sys\n")


def test_unclear_lines_alone_are_an_error_that_quotes_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot tell where its numbers begin: 'Linux8499"):
        read(tmp_path, "Linux8499.63s user 1150.89s system 3145% cpu 306s real\n")


# --- columns -----------------------------------------------------------------------------------


def test_columns_are_read_as_in_ministat(tmp_path: Path) -> None:
    text = "# a comment\n1.5 10\n\n  2e1\t20 # 99\n.5 30\n-3 40\n"
    assert values(read(tmp_path, text)[0]) == {"column 1": (1.5, 20, 0.5, -3)}
    second = TimesOptions(columns=ColumnOptions(2))
    assert values(read(tmp_path, text, second)[0]) == {"column 2": (10, 20, 30, 40)}


def test_each_delimiter_separates_columns(tmp_path: Path) -> None:
    options = TimesOptions(columns=ColumnOptions(2, ",;"))
    assert values(read(tmp_path, "1,2\n3;;4\n,5,6\n", options)[0]) == {"column 2": (2, 4, 6)}


@pytest.mark.parametrize("bad", ["nan", "inf", "1e999", "0x10", "1_000", "12abc", "seconds"])
def test_a_line_that_is_no_number_is_left_out_with_a_warning(tmp_path: Path, bad: str) -> None:
    (one,) = read(tmp_path, f"1\n{bad}\n2\n3\n")
    assert values(one) == {"column 1": (1, 2, 3)}
    place = str(tmp_path / "numbers")
    assert one.problems == (Problem("not-a-number", f"no number: '{bad}'", place, 2),)


def test_lines_without_the_column_get_a_warning(tmp_path: Path) -> None:
    (one,) = read(tmp_path, "1 2\n3\n4 5\n", TimesOptions(columns=ColumnOptions(2)))
    assert values(one) == {"column 2": (2, 5)}
    assert [(problem.kind, problem.line) for problem in one.problems] == [("no-column", 2)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no numbers in it"),
        ("# nothing\n\n", "no numbers in it"),
        ("a kernel\nwithout numbers\n", "neither times nor a column of numbers: line 1: .*'a'"),
        ("1,5\n2,5\n", "line 1: no number: '1,5'"),
        ("nan\nnan\n", "line 1: no number: 'nan'"),
    ],
)
def test_a_text_without_numbers_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_output_of_dtrace_is_not_a_column_of_numbers(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither times nor a column of numbers"):
        read_run_sets([str(RECORDINGS / "stock-offcpu.out")])


def test_the_kind_of_text_can_be_chosen(tmp_path: Path) -> None:
    text = "1 real 2 user 3 sys\n4 real 5 user 6 sys\n"
    third = TimesOptions(COLUMNS, ColumnOptions(3))
    assert values(read(tmp_path, text, third)[0]) == {"column 3": (2, 5)}
    with pytest.raises(InputError, match="no times in it"):
        read(tmp_path, "1\n2\n3\n", TimesOptions(TIMES))


@given(
    text=st.text(
        alphabet=st.sampled_from("0123456789.,:-+eE%#ms \t\n\rrealusyt\x00é"), max_size=200
    )
)
def test_any_text_gives_numbers_or_one_error(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    try:
        sets = read(tmp_path_factory.getbasetemp(), text)
    except PvprofError:
        return
    assert all(series.values for one in sets for series in one.series)


@given(data=st.binary(max_size=200))
def test_any_bytes_give_numbers_or_one_error(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.getbasetemp() / "bytes"
    place.write_bytes(data)
    try:
        read_run_sets([str(place)])
    except PvprofError:
        return


def test_packed_files_are_read(tmp_path: Path) -> None:
    place = tmp_path / "times.gz"
    place.write_bytes(gzip.compress(b"1 real 2 user 3 sys\n"))
    assert values(read_run_sets([str(place)])[0])["sys"] == (3.0,)


# --- recordings --------------------------------------------------------------------------------


def manifest(**facts: Any) -> dict[str, Any]:
    known = {"schema": 1, "mode": "offcpu", "label": "stock", "run": 1, "warmup": False}
    times = {"real_s": 337.94, "user_s": 19247.93, "sys_s": 2231.28}
    return {**known, **times, "exit_status": 0, "complete": True, **facts}


def record(place: Path, **facts: Any) -> str:
    """Make the directory of a recording."""
    place.mkdir(parents=True)
    (place / "manifest.json").write_text(json.dumps(manifest(**facts)))
    (place / "raw.out").write_text("")
    return str(place)


def record_set(place: Path, *runs: dict[str, Any], **facts: Any) -> str:
    """Make the ``set.json`` of several recordings."""
    entries = [{"name": f"run-{number}", **run} for number, run in enumerate(runs)]
    named = [entry["name"] for entry in entries if not entry["warmup"]]
    contents = {"schema": 1, "label": "stock", "wanted": len(named), "recordings": named}
    place.mkdir(parents=True)
    (place / "set.json").write_text(json.dumps({**contents, "runs": entries, **facts}))
    return str(place)


def test_recordings_with_one_label_are_one_set_with_their_mode(tmp_path: Path) -> None:
    paths = [
        record(tmp_path / "a", real_s=1),
        record(tmp_path / "b", label="patched", real_s=2),
        record(tmp_path / "c", real_s=3),
    ]
    sets = read_run_sets(paths)
    assert [one.name for one in sets] == ["stock", "patched"]
    assert values(sets[0])["real"] == (1, 3)
    assert sets[0].series[0].metric.title == "real (traced: offcpu)"


def test_an_archive_and_a_bare_manifest_are_recordings_too(tmp_path: Path) -> None:
    directory = record(tmp_path / "a")
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as archive:
        archive.add(directory, "a")
    for path in (tmp_path / "b.tar.gz", tmp_path / "a" / "manifest.json"):
        (one,) = read_run_sets([str(path)])
        assert one.name == "stock"
        assert values(one) == {"real": (337.94,), "user": (19247.93,), "sys": (2231.28,)}


def test_each_recording_without_a_label_is_a_set(tmp_path: Path) -> None:
    paths = [record(tmp_path / name, label=None) for name in "ab"]
    assert [one.name for one in read_run_sets(paths)] == paths


def test_a_run_set_has_its_label_and_sets_warm_ups_aside(tmp_path: Path) -> None:
    runs = [manifest(warmup=True, real_s=9.5), *(manifest(real_s=n) for n in (1, 2, 3))]
    (one,) = read_run_sets([record_set(tmp_path / "set", *runs)])
    assert one.name == "stock"
    assert one.series[0].values == (1, 2, 3)
    assert one.series[0].warmups == (9.5,)
    assert kinds(one) == ["warm-up"]


def test_two_run_sets_with_one_label_are_numbered(tmp_path: Path) -> None:
    paths = [record_set(tmp_path / name, manifest()) for name in "ab"]
    assert [one.name for one in read_run_sets(paths)] == ["stock (1)", "stock (2)"]


def test_each_mode_of_a_run_set_has_its_own_metrics(tmp_path: Path) -> None:
    runs = [manifest(mode=mode, real_s=n) for n in (1, 2) for mode in ("offcpu", "locks")]
    (one,) = read_run_sets([record_set(tmp_path / "set", *runs)])
    found = {series.metric.title: series.values for series in one.series}
    assert found["real (traced: offcpu)"] == (1, 2)
    assert found["real (traced: locks)"] == (1, 2)


def test_failed_and_missing_runs_get_a_warning(tmp_path: Path) -> None:
    runs = [manifest(), manifest(exit_status=2), manifest(exit_signal=9)]
    (one,) = read_run_sets([record_set(tmp_path / "set", *runs, wanted=5)])
    assert values(one)["real"] == (337.94,)
    assert [problem.text for problem in one.problems] == [
        "3 of 5 runs were made",
        "a run is set aside: run-1: its workload failed (exit status 2)",
        "a run is set aside: run-2: its workload was killed (signal 9)",
    ]


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"real_s": None, "user_s": None, "sys_s": None}, "its workload was not timed"),
        ({"real_s": -1}, "real_s is negative"),
        ({"real_s": "1", "user_s": True, "sys_s": []}, "its workload was not timed"),
        ({"exit_status": 1}, "its workload failed"),
    ],
)
def test_a_recording_without_valid_times_is_an_error(
    tmp_path: Path, facts: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=f"no run that counts: .*{message}"):
        read_run_sets([record(tmp_path / "a", **facts)])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"schema": 2, "runs": []}',
        '{"schema": 1}',
        '{"schema": 1, "runs": 5}',
        '{"schema": 1, "runs": [5]}',
    ],
)
def test_a_bad_run_set_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "set.json").write_text(text)
    with pytest.raises(InputError, match=r"set\.json"):
        read_run_sets([str(tmp_path)])


def test_a_run_set_without_runs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run that counts"):
        read_run_sets([record_set(tmp_path / "set")])


@pytest.mark.parametrize("text", ['{"schema": 1', '{"schema": 1}', '{"a": 1}'])
def test_json_other_than_a_manifest_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="JSON"):
        read(tmp_path, text)


# --- files -------------------------------------------------------------------------------------


def test_a_file_given_twice_under_any_name_is_an_error(tmp_path: Path) -> None:
    place = tmp_path / "a"
    place.write_text("1\n2\n3\n")
    (tmp_path / "b").symlink_to(place)
    with pytest.raises(UsageError, match="given twice"):
        read_run_sets([str(place), str(place)])
    with pytest.raises(UsageError, match=r"b: given twice \(as .*a\)"):
        read_run_sets([str(place), str(tmp_path / "b")])
    with pytest.raises(UsageError, match="-: given twice"):
        read_run_sets(["-", "-"])


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_run_sets([str(tmp_path / "none")])


def test_stdin_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"1\n2\n3\n")))
    (one,) = read_run_sets(["-"])
    assert one.name == "stdin"
    assert values(one) == {"column 1": (1, 2, 3)}


# ---- exports of hyperfine -----------------------------------------------------------------------

HYPERFINE = THREAD / "hyperfine.json"


def test_each_command_of_a_hyperfine_export_is_a_set() -> None:
    sets = read_run_sets([str(HYPERFINE)])
    results = json.loads(HYPERFINE.read_text())["results"]
    assert [one.name for one in sets] == [result["command"] for result in results]
    for one, result in zip(sets, results, strict=True):
        (series,) = one.series
        assert (series.metric.name, series.metric.unit, series.metric.better) == (
            "real",
            "s",
            "lower",
        )
        assert series.values == tuple(result["times"])
        summary = series.summary()
        for name in ("mean", "stddev", "median", "min", "max"):
            assert getattr(summary, name) == pytest.approx(result[name])
    assert kinds(sets[0]) == ["means-only"]


def test_hyperfine_files_of_one_command_are_compared_by_their_names(tmp_path: Path) -> None:
    document = json.loads(HYPERFINE.read_text())
    places = [tmp_path / name for name in ("stock.json", "patched.json")]
    for place, result in zip(places, document["results"], strict=True):
        place.write_text(json.dumps({"results": [{**result, "command": "make"}]}))
    sets = read_run_sets([str(place) for place in places])
    assert [Path(one.name).name for one in sets] == ["stock.json", "patched.json"]


def test_a_failed_run_of_hyperfine_is_set_aside(tmp_path: Path) -> None:
    result = {"command": "make", "times": [1.0, 2.0, 3.0, 4.0], "exit_codes": [0, 2, 0]}
    (one,) = read(tmp_path, json.dumps({"results": [result]}))
    assert values(one) == {"real": (1.0, 3.0, 4.0)}
    assert "exit status 2" in next(p.text for p in one.problems if p.kind == "run-set-aside")


def test_parameters_of_hyperfine_name_its_sets(tmp_path: Path) -> None:
    results = [
        {"command": "make", "times": [1.0, 2.0], "parameters": {"jobs": str(jobs)}}
        for jobs in (1, 2)
    ]
    sets = read(tmp_path, json.dumps({"results": results}))
    assert [one.name for one in sets] == ["make (jobs=1)", "make (jobs=2)"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"results": [{"command": "make"}]}', "make: no times of single runs"),
        ('{"results": [{"command": "make", "times": [true]}]}', "no time in seconds: True"),
        ('{"results": [{"command": "make", "times": [-1]}]}', "no time in seconds: -1"),
        ('{"results": [{}]}', "no manifest of a recording, and no export of hyperfine"),
    ],
)
def test_a_hyperfine_export_without_times_is_one_clear_error(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        read(tmp_path, text)
