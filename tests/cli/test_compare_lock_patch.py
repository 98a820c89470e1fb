"""``pvprof compare`` in the case of this project: a patch replaces the lock of one name."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import random
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import FIXTURES, RECORDINGS, SYMBOLS
from helpers.command_line import RunCommand
from helpers.two_sides import OBM, RWLOCK, Waits, write_side

from pvprof.analysis.compare.compare import compare
from pvprof.classify.filters import Filters
from pvprof.classify.rules_file import load_rules
from pvprof.cli import cli
from pvprof.dataset.load_sides import read_sides
from pvprof.parse.read import ReadOptions

Sides = tuple[list[Path], list[Path]]
NAME = "pmap pv list"


def runs_of(wait_ns: int, seed: int) -> list[Waits]:
    """Return five runs with a bit of noise."""
    chance = random.Random(seed)

    def some(value: float) -> int:
        return int(value * chance.gauss(1, 0.02))

    return [
        {NAME: (some(wait_ns), 500), "vm object": (some(360e6), 210), "tmpfs": (some(201e6), 31)}
        for _ in range(5)
    ]


@pytest.fixture
def sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sides:
    """Write the sides: 900 ms a run at an rwlock, 300 ms at a one-byte mutex of the same name."""
    monkeypatch.chdir(tmp_path)
    return (
        write_side(Path("runs"), "stock", runs_of(900_000_000, 1), stacks=RWLOCK),
        write_side(Path("runs"), "patched", runs_of(300_000_000, 2), stacks=OBM),
    )


@pytest.fixture
def written(run: RunCommand, sides: Sides) -> Callable[[str], str]:
    def text_of(name: str) -> str:
        result = run("compare", *sides[0], "--vs", *sides[1], "--format", name, "-o", "-")
        assert result.exit_code == 0, result.stderr
        return result.stdout

    return text_of


def test_json_has_one_row_for_the_lock_with_both_primitives(written: Callable[[str], str]) -> None:
    (section,) = json.loads(written("json"))["sections"]
    (lock,) = [row for row in section["rows"] if row["name"] == NAME]
    comparison = lock["measures"][0]["comparison"]
    assert comparison["percent"] == pytest.approx(-66.7, abs=2)
    assert (comparison["verdict"], comparison["better"]) == ("less", True)
    assert (lock["class"], lock["presence"]) == ("pv list", "both")
    assert (lock["base_classes"], lock["new_classes"]) == (["pv list (rwlock)"], ["pv list (OBM)"])
    assert (lock["base_primitives"], lock["new_primitives"]) == (["rwlock"], ["OBM"])
    assert lock["identity_change"] == "rwlock -> OBM"
    classes = {row["name"]: row for row in section["rows"] if row["level"] == "class"}
    assert classes.keys() == {"pv list", "vm object", "vnode/namecache"}
    assert classes["pv list"]["measures"][0]["comparison"] == {
        **comparison,
        "p_adjusted": classes["pv list"]["measures"][0]["comparison"]["p_adjusted"],
    }
    parts = [row for row in section["rows"] if row["level"] == "primitive"]
    assert {(row["class"], row["name"], row["presence"]) for row in parts} == {
        ("pv list", "rwlock", "base only"),
        ("pv list", "OBM", "new only"),
    }
    assert {row["measures"][0]["comparison"]["verdict"] for row in parts} == {"no verdict"}


def test_a_primitive_does_not_count_in_the_correction(written: Callable[[str], str]) -> None:
    (section,) = json.loads(written("json"))["sections"]
    classes = [row for row in section["rows"] if row["level"] == "class"]
    smallest = min((row["measures"][0]["comparison"] for row in classes), key=lambda one: one["p"])
    assert smallest["p_adjusted"] == pytest.approx(len(classes) * smallest["p"])


FORMATS = ("terminal", "markdown", "remarkup", "plain", "html", "json", "csv")
FOR_PEOPLE = FORMATS[:5]


def visible(text: str) -> str:
    """Return the text of a page or a picture without its markup, styles and scripts."""
    if "<html" not in text:
        return text
    page = re.sub(r"<(style|script|metadata)\b.*?</\1>", "", text, flags=re.S)
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_appears_or_vanishes(written: Callable[[str], str], name: str) -> None:
    text = visible(written(name))
    assert "rwlock -> OBM" in text
    said = re.sub(r'"(?:appeared|vanished)(?:_count)?": (?:\[\]|0)', "", text)
    said = said.replace("- vanished", "")  # the legend of the picture
    assert not re.search("appear|vanish", said, re.I)


def rows_of(text: str) -> list[str]:
    """Return the rows of all tables, one line each, without indentation and bars."""
    if "<html" not in text:
        return [line.strip("|- ").replace("`", "") for line in text.splitlines()]
    page = ET.fromstring(text.partition("<!DOCTYPE html>")[2])
    return ["  ".join("".join(cell.itertext()).strip() for cell in row) for row in page.iter("tr")]


@pytest.mark.parametrize("name", FOR_PEOPLE)
def test_the_lock_has_one_row_that_is_proven(written: Callable[[str], str], name: str) -> None:
    rows = [row for row in rows_of(written(name)) if re.match(f"{NAME} (?!\\(rw).*better", row)]
    (row,) = rows
    assert re.search(r"-6[5-8]\.\d% (±|\+-) \d\.\d%", row)
    assert ("rwlock -> OBM" in row) == (name != "plain")  # 72 columns: only its family says it


@pytest.mark.parametrize("name", FOR_PEOPLE)
def test_the_conclusion_is_the_first_paragraph(written: Callable[[str], str], name: str) -> None:
    text = " ".join(visible(written(name)).replace("+-", "±").split())
    heading = "pvprof compare: stock (5 runs) -> patched (5 runs)"
    before, _, after = text.partition("pmap pv list (rwlock -> OBM): ")
    assert heading in before
    assert "What" not in before
    assert re.match(
        r"\d{3} ms -> 3\d\d ms per run, 6[5-8]\.\d% ± \d\.\d% less \(better\), proven at 95.0%"
        r" confidence\.",
        after,
    )
    assert "real, user, sys: No difference proven at 95.0% confidence." in before


@pytest.mark.parametrize("name", FOR_PEOPLE)
def test_the_primitives_are_below_their_family(written: Callable[[str], str], name: str) -> None:
    rows = [row for row in rows_of(written(name)) if re.match(r"pv list(:| \(rwlock)", row)]
    assert [re.split(r"  +| \|", row)[0] for row in rows][1:] == ["pv list: rwlock", "pv list: OBM"]
    assert rows[0].startswith("pv list (rwlock")
    assert "better" in rows[0]
    assert "base only" in rows[1]
    assert "new only" in rows[2]
    assert not re.search("better|worse|proven", rows[1] + rows[2])


def test_80_columns_have_name_values_change_and_verdict(
    run: RunCommand, sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("compare", *sides[0], "--vs", *sides[1]).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    (row,) = [line for line in lines if line.startswith("pmap pv list  ") and "%" in line]
    assert re.fullmatch(
        r"pmap pv list  rwlock -> OBM +\d{3} ms +3\d\d ms +-6\d\.\d% ± \d\.\d%  better.*", row
    )


def test_values_for_people_have_three_digits(written: Callable[[str], str]) -> None:
    for name in ("terminal", "markdown", "remarkup", "plain"):
        values = re.findall(r"([\d,.]+) (?:s|ms|µs|us|ns)\b", written(name))
        assert values
        for value in values:
            assert len(value.replace(",", "").replace(".", "").lstrip("0")) <= 3


def test_a_folder_has_the_summary_in_each_form_and_the_picture(
    run: RunCommand, sides: Sides
) -> None:
    words = ("compare", *sides[0], "--vs", *sides[1], "-o", "review/")
    result = run(*words)
    assert result.exit_code == 0, result.stderr
    files = {path.name for path in Path("review").iterdir()}
    summaries = {f"summary{suffix}" for suffix in (".md", ".remarkup", ".plain.txt", ".html")}
    assert files == summaries | {"difference.svg"}
    for name in files:
        assert f"pvprof: wrote review/{name}" in result.stderr
        assert "pmap pv list" in Path("review", name).read_text()
    for suffix in (".md", ".remarkup", ".plain.txt"):
        assert "difference.svg" in Path(f"review/summary{suffix}").read_text()
    again = run(*words)
    assert again.exit_code == 1
    assert "already exists" in again.stderr
    assert run(*words[:-1], "review", "--force").exit_code == 0
    assert result.stdout == ""


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_read(
    run: RunCommand, sides: Sides
) -> None:
    result = run("compare", *sides[0], "--vs", *sides[1], "-o", "no/such/")
    assert result.exit_code == 1
    assert "the directory no does not exist" in result.stderr
    assert not Path("no").exists()


def test_a_folder_has_a_picture_for_each_mode(run: RunCommand, sides: Sides) -> None:
    both = [
        [*runs, *write_side(Path("locks"), label, runs_of(9_000_000, seed), 21, mode="locks")]
        for runs, label, seed in ((sides[0], "stock", 3), (sides[1], "patched", 4))
    ]
    assert run("compare", *both[0], "--vs", *both[1], "-o", "review/").exit_code == 0
    pictures = {path.name for path in Path("review").glob("*.svg")}
    assert pictures == {"difference-offcpu-ns.svg", "difference-locks-ns.svg"}


def test_run_times_of_two_modes_have_different_names(run: RunCommand, sides: Sides) -> None:
    both = [
        [*runs, *write_side(Path("locks"), label, runs_of(9_000_000, seed), 21, mode="locks")]
        for runs, label, seed in ((sides[0], "stock", 3), (sides[1], "patched", 4))
    ]
    rows = rows_of(run("compare", *both[0], "--vs", *both[1]).stdout)
    for name in ("real (traced: offcpu)", "real (traced: locks)"):
        assert len([row for row in rows if row.startswith(f"{name}  ")]) == 1


def test_one_run_a_side_gives_the_numbers_without_a_verdict(run: RunCommand, sides: Sides) -> None:
    text = " ".join(run("compare", sides[0][0], "--vs", sides[1][0]).stdout.split())
    assert re.search(
        r"pmap pv list \(rwlock -> OBM\): \d{3} ms -> 3?\d\d ms per run, -6\d\.\d%: no verdict\.",
        text,
    )
    assert "No verdict: 1 run a side: a verdict needs 3 a side." in text
    assert "better" not in text


def test_the_page_loads_nothing_and_is_well_formed(written: Callable[[str], str]) -> None:
    text = written("html")
    ET.fromstring(text.partition("<!DOCTYPE html>")[2])
    assert "default-src 'none'" in html.unescape(text)
    assert not re.search(r"(?:src|href)=\"(?!#)", text)
    page = ET.fromstring(text.partition("<!DOCTYPE html>")[2])
    scripts = [element.text or "" for element in page.iter() if element.tag.endswith("script")]
    assert scripts
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in html.unescape(text)


def test_csv_names_the_change(written: Callable[[str], str]) -> None:
    lines = [line for line in written("csv").splitlines() if f",{NAME}," in line]
    assert {line.count("rwlock -> OBM") for line in lines} == {1}


def test_the_stacks_through_both_locks_are_one(run: RunCommand, sides: Sides) -> None:
    words = ("compare", *sides[0], "--vs", *sides[1], "-o", "-", "--format", "differential")
    stacks = [line.rsplit(" ", 2) for line in run(*words).stdout.splitlines()]
    (through,) = [one for one in stacks if one[0].endswith(NAME)]
    assert through[0] == f"cc;kernel`trap;kernel`pmap_enter;{NAME}"
    assert int(through[1]) > 4 * 900_000_000 > 2 * int(through[2]) > 0
    assert all(int(base) > 0 and int(new) > 0 for _, base, new in stacks)


def test_the_diff_of_two_recordings_has_the_stacks_as_one(run: RunCommand, sides: Sides) -> None:
    result = run("flamegraph", "--diff", sides[0][0], sides[1][0], "-o", "d.svg")
    assert result.exit_code == 0, result.stderr
    text = Path("d.svg").read_text()
    assert NAME in text
    assert "rw_wlock_hard" not in text
    assert "obm_lock" not in text


def test_a_recording_that_lost_inner_frames_is_compared_by_name(run: RunCommand) -> None:
    words = ("compare", RECORDINGS / "seed-offcpu.out", "--vs", RECORDINGS / "stock-offcpu.out")
    result = run(*words, "--symbols", SYMBOLS, "--format", "json", "-o", "-")
    document = json.loads(result.stdout)
    (section,) = document["sections"]
    (lock,) = [row for row in section["rows"] if row["name"] == NAME]
    assert (lock["class"], lock["presence"], lock["identity_change"]) == ("pv list", "both", "")
    for paths in (section["appeared"], section["vanished"]):
        assert not [path for path in paths if path["frames"][-1] == NAME]
    (note,) = [one for one in document["caveats"] if one["kind"] == "lost-frames"]
    assert re.match(r"0.0% of the base and \d\d\.\d% of the new side", note["text"])


def test_no_interval_of_an_amount_passes_minus_100_percent(run: RunCommand, sides: Sides) -> None:
    runs: list[Waits] = [
        {"vm object": (10**9, 3)},
        {"vm object": (1, 1)},
        {"vm object": (10**8, 2)},
    ]
    base = write_side(Path("noisy"), "a", runs, 31)
    new = write_side(Path("noisy"), "b", [{"tmpfs": (n, 1)} for n in (1, 2, 4)], 41)
    for method in ("student", "welch", "mann-whitney"):
        words = ("compare", *base, "--vs", *new, "--method", method, "-c", "80")
        for name in ("json", "markdown", "terminal"):
            text = run(*words, "--format", name, "-o", "-").stdout
            percents = re.findall(r'"percent(?:_low)?": (-?[\d.e+]+)', text)
            percents += re.findall(r"(-?[\d,.]+)%", text)
            assert percents
            assert min(float(number.replace(",", "")) for number in percents) >= -100


def slower_waits_in_a_faster_run(factor: float) -> tuple[list[Path], list[Path]]:
    """Write two sides: the waits are 3 times as long, the run `factor` times."""
    base = write_side(Path("o"), "stock", runs_of(300_000_000, 5), 11, stacks=RWLOCK)
    new = []
    for number, waits in enumerate(runs_of(900_000_000, 6), 21):
        times = {"real_s": factor * (100 + number % 3 / 10), "sys_s": 150 + number % 3}
        new += write_side(Path("o"), "patched", [waits], number, OBM, **times)
    return base, new


@pytest.mark.parametrize(("factor", "is_explained"), [(0.8, True), (1.0, False), (1.2, False)])
def test_a_faster_run_with_longer_waits_is_explained_in_the_second_sentence(
    run: RunCommand,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    factor: float,
    is_explained: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    base, new = slower_waits_in_a_faster_run(factor)
    lines = run("compare", *base, "--vs", *new, "--format", "markdown", "-o", "-").stdout.split(
        "\n"
    )
    assert "Kernel waiting on itself" in "".join(lines[2:9])
    expected = (
        "Spinning was not recorded: it counts as sys. If threads that spun sleep now, off-CPU time "
        "grows while the run gets faster. Judge by real and sys."
    )
    assert (lines[3] == expected) == is_explained
    assert ("Spinning was not recorded" in "".join(lines)) == is_explained


def test_waits_with_spinning_need_no_explanation(
    run: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    base, new = slower_waits_in_a_faster_run(0.8)
    for path in (*base, *new):
        raw = path / "raw.out"
        raw.write_bytes(raw.read_bytes().replace(b"turnstile", b"adaptive-spin"))
    text = run("compare", *base, "--vs", *new).stdout
    assert "(worse), proven" in text
    assert "Spinning was not recorded" not in text


EXAMPLE = FIXTURES / "example-lock-patch"


@pytest.fixture(scope="module")
def review(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Write the folder for the review of the example; return it and what stderr had."""
    folder = tmp_path_factory.mktemp("example") / "review"
    words = ("compare", str(EXAMPLE / "rwlock"), str(EXAMPLE / "obm"), "-o", f"{folder}/")
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.stderr
    return folder, result.stderr


def test_the_conclusion_names_the_callers_of_the_changed_lock(review: tuple[Path, str]) -> None:
    text = (review[0] / "summary.md").read_text().replace("`", "")
    expected = (
        "Callers that wait for pmap pv list (obm): pmap_enter (63%), pmap_remove_pages (23%), "
        "pmap_try_insert_pv_entry (13%)."
    )
    assert expected in text.partition("| What |")[0].splitlines()


@pytest.mark.parametrize("suffix", [".md", ".remarkup", ".plain.txt", ".html"])
def test_a_summary_has_the_callers_and_the_first_functions(
    review: tuple[Path, str], suffix: str
) -> None:
    text = visible((review[0] / f"summary{suffix}").read_text())
    _, _, rest = text.partition("Callers that wait for pmap pv list (not judged)")
    callers, _, functions = rest.partition("Waits below a function (inclusive;")
    for name in ("pmap_enter", "pmap_remove_pages", "pmap_try_insert_pv_entry"):
        assert name in callers
    shown = functions.partition("Stacks that changed")[0]
    for name in ("vn_write (and 6 more)", "vm_fault (and 3 more)", "pmap_enter"):
        assert name in shown


def test_the_callers_add_up_to_the_lock() -> None:
    sides = read_sides([str(EXAMPLE / "rwlock"), str(EXAMPLE / "obm")], None, "", ReadOptions())
    changes = compare(*sides, load_rules(), Filters())
    (section,) = changes.sections
    (lock,) = [row for row in section.rows if (row.level, row.name) == ("lock", NAME)]
    one = lock.main.comparison
    assert one is not None
    assert sum(caller.base_mean for caller in lock.callers) == pytest.approx(one.base.mean)
    assert sum(caller.new_mean for caller in lock.callers) == pytest.approx(one.new.mean)


def test_a_warning_is_stated_once_and_the_common_conditions_too(review: tuple[Path, str]) -> None:
    hosts = "recorded on two hosts (fbsd-obm, fbsd-probes): differences may come from the machine"
    for suffix in (".md", ".remarkup", ".html"):
        text = visible((review[0] / f"summary{suffix}").read_text())
        in_picture = suffix == ".html"  # a picture is also read without its page
        assert text.count(hosts) == 1 + in_picture
        assert text.count("Workload: pvload 8 20 2; 4 CPUs; 13.2-RELEASE") == 1
        assert "kernel: 13.2-RELEASE PVPROBES against 13.2-RELEASE PVOBM" in text
        assert "{F" not in text
    assert review[1].count(hosts) == 1


def test_each_file_of_a_review_is_written_with_its_purpose(review: tuple[Path, str]) -> None:
    folder, written = review
    for name, purpose in (
        ("summary.remarkup", "for reviews.freebsd.org"),
        ("summary.md", "for GitHub"),
        ("summary.plain.txt", "for mail and commit messages"),
    ):
        assert f"pvprof: wrote {folder}/{name} ({purpose})\n" in written
    assert "put its {F...} into summary.remarkup" in written
