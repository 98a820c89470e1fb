"""Totals agree with those of awk over the raw file, to the nanosecond."""

from __future__ import annotations

import json
import subprocess

import pytest
from conftest import RECORDINGS, read_recording_bytes
from helpers.command_line import RunCommand, csv_rows

Sums = dict[str, tuple[int, int]]

# Each prints: name TAB total TAB count. The programs know one layout each and nothing of pvprof.
AWK = {
    # frames, a blank line, the name, the number: the name is the line before the number
    "seed-offcpu.out": r"""
        /^[0-9]+$/ { sum[last] += $0; n[last]++ }
        { last = $0 }
        END { for (k in sum) printf "%s\t%.0f\t%.0f\n", k, sum[k], n[k] }""",
    # key line first, "ns count" last
    "stock-offcpu.out": r"""
        /^(turnstile|sleepq)\|/ { key = substr($0, index($0, "|") + 1) }
        /^[0-9]+ [0-9]+$/ { sum[key] += $1; n[key] += $2 }
        END { for (k in sum) printf "%s\t%.0f\t%.0f\n", k, sum[k], n[k] }""",
    # the name is everything behind the tenth blank
    "events.out.gz": r"""
        /^E / { key = $0; for (i = 0; i < 10; i++) key = substr(key, index(key, " ") + 1)
                sum[key] += $3; n[key]++ }
        END { for (k in sum) printf "%s\t%.0f\t%.0f\n", k, sum[k], n[k] }""",
    "build-events.out.gz": r"""
        /^E / { key = $0; for (i = 0; i < 10; i++) key = substr(key, index(key, " ") + 1)
                sum[key] += $3; n[key]++ }
        END { for (k in sum) printf "%s\t%.0f\t%.0f\n", k, sum[k], n[k] }""",
    "sdt-offcpu.out": r"""
        /^@(turnstile|sleepq)\|/ { key = substr($0, index($0, "|") + 1) }
        /^[0-9]+$/ { sum[key] += $1; n[key]++ }
        END { for (k in sum) printf "%s\t%.0f\t%.0f\n", k, sum[k], n[k] }""",
    "lockstat-provider.out": r"""
        /^[a-z]+-(spin|block)\|/ { key = substr($0, index($0, "|") + 1) }
        /^[0-9]+ [0-9]+$/ { sum[key] += $1; n[key] += $2 }
        END { for (k in sum) printf "%s\t%.0f\t%.0f\n", k, sum[k], n[k] }""",
    # sections of waiting only; mean by count; the name ends before the caller
    "lockstat-1.out": r"""
        / events in / { waits = / (spin|block)/ }
        waits && $2 ~ /^[0-9]+%$/ {
            name = $6; for (i = 7; i < NF; i++) name = name " " $i
            sum[name] += $1 * $5; n[name] += $1 }
        END { for (k in sum) printf "%s\t%.0f\t%.0f\n", k, sum[k], n[k] }""",
    # whole microseconds; what never waited has neither time nor count
    "lock-profiling.sysctl.out": r"""
        /:[0-9]+ \(.*:.*\)$/ && $4 + $9 {
            name = $0; sub(/^.*:[0-9]+ \([^:]*:/, "", name); sub(/\)$/, "", name)
            sum[name] += $4 * 1000; n[name] += $9 }
        END { for (k in sum) printf "%s\t%.0f\t%.0f\n", k, sum[k], n[k] }""",
    "runq.out": r"""
        /^[a-z]/ { sum[$1] += $2; n[$1] += $3 }
        END { for (k in sum) printf "%s\t%.0f\t%.0f\n", k, sum[k], n[k] }""",
}
# Recordings with one number a record: awk counted records there.
WITHOUT_COUNTS = ("seed-offcpu.out", "sdt-offcpu.out")


def awk_sums(program: str, data: bytes) -> Sums:
    done = subprocess.run(["awk", program], input=data, capture_output=True, check=True)
    rows = [line.split("\t") for line in done.stdout.decode().splitlines()]
    return {name: (int(total), int(count)) for name, total, count in rows}


@pytest.mark.slow
@pytest.mark.parametrize("name", AWK)
def test_each_wait_name_has_awks_total_and_count(name: str, run: RunCommand) -> None:
    wanted = awk_sums(AWK[name], read_recording_bytes(name))
    count_column = "records" if name in WITHOUT_COUNTS else "count"
    found: Sums = {}
    for row in csv_rows(run("report", RECORDINGS / name, "--format", "csv", "-q")):
        total, count = found.get(row["name"], (0, 0))
        found[row["name"]] = (total + int(row["value"]), count + int(row[count_column]))
    assert found == wanted


@pytest.mark.slow
@pytest.mark.parametrize("name", AWK)
def test_folded_stacks_add_up_to_awks_total(name: str, run: RunCommand) -> None:
    wanted = sum(total for total, _ in awk_sums(AWK[name], read_recording_bytes(name)).values())
    folded = run("fold", "-k", "all", RECORDINGS / name, "-q").stdout
    assert sum(int(line.rpartition(" ")[2]) for line in folded.splitlines()) == wanted


@pytest.mark.slow
@pytest.mark.parametrize("name", AWK)
def test_rows_kept_and_set_aside_add_up_to_the_total(name: str, run: RunCommand) -> None:
    report = json.loads(run("report", RECORDINGS / name, "--format", "json", "-q").stdout)
    for section in report["sections"]:
        kept = sum(row["value"] for row in section["rows"])
        aside = sum(row["value"] for row in section["set_aside_rows"])
        assert kept == section["kept"]["value"]
        assert aside == sum(one["value"] for one in section["set_aside"])
        assert kept + aside == section["total"]["value"]


@pytest.mark.parametrize(
    ("name", "number"), [("oncpu.out.gz", r"^[0-9]+$"), ("oncpu-default.out", r"^ +[0-9]+$")]
)
def test_samples_add_up_to_awks_sum(name: str, number: str, run: RunCommand) -> None:
    program = (
        f'/{number}/ {{ n += $1; records++ }} END {{ printf "all\\t%.0f\\t%.0f\\n", n, records }}'
    )
    (wanted,) = awk_sums(program, read_recording_bytes(name)).values()
    rows = csv_rows(run("report", RECORDINGS / name, "--format", "csv", "-q"))
    assert (sum(int(r["value"]) for r in rows), sum(int(r["records"]) for r in rows)) == wanted


def test_the_last_snapshot_of_running_totals_is_what_counts(run: RunCommand) -> None:
    text = read_recording_bytes("lock-classes-live.out").decode()
    last = text.rsplit("tick ", 1)[1]
    wanted = sum(int(line.split()[-1]) for line in last.splitlines() if line.startswith("T "))
    rows = csv_rows(run("locks", RECORDINGS / "lock-classes-live.out", "--format", "csv", "-q"))
    assert sum(int(row["value"]) for row in rows) == wanted == 2650


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recording", "name", "kind", "lock_class"),
    [
        # The thread's layout lost the innermost frames, so the primitive of the pv list is unknown.
        ("seed-offcpu.out", "pmap pv list", "kernel", "pv list"),
        ("seed-offcpu.out", "vm object", "kernel", "vm object"),
        ("seed-offcpu.out", "vm page free queue", "kernel", "vm page queues"),
        ("stock-offcpu.out", "pmap pv list", "kernel", "pv list (rwlock)"),
        ("stock-offcpu.out", "vm object", "kernel", "vm object"),
        ("events.out.gz", "pmap pv list", "kernel", "pv list (rwlock)"),
        ("events.out.gz", "vm object", "kernel", "vm object"),
        ("events.out.gz", "vm page free queue", "kernel", "vm page queues"),
        ("events.out.gz", "vm inactive pagequeue", "kernel", "vm page queues"),
        ("sdt-offcpu.out", "pmap pv chunk list", "kernel", "pv chunk"),
        ("lockstat-provider.out", "pmap pv list", "kernel", "pv list (rwlock)"),
    ],
)
def test_the_locks_of_the_review_are_rows_with_kind_and_class(
    recording: str, name: str, kind: str, lock_class: str, run: RunCommand
) -> None:
    rows = csv_rows(run("locks", RECORDINGS / recording, "--format", "csv", "-q"))
    assert [(r["kind"], r["class"]) for r in rows if r["name"] == name] == [(kind, lock_class)]


def test_spinning_and_blocking_on_the_pv_lists_are_separate(run: RunCommand) -> None:
    program = r"""
        /^[a-z]+-(spin|block)\|/ { spins = /^[a-z]+-spin/; ours = /\|pmap pv list$/ }
        /^[0-9]+ [0-9]+$/ && ours { sum[spins] += $1; n[spins] += $2 }
        END { for (k in sum) printf "%s\t%.0f\t%.0f\n", k, sum[k], n[k] }"""
    awk = awk_sums(program, read_recording_bytes("lockstat-provider.out"))
    (row,) = [
        row
        for row in csv_rows(
            run("locks", RECORDINGS / "lockstat-provider.out", "--format", "csv", "-q")
        )
        if row["name"] == "pmap pv list"
    ]
    assert int(row["spin_ns"]) == awk["1"][0]
    assert int(row["value"]) - int(row["spin_ns"]) == awk["0"][0]


def test_every_wake_up_counts_also_those_in_a_row(run: RunCommand) -> None:
    (wanted,) = awk_sums(
        r'/^W / { n++ } END { printf "W\t%.0f\t%.0f\n", n, n }',
        read_recording_bytes("events-wakeups.out.gz"),
    ).values()
    place = RECORDINGS / "events-wakeups.out.gz"
    report = json.loads(run("report", place, "--kind", "all", "--format", "json", "-q").stdout)
    (lone,) = [one["count"] for one in report["problems"] if one["kind"] == "lone-wakeups"]
    (section,) = report["sections"]
    assert section["wakers"]["count"] + lone == wanted[0] == 550


def test_times_after_events_stay_times(run: RunCommand) -> None:
    events = read_recording_bytes("events.out.gz").split(b"\nE ")
    text = b"\nE ".join(events[:20]) + b"\n\nturnstile|vm object\nkernel`x\nkernel`y\n1000 3\n"
    rows = csv_rows(run("report", "-", "--format", "csv", "--name", "^vm object$", stdin=text))
    kept = [row for row in rows if row["set_aside"] == "no"]
    assert [(row["unit"], row["value"], row["count"]) for row in kept] == [("ns", "1000", "3")]


def test_quantiles_are_only_beside_the_waits_they_belong_to(run: RunCommand) -> None:
    events = read_recording_bytes("events.out.gz")
    sums = b"\n\nsleepq|vmpfw\nkernel`x\nkernel`y\n1000 3\n"
    alone, both = (
        {row["name"]: row for row in csv_rows(run("report", "-", "--format", "csv", stdin=text))}
        for text in (events, events + sums)
    )
    assert int(both["vmpfw"]["count"]) == int(alone["vmpfw"]["count"]) + 3
    assert (alone["vmpfw"]["p99_ns"] != "", both["vmpfw"]["p99_ns"]) == (True, "")
    assert both["vm page free queue"] == alone["vm page free queue"], "only the events have it"
    assert both["vm page free queue"]["p99_ns"] != ""


def test_histograms_of_several_recordings_are_added_up(run: RunCommand) -> None:
    name = RECORDINGS / "lockstat-provider.out"
    once = json.loads(run("report", name, "--format", "json").stdout)["histograms"]
    twice = json.loads(run("report", name, name, "--format", "json").stdout)["histograms"]
    assert [row["count"] * 2 for row in once] == [row["count"] for row in twice]
