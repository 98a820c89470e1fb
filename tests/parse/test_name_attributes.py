"""Links and titles of frames: their file; none of its texts becomes markup, or runs."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from helpers.command_line import RunCommand, assert_is_error
from helpers.flamegraph_file import HOSTILE, NAMESPACES, data_of, parse
from helpers.strategies import any_text
from hypothesis import given
from hypothesis import strategies as st

from pvprof.analysis.stacks.fold import Folded
from pvprof.model.frame_attributes import NO_ATTRIBUTES, FrameAttributes
from pvprof.model.stacks import Stack
from pvprof.parse.files.name_attributes import is_safe_link, read_attributes
from pvprof.render.svg.flamegraph import render
from pvprof.views.flamegraph import FlamegraphOptions

SAFE = [
    "https://cgit.freebsd.org/src/tree/sys/vm/vm_fault.c#n100",
    "HTTP://example.org/?a=b&c='d'",
    "https://[::1]:8080/",
    "vm.html",
    "../docs/vm.html#x",
    "/a/b?x=javascript:1",
    "?q=a:b",
    "#a:b",
    "é/ü.html",
]
UNSAFE = [
    "",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\x01script:alert(1)",
    "\x01javascript:alert(1)",
    "javascript\u200b:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:x",
    "//example.org/x",
    "\\\\example.org\\x",
    "http:x",
    "http://",
    "https:/x",
    "a:b",
    "x y",
    'x"onclick="alert(1)',
    "x<b>",
    "https://example.org/\u202egnp.exe",
]


@pytest.mark.parametrize("text", SAFE)
def test_a_relative_link_and_one_of_http_are_taken(text: str) -> None:
    assert is_safe_link(text)
    found = read_attributes(f"f\thref={text}\n".encode(), "x")
    assert found.by_name == {"f": FrameAttributes(text)}
    assert not found.problems


@pytest.mark.parametrize("text", UNSAFE)
def test_any_other_link_is_left_out_and_reported(text: str) -> None:
    assert not is_safe_link(text)
    found = read_attributes(f"f\thref={text}\ttitle=t\n".encode(), "x")
    assert found.by_name == {"f": FrameAttributes("", "t")}
    assert [(one.kind, one.severity, one.line) for one in found.problems] == [
        ("bad-attribute", "warning", 1)
    ]


def test_the_file_is_that_of_flamegraph_pl_and_inferno() -> None:
    text = (
        b'f\thref=a.html\ttitle="a title"\n'
        b"\n"
        b"m`g\ttitle = one = two \tid=x\tclass=c\tg_extra=onclick=alert(1)\ta_extra=x\r\n"
        b"f\ttarget=_top\ttitle=later\n"
        b"no tab\n"
        b"h\tonclick=alert(1)\thref\n"
        b"i\ttitle=no newline"
    )
    found = read_attributes(text, "x.attr")
    assert found.by_name == {
        "f": FrameAttributes("a.html", "later"),
        "m`g": FrameAttributes("", "one = two"),
        "no tab": NO_ATTRIBUTES,
        "h": NO_ATTRIBUTES,
        "i": FrameAttributes("", "no newline"),
    }
    assert [(one.severity, one.line, one.text) for one in found.problems] == [
        ("warning", 5, "no attributes of 'no tab': a tab divides them from the name"),
        ("warning", 6, "no attribute: 'onclick=alert(1)'; known are href and title"),
        ("warning", 6, "no attribute: 'href'; known are href and title"),
        ("note", 0, "attributes a_extra: not used, pictures have href and title"),
        ("note", 0, "attributes class: not used, pictures have href and title"),
        ("note", 0, "attributes g_extra: not used, pictures have href and title"),
        ("note", 0, "attributes id: not used, pictures have href and title"),
        ("note", 0, "attributes target: not used, pictures have href and title"),
    ]


def test_a_name_needs_no_module_and_a_whole_name_counts_first() -> None:
    found = read_attributes(b"f\ttitle=any\nm`f\ttitle=of m\n", "x")
    assert found.of("m`f").title == "of m"
    assert found.of("n`f").title == "any"
    assert found.of("f_[k]").title == "any"
    assert found.of("ff") == NO_ATTRIBUTES


def picture(names: list[str], attributes: bytes) -> str:
    rows = tuple((Stack(f"{name};leaf"), 10) for name in dict.fromkeys(names))
    look = FlamegraphOptions(attributes=read_attributes(attributes, "x"))
    return render(Folded(rows, "ns"), look)


def links_of(text: str) -> list[tuple[str, dict[str, str]]]:
    """Return the title and the attributes of each link of the static picture."""
    rows = parse(text).findall(".//svg:g[@class='row']/svg:g", NAMESPACES)
    links = [(row[0].text or "", row.find("svg:a", NAMESPACES)) for row in rows]
    return [(title, dict(link.attrib)) for title, link in links if link is not None]


def test_a_picture_has_the_link_and_the_title_without_script_and_for_the_script() -> None:
    text = picture(["f", "g"], b"f\thref=x.html?a=1&b='2'\ttitle=a <title>\n")
    assert links_of(text) == [
        (
            "f\na <title>\n10 ns, 50.00% of all",
            {"href": "x.html?a=1&b='2'", "target": "_blank", "rel": "noopener noreferrer"},
        )
    ]
    names = data_of(text)["names"]
    assert data_of(text)["attributes"] == {str(names.index("f")): ["x.html?a=1&b='2'", "a <title>"]}
    assert data_of(picture(["f"], b""))["attributes"] == {}


hostile = st.sampled_from([*HOSTILE, *UNSAFE]) | any_text


@given(hostile, hostile, hostile)
def test_no_text_becomes_markup_or_another_link(name: str, link: str, title: str) -> None:
    line = f"f\thref={link}\ttitle={title}\n{name}\thref={link}\tg_extra={title}\n"
    text = picture(["f"], line.encode("utf-8", "surrogatepass"))
    root = parse(text)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "title", "style", "rect", "g", "path", "text", "a", "metadata", "script"}
    assert not [key for element in root.iter() for key in element.attrib if key.startswith("on")]
    for _, attributes in links_of(text):
        parts = urlsplit(attributes["href"])
        assert parts.scheme in ("", "http", "https")
        assert bool(parts.scheme) == bool(parts.netloc)
    for found, _ in data_of(text)["attributes"].values():
        assert found == "" or is_safe_link(found)


def test_the_command_reports_what_it_cannot_use(run: RunCommand, tmp_path: Path) -> None:
    path = tmp_path / "frames.attr"
    path.write_text("b\thref=b.html\nc\thref=javascript:alert(1)\n")
    result = run("flamegraph", "-", "--nameattr", path, stdin=b"a;b 1\na;c 2\n")
    assert "warning: frames.attr:2: no link: 'javascript:alert(1)'" in result.stderr
    assert [link["href"] for _, link in links_of(result.stdout)] == ["b.html"]
    difference = tmp_path / "d.folded"
    difference.write_text("a;b 3\n")
    words = ("flamegraph", "--diff", difference, difference, "--nameattr", path)
    assert [link["href"] for _, link in links_of(run(*words).stdout)] == ["b.html"]
    missing = run("flamegraph", difference, "--nameattr", tmp_path / "none")
    assert "No such file" in assert_is_error(missing)
