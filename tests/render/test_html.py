"""The HTML report as a file: its content, its form, and that pvprof can read it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from conftest import RECORDINGS, TESTS
from helpers.command_line import NOTHING_WAITED, RunCommand
from helpers.pages import MANIFEST, page_from, parsed, recording, texts
from helpers.strategies import examples
from hypothesis import given
from hypothesis import strategies as st

import pvprof
from pvprof.model.problems import Problem
from pvprof.model.profile import Histogram, Key, Profile, Weight
from pvprof.model.stacks import NO_STACK, Stack, clean_frame, show_controls, stack_of

STOCK = RECORDINGS / "stock-offcpu.out"
SPIN = RECORDINGS / "lockstat-provider.out"
WHOLE = (
    "stock-offcpu.out",
    "seed-offcpu.out",
    "events.out.gz",
    "events-wakeups.out.gz",
    "lockstat-provider.out",
    "oncpu.out.gz",
    "oncpu-default.out",
    "wakeup.out",
    "runq.out",
    "drops.out",
    "lock-classes-live.out",
)
NASTY = (
    """</script><script>alert("1")</script>""",
    "]]></style><!-- -->",
    "<img src=x onerror='alert(1)'>",
    "a\x00b\x08c\x1b[31m\x7f\x85\r\n",
    "lone \ud800 surrogate",
    "not a character \ufffe\uffff",
    "{{ 7 * 7 }} {% raw %}",
    "&amp;&#0;&lt;",
    "  blanks  ",
    "\u202eright to left",
    "W" * 10_000,
    "漢字カーネル",
    "",
)


def waits(*names: str, value: int = 1000) -> Profile:
    """Return a profile of waits for locks with these names, called by functions of these names."""
    profile = Profile("ns", True)
    for index, name in enumerate(names):
        stack = stack_of([clean_frame(name), "kernel`__rw_wlock_hard", "kernel`turnstile_wait"])
        profile.add(Key("turnstile", name, name), stack, Weight(value + index, 1, 1))
    return profile


@pytest.fixture
def page(run: RunCommand, tmp_path: Path) -> Path:
    return write_page(run, tmp_path / "page.html", STOCK)


def write_page(run: RunCommand, path: Path, *args: object) -> Path:
    result = run("report", *args, "-q", "-o", path)
    assert result.exit_code == 0, result.stderr
    return path


def part(page: Path | str, kind: str) -> ET.Element:
    """Return the section with this class."""
    text = page if isinstance(page, str) else page.read_text("utf-8")
    return next(
        one for one in parsed(text).iter("section") if kind in one.attrib.get("class", "").split()
    )


def facts(element: ET.Element) -> dict[str, str]:
    """Return the texts of the definition lists in an element by term."""
    return {
        texts(term): texts(text)
        for listed in element.iter("dl")
        for term, text in zip(listed.iter("dt"), listed.iter("dd"), strict=True)
    }


# ---- back to data --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_a_page_folds_like_its_source(run: RunCommand, tmp_path: Path, name: str) -> None:
    page = write_page(run, tmp_path / "page.html", RECORDINGS / name)
    for options in ([], ["--by", "root"], ["--kind", "kernel", "--no-execname"]):
        original, back = (
            run("fold", "-k", "all", one, *options) for one in (RECORDINGS / name, page)
        )
        assert back.exit_code == original.exit_code
        assert back.stdout == original.stdout
        assert back.stdout or options
        assert back.stderr == original.stderr, "losses are reported again"


NATIVE = b"""#pvprof 1 offcpu stock ns 0.1.0 frames=32
#begin 1000 2000

> turnstile name=9:vm object class=2:rw exec=2:sh
kernel`turnstile_wait+0x332
-
libc.so.7`_fork+0xa
= 43041770 3

? rw-spin name=9:vm object
           value  ------------- Distribution ------------- count
             512 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@ 17
.

#end 100000 101000
"""


def test_a_page_of_a_recording_reports_like_the_recording(run: RunCommand, tmp_path: Path) -> None:
    output = tmp_path / "own.out"
    output.write_bytes(NATIVE)
    page = write_page(run, tmp_path / "page.html", output)
    assert run("fold", "-k", "all", page).stdout == run("fold", "-k", "all", output).stdout != ""
    first, second = (run("locks", one, "--format", "csv").stdout for one in (output, page))
    assert second == first != ""


def test_a_page_contains_what_was_filtered_out(run: RunCommand, tmp_path: Path) -> None:
    page = write_page(run, tmp_path / "page.html", STOCK, "--class", "pv list")
    assert run("fold", "-k", "all", page).stdout == run("fold", "-k", "all", STOCK).stdout


def test_measure_selects_every_measurement_of_a_page(run: RunCommand, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert run("report", RECORDINGS / "drops.out", "-q", "-o", page).exit_code == 0
    for unit in ("ns", "events"):
        original = run("fold", "-k", "all", RECORDINGS / "drops.out", "--measure", unit)
        assert run("fold", "-k", "all", page, "--measure", unit).stdout == original.stdout != ""
    assert run("fold", "-k", "all", page, "--measure", "samples").exit_code == 2


def test_a_page_has_graphs_of_events_with_any_name(run: RunCommand, tmp_path: Path) -> None:
    events = ("9p:9p_client_req", "cycles", "3com-events")
    source = tmp_path / "events.txt"
    head, frame = "sh 7 [000] 1.500000: 100", "ffffffff81000000 f (k)"
    source.write_text("".join(f"{head} {event}:\n\t{frame}\n\n" for event in events))
    page = write_page(run, tmp_path / "page.html", source)
    prefixes = re.findall(r'data-prefix="([^"]*)"', page.read_text("utf-8"))
    assert prefixes == ["x9p-9p_client_req-all", "x3com-events-oncpu", "cycles-oncpu"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["stock-offcpu.out", "lockstat-provider.out", "wakeup.out"])
def test_reports_on_a_page_equal_reports_on_its_recordings(
    run: RunCommand, tmp_path: Path, name: str
) -> None:
    page = write_page(run, tmp_path / "page.html", RECORDINGS / name)
    original, back = (
        json.loads(run("report", one, "--format", "json").stdout)
        for one in (RECORDINGS / name, page)
    )
    for report in (original, back):
        report["provenance"] = [one for one in report["provenance"] if one["label"] != "Layout"]
    assert back == original
    for command in ("locks", "flamegraph"):
        first, second = (run(command, one, "-q").stdout for one in (RECORDINGS / name, page))
        layout = re.compile(r'"html"|>html<|(?<=Layout: )html')
        assert layout.sub(lambda one: one[0].replace("html", "keyed"), second) == first != ""


def test_a_page_of_a_page_differs_in_the_layout_only(run: RunCommand, page: Path) -> None:
    again = write_page(run, page.with_name("again.html"), page)
    first, second = (facts(part(one, "origin")) for one in (page, again))
    assert second == {**first, "Layout": "html"}
    data = re.compile(r'id="pvprof-data">(.*?)</script>', re.S)
    assert data.findall(again.read_text()) == data.findall(page.read_text()) != []


def test_a_page_contains_the_manifests(run: RunCommand, tmp_path: Path) -> None:
    one = recording(tmp_path, "one", host="first")
    two = recording(tmp_path, "two", host="second", complete=False, incomplete_reason="killed")
    page = write_page(run, tmp_path / "page.html", one, two)
    result = run("report", page, "-o", tmp_path / "again.html")
    assert "pvprof: loss: two: killed" in result.stderr
    origin = texts(part(tmp_path / "again.html", "origin"))
    assert "first" in origin
    assert "second" in origin


def test_a_page_is_pooled_with_other_recordings(run: RunCommand, page: Path) -> None:
    both = run("fold", "-k", "all", page, RECORDINGS / "seed-offcpu.out").stdout
    assert both == run("fold", "-k", "all", STOCK, RECORDINGS / "seed-offcpu.out").stdout


def test_a_page_is_read_from_stdin_and_packed(run: RunCommand, page: Path) -> None:
    original = run("fold", "-k", "all", STOCK).stdout
    assert run("fold", "-k", "all", "-", stdin=page.read_bytes()).stdout == original
    assert run("fold", "-k", "all", "-", stdin=gzip.compress(page.read_bytes())).stdout == original


def test_a_page_that_a_browser_saved_is_read(run: RunCommand, page: Path) -> None:
    text = page.read_text("utf-8")
    tag = '<script type="application/gzip" id="pvprof-data">'
    assert tag in text
    saved = text.replace(tag, "<script id=pvprof-data type=application/gzip hidden>")
    page.write_text(saved.replace("\n", "\r\n"), encoding="utf-8", newline="")
    assert run("fold", "-k", "all", page).stdout == run("fold", "-k", "all", STOCK).stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: text.index('id="pvprof-data"') + 400], "cut off"),
        (lambda text: text[: text.index('id="pvprof-data"') - 40], "without data"),
        (lambda text: text.replace("H4sI", "H4sX", 1), "damaged"),
        (lambda text: "<!doctype html><p>hello</p>\n", "without data"),
    ],
)
@pytest.mark.parametrize("command", ["report", "fold", "locks", "flamegraph"])
def test_a_damaged_page_is_one_line_of_error(
    run: RunCommand, page: Path, command: str, damage: Callable[[str], str], message: str
) -> None:
    page.write_text(damage(page.read_text("utf-8")), encoding="utf-8")
    result = run(command, page)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"pvprof: error: {page}: ")
    assert message in result.stderr.splitlines()[0]


def test_a_page_keeps_its_unit(run: RunCommand, page: Path) -> None:
    result = run("fold", "-k", "all", page, "--unit", "samples")
    assert result.exit_code == 2
    assert "--unit" in result.stderr


# ---- well formed, harmless -----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["events.out.gz", "lockstat-provider.out", "oncpu.out.gz"])
def test_a_page_is_well_formed(run: RunCommand, tmp_path: Path, name: str) -> None:
    text = write_page(run, tmp_path / "page.html", RECORDINGS / name).read_text("utf-8")
    root = parsed(text)
    ids = [one.attrib["id"] for one in root.iter() if "id" in one.attrib]
    assert len(ids) == len(set(ids))
    for one in root.iter():
        for reference in ("aria-labelledby", "aria-controls"):
            assert one.attrib.get(reference, ids[0]) in ids


def test_a_page_loads_nothing(run: RunCommand, tmp_path: Path) -> None:
    text = write_page(run, tmp_path / "page.html", SPIN).read_text("utf-8")
    for element in parsed(text).iter():
        for name, value in element.attrib.items():
            assert name not in ("src", "srcset", "data", "action", "poster"), element.tag
            if name == "href":
                assert value.startswith("#")
    assert "@import" not in text
    assert "url(" not in text
    assert "default-src 'none'" in html.unescape(text)


def harmless(text: str, names: tuple[str, ...]) -> None:
    """Check that names from recordings made no element and no script, and are all in the text."""
    root = parsed(text)
    tame = page_from(waits("x"), histograms=(Histogram(Key("rw-spin", "x"), ((1, 9), (2, 1))),))
    allowed = {element.tag for element in parsed(tame).iter()}
    assert {element.tag for element in root.iter()} <= allowed
    assert not [name for one in root.iter() for name in one.attrib if name.startswith("on")]
    shown = {
        texts(one) for one in root.iter("span") if "lock" in one.attrib.get("class", "").split()
    }
    assert {show_controls(one) for one in names if one} <= shown


def test_hostile_names_stay_text() -> None:
    text = page_from(
        waits(*NASTY),
        histograms=tuple(Histogram(Key("rw-spin", name), ((1, 9), (2, 1))) for name in NASTY),
        problems=tuple(Problem("drops", name, name, severity="loss") for name in NASTY),
        names=NASTY,
    )
    text.encode("utf-8")
    harmless(text, NASTY)
    assert text.count("<script") == text.count("</script>") == 4


any_text = st.text(st.characters(exclude_categories=()), max_size=30)
nasty = st.one_of(any_text, st.sampled_from(NASTY), st.sampled_from("<>&\"'`\\;/").map(str))


@examples(0.5)
@given(st.lists(nasty, min_size=1, max_size=4))
def test_any_name_makes_a_well_formed_page(names: list[str]) -> None:
    text = page_from(waits(*names), problems=(Problem("x", names[0], names[-1]),))
    text.encode("utf-8")
    harmless(text, ())


def test_the_policy_allows_the_scripts_of_the_page_and_no_other(page: Path) -> None:
    text = page.read_text("utf-8")
    policy = re.search('http-equiv="Content-Security-Policy" content="(.*?)"', html.unescape(text))
    assert policy
    allowed = set(re.findall("sha256-([A-Za-z0-9+/=]+)", policy[1]))
    scripts = re.findall(r"<script(?: type=\"text/plain\"[^>]*)?>(.*?)</script>", text, re.S)
    hashes = {base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts}
    assert hashes == allowed
    assert len(allowed) == 3
    assert "unsafe-eval" not in policy[1]
    assert "unsafe-inline" not in policy[1].split("style-src")[0]


# ---- the same input gives the same bytes ---------------------------------------------------------


@pytest.mark.slow
def test_the_hash_seed_does_not_change_the_page(tmp_path: Path) -> None:
    pages = []
    for seed in ("0", "1", "2"):
        path = tmp_path / f"{seed}.html"
        command = [sys.executable, "-m", "pvprof", "report", "-q", "-o", str(path)]
        subprocess.run(
            [*command, str(RECORDINGS / "events.out.gz"), str(SPIN)],
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        pages.append(path.read_bytes())
    assert pages[0] == pages[1] == pages[2]


def test_other_formats_do_not_import_the_template_engine() -> None:
    code = (
        "import sys; sys.argv = ['pvprof', 'report', sys.argv[1]]\n"
        "from pvprof.cli import cli\n"
        "try: cli()\n"
        "finally: print('jinja2' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(STOCK)], capture_output=True, check=True, text=True
    )
    assert done.stderr.strip() == "False"


# ---- what it says --------------------------------------------------------------------------------


def test_sections_have_a_fixed_order(run: RunCommand, tmp_path: Path) -> None:
    page = write_page(run, tmp_path / "page.html", SPIN)
    kinds = [
        one.attrib["class"].split()[0]
        for one in parsed(page.read_text("utf-8")).iter("section")
        if one.attrib["class"] != "graph"
    ]
    assert kinds == ["headline", "tables", "graphs", "histograms", "warnings", "origin", "data"]


def test_losses_come_first_with_their_share_and_in_full(run: RunCommand, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    run("report", RECORDINGS / "drops.out", "-o", page)
    loss = texts(part(page, "missing"))
    assert "Data are missing, totals are too low: 2,005 of 2,171 waits (92.4%)" in loss
    warnings = texts(part(page, "warnings"))
    assert "1,292 x dynamic variable drops" in warnings
    assert "128 x probe error" in warnings
    assert "No loss was reported" not in warnings


def test_drops_of_the_manifest_are_listed(run: RunCommand, tmp_path: Path) -> None:
    page = write_page(run, tmp_path / "page.html", recording(tmp_path, "one", drops=12))
    assert "Data are missing, totals are too low: 12 drops" in texts(part(page, "missing"))
    warnings = texts(part(page, "warnings"))
    assert "12 drops (one)" in warnings
    assert "No loss was reported" not in warnings


def test_the_reason_why_a_recording_is_incomplete_is_shown(run: RunCommand, tmp_path: Path) -> None:
    facts: dict[str, Any] = {"complete": False}
    facts["incomplete_reason"] = "the ssh connection was lost"
    page = write_page(run, tmp_path / "page.html", recording(tmp_path, "one", **facts))
    assert "the ssh connection was lost (one)" in texts(part(page, "warnings"))


def test_a_small_loss_is_a_note_and_no_banner(run: RunCommand, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    text = STOCK.read_bytes() + b"dtrace: 30 drops on CPU 0\n"
    run("report", "-", "-o", page, stdin=text)
    assert 'class="missing"' in page.read_text()
    few = b"".join(b"turnstile|a lock\nkernel`f%d\n9000 1000\n\n" % n for n in range(9))
    run("report", "-", "-o", page, "--force", stdin=few + b"dtrace: 3 drops on CPU 0\n")
    assert 'class="missing"' not in page.read_text()
    warnings = texts(part(page, "warnings"))
    assert "note3 x records dropped" in " ".join(warnings.split())
    assert "No loss was reported" not in warnings


def test_a_recording_without_a_loss_says_so(page: Path) -> None:
    assert "No loss was reported" in texts(part(page, "warnings"))


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("offcpu", "Program offcpu: 1.1 times"),
        ("offcpu-sdt", "Program offcpu-sdt: 1.0 times"),
        ("locks", "Program locks: 1.1 to 1.2 times"),
        ("oncpu", "The cost of program oncpu is not known"),
    ],
)
def test_the_overhead_is_that_of_the_program_that_ran(
    run: RunCommand, tmp_path: Path, program: str, words: str
) -> None:
    page = write_page(run, tmp_path / "page.html", recording(tmp_path, "one", program=program))
    warnings = texts(part(page, "warnings"))
    assert words in warnings
    assert "measured elsewhere" in warnings


@pytest.mark.parametrize(
    "program", ["offcpu", "offcpu-sdt", "events", "events-sdt", "locks", "wakeup", "oncpu-amd64"]
)
def test_overhead_ratios_equal_those_of_the_page_of_measurements(
    run: RunCommand, tmp_path: Path, program: str
) -> None:
    listed = (TESTS.parent / "docs" / "bench.md").read_text()
    table = listed.partition("\nWhat recording costs on FreeBSD")[2]
    measured = re.search(rf"^\| `{program}` \| ([\d.]+) \| [^|]+\| ([\d.]*)", table, re.M)
    assert measured
    ratios = sorted({f"{float(ratio):.1f}" for ratio in measured.groups() if ratio})
    page = write_page(run, tmp_path / "page.html", recording(tmp_path, "one", program=program))
    shown = re.search(r": ([0-9.]+(?: to [0-9.]+)?) times", texts(part(page, "warnings")))
    assert shown
    assert shown[1] == " to ".join(ratios)


def test_the_headline_is_the_kernel_waiting_on_itself_by_class_and_kind(page: Path) -> None:
    headline = part(page, "headline")
    words = texts(headline)
    assert "Kernel waiting on itself" in words
    assert "1.248 s" in words
    assert "in 102 waits; 0.9% of 145.3 s recorded" in words
    by_class, by_kind = ([texts(row) for row in one.iter("tr")] for one in headline.iter("table"))
    assert by_class[1:] == [
        "vm page busy560.0 ms44.9%",
        "vm object456.3 ms36.6%",
        "vnode/namecache142.4 ms11.4%",
        "pv list (rwlock)88.95 ms7.1%",
    ]
    assert by_kind[1:] == [
        "Kernel waiting on itself1.248 s0.9%",
        "Waiting for children (set aside)135.5 s93.2%",
        "User-space synchronisation (set aside)8.594 s5.9%",
    ]


@pytest.mark.slow
def test_the_headline_of_samples_is_by_process(run: RunCommand, tmp_path: Path) -> None:
    page = write_page(run, tmp_path / "page.html", RECORDINGS / "oncpu.out.gz")
    (bars,) = [one for one in parsed(page.read_text()).iter("table") if "By process" in texts(one)]
    rows = [[texts(cell).strip() for cell in row] for row in bars.iter("tr")][1:]
    kept = {name: int(value.replace(",", "")) for name, _, value, _ in rows}
    expected: Counter[str] = Counter()
    data = pvprof.open_recordings(RECORDINGS / "oncpu.out.gz").measurement("samples")
    for part in data.kept:
        for stack, weight in part.stacks.items():
            place = "user code" if part.key.mechanism == "user" else "kernel"
            place = "without a stack" if stack == NO_STACK else place
            expected[f"{part.key.execname}: {place}"] += weight.value
    largest = dict(expected.most_common(9))
    assert {name: value for name, value in kept.items() if " more" not in name} == largest
    assert sum(kept.values()) == sum(expected.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["oncpu.out.gz", "runq.out"])
def test_samples_and_run_queues_have_no_table_of_spinning(
    run: RunCommand, tmp_path: Path, name: str
) -> None:
    page = write_page(run, tmp_path / "page.html", RECORDINGS / name)
    assert "Spin and block" not in page.read_text().partition('id="pvprof-data"')[0]
    done = run("locks", RECORDINGS / name, "--spin")
    assert (done.exit_code, "no spinning was recorded" in done.stderr) == (2, True)


def test_the_table_has_every_column_of_the_other_reports(run: RunCommand, tmp_path: Path) -> None:
    page = write_page(run, tmp_path / "page.html", RECORDINGS / "events.out.gz")
    table = next(part(page, "tables").iter("table"))
    headings = [texts(one) for one in next(table.iter("tr"))]
    markdown = run("report", RECORDINGS / "events.out.gz", "--format", "markdown").stdout
    assert "| " + " | ".join(headings) + " |" in markdown
    first = [texts(one).strip() for one in list(table.iter("tr"))[1]]
    row = next(line for line in markdown.splitlines() if line.startswith(f"| `{first[0]}` | "))
    assert [cell.strip(" `") for cell in row.strip("|").split(" | ")] == first


def test_numbers_of_the_table_are_sorted_by_their_exact_values(
    run: RunCommand, tmp_path: Path
) -> None:
    page = write_page(run, tmp_path / "page.html", STOCK)
    orders = [cell.attrib.get("data-order") for cell in part(page, "tables").iter("td")]
    rows = json.loads(run("report", STOCK, "--format", "json").stdout)["sections"][0]["rows"]
    for row in rows:
        assert str(row["value"]) in orders
        assert str(row["mean"]) in orders


@pytest.mark.slow
def test_kinds_of_waits_have_a_graph_each_and_there_is_one_of_all(
    run: RunCommand, tmp_path: Path
) -> None:
    def titles(*args: object) -> list[str]:
        page = write_page(run, tmp_path / f"{len(list(tmp_path.iterdir()))}.html", *args)
        graphs = [
            graph
            for graph in part(page, "graphs").iter("section")
            if graph.attrib["class"] == "graph"
        ]
        return [texts(next(graph.iter("h3"))) for graph in graphs]

    assert titles(STOCK) == ["Kernel waiting on itself", "All waits"]
    assert titles(SPIN) == ["Kernel waiting on itself", "Spinning", "Blocking"]
    assert titles(RECORDINGS / "oncpu.out.gz") == ["Running", "All samples"]
    assert titles(RECORDINGS / "wakeup.out") == ["Asleep until woken, by waker"]
    assert titles(RECORDINGS / "runq.out") == ["Runnable, waiting for a CPU"]
    assert titles(STOCK, "--kind", "child") == ["Waiting for children", "All waits"]
    assert titles(STOCK, RECORDINGS / "drops.out")[0] == "Kernel waiting on itself (offcpu)"


def test_folded_stacks_of_any_tool_make_a_page(run: RunCommand, tmp_path: Path) -> None:
    folded = tmp_path / "any.folded"
    folded.write_text("a;b;c 3\na;d 4\n")
    page = write_page(run, tmp_path / "page.html", folded)
    assert texts(next(part(page, "graphs").iter("h3"))) == "CPU samples"
    assert run("fold", "-k", "all", page).stdout == folded.read_text()


def test_histograms_are_drawn_from_the_bodies_that_dtrace_printed(
    run: RunCommand, tmp_path: Path
) -> None:
    page = write_page(run, tmp_path / "page.html", SPIN)
    first = next(part(page, "histograms").iter("table"))
    rows = [[texts(cell) for cell in row] for row in first.iter("tr")]
    assert (
        texts(next(first.iter("caption"))) == "pmap pv list 2,960 waits, pv list (rwlock), rw-spin"
    )
    assert rows[0] == ["From", "", "Waits"]
    assert rows[4] == ["4.096 µs", "", "605"]
    assert sum(int(row[2].replace(",", "")) for row in rows[1:]) == 2960


def test_histograms_alone_make_a_page(run: RunCommand, tmp_path: Path) -> None:
    page = write_page(run, tmp_path / "page.html", RECORDINGS / "histogram.out")
    assert "vmpfw" in texts(part(page, "histograms"))
    assert 'class="graphs"' not in page.read_text()


def test_the_provenance_names_each_recording_with_its_facts(
    run: RunCommand, tmp_path: Path
) -> None:
    page = write_page(
        run,
        tmp_path / "page.html",
        recording(tmp_path, "run1"),
        recording(tmp_path, "run2", label="obm", exit_signal=9, exit_status=None),
    )
    origin = part(page, "origin")
    first, second = list(origin.iter("details"))
    assert [texts(next(one.iter("summary"))) for one in (first, second)] == ["run1", "run2"]
    known = facts(first)
    assert known["Host"] == "build13"
    assert known["Kernel"] == "GENERIC, 13.2-RELEASE"
    assert known["Workload"] == "make -j8 buildkernel"
    assert known["Workload took"] == "real 61.25 s, user 301.50 s, sys 99.75 s"
    assert known["Workload ended"] == "with status 0"
    assert known["Mode"] == "offcpu"
    assert known["Options"] == "min_us=10"
    assert known["CPUs"] == "8"
    assert known["Duration"] == "61.30 s"
    assert facts(second)["Label"] == "obm"
    assert facts(second)["Workload ended"] == "by signal 9"
    both = facts(origin)
    assert both["Recording"] == "run1, run2"
    assert both["Total"] == "290.6 s (290,592,244,374 ns)"
    assert both["Left out"].splitlines()[0].startswith("Waiting for children: ")
    assert both["Made by"].startswith("pvprof ")


def test_a_manifest_of_odd_types_makes_a_page(run: RunCommand, tmp_path: Path) -> None:
    odd: dict[str, Any] = {name: [{"a": [None, True, "<b>"]}] for name in MANIFEST}
    odd["schema"] = 1
    page = write_page(run, tmp_path / "page.html", recording(tmp_path, "odd", **odd))
    assert "<b>" in texts(part(page, "origin"))


def test_plain_output_without_a_manifest_says_so(page: Path) -> None:
    assert "No manifest" in texts(part(page, "origin"))


def test_an_empty_page_says_so_and_fails(run: RunCommand, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    result = run("report", "-", "-o", page, stdin=NOTHING_WAITED.encode())
    assert result.exit_code == 1
    assert "nothing to show" in result.stderr
    assert "There is nothing to show" in texts(part(page.read_text("utf-8"), "empty"))
    assert run("fold", page).stdout == ""


def test_a_large_table_is_cut_with_a_count_of_the_rest() -> None:
    profile = Profile("ns", True)
    for number in range(700):
        profile.add(Key("turnstile", f"lock {number}"), Stack("a"), Weight(1000 + number, 1, 1))
    tables = part(page_from(profile), "tables")
    assert len(list(tables.iter("tr"))) == 501
    assert "200 more rows, all smaller: 219.9 µs together" in texts(tables)
    assert "lock 699" in texts(tables)
    assert "lock 199" not in texts(tables)


def test_a_page_is_chosen_by_name_or_suffix(run: RunCommand, page: Path) -> None:
    assert run("report", STOCK, "--format", "html", "-o", "-", "-q").stdout == page.read_text()
    named = page.with_name("other.htm")
    assert write_page(run, named, STOCK).read_bytes() == page.read_bytes()
