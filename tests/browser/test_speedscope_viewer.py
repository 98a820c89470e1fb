"""Our files in the real speedscope viewer, served from disk to a real Chromium.

What the viewer made of a file is read twice: from its own export (its whole state, as JSON) and
from the page that the user sees.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote

import pytest
from conftest import RECORDINGS, require
from helpers.command_line import RunCommand
from helpers.viewer_files import check_document, check_trace, sums_of, waits_of
from helpers.viewer_outputs import speedscope_of, speedscope_with
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request

from pvprof.classify.classified import Classified
from pvprof.classify.filters import Filters
from pvprof.classify.rules_file import load_rules
from pvprof.dataset.load import load_dataset
from pvprof.model.stacks import Stack
from pvprof.parse.read import ReadOptions
from pvprof.render.viewers.speedscope import MAX_FRAMES
from pvprof.views.viewers.speedscope import Evented, Sampled

pytestmark = pytest.mark.viewer

# scripts/setup dev puts it there.
PACKAGE = Path(__file__).parent.parent.parent / ".node" / "node_modules" / "speedscope"
FILE = "made.speedscope.json"
LABELS = """
window.labels = new Set()
const draw = CanvasRenderingContext2D.prototype.fillText
CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
  window.labels.add(text)
  return draw.call(this, text, ...rest)
}
"""


class _Handler(SimpleHTTPRequestHandler):
    """Serves the viewer's directory, and beside it the file of the test."""

    def __init__(self, shown: dict[str, bytes], *rest: Any, **options: Any) -> None:
        self._shown = shown
        super().__init__(*rest, directory=str(PACKAGE / "dist" / "release"), **options)

    def do_GET(self) -> None:
        data = self._shown.get(self.path)
        if data is None:
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the tests' output is for the tests."""


@dataclass
class Viewer:
    """The viewer in a page.

    Attributes:
        page: with the viewer's tool bar once a file is open.
        complaints: errors of the viewer's page, and its requests to other servers.
    """

    page: Page
    address: str
    shown: dict[str, bytes]
    complaints: list[str] = field(default_factory=list)

    def open(self, text: str, view: str = "time-ordered", name: str = FILE) -> None:
        """Open a file as a link to it does."""
        self.shown[f"/{name}"] = text.encode("utf-8", "backslashreplace")
        self.page.goto("about:blank")
        target = quote(f"{self.address}/{name}", safe="")
        self.page.goto(f"{self.address}/index.html#profileURL={target}&view={view}")
        self.page.get_by_text("Export").or_(self.page.get_by_text("Something went wrong")).wait_for(
            timeout=60_000
        )
        self.page.evaluate(
            "() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))"
        )

    def export(self) -> dict[str, Any]:
        """Return the file that the viewer saves."""
        with self.page.expect_download() as download:
            self.page.keyboard.press("Control+s")
        made: dict[str, Any] = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
        return made


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, dict[str, bytes]]]:
    is_installed = (PACKAGE / "dist" / "release" / "index.html").is_file()
    require(is_installed, "the npm package speedscope is not installed: scripts/setup dev")
    shown: dict[str, bytes] = {}
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, shown)) as made:
        thread = Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}", shown
        made.shutdown()
        thread.join()


@pytest.fixture
def viewer(browser: Browser, server: tuple[str, dict[str, bytes]]) -> Iterator[Viewer]:
    context = browser.new_context(viewport={"width": 1250, "height": 900})
    page = context.new_page()
    page.add_init_script(LABELS)
    viewer = Viewer(page, *server)

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error" or message.text.startswith("Failed"):
            viewer.complaints.append(message.text)

    def answer(dialog: Dialog) -> None:
        viewer.complaints.append(dialog.message)
        dialog.dismiss()

    def watch(request: Request) -> None:
        if not request.url.startswith((server[0], "blob:", "data:", "about:")):
            viewer.complaints.append(request.url)

    page.on("pageerror", lambda error: viewer.complaints.append(str(error)))
    page.on("console", hear)
    page.on("dialog", answer)
    page.on("request", watch)
    yield viewer
    context.close()
    assert viewer.complaints == []


def deepest(sums: Counter[str]) -> int:
    return max((stack.count(";") + 1 for stack in sums), default=0)


def assert_viewer_agrees(viewer: Viewer, text: str) -> dict[str, Any]:
    """Check that the viewer has the totals and the stacks of a file; return its export."""
    ours = check_document(text)
    exported = viewer.export()
    names = [frame["name"] for frame in exported["shared"]["frames"]]
    document = json.loads(text)
    assert [one["name"] for one in exported["profiles"]] == list(ours)
    for mine, theirs in zip(document["profiles"], exported["profiles"], strict=True):
        sums = sums_of(theirs, names)
        wanted = ours[mine["name"]]
        assert theirs["unit"] == mine["unit"]
        assert theirs["endValue"] == mine["endValue"]
        assert sums.total() == wanted.total()
        assert deepest(sums) == deepest(wanted)
        assert sums == wanted
    return exported


# ---- what the viewer makes of a file -------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "stock-offcpu.out",
        "events.out.gz",
        "events-wakeups.out.gz",
        "lockstat-provider.out",
        "oncpu-default.out",
    ],
)
def test_the_viewer_has_the_totals_and_stacks_of_a_recording(
    run: RunCommand, viewer: Viewer, name: str
) -> None:
    text = run("fold", "-k", "all", RECORDINGS / name, "--format", "speedscope").stdout
    viewer.open(text)
    exported = assert_viewer_agrees(viewer, text)
    again = run("fold", "-k", "all", "-", stdin=json.dumps(exported).encode())
    assert again.stdout == run("fold", "-k", "all", RECORDINGS / name).stdout


def test_the_viewer_skips_the_first_line_of_folded_stacks(
    run: RunCommand, viewer: Viewer, tmp_path: Path
) -> None:
    file = tmp_path / "made.folded"
    assert run("fold", "-k", "all", RECORDINGS / "stock-offcpu.out", "-o", file).exit_code == 0
    text = file.read_text()
    unit, *lines = text.splitlines()
    assert unit == "# pvprof folded, unit: ns"
    viewer.open(text, name=file.name)
    exported = viewer.export()
    names = [frame["name"] for frame in exported["shared"]["frames"]]
    (profile,) = exported["profiles"]
    assert sums_of(profile, names) == {
        stack: int(value) for stack, _, value in (x.rpartition(" ") for x in lines)
    }


def test_the_page_shows_our_names_and_totals(run: RunCommand, viewer: Viewer) -> None:
    text = run("report", RECORDINGS / "stock-offcpu.out", "--format", "speedscope").stdout
    viewer.open(text, view="sandwich")
    sums = check_document(text)
    name, first = next(iter(sums.items()))
    assert viewer.page.title() == "stock-offcpu - speedscope"
    assert viewer.page.get_by_text(f"{name} (1/{len(sums)})").is_visible()
    assert name == "all: Off-CPU and lock time"
    rows = viewer.page.locator("tr").filter(has_text="vmpfw")
    total, own, symbol = rows.first.locator("td").all_inner_texts()
    value = sum(value for stack, value in first.items() if stack.endswith(";vmpfw"))
    wanted = f"{value / 1e6:.2f}ms ({100 * value / first.total():.0f}%)"
    assert (total.strip(), own.strip(), symbol.strip()) == (wanted, wanted, "vmpfw")


def test_a_recording_of_single_waits_opens_on_everything(run: RunCommand, viewer: Viewer) -> None:
    text = run("report", RECORDINGS / "events.out.gz", "--format", "speedscope").stdout
    viewer.open(text)
    count = len(json.loads(text)["profiles"])
    assert viewer.page.get_by_text(f"all: Off-CPU and lock time (1/{count})").is_visible()
    viewer.page.wait_for_function("() => window.labels.has('vm object')")


def test_the_list_of_profiles_shows_each_with_its_total(run: RunCommand, viewer: Viewer) -> None:
    text = run("report", RECORDINGS / "stock-offcpu.out", "--format", "speedscope").stdout
    viewer.open(text)
    viewer.page.keyboard.press("t")
    for name, sums in check_document(text).items():
        row = viewer.page.get_by_role("row").filter(has=viewer.page.get_by_text(name, exact=True))
        milliseconds = sums.total() / 1e6
        shown = f"{milliseconds:.2f}ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f}s"
        assert shown in row.inner_text()


def test_every_frame_of_the_deepest_stack_is_drawn(viewer: Viewer) -> None:
    deep = [f"level{number}" for number in range(25)]
    rows = ((Stack(";".join(deep)), 900), (Stack(";".join([*deep[:3], "other"])), 100))
    text = speedscope_with("drawn", [Sampled("x", "ns", rows)]).text
    viewer.open(text)
    viewer.page.wait_for_function("() => window.labels.has('level24')")
    assert set(viewer.page.evaluate("() => [...window.labels]")) >= {*deep, "other"}
    assert_viewer_agrees(viewer, text)


def test_waits_are_drawn_in_time_with_the_pauses_between(viewer: Viewer) -> None:
    waits = (
        (100, 400, Stack("cc;kernel`trap;first")),
        (400, 500, Stack("cc;kernel`trap;second")),
        (900, 1000, Stack("cc;kernel`trap;first")),
    )
    text = speedscope_with("timeline", [Evented("cc (pid 1, tid 2)", 1000, waits)]).text
    viewer.open(text)
    viewer.page.wait_for_function("() => window.labels.has('first')")
    exported = assert_viewer_agrees(viewer, text)
    opened = [one["at"] for one in exported["profiles"][0]["events"] if one["type"] == "O"]
    assert sorted({*opened}) == [100, 400, 900]


# ---- Chrome traces -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [("events.out.gz", "all"), ("events-wakeups.out.gz", "all"), ("build-events.out.gz", "kernel")],
)
def test_the_viewer_has_the_threads_and_totals_of_a_chrome_trace(
    run: RunCommand, viewer: Viewer, name: str, kind: str
) -> None:
    text = run("fold", RECORDINGS / name, "-k", kind, "--format", "chrome-trace").stdout
    viewer.open(text, name="made.trace.json")
    exported = viewer.export()
    wanted: dict[str, float] = {}
    names = {
        (one["pid"], one["tid"]): one["args"]["name"]
        for one in check_trace(text)["traceEvents"]
        if one["name"] == "thread_name"
    }
    for one in waits_of(check_trace(text)):
        thread = names[one["pid"], one["tid"]]
        who = f"(pid {one['pid']}), {thread} (tid {one['tid']})"
        wanted[who] = wanted.get(who, 0.0) + float(one["dur"])
    frames = [frame["name"] for frame in exported["shared"]["frames"]]
    found: dict[str, float] = {}
    for profile in exported["profiles"]:
        assert profile["unit"] == "microseconds"
        who = "(pid" + profile["name"].rpartition("(pid")[2]
        found[who] = float(covered_us(profile))
    assert len(exported["profiles"]) == len(wanted)
    assert found == pytest.approx(wanted)
    assert all('"stack":"' in frame for frame in frames)


def covered_us(profile: dict[str, Any]) -> float:
    """Return for how long any frame of a timeline was open."""
    total = 0.0
    opened = 0
    now = 0.0
    for event in profile["events"]:
        total += event["at"] - now if opened else 0.0
        now = event["at"]
        opened += 1 if event["type"] == "O" else -1
    return total


# ---- what the viewer takes at most ---------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sampled", "evented"])
def test_a_stack_as_deep_as_the_file_may_have_is_drawn_in_every_view(
    viewer: Viewer, kind: str
) -> None:
    deep = Stack(";".join(f"f{number}" for number in range(5_000)))
    profile = (
        Sampled("x", "ns", ((deep, 7),)) if kind == "sampled" else Evented("x", 7, ((0, 7, deep),))
    )
    text = speedscope_with("deep", [profile]).text
    for view in ("time-ordered", "left-heavy", "sandwich"):
        viewer.open(text, view)
        viewer.page.wait_for_timeout(300)  # an error comes when it draws
    assert deepest(check_document(text)["x"]) == MAX_FRAMES
    assert_viewer_agrees(viewer, text)


def test_a_sum_beyond_the_integers_of_a_double_opens_all_the_same(viewer: Viewer) -> None:
    text = speedscope_with(
        "large", [Sampled("x", "ns", ((Stack("a;b"), 1 << 60), (Stack("a;c"), 3)))]
    ).text
    viewer.open(text)
    (profile,) = viewer.export()["profiles"]
    assert profile["endValue"] == pytest.approx(1 << 60, rel=1e-12)


def test_a_file_in_which_nothing_was_kept_says_so(viewer: Viewer) -> None:
    recording = load_dataset([str(RECORDINGS / "stock-offcpu.out")], ReadOptions())
    classified = Classified.of(recording, load_rules(), Filters(("idle",)))
    viewer.open(speedscope_of(classified).text)
    assert viewer.page.get_by_text("Nothing: no stack was kept").is_visible()


def test_names_with_any_character_are_shown(viewer: Viewer) -> None:
    names = ['say "x"', "back\\slash", "</script>", "é漢🔬", "__proto__", "x" * 10_000, "\ud800"]
    rows = tuple((Stack(name), 10) for name in names)
    text = speedscope_with("nasty & <b>", [Sampled("</title>", "ns", rows)]).text
    viewer.open(text)
    exported = viewer.export()
    assert [one["name"] for one in exported["shared"]["frames"]][:-1] == names[:-1]
    assert viewer.page.title() == "nasty & <b> - speedscope"
    assert "</title>" in viewer.page.inner_text("body")


def test_the_check_notices_a_file_that_the_viewer_refuses(viewer: Viewer) -> None:
    text = speedscope_with("broken", [Evented("x", 9, ((0, 9, Stack("a;b")),))]).text
    viewer.open(text.replace('"type":"C","frame":1', '"type":"C","frame":0'))
    assert viewer.page.get_by_text("Something went wrong").is_visible()
    assert any("Failed to load format" in one for one in viewer.complaints)
    viewer.complaints.clear()
