"""The command line: help, exit codes, streams, files."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from conftest import FIXTURES, RECORDINGS, SYMBOLS, assert_golden, require_packages_of
from helpers.command_line import RunCommand
from helpers.flamegraph_file import frames_in, title_of
from helpers.flamegraph_file import parse as parse_svg
from helpers.pages import parsed
from helpers.pprof_file import read_pprof
from helpers.remarkup import remarkup_tables
from helpers.terminal import on_terminal
from helpers.viewer_files import check_trace, nanoseconds, totals_of, waits_of

from pvprof.cli import COMMANDS
from pvprof.cli.commands.report import SUBJECTS
from pvprof.render.registry import Format, format_named, formats_for
from pvprof.units import format_ns

STOCK = RECORDINGS / "stock-offcpu.out"
EVENTS = RECORDINGS / "events.out.gz"
GOLDEN = FIXTURES / "golden"


def pvprof(*args: object, **options: object) -> subprocess.CompletedProcess[bytes]:
    """Run pvprof in its own process."""
    command = [sys.executable, "-m", "pvprof", *map(str, args)]
    return subprocess.run(command, capture_output=True, check=False, **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example(command: str, run: RunCommand) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "Example" in result.stdout
    assert f"pvprof {command}" in result.stdout


def test_help_lists_every_command_and_how_to_begin(run: RunCommand) -> None:
    result = run("--help")
    assert all(command in result.stdout for command in COMMANDS)
    assert "Example: pvprof report" in result.stdout
    assert run("-h").stdout == result.stdout


@pytest.mark.parametrize("args", [["--help"], ["script", "--help"], ["script", "events"]])
def test_starting_imports_neither_pandas_nor_numpy_nor_rich(args: list[str]) -> None:
    code = (
        "import sys; sys.argv = ['pvprof', *sys.argv[1:]]\n"
        "from pvprof.cli import cli\n"
        "try: cli()\n"
        "finally: print({'numpy', 'pandas', 'rich'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *args], capture_output=True, check=True, text=True
    )
    assert done.stderr.strip() == "set()"


HEAVY = {"numpy", "pandas", "scipy", "jinja2", "elftools"}
FOR_TABLES = {"rich", "pvprof.analysis.report", "pvprof.analysis.lock_table"}


@pytest.mark.parametrize(
    ("command", "left_out", "most"),
    [
        ("fold", HEAVY | FOR_TABLES | {"importlib.resources"}, 150),
        ("flamegraph", HEAVY | FOR_TABLES, 155),
        ("report", HEAVY, 167),
    ],
)
def test_a_small_aggregate_needs_few_modules(command: str, left_out: set[str], most: int) -> None:
    code = (
        "import sys; sys.argv = ['pvprof', *sys.argv[1:]]\n"
        "from pvprof.cli import cli\n"
        "try: cli()\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, command, "-q", STOCK],
        capture_output=True,
        check=True,
        text=True,
    )
    modules = set(done.stderr.split("\n")[-2].split())
    assert not modules & left_out
    own = [name for name in modules if name.startswith("pvprof.")]
    assert 50 < len(own) <= most


def test_a_report_of_aggregates_needs_no_numpy() -> None:
    code = (
        "import sys; sys.modules['numpy'] = sys.modules['pandas'] = None\n"
        f"sys.argv = ['pvprof', 'report', {str(STOCK)!r}]\n"
        "from pvprof.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    assert "vm object" in done.stdout


KEPT_NS = 1_386_252_727  # of EVENTS, by awk too: tests/parse/test_sums.py


def kept_in_terminal(text: str) -> int:
    rule = next(line for line in text.splitlines() if set(line) == {"─", " "})
    heading = text.partition(rule)[0].splitlines()[-1]
    assert heading.startswith("Lock or wait ")
    assert "|" not in heading
    return kept_in_heading(text, "")


def kept_in_markdown(text: str) -> int:
    tables = re.findall(r"(?:^\|.*\|\n)+", text, re.M)
    assert tables
    for table in tables:
        rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()]
        assert {len(row) for row in rows} == {len(rows[0])}
        assert all(re.fullmatch(" ?-+:? ?", cell) for cell in rows[1])
    return kept_in_heading(text, "## ")


def kept_in_remarkup(text: str) -> int:
    for table in remarkup_tables(text):
        assert table.headings
        assert {len(row) for row in table.rows} == {len(table.headings)}
    return kept_in_heading(text, "== ")


def kept_in_plain(text: str) -> int:
    lines = text.splitlines()
    assert max(map(len, lines)) <= 72
    assert text.isascii()
    assert any(set(line) == {"-", " "} for line in lines)
    return kept_in_heading(text, "")


def kept_in_heading(text: str, mark: str) -> int:
    """Return the exact value if the heading has it, rounded, else -1."""
    pattern = rf"^{mark}Off-CPU and lock time: (.*) in 132 waits \(Kernel waiting on"
    (value,) = re.findall(pattern, text, re.M)
    return KEPT_NS if value == format_ns(KEPT_NS) else -1


def kept_in_csv(text: str) -> int:
    rows = list(csv.DictReader(io.StringIO(text), strict=True))
    assert all(None not in row and None not in row.values() for row in rows)
    return sum(int(row["value"]) for row in rows if row["set_aside"] == "no")


def kept_in_json(text: str) -> int:
    return int(json.loads(text)["sections"][0]["kept"]["value"])


def kept_in_folded(text: str) -> int:
    lines = re.findall(r"^(?:[^;\n]+;)+[^;\n]+ (\d+)$", text, re.M)
    others = [line for line in text.splitlines() if line != "# pvprof folded, unit: ns"]
    assert len(lines) == len(others)
    return sum(map(int, lines))


def kept_in_html(text: str) -> int:
    assert text.startswith("<!DOCTYPE html>")
    page = parsed(text)
    assert page.tag.endswith("html")
    assert page.findall(".//{*}table")
    return total_in_title(page)


def kept_in_svg(text: str) -> int:
    picture = parse_svg(text)
    assert picture.tag.endswith("svg")
    return total_in_title(picture)


def total_in_title(root: ET.Element) -> int:
    """Return the value, in ns, of the lowest frame of the first flame graph."""
    titles = [title_of(frame) for frame in frames_in(root)]
    value = next(value for name, value in titles if name == "all")
    match = re.search(r"\(([0-9,]+) ns\)", value)
    assert match
    return int(match[1].replace(",", ""))


def kept_in_speedscope(text: str) -> int:
    return sum(sums.total() for sums in totals_of(text).values())


def kept_in_chrome_trace(text: str) -> int:
    return sum(nanoseconds(wait["dur"]) for wait in waits_of(check_trace(text)))


KEPT_IN = {
    "terminal": kept_in_terminal,
    "markdown": kept_in_markdown,
    "remarkup": kept_in_remarkup,
    "plain": kept_in_plain,
    "csv": kept_in_csv,
    "json": kept_in_json,
    "folded": kept_in_folded,
    "html": kept_in_html,
    "svg": kept_in_svg,
    "speedscope": kept_in_speedscope,
    "chrome-trace": kept_in_chrome_trace,
}
"""A reader per format: it returns the kept time in ns, and fails if the format is another."""


def kept_in_parquet(data: bytes) -> int:
    table = pd.read_parquet(io.BytesIO(data))
    return int(table.loc[~table["set_aside"].astype(bool), "value"].sum())


def kept_in_xlsx(data: bytes) -> int:
    headings, *rows = openpyxl.load_workbook(io.BytesIO(data))["locks"].values
    table = [dict(zip(headings, row, strict=True)) for row in rows]
    return sum(int(str(row["value"])) for row in table if not row["set_aside"])


def kept_in_waits_parquet(data: bytes) -> int:
    return int(pd.read_parquet(io.BytesIO(data))["wait_ns"].sum())


def kept_in_pprof(data: bytes) -> int:
    return read_pprof(data).totals()[0]


KEPT_IN_BINARY = {
    "pprof": kept_in_pprof,
    "parquet": kept_in_parquet,
    "xlsx": kept_in_xlsx,
    "waits": kept_in_waits_parquet,
}
"""The same for binary formats."""


def kept_in(fmt: Format, data: bytes) -> int:
    """Return the kept time in a file of a format, in ns."""
    if fmt.name in KEPT_IN_BINARY:
        return KEPT_IN_BINARY[fmt.name](data)
    assert fmt.name in KEPT_IN, f"tests/cli/test_cli.py: add a reader of {fmt.name} to KEPT_IN"
    return KEPT_IN[fmt.name](data.decode())


@pytest.mark.slow
@pytest.mark.parametrize("fmt", formats_for(SUBJECTS), ids=lambda fmt: fmt.name)
def test_a_file_is_in_the_format_of_its_suffix(
    fmt: Format, tmp_path: Path, run: RunCommand
) -> None:
    require_packages_of(fmt)
    for suffix in fmt.suffixes:
        path = tmp_path / f"result{suffix}"
        result = run("report", EVENTS, "-o", path)
        assert result.exit_code == 0
        assert f"pvprof: wrote {path}" in result.stderr
        assert result.stdout == ""
        assert kept_in(fmt, path.read_bytes()) == KEPT_NS


@pytest.mark.slow
@pytest.mark.parametrize("fmt", formats_for(SUBJECTS), ids=lambda fmt: fmt.name)
def test_stdout_is_in_the_format_that_is_asked_for(fmt: Format, run: RunCommand) -> None:
    require_packages_of(fmt)
    result = run("report", EVENTS, "-o", "-", "--format", fmt.name)
    assert result.exit_code == 0
    assert kept_in(fmt, result.stdout_bytes) == KEPT_NS


@pytest.mark.slow
@pytest.mark.parametrize("command", ["report", "locks", "fold", "flamegraph"])
def test_each_format_of_a_command_gives_other_bytes(command: str, run: RunCommand) -> None:
    listed = run(command, "--help").stdout.partition("Formats:\n")[2]
    names = [line.split()[0] for line in listed.splitlines()]
    for name in names:
        require_packages_of(format_named(name))
    texts = [run(command, EVENTS, "-o", "-", "--format", name).stdout for name in names]
    assert all(texts)
    assert len(set(texts)) == len(names) > 1


def test_one_run_writes_several_files(tmp_path: Path, run: RunCommand) -> None:
    wanted = [tmp_path / name for name in ("a.md", "b.svg", "c.folded")]
    result = run("report", STOCK, *(word for path in wanted for word in ("-o", path)))
    assert result.exit_code == 0
    assert all(path.stat().st_size for path in wanted)
    assert sorted(tmp_path.iterdir()) == wanted


def test_a_file_is_overwritten_only_with_force(tmp_path: Path, run: RunCommand) -> None:
    path = tmp_path / "mine.folded"
    path.write_text("precious")
    result = run("fold", "-k", "all", STOCK, "-o", path)
    assert result.exit_code == 1
    assert "already exists" in result.stderr
    assert "--force" in result.stderr
    assert path.read_text() == "precious"
    assert run("fold", "-k", "all", STOCK, "-o", path, "--force").exit_code == 0
    assert "vm object" in path.read_text()


@pytest.mark.parametrize("target", ["missing/x.svg", "."])
def test_an_output_that_cannot_be_written_is_an_error_before_reading(
    target: str, tmp_path: Path, run: RunCommand
) -> None:
    result = run("fold", "-k", "all", tmp_path / "not there either", "-o", tmp_path / target)
    assert result.exit_code == 1
    assert "not there either" not in result.stderr


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o604])
def test_a_result_that_is_replaced_keeps_its_mode(
    tmp_path: Path, run: RunCommand, mode: int
) -> None:
    path = tmp_path / "x.folded"
    assert run("fold", "-k", "all", STOCK, "-o", path).exit_code == 0
    usual = path.stat().st_mode & 0o777
    path.chmod(mode)
    assert run("fold", "-k", "all", STOCK, "-o", path, "-f").exit_code == 0
    assert path.stat().st_mode & 0o777 == mode != usual


def test_a_full_disk_leaves_no_file_behind(tmp_path: Path) -> None:
    done = pvprof("fold", "-k", "all", STOCK, "-o", "/dev/full")
    assert done.returncode == 1
    assert b"No space left" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("args", "mistake"),
    [
        (["nonsense"], "'nonsense'"),
        (["report"], "Missing argument 'REC...'"),
        (["report", STOCK, "--kind", "nonsense"], "kind: nonsense"),
        (["report", STOCK, "--frame", "("], "--frame: bad regular expression '('"),
        (["report", STOCK, "-o", "x.docx"], "x.docx: no format has that suffix"),
        (["fold", "-k", "all", STOCK, "--measure", "samples"], "nothing measured in samples"),
        (
            ["fold", "-k", "all", STOCK, "--input-format", "nonsense"],
            "'--input-format': 'nonsense'",
        ),
        (["locks", STOCK, "-o", "x.svg"], "x.svg: no format has that suffix"),
        (["script", "nonsense"], "mode: nonsense"),
        (["flamegraph", STOCK, "--width", "3"], "'--width': 3 is not in the range"),
    ],
    ids=lambda value: " ".join(map(str, value[:1] + value[2:])) if isinstance(value, list) else "",
)
def test_a_mistake_in_the_options_is_a_usage_error_that_names_it(
    args: list[object], mistake: str, run: RunCommand
) -> None:
    result = run(*args)
    assert result.exit_code == 2
    assert result.stdout == ""
    (error,) = re.findall(r"^(?:pvprof: error|Error): (.*)$", result.stderr, re.M)
    assert mistake in error


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["drops.out"], "recorded). Data are missing: totals are too low"),
        (["stock-offcpu.out"], ""),
        (
            ["--diff", "stock-offcpu.out", "drops.out"],
            "Data are missing (new): totals are too low.",
        ),
        (["--diff", "drops.out", "drops.out"], "Data are missing (base and new): totals"),
        (["--diff", "stock-offcpu.out", "stock-offcpu.out"], ""),
    ],
    ids=" ".join,
)
def test_the_subtitle_says_that_data_are_missing(
    run: RunCommand, words: list[str], sentence: str
) -> None:
    paths = [word if word.startswith("--") else RECORDINGS / word for word in words]
    text = run("flamegraph", "--measure", "ns", *paths, "-o", "-", "-q").stdout
    subtitles = "".join(re.findall('class="subtitle"[^>]*>([^<]*)<', text))
    assert sentence in subtitles
    assert ("Data are missing" in subtitles) == bool(sentence)


def test_a_difference_gives_the_share_that_each_side_shows(run: RunCommand) -> None:
    sides = [RECORDINGS / name for name in ("seed-offcpu.out", "stock-offcpu.out")]
    text = run("flamegraph", "--measure", "ns", "--diff", *sides, "-o", "-", "-q").stdout
    share = "Kernel waiting on itself (base &lt;0.1% of 1,285 s, new 0.9% of 145.3 s recorded)"
    assert share in text


@pytest.mark.slow
def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m pvprof fold -q {EVENTS} | head -c 10"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, check=True
    )
    assert len(done.stdout) == 10
    assert b"rror" not in done.stderr


def test_a_pipe_gets_no_colour_and_no_trailing_blanks(run: RunCommand) -> None:
    printed = run("report", STOCK).stdout
    assert "\x1b" not in printed
    assert all(line == line.rstrip() for line in printed.splitlines())


@pytest.mark.slow
def test_a_terminal_gets_colour_and_no_color_turns_it_off() -> None:
    colour = re.compile(rb"\x1b\[[0-9;]*3[0-7][;m]")
    assert colour.search(on_terminal("report", STOCK, columns=100))
    assert not colour.search(on_terminal("report", STOCK, columns=100, NO_COLOR="1"))


@pytest.mark.slow
@pytest.mark.parametrize("columns", [60, 80, 120, 200])
@pytest.mark.parametrize("name", ["stock-offcpu.out", "events.out.gz", "lockstat-provider.out"])
def test_no_number_is_cut_and_no_line_is_wider_than_the_terminal(columns: int, name: str) -> None:
    printed = on_terminal("report", RECORDINGS / name, columns=columns).decode()
    lines = re.sub(r"\x1b\[[0-9;]*m|\r", "", printed).splitlines()
    assert max(map(len, lines)) <= columns
    assert not re.search(r"(?:\d|%|\bm?s)…  |  …", printed)
    assert any("vm object" in line for line in lines)


@pytest.mark.parametrize(
    ("golden", "args"),
    [
        ("report-stock-80.txt", ["report", STOCK, "--symbols", SYMBOLS]),
        ("report-events.md", ["report", EVENTS, "--symbols", SYMBOLS, "--format", "markdown"]),
        ("report-runq.json", ["report", RECORDINGS / "runq.out", "--format", "json"]),
        ("locks-lockstat.csv", ["locks", RECORDINGS / "lockstat-provider.out", "--format", "csv"]),
        ("fold-stock.folded", ["fold", "-k", "all", STOCK, "--symbols", SYMBOLS]),
        (
            "fold-seed-root.folded",
            ["fold", "-k", "all", RECORDINGS / "seed-offcpu.out", "--by", "root"],
        ),
        ("fold-wakeup.folded", ["fold", "-k", "all", RECORDINGS / "wakeup.out"]),
        ("flamegraph-stock.svg", ["flamegraph", STOCK, "--symbols", SYMBOLS]),
    ],
)
def test_results_of_real_recordings_are_as_reviewed(
    golden: str, args: list[object], run: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = run(*args)
    assert result.exit_code == 0
    text = result.stdout
    if golden.endswith(".svg"):
        text = without_script_and_style(text)
    assert_golden(text, GOLDEN / golden)


def without_script_and_style(svg: str) -> str:
    """Return a picture without script and style, which have their own files and tests."""
    root = ET.fromstring(svg)
    for element in list(root):
        if element.tag.endswith(("script", "style")):
            root.remove(element)
    return ET.tostring(root, encoding="unicode")


@pytest.mark.slow
def test_the_same_input_gives_the_same_bytes_in_every_process() -> None:
    pictures = {
        pvprof("flamegraph", EVENTS, env={**os.environ, "PYTHONHASHSEED": seed}).stdout
        for seed in ("0", "1", "2")
    }
    assert len(pictures) == 1


def test_rules_of_the_user_apply(tmp_path: Path, run: RunCommand) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nclass = "my lock"\nnames = ["vm object"]\n')
    result = run("locks", STOCK, "--rules", rules, "--class", "my lock", "--format", "csv")
    rows = [line.split(",") for line in result.stdout.splitlines()[1:]]
    assert [row[3:5] for row in rows if row[1] == "no"] == [["my lock", "vm object"]]


def test_recorded_counts_can_be_folded(run: RunCommand) -> None:
    counted = run("fold", "-k", "all", STOCK, "--counts").stdout.splitlines()
    assert sum(int(line.rpartition(" ")[2]) for line in counted) == 2021


def test_the_list_of_programs_has_every_mode(run: RunCommand) -> None:
    listed = run("script", "--list").stdout
    for mode in ("offcpu", "offcpu-sdt", "events", "oncpu", "locks", "wakeup", "runq"):
        assert f"\n{mode} " in f"\n{listed}"
        text = run("script", mode).stdout
        assert text == (Path(__file__).parent.parent.parent / "dscripts" / f"{mode}.d").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("args", [["report", STOCK], ["--help"], ["script", "offcpu"]])
@pytest.mark.parametrize("target", ["/dev/full", "&-"])
def test_an_unwritable_stdout_is_one_line_of_error(args: list[object], target: str) -> None:
    command = shlex.join([sys.executable, "-m", "pvprof", *map(str, args)])
    done = subprocess.run(
        ["sh", "-c", f"{command} >{target}"], capture_output=True, check=False, text=True
    )
    assert done.returncode == 1
    assert re.fullmatch(r"pvprof: error: .*\n", done.stderr)


def test_an_unreadable_kldstat_is_one_line_of_error(run: RunCommand, tmp_path: Path) -> None:
    result = run("report", STOCK, "--kldstat", tmp_path / "none")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"pvprof: error: {tmp_path / 'none'}: No such file")


def test_all_outputs_are_written_or_none(tmp_path: Path, run: RunCommand) -> None:
    histogram = RECORDINGS / "histogram.out"
    result = run("report", histogram, "-o", tmp_path / "h.md", "-o", tmp_path / "h.svg")
    assert result.exit_code == 1
    assert "histograms only" in result.stderr
    assert list(tmp_path.iterdir()) == []
    twice = run("report", STOCK, "-o", tmp_path / "d.md", "-o", tmp_path / "d.md")
    assert twice.exit_code == 2
    assert "named twice" in twice.stderr


def test_counts_are_an_error_if_none_were_recorded(run: RunCommand) -> None:
    result = run("fold", "-k", "all", RECORDINGS / "oncpu-default.out", "--counts")
    assert result.exit_code == 2
    assert "no counts" in result.stderr


def test_a_picture_of_counts_gives_counts_everywhere(run: RunCommand) -> None:
    picture = run("flamegraph", STOCK, "--counts").stdout
    assert "Kernel waiting on itself (5.0% of 2,021 recorded)" in picture
    assert "Waiting for children: 1,907" in picture


def test_control_characters_of_a_name_never_reach_the_terminal(run: RunCommand) -> None:
    text = b"\nturnstile|l\x1b[31mRED\nkernel`a\n5 1\n"
    for form in ("terminal", "markdown", "remarkup", "plain"):
        printed = run("report", "-", "--format", form, stdin=text).stdout
        assert "\x1b" not in printed
        assert "x1b" in printed


def test_filters_apply_to_histograms(run: RunCommand) -> None:
    printed = run("report", RECORDINGS / "lockstat-provider.out", "--name", "^vm object$").stdout
    table = printed.partition("Wait histograms")[2]
    assert "vm object" in table
    assert "pmap pv list" not in table


def test_kernel_addresses_without_a_name_are_a_note(run: RunCommand) -> None:
    assert "kernel addresses without a name" in run("fold", "-k", "all", STOCK).stderr
    assert run("fold", "-k", "all", STOCK, "--symbols", SYMBOLS).stderr == ""


def test_user_addresses_without_a_name_are_a_note(run: RunCommand) -> None:
    ended = RECORDINGS.parent / "linux" / "bpftrace" / "oncpu.pvprof.tar.gz"
    text = run("fold", "-k", "all", ended).stderr
    assert "20 x addresses in programs without a name" in text
    assert "kernel addresses" not in text
