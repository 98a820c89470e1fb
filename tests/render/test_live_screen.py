"""The screen of a live view, at sizes of any terminal, without one."""

from __future__ import annotations

import json

import pytest
from conftest import FIXTURES
from rich.cells import cell_len

from pvprof.analysis.live.history import History
from pvprof.analysis.live.interval import Interval, interval_of
from pvprof.classify.classified import Classified
from pvprof.classify.filters import ALL_KINDS, Filters
from pvprof.classify.rules_file import load_rules
from pvprof.cli.live.keyboard import key_names
from pvprof.dataset.intervals import interval_dataset
from pvprof.parse.intervals.divide import Divider
from pvprof.parse.read import ReadOptions
from pvprof.render.data.interval import interval_line
from pvprof.render.text.live_screen import Around, plain_lines, screen_lines
from pvprof.views.live import LiveOptions, LiveView, build

AROUND = Around("the title", "the status", "the keys")
TEXT = (FIXTURES / "intervals" / "freebsd-13.2-locks.out").read_bytes()


def view_of(text: bytes, options: LiveOptions | None = None) -> tuple[LiveView, Interval]:
    history, interval = History(), None
    for part in Divider().feed(text):
        dataset = interval_dataset(part, "target", ReadOptions(jobs=1))
        filters = Filters(kinds=(ALL_KINDS,))
        classified = Classified.of(dataset, load_rules(None), filters)
        interval = interval_of(classified, part.begin, part.end, "ns")
        history.add(interval)
    assert interval is not None
    return build(history, interval, options or LiveOptions()), interval


@pytest.mark.parametrize("is_expanded", [False, True])
@pytest.mark.parametrize(
    ("width", "height"), [(80, 24), (200, 50), (40, 10), (20, 5), (300, 100), (80, 3)]
)
def test_a_screen_has_its_size(width: int, height: int, is_expanded: bool) -> None:
    view, _ = view_of(TEXT)
    around = Around("the title", "the status", "the keys", is_expanded)
    lines = screen_lines(view, around, width, height)
    assert len(lines) == height
    assert max(cell_len(line.text) for line in lines) <= width
    texts = [line.text for line in lines]
    assert (texts[0], texts[-2], texts[-1]) == ("the title", "the status", "the keys")


def test_a_screen_has_the_headline_the_classes_the_selected_row_and_its_stacks() -> None:
    view, interval = view_of(TEXT)
    last = interval.rows[-1]
    view, _ = view_of(TEXT, LiveOptions(selected=last.id))
    lines = screen_lines(view, AROUND, 80, 24)
    text = "\n".join(line.text for line in lines)
    assert view.headline in text
    assert view.bars[0].name[:20] in text
    selected = [line.text for line in lines if line.style == "reverse"]
    assert len(selected) == 1
    assert selected[0].startswith(last.name[:12])
    assert f"{last.name}: who waited, and the callers" in text
    assert last.callers[0][0] in text


def test_names_cannot_command_the_terminal() -> None:
    hostile = TEXT.replace(b"name=12:pmap pv list", b"name=12:\x1b[2J\x07pv list")
    view, _ = view_of(hostile)
    drawn = [line.text for line in screen_lines(view, AROUND, 120, 40)]
    drawn += plain_lines(view, "title", 120)
    assert all(line.isprintable() for line in drawn)
    assert any("\\x1b[2J" in line for line in drawn)


def test_before_the_first_interval_there_are_title_status_and_keys() -> None:
    texts = [line.text for line in screen_lines(None, AROUND, 80, 24)]
    assert [text for text in texts if text] == ["the title", "the status", "the keys"]


def test_a_line_of_json_has_every_row_unscaled() -> None:
    _, interval = view_of(TEXT)
    line = interval_line(interval, "", "locks")
    assert line.endswith("\n")
    assert line.count("\n") == 1
    found = json.loads(line)
    assert sum(row["value"] for row in found["rows"]) == found["kept"] == found["total"]
    assert found["end_ns"] - found["begin_ns"] == interval.length_ns
    assert {row["name"] for row in found["rows"]} == {row.name for row in interval.rows}
    spun = [row for row in found["rows"] if row["spin"]]
    assert all(0 < row["spin"] <= row["value"] for row in spun)
    assert spun


def test_keys_have_names() -> None:
    pressed = "q\x1b[A\x1bOB\x1b[5~\r\x7f\x1b \x1b[99;5X\u00e9"
    assert list(key_names(pressed)) == [
        *("q", "up", "down", "page up", "enter", "backspace", "escape", " ", "\u00e9")
    ]
