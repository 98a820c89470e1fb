"""The registry of layouts: detection, reading and help derive from it, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest
from conftest import FIXTURES, RECORDINGS
from helpers import native_writer as writer
from helpers.mixing import texts_by_layout
from hypothesis import given
from hypothesis import strategies as st

from pvprof import parse
from pvprof.errors import InputError, UsageError
from pvprof.model.profile import Key
from pvprof.model.stacks import Stack
from pvprof.parse.detect import detect
from pvprof.parse.layout import Layout
from pvprof.parse.layouts import LAYOUTS, LayoutPlace, Layouts, layout_named
from pvprof.parse.read import ReadOptions, read, read_recording
from pvprof.parse.recognition.explanation import lines_of
from pvprof.parse.recognition.sample import SAMPLE_BYTES, Sample
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.recording.open import open_recording

TEXT = b"workload says hello\nfake-tool: 5 waits in main\n"


def read_fake(source: TextSource) -> ParseResult:
    parsed = ParseResult()
    for count, frame in re.findall(rb"fake-tool: (\d+) waits in (\w+)", source.text()):
        parsed.add("events", Key(), Stack(frame.decode()), (int(count),), 1)
    return parsed


def fake_layout() -> Layout:
    return Layout(
        name="fake",
        summary="a tool that does not exist",
        read=read_fake,
        explain=lines_of(own=re.compile(rb"fake-tool: ")),
        has_other_output=True,
        states_units="fake-tool",
        mechanism_of=lambda program: "measured" if "measure" in program else "",
    )


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Layout:
    layout = fake_layout()
    monkeypatch.setitem(LAYOUTS, layout.name, layout)
    return layout


def test_a_text_of_an_unknown_tool_is_an_error() -> None:
    with pytest.raises(InputError, match="no stack, event or aggregation"):
        read(TEXT, "x", ReadOptions())


def test_a_new_layout_is_detected_and_read(fake: Layout) -> None:
    assert detect(TEXT) is fake
    parsed = read(TEXT, "x", ReadOptions())
    assert (parsed.layout, parsed.records) == ("fake", 1)
    assert parsed.profiles["events", False].total == 5


def test_a_new_layout_can_be_named(fake: Layout) -> None:
    assert read(TEXT, "x", ReadOptions(layout="fake")).records == 1
    with pytest.raises(UsageError, match="fake"):
        read(TEXT, "x", ReadOptions(layout="fake", unit="ns"))


def test_a_new_layout_is_in_the_hint_of_the_error(fake: Layout) -> None:
    with pytest.raises(InputError) as caught:
        read(b"prose\n", "x", ReadOptions())
    assert fake.name in caught.value.hint


def test_a_text_without_records_is_an_error_that_names_the_layout(fake: Layout) -> None:
    with pytest.raises(InputError) as caught:
        read(b"fake-tool: nothing\n", "x", ReadOptions())
    assert "read as fake" in caught.value.hint


def test_an_error_has_the_line_of_the_first_problem_if_it_left_nothing() -> None:
    text = b"debug.lock.prof.stats:\n\nno row\nnor this\n"
    with pytest.raises(InputError) as caught:
        read(text, "x", ReadOptions())
    assert caught.value.message == "line 3: no row of the table: 'no row'"


@pytest.mark.parametrize(("program", "mechanism"), [("measure", "measured"), ("other", "")])
def test_the_program_beside_a_text_may_name_the_mechanism(
    tmp_path: Path, fake: Layout, program: str, mechanism: str
) -> None:
    (tmp_path / "run.out").write_bytes(TEXT)
    (tmp_path / "run.d").write_text(program)
    parsed = read_recording(open_recording(str(tmp_path / "run.out")), ReadOptions())
    assert parsed.layout == fake.name
    assert list(parsed.profiles["events", False].groups) == [Key(mechanism)]


@pytest.mark.slow
def test_a_new_layout_is_a_choice_of_the_command_line() -> None:
    code = (
        "import sys; sys.path[:0] = ['tests', 'tests/parse']\n"
        "import test_layouts\n"
        "test_layouts.LAYOUTS['fake'] = test_layouts.fake_layout()\n"
        "sys.argv = ['pvprof', 'report', '--help']\n"
        "from pvprof.__main__ import main; main()"
    )
    top = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, cwd=top
    )
    assert re.search(r"\bfake\b", done.stdout)


def test_a_layout_without_a_reader_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="read"):
        Layout(name="broken", summary="no reader")  # type: ignore[call-arg]


def test_two_layouts_of_one_name_are_refused() -> None:
    modules = "freebsd.lockstat and other.tool"
    places = LayoutPlace("lockstat", "freebsd.lockstat"), LayoutPlace("lockstat", "other.tool")
    with pytest.raises(ValueError, match=f"two layouts are named lockstat: those of {modules}"):
        Layouts(*places)


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(UsageError, match="nonsense"):
        layout_named("nonsense")
    with pytest.raises(UsageError, match="nonsense"):
        read(TEXT, "x", ReadOptions(layout="nonsense"))


_PIECES = (
    *(b"ffffffff8068dd38", b"c000000012345678", b"1a34f", b" ", b"  ", b"\t", b"\n", b"\n", b"#"),
    *(b"sh 12 [000] 7.123456:", b" cycles:", b"sh 12", b" f", b" (/x)", b" ([k])", b"([", b"a;b 7"),
    *(b"#pvprof 1", b"@[", b"@x: 5", b"]: 5", b"Tracing off-CPU time (us) of ", b"    f [12]"),
    *(b'{"type": "map", "data"', b"    -  sh (12)", b"  12 34% 56% 0.00 78 lock caller"),
    *(b"x: 5 events in 1.0 seconds (5 events/sec)", b"Count indv cuml rcnt nsec Lock ", b"initlog"),
    *(b" 0x12 ", b"callchain 1 0x2 3", b"1.0% [5] f @ x", b"@ x [5 samples]", b"     usecs"),
    *(
        b" : count distribution",
        b"Caller Avg Wait Count Max Wait Total Wait",
        b"<html",
        b"{",
        b"\r",
    ),
    *(b"debug.lock.prof.stats:", b" 1 2 3 4 5 6 7 8 9 f.c:1 (rw:x)", b'"profiles":', b'"shared"'),
)


def _assert_left_out_layouts_have_nothing(text: bytes) -> None:
    sample = Sample(text, text)
    asked = {layout.name for layout in LAYOUTS.candidates(sample)}
    for name in set(LAYOUTS) - asked:
        layout = LAYOUTS[name]
        assert layout.signature is None or not layout.signature(sample), name
        explanation = layout.explain(sample) if layout.explain else None
        assert explanation is None or not explanation.explained, name


@given(st.lists(st.sampled_from(_PIECES), max_size=6).map(b"".join))
def test_a_layout_that_a_generated_text_has_no_mark_of_explains_nothing(text: bytes) -> None:
    _assert_left_out_layouts_have_nothing(text)


@pytest.mark.parametrize("layout", texts_by_layout())
def test_a_layout_that_a_recording_has_no_mark_of_explains_nothing(layout: str) -> None:
    lines = texts_by_layout()[layout].splitlines(keepends=True)
    texts = [lines, lines[:1], lines[1:40], [line.lstrip() for line in lines[:40]]]
    for text in texts:
        _assert_left_out_layouts_have_nothing(b"".join(text)[:SAMPLE_BYTES])


def test_folded_stacks_need_few_readers() -> None:
    text = b"# pvprof folded, unit: ns\nsh;kernel`trap;0xffffffff8068dd38 5\nsh;kernel`vm_fault 7\n"
    names = {layout.name for layout in LAYOUTS.candidates(Sample(text, text))}
    aggregates = {"single-stacks", "classic", "thread", "rows", "histogram", "keyed"}
    assert names == {"events", "differential", "folded"} | aggregates


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_layout_says_how_it_is_recognised(layout: Layout) -> None:
    is_recognised = layout.signature is not None or layout.explain is not None
    assert is_recognised
    assert layout.summary


def test_every_layout_of_a_module_is_listed() -> None:
    modules = [module.name for module in walk_packages(parse.__path__, "pvprof.parse.")]
    for name in modules:
        for attribute, value in vars(import_module(name)).items():
            if isinstance(value, Layout):
                assert value in LAYOUTS.values(), f"{name}.{attribute} is not in layouts.LAYOUTS"


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [RECORDINGS / "stock-offcpu.out", FIXTURES / "linux/bpftrace/offcpu.pvprof.tar.gz"]
)
def test_sums_are_read_without_numpy(path: Path) -> None:
    report_without_numpy(path)


def test_sums_in_the_own_grammar_are_read_without_numpy(tmp_path: Path) -> None:
    record = writer.record("turnstile", {"name": b"vm object"}, [b"kernel`f"], (7, 1))
    path = tmp_path / "sums.out"
    path.write_bytes(writer.text_of([record]))
    report_without_numpy(path)


def report_without_numpy(path: Path) -> None:
    code = (
        "import sys; sys.modules['numpy'] = sys.modules['pandas'] = None\n"
        f"sys.argv = ['pvprof', 'report', {str(path)!r}]\n"
        "from pvprof.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    assert "Off-CPU and lock time" in done.stdout
