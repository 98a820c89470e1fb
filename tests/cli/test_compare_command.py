"""``pvprof compare``: tables, pictures, options and errors."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from conftest import FIXTURES, RECORDINGS, assert_golden
from helpers.command_line import RunCommand, assert_is_error, folded_total
from helpers.two_sides import manifest, noisy, raw, records_of, write_recording, write_side

from pvprof.units import format_value

GOLDEN = FIXTURES / "golden"
NEW_LOCK = {"obm": (5_000_000, 3)}


@pytest.fixture
def sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Path], list[Path]]:
    """Write two sides of six runs: one lock waits 30 % less, one is new, others are unchanged."""
    monkeypatch.chdir(tmp_path)
    base = write_side(Path("runs"), "stock", noisy(1, 6, 1))
    new = write_side(Path("runs"), "patched", [{**one, **NEW_LOCK} for one in noisy(0.7, 6, 2)])
    return base, new


Sides = tuple[list[Path], list[Path]]


@pytest.mark.parametrize("columns", [80, 200])
def test_the_tables_on_a_terminal(
    run: RunCommand, sides: Sides, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    result = run("compare", *sides[0], "--vs", *sides[1])
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= columns
    assert_golden(result.stdout, GOLDEN / f"compare-{columns}.txt")


def test_markdown_has_the_conclusion_the_tables_and_a_link_to_the_picture(
    run: RunCommand, sides: Sides
) -> None:
    Path("pictures").mkdir()
    result = run(
        "compare", *sides[0], "--vs", *sides[1], "-o", "review.md", "-o", "pictures/a b.svg"
    )
    assert result.exit_code == 0
    text = Path("review.md").read_text()
    assert_golden(text, GOLDEN / "compare.md")
    assert "[`pictures/a b.svg`](<pictures/a%20b.svg>)" in text


def test_csv_and_json_have_the_same_numbers_in_full_precision(
    run: RunCommand, sides: Sides
) -> None:
    words = ("compare", *sides[0], "--vs", *sides[1], "-q", "-o", "-", "--format")
    document = json.loads(run(*words, "json").stdout)
    rows = list(csv.DictReader(io.StringIO(run(*words, "csv").stdout)))
    found = {
        (row["level"], row["kind"], row["class"], row["name"], one["measure"]): one
        for section in document["sections"]
        for row in section["rows"]
        for one in row["measures"]
    }
    waits = [row for row in rows if row["level"] != "time"]
    assert len(waits) == len(found)
    for row in waits:
        one = found[row["level"], row["kind"], row["class"], row["name"], row["measure"]]
        if one["comparison"] is None:
            assert row["verdict"] == ""
            continue
        assert float(row["base_mean"]) == one["base"]["mean"]
        assert row["verdict"] == one["comparison"]["verdict"]
        if row["measure"] in ("wait", "count"):
            assert int(row["new_total"]) == sum(one["new_values"])
    times = [row["name"] for row in rows if row["level"] == "time"]
    assert times == ["real", "user", "sys"]


def test_totals_are_those_of_a_report_on_the_same_recordings(run: RunCommand, sides: Sides) -> None:
    document = json.loads(
        run("compare", *sides[0], "--vs", *sides[1], "-o", "-", "--format", "json").stdout
    )
    for key, side in (("base_values", sides[0]), ("new_values", sides[1])):
        report = json.loads(run("report", *side, "--format", "json", "-o", "-").stdout)
        expected = {row["name"]: row["value"] for row in report["sections"][0]["rows"]}
        found = {
            row["name"]: sum(row["measures"][0][key])
            for row in document["sections"][0]["rows"]
            if row["level"] == "lock"
        }
        assert {name: value for name, value in found.items() if value} == expected


def test_labels_decide_the_side_of_a_recording(run: RunCommand, sides: Sides) -> None:
    by_order = run("compare", *sides[0], "--vs", *sides[1]).stdout
    assert run("compare", *sides[0], *sides[1]).stdout == by_order
    assert run("compare", *reversed(sides[1]), *sides[0], "--base", "stock").stdout == by_order
    swapped = run("compare", *sides[0], *sides[1], "--base", "patched").stdout
    assert swapped.startswith("pvprof compare: patched (6 runs) -> stock (6 runs)")


def test_a_directory_of_runs_means_all_its_recordings(run: RunCommand, sides: Sides) -> None:
    for label, some in zip(("stock", "patched"), sides, strict=True):
        Path(label).mkdir()
        for one in some:
            shutil.copytree(one, Path(label) / one.name)
        contents = {"schema": 1, "recordings": [one.name for one in some], "warmups": ["w"]}
        (Path(label) / "set.json").write_text(json.dumps(contents))
    expected = run("compare", *sides[0], "--vs", *sides[1]).stdout
    assert run("compare", "stock", "--vs", "patched").stdout == expected
    assert run("compare", "stock", "--vs=patched").stdout == expected


def test_the_differential_file_adds_up_and_can_be_read(run: RunCommand, sides: Sides) -> None:
    words = ("compare", *sides[0], "--vs", *sides[1][:3])
    assert run(*words, "-o", "change.folded").exit_code == 0
    text = Path("change.folded").read_text()
    comment, _, rows = text.partition("\n")
    assert comment == "# pvprof differential, unit: ns"
    assert run(*words, "--format", "differential", "-o", "-").stdout == rows
    lines = [line.rsplit(" ", 2) for line in rows.splitlines()]
    totals = [
        sum(
            int(line.rsplit(" ", 1)[1])
            for line in run(
                "fold", "--kind", "kernel", "--kind", "unclassified", *side
            ).stdout.splitlines()
        )
        for side in (sides[0], sides[1][:3])
    ]
    assert sum(int(base) for _, base, _ in lines) == round(totals[0] / 2)
    assert sum(int(new) for _, _, new in lines) == totals[1]
    back = run("fold", "-k", "all", "change.folded", "--input-format", "differential", "-q").stdout
    assert folded_total(back) == totals[1]


def test_per_total_gives_both_sides_the_total_of_the_new_one(run: RunCommand, sides: Sides) -> None:
    result = run(
        "compare", *sides[0], "--vs", *sides[1][:3], "--per", "total", "-o", "change.folded"
    )
    assert result.exit_code == 0
    total = sum(folded_total(run("fold", path, "-q").stdout) for path in sides[1][:3])
    unit, *written = Path("change.folded").read_text().splitlines()
    assert unit == "# pvprof differential, unit: ns"
    lines = [line.rsplit(" ", 2) for line in written]
    assert sum(int(base) for _, base, _ in lines) == total
    assert sum(int(new) for _, _, new in lines) == total


def test_the_picture_is_valid_and_states_its_scale(run: RunCommand, sides: Sides) -> None:
    result = run(
        "compare", *sides[0], "--vs", *sides[1], "--work", "builds=2:3", "-o", "change.svg"
    )
    assert result.exit_code == 0
    ET.parse("change.svg")
    text = Path("change.svg").read_text()
    assert "each run of the base did 2, of the new side 3" in text
    assert "stock (6 runs) -&gt; patched (6 runs)" in text
    assert "different-kernels" not in text
    assert "kernel: GENERIC" in text


@pytest.mark.parametrize(
    ("runs", "words", "said"),
    [
        (6, (), "Sums of 6 runs a side; the tables are per run. Base: stock"),
        (3, (), "Sums of 6 runs of the base and 3 of the new side; the tables are per run"),
        (3, (), "The base (6 runs) is scaled by 0.5 to the 3 runs of the new profile"),
        (3, ("--per", "second"), "3 of the new side; the tables are per second. Base"),
        (3, ("--per", "second"), "(600 seconds) is scaled by 0.5 to the 300 seconds of the new"),
        (3, ("--per", "total"), "3 of the new side; the tables are per run of equal total. Base"),
        (3, ("--per", "total"), "to the total of the new profile. All: base"),
        (6, ("--work", "builds=2:3"), "a side; the tables are per builds; each run of the"),
        (6, ("--work", "builds=2:3"), "(12 builds) is scaled by 1.5 to the 18 builds of the new"),
        (6, ("--work", "2:3"), "(12 units of work) is scaled by 1.5 to the 18 units of work of"),
    ],
)
def test_the_picture_says_that_its_values_sum_all_runs(
    run: RunCommand, sides: Sides, runs: int, words: tuple[str, ...], said: str
) -> None:
    picture = ("--format", "svg", "-o", "-")
    text = run("compare", *sides[0], "--vs", *sides[1][:runs], *words, *picture).stdout
    plain = " ".join(" ".join(ET.fromstring(text.encode()).itertext()).split())
    assert said in plain
    assert "Values as recorded" not in plain
    total = json.loads(run("report", *sides[1][:runs], "--format", "json", "-o", "-").stdout)[
        "sections"
    ][0]["total"]["value"]
    assert f"new {format_value(total, 'ns')}" in plain


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), " Run times: not corrected."),
        (("--no-holm",), "pooled).\n"),
        (("--work", "builds=2:3"), " Run times: of a whole run each, not corrected."),
        (("--per", "second", "--no-holm"), " Run times: of a whole run each."),
    ],
)
def test_run_times_are_labelled_whole_if_values_are_per_unit(
    run: RunCommand, sides: Sides, words: tuple[str, ...], said: str
) -> None:
    result = run("compare", *sides[0], "--vs", *sides[1], *words, "--format", "markdown", "-o", "-")
    assert said in result.stdout
    assert "| real | 100 s |" in result.stdout


def test_the_picture_says_that_data_are_missing_on_a_side(run: RunCommand, sides: Sides) -> None:
    words = ("compare", *sides[0], "--vs", *sides[1], "--format", "svg", "-o", "-")
    assert "Data are missing" not in run(*words).stdout
    (sides[1][0] / "stderr.txt").write_text("dtrace: 17 drops on CPU 3\n")
    assert "per run. Data are missing: totals are too low" in run(*words).stdout


def test_the_picture_of_one_run_per_side_says_one_run(run: RunCommand, sides: Sides) -> None:
    run("compare", sides[0][0], "--vs", sides[1][0], "-o", "one.svg")
    assert "One run a side. Base: stock; new: patched" in Path("one.svg").read_text()


def test_strict_refuses_and_says_why(run: RunCommand, sides: Sides) -> None:
    good = run("compare", *sides[0], "--vs", *sides[1], "--strict")
    assert good.exit_code == 0  # different kernels are expected here
    facts = manifest(9, "stock", ncpu=4)
    other = write_recording(Path("other.pvprof"), raw(records_of({"tmpfs": (5, 1)}), 99), facts)
    result = run("compare", *sides[0], other, "--vs", *sides[1], "--strict", "-o", "x.md")
    assert result.exit_code == 1
    message = assert_is_error(result)
    assert message == "pvprof: error: --strict: number of CPUs: 4 and 8 against 8"
    facts = manifest(8, "stock", ncpu=2, host="other", model="m")
    another = write_recording(Path("3.pvprof"), raw(records_of({"tmpfs": (6, 1)}), 98), facts)
    message = assert_is_error(run("compare", *sides[0], another, "--vs", *sides[1], "--strict"))
    reasons = message.removeprefix("pvprof: error: --strict: ").split("; ")
    assert len(reasons) > 2
    assert "number of CPUs: 2 and 8 against 8" in reasons
    assert not Path("x.md").exists()


def test_a_recording_given_twice_counts_once(run: RunCommand, sides: Sides) -> None:
    one, other = sides[0][0], sides[1][0]
    result = run("compare", one, one, one, "--vs", other, other, other)
    assert "stock (1 run) -> patched (1 run)" in result.stdout
    assert "is a copy of stock1: counted once" in result.stdout
    verdicts = re.findall(r"  (no verdict|not proven|better|worse|less|more)\b", result.stdout)
    assert set(verdicts) == {"no verdict"}
    assert "No verdict: 1 run a side: a verdict needs 3 a side." in result.stdout


def test_warm_ups_are_set_aside(run: RunCommand, sides: Sides) -> None:
    facts = manifest(0, "stock", warmup=True)
    output = raw(records_of({"warm lock": (10**9, 1)}), 77)
    warm = write_recording(Path("warm.pvprof"), output, facts)
    result = run("compare", warm, *sides[0], "--vs", *sides[1])
    assert "stock: warm-ups are set aside" in result.stdout
    assert "warm lock" not in result.stdout
    alone = run("compare", warm, "--vs", *sides[1])
    assert alone.exit_code == 1
    assert "only warm-ups" in alone.stderr


def test_plain_output_files_are_compared_with_a_note_on_unknown_facts(run: RunCommand) -> None:
    places = [RECORDINGS / "stock-offcpu.out", RECORDINGS / "seed-offcpu.out"]
    result = run("compare", places[0], "--vs", places[1])
    assert result.exit_code == 0
    assert "no manifest: seed-offcpu, stock-offcpu" in result.stdout
    assert "Run times" not in result.stdout
    without = run("compare", *places)
    assert without.exit_code == 2
    assert "no label says which side it is" in without.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["A", "--vs"], 2, "no recordings after --vs"),
        (["--vs", "B"], 2, "no recordings before --vs"),
        (["A", "--vs", "B", "--vs", "A"], 2, "--vs given more than once"),
        (["A"], 2, "only one side (label stock)"),
        (["A", "--base", "x"], 2, "--base x: no recording has label x (here: stock)"),
        (["A", "B", "--base", "x"], 2, "no recording has label x (here: stock, patched)"),
        (
            ["A", "--vs", "B", "-c", "0.95"],
            2,
            "--confidence 0.95: is a percentage; did you mean 95?",
        ),
        (["A", "--vs", "B", "-c", "20"], 2, "--confidence 20: is a percentage, at least 50"),
        (["A", "--vs", "B", "-o", "newdir"], 2, "newdir: no suffix that names a format"),
        (["A", "--vs", "B", "-o", "newdir"], 2, "a directory ends in a slash: newdir/"),
        (["A", "B", "--vs", "B"], 2, "on both sides of --vs: runs/patched1.pvprof"),
        (["A", "--vs", "B", "--base", "stock"], 2, "--base and --vs"),
        (["A", "--vs", "missing"], 1, "missing: No such file"),
        (["A", "--vs", "B", "--work", "3"], 2, "--work 3: cannot be understood"),
        (["A", "--vs", "B", "--work", "=1:2"], 2, "cannot be understood"),
        (["A", "--vs", "B", "--work", "1:0"], 2, "above 0"),
        (["A", "--vs", "B", "--work", "1:2", "--per", "second"], 2, "--work and --per second"),
        (["A", "--vs", "B", "--work", "1:2", "--per", "total"], 2, "--work and --per total"),
        (["A", "--vs", "B", "--kind", "zzz"], 2, "no such kind: zzz"),
        (["A", "--vs", "B", "-c", "100"], 2, "a confidence of 100%"),
        (["A", "--vs", "B", "-o", "x.png"], 2, "no format has that suffix"),
        (["A", "--vs", "B", "-o", "x/", "--format", "markdown"], 2, "summary in every format"),
        (["A", "--vs", "B", "-o", "x.svg", "--measure", "samples"], 2, "nothing was measured"),
        (["A", "--vs", "B", "-o", "x.svg", "--mode", "locks"], 2, "offcpu in ns"),
        (["A", "--vs", "samples.folded"], 2, "measured in different units"),
        (["A", "--vs", "empty.out"], 1, "empty.out"),
    ],
)
def test_bad_input_is_one_clear_line(
    run: RunCommand, sides: Sides, words: list[str], code: int, message: str
) -> None:
    Path("samples.folded").write_text("a;b 3\n")
    Path("empty.out").write_text("")
    places = {"A": sides[0][0], "B": sides[1][0]}
    result = run("compare", *(places.get(word, word) for word in words))
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_an_output_without_a_suffix_writes_no_file(run: RunCommand, sides: Sides) -> None:
    both = (sides[0][0], "--vs", sides[1][0], "-q")
    assert_is_error(run("compare", *both, "-o", "newdir"), code=2)
    assert not Path("newdir").exists()
    assert run("compare", *both, "-o", "newdir", "--format", "markdown").exit_code == 0
    assert Path("newdir").is_file()
    assert run("compare", *both, "-o", "/dev/null").exit_code == 0
    message = assert_is_error(run("report", sides[0][0], "-o", "tables"), code=2)
    assert message.endswith("tables: no suffix that names a format")


def test_sides_that_share_recordings_are_an_error_but_a_side_and_itself_are_not(
    run: RunCommand, sides: Sides
) -> None:
    message = assert_is_error(run("compare", *sides[0], *sides[1], "--vs", *sides[1]), code=2)
    assert message.endswith("runs/patched4.pvprof and 2 more")
    link = Path("linked.pvprof")
    link.symlink_to(sides[0][0])
    assert_is_error(run("compare", *sides[0], "--vs", link, *sides[1]), code=2)
    itself = run("compare", *sides[0], "--vs", *sides[0])
    assert itself.exit_code == 0
    assert "a recording compared with itself" in itself.stdout


def test_a_file_may_be_named_vs(run: RunCommand, sides: Sides) -> None:
    shutil.copytree(sides[1][0], "--vs.pvprof")
    result = run("compare", sides[0][0], "--vs", "--", "--vs.pvprof")
    assert result.exit_code == 0, result.stderr
    assert "-> patched (1 run)" in result.stdout


def test_a_filter_that_leaves_nothing_is_an_error(run: RunCommand, sides: Sides) -> None:
    result = run("compare", sides[0][0], "--vs", sides[1][0], "--name", "nosuchlock")
    message = assert_is_error(result)
    assert "no lock name or wait message matches 'nosuchlock' (pmap pv list, " in message
