"""Times that real tools print, and those of public reports in the same form."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import require
from helpers.foreign.times import MeantRuns, texts
from hypothesis import given
from hypothesis import strategies as st

from pvprof.errors import InputError, PvprofError
from pvprof.stats.runs.read import read_run_sets
from pvprof.stats.study import RunSet

Read = Callable[[str], list[RunSet]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a text as a file."""

    def read_text(text: str) -> list[RunSet]:
        place = tmp_path / "times"
        place.write_text(text)
        return read_run_sets([str(place)])

    return read_text


def values(one: RunSet) -> dict[str, tuple[float, ...]]:
    return {series.metric.name: series.values for series in one.series}


def printed_by(*command: str) -> str:
    """Run a real program and return its output, both streams."""
    require(shutil.which(command[0]) is not None, command[0])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


# ---- real tools ----------------------------------------------------------------------------------

_TIMED = "time sleep 0.02; time sleep 0.01"


@pytest.mark.parametrize(
    "command",
    [
        ("bash", "-c", _TIMED),
        ("bash", "-c", "set -o posix; time -p sleep 0.02; time -p sleep 0.01"),
        ("zsh", "-f", "-c", "TIMEFMT='%mE real %mU user %mS sys'; time sleep 0.02; time sleep .01"),
        ("tcsh", "-f", "-c", _TIMED),
        ("dash", "-c", "/usr/bin/time sleep 0.02; /usr/bin/time sleep 0.01"),
        ("dash", "-c", "/usr/bin/time -v sleep 0.02; /usr/bin/time -v sleep 0.01"),
        ("busybox", "sh", "-c", "time -p sleep 0.02; time sleep 0.01"),
        ("fish", "-N", "-c", _TIMED),
        ("ksh93", "-c", _TIMED),
        ("mksh", "-c", _TIMED),
    ],
    ids=" ".join,
)
def test_each_shells_times_are_two_runs(command: tuple[str, ...], read: Read) -> None:
    sets = read(printed_by(*command))
    found = [values(one) for one in sets]
    for metric in ("real", "user", "sys"):
        assert sum(len(one[metric]) for one in found) == 2
    reals = [real for one in found for real in one["real"]]
    assert all(0 <= real < 60 for real in reals)
    assert max(reals) >= 0.01  # a busy machine may make it any longer
    assert {problem.kind for one in sets for problem in one.problems} <= {"missing-value"}


def test_zsh_has_a_set_for_each_command(read: Read) -> None:
    sets = read(printed_by("zsh", "-f", "-c", "time sleep 0.01; time sleep 0; time sleep 0.01"))
    assert [(one.name, len(values(one)["real"])) for one in sets] == [
        ("sleep 0.01", 2),
        ("sleep 0", 1),
    ]


def perf_stat(*options: str) -> str:
    text = printed_by("perf", "stat", *options, "sleep", "0.01")
    require("task-clock" in text or "page-faults" in text, "perf stat counts here")
    return text


@pytest.mark.parametrize("options", [(), ("-e", "page-faults,task-clock"), ("-d",)])
def test_each_report_of_perf_stat_is_a_run(options: tuple[str, ...], read: Read) -> None:
    text = perf_stat(*options)
    (one,) = read(2 * text)
    found = values(one)
    assert {"real", "user", "sys", "task-clock", "page-faults"} <= found.keys()
    elapsed = next(line for line in text.splitlines() if "time elapsed" in line).split()[0]
    assert found["real"] == (float(elapsed),) * 2
    faults = next(line for line in text.splitlines() if " page-faults" in line).split()[0]
    assert found["page-faults"] == (float(faults.replace(",", "")),) * 2
    assert one.problems == ()


@pytest.mark.parametrize("options", [("-x,",), ("-x;",), ("-j",)])
def test_lines_of_perf_stat_for_programs_are_read(options: tuple[str, ...], read: Read) -> None:
    events = ("-e", "task-clock,page-faults,duration_time")
    text = perf_stat(*options, *events) + perf_stat(*options, *events)
    (one,) = read(text)
    assert {name: len(found) for name, found in values(one).items()} == {
        "task-clock": 2,
        "page-faults": 2,
        "real": 2,
    }
    durations = re.findall(r"(\d+)(?:\.0+)?\W+(?:unit\W+)?ns\W", text)
    assert values(one)["real"] == tuple(int(duration) / 10**9 for duration in durations)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("-r", "2"), "perf stat -r printed means, no single runs"),
        (("-r", "2", "-x,"), "perf stat -r printed means, no single runs"),
        (("-r", "2", "-j"), "perf stat -r printed means, no single runs"),
        (("-I", "10"), "perf stat -I counted intervals of one run"),
        (("-I", "10", "-x,"), "perf stat -I counted intervals of one run"),
        (("-I", "10", "-j"), "perf stat -I counted intervals of one run"),
        (("-a", "-A", "-x,"), "counters of perf stat for each CPU, core or thread"),
        (("-a", "--per-socket", "-j"), "counters of perf stat for each CPU, core or thread"),
    ],
)
def test_perf_stat_without_single_runs_is_refused(
    options: tuple[str, ...], reason: str, read: Read
) -> None:
    with pytest.raises(InputError, match=reason) as error:
        read(perf_stat(*options))
    assert error.value.hint


def test_the_table_of_perf_stat_has_the_real_times_of_its_runs(read: Read) -> None:
    text = perf_stat("-r", "3", "--table")
    (one,) = read(text)
    assert list(values(one)) == ["real"]
    assert len(values(one)["real"]) == 3
    assert [problem.text for problem in one.problems] == [
        "the counters of perf stat -r are means: left out"
    ]


def test_counters_of_each_cpu_are_left_out_beside_the_real_time(read: Read) -> None:
    (one,) = read(perf_stat("-a", "-A", "-e", "cpu-clock,page-faults,task-clock"))
    assert list(values(one)) == ["real"]
    assert [problem.kind for problem in one.problems] == ["no-runs"]


@pytest.mark.parametrize(
    ("export", "reason"),
    [
        ("--export-csv", "hyperfine's table of means"),
        ("--export-markdown", "hyperfine's table of means"),
        ("--export-orgmode", "hyperfine's table of means"),
        ("--export-asciidoc", "hyperfine's table of means"),
        ("", "the summary of hyperfine"),
    ],
)
def test_results_of_hyperfine_without_single_runs_are_refused(
    export: str, reason: str, tmp_path: Path
) -> None:
    place = tmp_path / "result"
    options = (export, str(place)) if export else ()
    text = printed_by("hyperfine", "-N", "-r", "2", "--style", "basic", "true", *options)
    if not export:
        place.write_text(text)
    with pytest.raises(InputError, match=reason) as error:
        read_run_sets([str(place)])
    assert "--export-json" in error.value.hint


def test_an_export_of_the_installed_hyperfine_is_read(tmp_path: Path) -> None:
    place = tmp_path / "result.json"
    printed_by("hyperfine", "-N", "-r", "3", "true", "--export-json", str(place))
    (one,) = read_run_sets([str(place)])
    assert values(one)["real"] == tuple(json.loads(place.read_text())["results"][0]["times"])


@pytest.mark.parametrize("options", [(), ("-n",), ("-A",)])
def test_the_table_of_ministat_is_refused(
    options: tuple[str, ...], tmp_path: Path, read: Read
) -> None:
    for name in "ab":
        (tmp_path / name).write_text("".join(f"{number}.5\n" for number in range(9)))
    text = printed_by("ministat", *options, str(tmp_path / "a"), str(tmp_path / "b"))
    with pytest.raises(InputError, match="the table of ministat") as error:
        read(text)
    assert error.value.hint == "give the files that ministat was given"


def test_the_shells_own_times_are_refused(read: Read) -> None:
    with pytest.raises(InputError, match="the shell's times, of all its commands together"):
        read(printed_by("dash", "-c", "times"))


# ---- other forms ---------------------------------------------------------------------------------

GNU = """\
\tCommand being timed: "make -j8"
\tUser time (seconds): {user}
\tSystem time (seconds): 11.70
\tPercent of CPU this job got: 351%
\tElapsed (wall clock) time (h:mm:ss or m:ss): {real}
\tMaximum resident set size (kbytes): 190744
\tMajor (requiring I/O) page faults: 3
\tPage size (bytes): 4096
\tExit status: {status}
"""


def test_failed_runs_of_gnu_time_are_set_aside(read: Read) -> None:
    text = (
        GNU.format(user="32.57", real="0:12.58", status=0)
        + "Command exited with non-zero status 1\n"
        + GNU.format(user="32.57", real="19:42.98", status=1)
        + GNU.format(user="40.00", real="1:00:12", status=0)
    )
    (one,) = read(text)
    found = values(one)
    assert found["real"] == (12.58, 3612.0)
    assert found["user"] == (32.57, 40.0)
    assert found["sys"] == (11.7, 11.7)
    assert found["page faults"] == (3.0, 3.0)
    (problem,) = one.problems
    assert (problem.kind, problem.line) == ("run-set-aside", 12)
    assert problem.text.endswith("its command failed (exit status 1)")


@pytest.mark.parametrize(
    ("text", "reals"),
    [
        (  # busybox
            '\tCommand being timed: "x"\n'
            "\tElapsed (wall clock) time (h:mm:ss or m:ss): 1h 2m 03s\n\tExit status: 0\n",
            (3723.0,),
        ),
        ("real\t2m 3.50s\nuser\t0m 1.00s\nsys\t0m 0.25s\n", (123.5,)),
        ("    2m03.50s real     0m01.00s user     0m00.25s system\n", (123.5,)),  # mksh
        (  # fish, of a longer run
            "Executed in    2.06 mins    fish           external\n"
            "   usr time   61.00 secs    0.15 millis   61.00 secs\n"
            "   sys time  155.00 micros  155.00 micros    0.00 micros\n",
            (123.6,),
        ),
    ],
)
def test_longer_times_are_in_seconds(text: str, reals: tuple[float, ...], read: Read) -> None:
    (one,) = read(text)
    assert values(one)["real"] == pytest.approx(reals)


def old_perf(real: str, clock: str) -> str:
    return f"""
 Performance counter stats for 'make':

{clock}
             2,345 page-faults               #    0.073 M/sec

       {real}  seconds time elapsed

"""


@pytest.mark.parametrize(
    ("clock", "seconds"),
    [
        ("          0.382158  task-clock-msecs         #      0.216 CPUs", 0.000382158),
        ("          0.382158      task-clock (msec)         #    0.216 CPUs utilized", 0.000382158),
        ("          1,382.16 msec task-clock                #    0.216 CPUs utilized", 1.38216),
        ("          1.382,16 msec task-clock                #    0,216 CPUs utilized", 1.38216),
        ("             1,382 msec task-clock                #    0.216 CPUs utilized", 1.382),
    ],
)
def test_reports_of_all_releases_of_perf_are_read(clock: str, seconds: float, read: Read) -> None:
    reals = ("0.001771322", "1.002492480", "0.065961323")
    (one,) = read("".join(old_perf(real, clock) for real in reals))
    assert values(one)["real"] == (0.001771322, 1.00249248, 0.065961323)
    assert values(one)["task-clock"] == (seconds,) * 3
    assert values(one)["page-faults"] == (2345.0,) * 3


def test_headings_and_warm_ups_are_possible_between_reports_of_perf(read: Read) -> None:
    report = old_perf("1.000000000", "   1.00 msec task-clock")
    sets = read(f"stock:\nwarmup:\n{report}run:\n{report}{report}patched:\n{report}")
    assert [(one.name, len(one.series[0].values)) for one in sets] == [
        ("stock: make", 2),
        ("patched: make", 1),
    ]


def test_a_killed_command_of_perf_stat_is_set_aside(read: Read) -> None:
    report = old_perf("1.000000000", "   1.00 msec task-clock")
    (one,) = read(f"{report}make: Killed\n{report}")
    assert values(one)["real"] == (1.0,)
    assert "its command was killed (Killed)" in one.problems[-1].text


def test_lines_of_a_build_are_no_counters(read: Read) -> None:
    report = old_perf("1.000000000", "   1.00 msec task-clock")
    (one,) = read(f"  12 files\n{report}   34 files\nCPU0    1.26 msec x\n")
    assert set(values(one)) == {"task-clock", "page-faults", "real"}
    assert [(problem.kind, problem.count) for problem in one.problems] == [("no-times", 3)]


@pytest.mark.parametrize(
    "text",
    [
        "Results\n   12 files\n   3 directories were made\n7\nall done now\n",
        "1 2 3\nno numbers here\n4 is a number\n5\n6 and 7\n",
        " 10 packets sent, 9 received\n10% loss\n5 ms at most\n7 ms on average over all\n",
    ],
)
def test_a_text_with_some_numbers_is_no_column(text: str, read: Read) -> None:
    with pytest.raises(InputError, match=r"no times in it|neither times nor a column"):
        read(text)


def test_a_run_without_times_is_reported(read: Read) -> None:
    text = '\tCommand being timed: "x"\n' + GNU.format(user="1.00", real="0:01.00", status=0)
    sets = read(text)
    assert "run-without-times" in [p.kind for one in sets for p in one.problems]


def test_a_value_that_some_runs_lack_is_reported(read: Read) -> None:
    (one,) = read("1 real 2 user 3 sys\nreal 4\nreal 5\n")
    (problem,) = one.problems
    assert (problem.kind, problem.text) == ("missing-value", "2 of 3 runs have no user, sys")


# ---- laws ----------------------------------------------------------------------------------------


@given(meant=texts())
def test_texts_of_any_tool_give_what_was_meant(
    meant: MeantRuns, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.getbasetemp() / "meant"
    place.write_text(meant.text)
    sets = read_run_sets([str(place)])
    assert [values(one) for one in sets] == [meant.values]
    assert [problem for one in sets for problem in one.problems] == []


@given(meant=texts(), data=st.data())
def test_lost_lines_invent_no_values(
    meant: MeantRuns, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = meant.text.splitlines(keepends=True)
    kept = data.draw(st.lists(st.booleans(), min_size=len(lines), max_size=len(lines)))
    place = tmp_path_factory.getbasetemp() / "lost"
    place.write_text("".join(line for line, keep in zip(lines, kept, strict=True) if keep))
    try:
        sets = read_run_sets([str(place)])
    except PvprofError:
        return
    if any("column 1" in values(one) for one in sets):
        return  # what is left is rows of a number and a word, which is what a column may be
    for one in sets:
        for name, found in values(one).items():
            rest = list(meant.values[name])
            for value in found:  # in their order
                rest = rest[rest.index(value) + 1 :]
    # A run that took no time has no percentage, so a missing one is no reason for a warning.
    lengths = {len(found) for one in sets for name, found in values(one).items() if name != "cpu"}
    if len(lengths) > 1 and len(sets) == 1:
        assert "missing-value" in [problem.kind for problem in sets[0].problems]
