"""Texts from outside in what pvprof writes: they are text there, and command nothing."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from helpers.command_line import RunCommand
from helpers.native_writer import record, text_of
from helpers.remarkup import remarkup_tables
from helpers.strategies import examples
from hypothesis import given
from hypothesis import strategies as st

from pvprof.model.stacks import UNSEEN, show_controls
from pvprof.render.data.encoding import DataTable, csv_of, json_text
from pvprof.render.text import markdown, plain, remarkup
from pvprof.render.text.markdown import Markdown
from pvprof.render.text.remarkup import Remarkup
from pvprof.stats.series import Metric, Series
from pvprof.views.documents.blocks import Heading, Plot, document, paragraph, points
from pvprof.views.tables.table import Column, Table

any_text = st.text(st.characters(exclude_categories=()), max_size=40)

# ---- characters that are not seen ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("vm object é漢🔬", "vm object é漢🔬"),
        ("\x1b]0;x\x07", "\\x1b]0;x\\x07"),
        ("a\u202eb\u061c", "a\\u202eb\\u061c"),
        ("a\u200b\u2060\ufeff\xad", "a\\u200b\\u2060\\ufeff\\xad"),
        ("\U000e0041", "\\U000e0041"),
        (b"\xff\x9b".decode("utf-8", "surrogateescape"), "\\xff\\x9b"),
        ("\ud800\r\n\x9b", "\\ud800\\x0d\\x0a\\x9b"),
    ],
)
def test_a_character_that_is_not_seen_is_spelled_out(text: str, shown: str) -> None:
    assert show_controls(text) == shown


def test_every_character_that_is_spelled_out_is_found_in_any_text() -> None:
    unseen = [chr(code) for code in range(0x110000) if UNSEEN.match(chr(code))]
    assert len(unseen) > 2000
    assert [one for one in unseen if show_controls(f"a{one}") == f"a{one}"] == []


@given(any_text)
def test_json_is_exact_and_has_no_character_that_is_not_seen(text: str) -> None:
    for indent in (None, 1):
        written = json_text({text: [text]}, indent=indent)
        assert json.loads(written) == {text: [text]}
        assert not UNSEEN.search(written.replace("\n", ""))


@given(any_text)
def test_a_cell_of_csv_is_one_cell_and_no_formula(text: str) -> None:
    written = csv_of(DataTable("x", ("name", "value"), [(text, -5)])).text
    assert not UNSEEN.search(written.replace("\n", ""))
    _, (name, value) = csv.reader(io.StringIO(written))
    assert value == "-5"
    assert name in (show_controls(text), f"'{show_controls(text)}")
    assert len(name) < 2 or not name.startswith(("=", "+", "-", "@"))


# ---- Markdown, as GitHub renders it -------------------------------------------------------------


class Rendered(HTMLParser):
    """What a renderer made: its elements, its text, and the text outside of code."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.text = ""
        self.prose = ""
        self._codes = 0
        options = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES
        self.feed(cmarkgfm.github_flavored_markdown_to_html(source, options))

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.elements.append(tag)
        self._codes += tag == "code"

    def handle_endtag(self, tag: str) -> None:
        self._codes -= tag == "code"

    def handle_data(self, data: str) -> None:
        self.text += data
        self.prose += "\0" if self._codes else data

    def words(self) -> list[str]:
        return self.text.split()


REFERENCES = re.compile(
    r"@\w|#\w|(?<!\w)[!%$&~^]\w|:[\w+-]+:|\bGH-\d|https?:|\bwww\.|\w@\w|\$\S|\]:", re.IGNORECASE
)
"""What GitHub or GitLab make links of, beyond Markdown: users, issues, labels, formulas, emoji."""

NASTY = (
    *("@root", "(@root)", "x@example.org", "see:@all", "#1", "owner/repo#12", "GH-7", "!3", "%1"),
    *("http://example.org/", "https://x", "www.example.org", "ftp://x", "mailto:a@b.c", "//x"),
    *("&lt;b&gt;", "&amp;", "&#x41;", "<script>alert(1)</script>", "<b", "<!--", "<https://x>"),
    *("[a](http://x)", "![a](x)", "[a][b]", "[a]: x", "[^1]", "[^1]: x", "[ ] task", "[x] task"),
    *("~~gone~~", "~a b~", "~5 ~", "**b**", "_i_", "__b__", "==m==", "`c`", "``", "`", "\\"),
    *("- a", "+ a", "* a", "1. a", "1) a", "> a", ">a", "# a", "===", "---", "***", "~~~", "```"),
    *(
        "/close",
        "/label x",
        "$x$",
        "$$",
        ":smile:",
        ":+1:",
        "a|b",
        "a\\|b",
        "|",
        "\\|",
        "a\\",
        "||",
    ),
    *(
        "a\nb",
        "a\n\n# b",
        "  code",
        "\tcode",
        "a  ",
        "D123",
        "T1",
        "rS1a",
        "{F1}",
        "NOTE: x",
        "%%%",
    ),
    *(
        "=cmd",
        "##x##",
        "`##`",
        "[[ x ]]",
        "(NOTE)",
        "%%%",
        "||",
        "\\`",
        "!!x!!",
        "#1 #",
        "a #",
        "12:30:05",
    ),
)
pieces = st.sampled_from([*NASTY, *"@#!%&~^$:<>[]()|`\\*_=+-/.1a ", "www.", "x "])
nasty = st.lists(pieces, max_size=6).map("".join) | st.sampled_from(NASTY) | any_text


def in_one_table(text: str) -> Table:
    columns = (Column("Name", is_name=True), Column("Words"))
    return Table(text, columns, ((text, text), ("next", "row")), note=text)


def check_markdown(text: str) -> None:
    shown = show_controls(text)
    words = shown.split()
    found = Rendered(Markdown().line(text if text.isprintable() else shown) + "\n")
    assert set(found.elements) <= {"p", "code"}
    assert found.words() == words
    assert not REFERENCES.search(found.prose), found.prose
    whole = document(
        Heading(text, 1), points(text, "next"), paragraph(text, tone="loss"), in_one_table(text)
    )
    made = Rendered(markdown.render(whole).text)
    table = ("table", "thead", "tbody", "tr", "th", "td")
    assert set(made.elements) <= {"h1", "h3", "ul", "li", "p", "strong", "code", *table}
    assert [made.elements.count(one) for one in ("h1", "ul", "li", "table", "tr", "td")] == [
        *(1, 1, 2 if words else 1, 1, 3, 4)
    ]
    assert not REFERENCES.search(made.prose), made.prose


@pytest.mark.parametrize("text", NASTY)
def test_a_hostile_text_is_text_in_markdown(text: str) -> None:
    check_markdown(text)


@examples(1)
@given(nasty)
def test_any_text_is_text_in_markdown(text: str) -> None:
    check_markdown(text)


def test_the_plot_of_a_set_with_backticks_in_its_name_is_one_block_of_code() -> None:
    for name in ("```", "````` x", "a"):
        block = Plot((Series(Metric("real", "s"), name, (1.0, 2.0, 3.0)),))
        made = Rendered(markdown.render(document(block)).text)
        assert made.elements == ["pre", "code"]
        assert name in made.text


# ---- Remarkup and plain text --------------------------------------------------------------------

_MONOSPACED = re.compile(r"##[^#\n]+##|`[^`\n]+`")


def check_remarkup(text: str) -> None:
    line = Remarkup().line(text if text.isprintable() else show_controls(text))
    prose = _MONOSPACED.sub("\0", line)
    assert not re.search(r"[@#`*_{}|~]|//|!!|\[\[|(?<!\w)[A-Z]\d|(?<!\w)r[A-Z]+[0-9a-f]", prose)
    assert not re.match(r"[-=>]|%%%|\d+[.)]|\(?(NOTE|IMPORTANT|WARNING)[:)]", prose)
    written = remarkup.render(document(Heading(text, 2), in_one_table(text))).text
    (table,) = remarkup_tables(written)
    assert len(table.rows) == 2
    assert {len(row) for row in table.rows} == {2}


@pytest.mark.parametrize("text", NASTY)
def test_a_hostile_text_is_text_in_remarkup(text: str) -> None:
    check_remarkup(text)


@examples(1)
@given(nasty)
def test_any_text_is_text_in_remarkup(text: str) -> None:
    check_remarkup(text)


@examples(1)
@given(nasty | st.sampled_from(["From x", "diff --git a b", "Index: x", "+++ b", "-- ", "# x"]))
def test_no_text_begins_a_comment_a_patch_or_another_mail(text: str) -> None:
    whole = document(Heading(text, 2), paragraph(f"{text} " * 20), in_one_table(text))
    for line in plain.render(whole).text.splitlines():
        assert not re.match(r"#|>|--|\+\+\+|diff |Index: |From ", line)
        assert not UNSEEN.search(line)


# ---- folded stacks ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "process",
    ["# x", "#", "# pvprof folded, unit: samples", "# pvprof differential, unit: events"],
)
def test_no_name_is_a_comment_of_folded_stacks(
    process: str, run: RunCommand, tmp_path: Path
) -> None:
    fields = {"name": b"l 9", "exec": process.encode()}
    written = text_of([record("turnstile", fields, [b"kernel`f 3"], (7, 1))])
    once, twice = tmp_path / "1.folded", tmp_path / "2.folded"
    assert run("fold", "-k", "all", "-", "-o", once, stdin=written).exit_code == 0
    stack = f"\\x23{process[1:]};kernel`f 3;l 9 7"
    assert once.read_text() == f"# pvprof folded, unit: ns\n{stack}\n"
    assert run("fold", "-k", "all", once, "-o", twice).exit_code == 0
    assert twice.read_text() == once.read_text()
