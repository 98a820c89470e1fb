"""Tables to paste: Markdown for GitHub, Remarkup for Phabricator, plain text for mail."""

from __future__ import annotations

import re
import time

import pytest
from conftest import FIXTURES, RECORDINGS
from helpers.command_line import RunCommand
from helpers.remarkup import remarkup_tables
from rich.cells import cell_len

from pvprof.render.text.markdown import Markdown
from pvprof.render.text.plain import WIDTH
from pvprof.render.text.remarkup import Remarkup
from pvprof.render.text.shorten import cut, shorten
from pvprof.render.text.table_lines import TableStyle, lines_of
from pvprof.views.tables.table import Column, Table

EVENTS = RECORDINGS / "events.out.gz"
STOCK = RECORDINGS / "stock-offcpu.out"
COMMANDS = [
    ("report", EVENTS),
    ("locks", EVENTS),
    ("compare", RECORDINGS / "seed-offcpu.out", "--vs", STOCK),
    ("stats", RECORDINGS / "events.time", RECORDINGS / "seed-offcpu.time"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_remarkup_has_tables_with_headings_and_no_backslashes(
    command: tuple[object, ...], run: RunCommand
) -> None:
    text = run(*command, "-q", "--format", "remarkup").stdout
    for table in remarkup_tables(text):
        assert table.headings
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.headings)}
    assert "\\" not in text
    assert text.startswith("= ")


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_markdown_has_no_backslashes(command: tuple[object, ...], run: RunCommand) -> None:
    text = run(*command, "-q", "--format", "markdown").stdout
    assert re.search(r"^\| --", text, re.M)
    assert "\\" not in text


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_plain_text_fits_a_commit_message(command: tuple[object, ...], run: RunCommand) -> None:
    text = run(*command, "-q", "--format", "plain").stdout
    lines = text.splitlines()
    assert max(map(len, lines)) <= WIDTH == 72
    assert text.isascii()
    # git takes these for a comment, and for the end of the message
    assert not any(line.startswith(("#", "--", "diff ")) for line in lines)


def test_the_markup_of_a_picture_has_nothing_that_is_no_part_of_the_comment(
    run: RunCommand, tmp_path: object
) -> None:
    words = ("compare", RECORDINGS / "seed-offcpu.out", "--vs", STOCK, "-q")
    outputs = ("-o", f"{tmp_path}/r.remarkup", "-o", f"{tmp_path}/a b.svg")
    assert run(*words, *outputs).exit_code == 0
    with open(f"{tmp_path}/r.remarkup", encoding="utf-8") as file:
        text = file.read()
    assert "Picture: `a b.svg`\n" in text
    assert "upload" not in text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("vm object", "`vm object`"),
        ("kernel`vm_fault", "``kernel`vm_fault``"),
        ("`a``b`", "``` `a``b` ```"),
    ],
)
def test_a_code_span_has_more_backticks_than_its_text(text: str, code: str) -> None:
    assert Markdown().code(text) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [("vm object", "`vm object`"), ("kernel`vm_fault", "##kernel`vm_fault##")],
)
def test_remarkup_puts_backticks_between_number_signs(text: str, code: str) -> None:
    assert Remarkup().code(text) == code


def test_a_bar_in_a_name_ends_no_cell() -> None:
    table = Table("", (Column("Name", is_name=True), Column("Text")), (("a|b", "c|d"),))
    markdown = Markdown()._table(table).splitlines()[-1]
    assert [cell.strip() for cell in re.split(r"(?<!\\)\|", markdown)[1:-1]] == [
        r"`a\|b`",
        r"`c\|d`",
    ]
    (read,) = remarkup_tables(Remarkup()._table(table) + "\n")
    assert read.rows == [["`a¦b`", "`c¦d`"]]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "waits (kernel`vm_fault), <0.1% [s] -> 5",
            "waits (``kernel`vm_fault``), <0.1% [s] -> 5",
        ),
        ("left out: <script>.", "left out: `<script>`."),
        ("3 * 4, @user", "3 `*` 4, `@user`"),
    ],
)
def test_words_with_markup_are_code_in_sentences(text: str, shown: str) -> None:
    assert Markdown().prose(text) == shown


@pytest.mark.parametrize(
    ("name", "cells", "shown"),
    [
        ("kernel`vm_fault", 15, "kernel`vm_fault"),
        ("kernel`vm_fault", 14, "vm_fault"),
        ("kernel`pmap_ts_referenced_by_all", 15, "pmap_ts…_by_all"),
        ("amd64/amd64/pmap.c:7117", 11, "pmap.c:7117"),
    ],
)
def test_the_module_goes_before_a_letter_of_the_function(name: str, cells: int, shown: str) -> None:
    assert shorten(name, cells, "…") == shown


@pytest.mark.parametrize(
    ("name", "cells", "shown"),
    [
        ("pv list (rwlock)", 16, "pv list (rwlock)"),
        ("pv list (rwlock)", 12, "pv… (rwlock)"),
        ("pv list (rwlock)", 11, "pv list (r…"),
        ("vnode/namecache", 12, "vnode/namec…"),
    ],
)
def test_what_a_class_has_in_brackets_stays(name: str, cells: int, shown: str) -> None:
    assert cut(name, cells, "…") == shown


def test_all_names_of_a_column_are_with_the_module_or_without() -> None:
    columns = (Column("Lock", is_name=True), Column("Caller", is_name=True))
    table = Table("", columns, (("a", "kernel`exit1"), ("b", "kernel`vm_reserv_extract_page")))
    callers = [line.split()[1] for line in lines_of(table, 24, TableStyle("-", "…")).rows]
    assert callers[0] == "exit1"
    assert re.fullmatch("vm_.+….+_page", callers[1])


@pytest.mark.parametrize("name", ["a" * 200_000, "\u0301" * 200_000, "\u6f22" * 100_000])
def test_a_name_of_any_length_is_shortened_at_once(name: str) -> None:
    begin = time.process_time()
    for _ in range(5):
        assert cell_len(shorten(name, 30, "...")) <= 30
    assert time.process_time() - begin < 5


def test_names_are_shortened_before_a_column_is_dropped() -> None:
    columns = (Column("Lock", is_name=True), Column("Wait", True), Column("Caller", False, 1, True))
    table = Table("", columns, (("pmap pv list", "1.000 s", "kernel`" + "long_name_" * 5),))
    style = TableStyle("-", "..")
    narrow = lines_of(table, 40, style)
    assert narrow.hidden == ()
    assert narrow.rows == ("pmap pv list  1.000 s  long_nam..g_name_",)
    assert lines_of(table, 20, style).hidden == ("Caller",)
    assert lines_of(table, None, style).rows[0].endswith("kernel`" + "long_name_" * 5)


def test_a_plot_in_plain_text_is_ascii(run: RunCommand) -> None:
    times = FIXTURES / "times" / "skylake-104-threads.txt"
    text = run("stats", times, "--format", "plain", "-q").stdout
    assert re.search(r"^ +\|_+[AM]", text, re.M)
    assert "x one run, 2 to 9 that many" in text
