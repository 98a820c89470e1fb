"""Reading profiles of pprof: pvprof's own, those of Go programs, made-up and damaged ones."""

from __future__ import annotations

import csv
import gzip
import io
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conftest import FIXTURES, RECORDINGS, require
from helpers.command_line import RunCommand, assert_is_error, assert_is_result
from helpers.pprof_writer import TIME, message, packed, profile, varint
from helpers.readings import kinds_of, read_or_refuse
from helpers.strategies import examples
from helpers.strategies import rows as weighted_rows
from hypothesis import given
from hypothesis import strategies as st

from pvprof.analysis.stacks.fold import FoldOptions
from pvprof.classify.classified import Classified
from pvprof.classify.filters import ALL_KINDS, Filters
from pvprof.classify.rules_file import load_rules
from pvprof.dataset.dataset import Dataset, Measurement
from pvprof.errors import InputError, UsageError
from pvprof.model.mechanisms import FOLDED
from pvprof.model.profile import Key, Profile, Weight
from pvprof.model.stacks import Stack, show_controls
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.result import ParseResult
from pvprof.recording.limits import Limits, limits_of
from pvprof.render.viewers.pprof import render
from pvprof.views.folded import StackOptions
from pvprof.views.viewers.pprof import build

GO = FIXTURES / "pprof"
GRAMMAR = FIXTURES / "freebsd-13.2-grammar-2"
OWN = [
    GRAMMAR / "stock-offcpu.pvprof",
    GRAMMAR / "patched-locks.pvprof",
    GRAMMAR / "stock-wakeup.pvprof",
    GRAMMAR / "stock-events.pvprof",
    RECORDINGS / "oncpu-default.out",
    FIXTURES / "linux" / "perf-script.txt.gz",
    FIXTURES / "linux" / "bpftrace" / "wakeup.pvprof.tar.gz",
]
ALL = Filters((ALL_KINDS,))
RULES = load_rules()


def parse(data: bytes, **options: Any) -> ParseResult:
    return read(data, "made up", ReadOptions(**options))


def sums_of(parsed: ParseResult) -> dict[tuple[str, str], dict[str, tuple[int, int]]]:
    """Map each mode and unit to the value and the count of each stack."""
    return {
        (part.mode, unit): {str(stack): weight[:2] for _, stack, weight in one}
        for part in (parsed, *parsed.further)
        for (unit, _), one in part.profiles.items()
    }


# ---- pvprof's own --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("recording", OWN, ids=lambda path: path.name)
def test_a_file_of_pvprof_gives_the_same_stacks_locks_and_totals(
    recording: Path, run: RunCommand, tmp_path: Path
) -> None:
    out = tmp_path / "x.pb.gz"
    for options in ((), ("--by", "root")):
        words = ("flamegraph", "-q", "-k", "all", *options, recording, "-f", "-o", out)
        assert run(*words).exit_code == 0
        folded = [
            sorted(run("fold", "-q", "-k", "all", one).stdout.splitlines())
            for one in (recording, out)
        ]
        assert folded[0] == folded[1]
        tables = [
            rows_of(run("locks", "-k", "all", one, "--format", "csv").stdout)
            for one in (recording, out)
        ]
        assert tables[0] == tables[1]
        assert tables[0]


def rows_of(table: str) -> list[tuple[str, ...]]:
    """Return kind, class, name, time, waits and caller of each lock in a table."""
    columns = ("unit", "kind", "class", "name", "value", "count", "top_caller")
    rows = csv.DictReader(io.StringIO(table))
    return sorted(tuple(row[one] for one in columns) for row in rows if row["value"] != "0")


@given(weighted_rows)
def test_keys_and_weights_come_back(some: list[tuple[Key, Stack, Weight]]) -> None:
    measured = Profile("ns", True)
    wanted: Counter[tuple[Key, Stack]] = Counter()
    counts: Counter[tuple[Key, Stack]] = Counter()
    for given_key, stack, weight in some:
        # A file has neither the class that the kernel gave to a lock, nor characters not seen.
        key = Key(*given_key[:3], show_controls(given_key.sleeper))
        measured.add(key, stack, weight)
        wanted[key, stack] += weight.value
        counts[key, stack] += weight.count
    if not +wanted and not +counts:
        return
    dataset = Dataset(("made up",), (Measurement(measured, None),), (), (), ())
    rendered = render(build(Classified.of(dataset, RULES, ALL), StackOptions(FoldOptions())))
    assert rendered.binary is not None
    parsed = parse(gzip.decompress(rendered.binary))
    (found,) = parsed.profiles.values()
    assert found.has_counts
    assert +Counter({(key, stack): weight.value for key, stack, weight in found}) == +wanted
    assert +Counter({(key, stack): weight.count for key, stack, weight in found}) == +counts
    assert parsed.problems == []


def test_modes_of_one_file_come_back(run: RunCommand, tmp_path: Path) -> None:
    out = tmp_path / "x.pb.gz"
    sources = GRAMMAR / "stock-offcpu.pvprof", GRAMMAR / "stock-oncpu.pvprof"
    assert run("flamegraph", "-q", "-k", "all", *sources, "-o", out).exit_code == 0
    parsed = parse(gzip.decompress(out.read_bytes()))
    found = {key: len(stacks) for key, stacks in sums_of(parsed).items()}
    assert found.keys() == {("offcpu", "ns"), ("oncpu", "samples")}
    for source, mode in zip(sources, ("offcpu", "oncpu"), strict=True):
        assert (
            run("fold", "-q", "-k", "all", "--measure", mode, out).stdout
            == run("fold", "-q", "-k", "all", source).stdout
        )


def test_ids_of_threads_come_back_if_they_are_asked_for(run: RunCommand, tmp_path: Path) -> None:
    out, events = tmp_path / "x.pb.gz", GRAMMAR / "stock-events.pvprof"
    words = ("-q", "-k", "all", "--ids", "tid")
    assert run("flamegraph", *words, events, "-o", out).exit_code == 0
    whole = sorted(run("fold", *words, events).stdout.splitlines())
    assert sorted(run("fold", *words, out).stdout.splitlines()) == whole
    bare = [
        sorted(run("fold", "-q", "-k", "all", one).stdout.splitlines()) for one in (events, out)
    ]
    assert bare[0] == bare[1]


# ---- Go's ----------------------------------------------------------------------------------------


def test_each_type_of_go_is_a_measurement() -> None:
    cpu = sums_of(parse(unpacked("go-cpu")))
    assert {key: sum(value for value, _ in some.values()) for key, some in cpu.items()} == {
        ("samples", "samples"): 50,
        ("cpu", "ns"): 500_000_000,
    }
    heap = sums_of(parse(unpacked("go-heap")))
    assert heap.keys() == {
        ("alloc_objects", "alloc_objects"),
        ("alloc_space", "bytes"),
        ("inuse_objects", "inuse_objects"),
        ("inuse_space", "bytes"),
    }
    mutex = parse(unpacked("go-mutex"))
    ((value, count),) = sums_of(mutex)["", "ns"].values()
    assert (round(value / 10**5), count) == (315, 29)


def unpacked(name: str) -> bytes:
    return gzip.decompress((GO / f"{name}.pb.gz").read_bytes())


def test_functions_that_were_inlined_are_marked_and_above_their_callers() -> None:
    stacks = sums_of(parse(unpacked("go-cpu")))["cpu", "ns"]
    (inlined,) = (stack for stack in stacks if "square" in stack)
    assert inlined == "runtime.main;main.main;main.spin;main.square_[i]"


def test_the_length_of_a_profile_is_known() -> None:
    parsed = parse(unpacked("go-cpu"))
    assert parsed.duration_ns is not None
    assert round(parsed.duration_ns / 10**6) == 803


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "measure"),
    [("go-cpu", "cpu"), ("go-cpu", "samples"), ("go-mutex", "delay"), ("go-heap", "inuse_space")],
)
def test_the_real_pprof_finds_the_same_in_each_function(name: str, measure: str) -> None:
    require(shutil.which("go") is not None, "go is not installed: scripts/setup dev")
    unit = "-unit=B" if "space" in measure else "-unit=ns"
    words = ("-top", unit, "-nodefraction=0", f"-sample_index={measure}", f"{GO}/{name}.pb.gz")
    done = subprocess.run(
        ["go", "tool", "pprof", *words], capture_output=True, text=True, check=True
    )
    flat = re.findall(
        r"^ *(\d+)(?:ns|B)? +[\d.]+% +[\d.]+% +\d+(?:ns|B)? +[\d.]+%  (.+?)(?: \(inline\))?$",
        done.stdout,
        re.M,
    )
    wanted = {function: int(value) for value, function in flat if int(value)}
    assert wanted
    found: Counter[str] = Counter()
    parsed = parse(unpacked(name), profile=re.compile(f"^{measure}$"))
    for stacks in sums_of(parsed).values():
        for stack, (value, _) in stacks.items():
            found[stack.rpartition(";")[2].removesuffix("_[i]")] += value
    assert dict(found) == wanted


def test_commands_read_it_packed_or_not(run: RunCommand, tmp_path: Path) -> None:
    bare = tmp_path / "cpu.pprof"
    bare.write_bytes(unpacked("go-cpu"))
    outputs = [
        run("report", "-q", one).stdout.splitlines()[1:] for one in (GO / "go-cpu.pb.gz", bare)
    ]
    assert outputs[0] == outputs[1]
    assert "Time (cpu): 500.0 ms" in "\n".join(outputs[0])
    stdin = run("fold", "-q", "--profile", "^cpu$", "-", stdin=bare.read_bytes())
    assert "runtime.main;main.main;main.spin 420000000\n" in stdin.stdout


# ---- what a file may say -------------------------------------------------------------------------


def test_samples_are_leaf_first_and_equal_ones_are_added_up() -> None:
    samples = (((2, 1), (7,)), ((1,), (5,)), ((2, 1), (1,)))
    assert sums_of(parse(profile(samples=samples))) == {
        ("", "ns"): {"main;read": (8, 0), "main": (5, 0)}
    }


def test_units_are_those_of_pvprof() -> None:
    types = (
        ("wall", "microseconds"),
        ("space", "bytes"),
        ("cache misses", "count"),
        ("x", "widgets"),
    )
    parsed = parse(profile(types, [((1,), (2, 3, 4, 5))]))
    assert sums_of(parsed) == {
        ("wall", "ns"): {"main": (2_000, 0)},
        ("space", "bytes"): {"main": (3, 0)},
        ("cache misses", "cache-misses"): {"main": (4, 0)},
        ("x", "widgets"): {"main": (5, 0)},
    }


def test_a_type_is_chosen_by_name() -> None:
    data = profile((("wall", "seconds"), ("cpu", "nanoseconds")), [((1,), (2, 3))])
    assert list(sums_of(parse(data, profile=re.compile("wa")))) == [("wall", "ns")]
    with pytest.raises(UsageError, match="no sample type matches") as refused:
        parse(data, profile=re.compile("x"))
    assert refused.value.hint == "sample types: 'wall', 'cpu'"
    with pytest.raises(UsageError, match="states the units"):
        parse(data, unit="ns")


def test_numbers_may_be_packed_or_one_by_one_and_parts_in_any_order() -> None:
    parts = [
        *((6, text) for text in (b"", b"time", b"nanoseconds", b"f")),
        (5, message((2, 3), (1, 9))),
        (2, message((2, 300), (1, 4))),
        (4, message((4, message((1, 9), (2, 77))), (1, 4))),
        (9, 10**18),
        (1, message((1, 1), (2, 2))),
        (14, 1),
    ]
    assert sums_of(parse(message(*parts))) == {("", "ns"): {"f": (300, 0)}}


def test_an_address_without_a_name_is_shown_with_its_file() -> None:
    locations = [
        message((1, 1), (2, 1), (3, 0x4A3F)),
        message((1, 2), (3, 0xFFFFFFFF81000000)),
        message((1, 3)),
    ]
    samples = [((1,), (1,)), ((2,), (2,)), ((3,), (4,))]
    mapping = (3, message((1, 1), (5, 3)))
    data = profile(
        samples=samples, locations=locations, names=("/usr/lib/libc.so.6",), others=[mapping]
    )
    parsed = parse(data)
    assert sums_of(parsed) == {
        ("", "ns"): {"libc.so.6`0x4a3f": (1, 0), "0xffffffff81000000": (2, 0), "[unknown]": (4, 0)}
    }
    assert parsed.hex_frames == {"libc.so.6`0x4a3f", "0xffffffff81000000"}


def test_labels_of_other_tools_name_the_process_and_not_a_lock() -> None:
    labels = [(6, text) for text in (b"lock", b"tcp", b"comm", b"nginx", b"pid")]
    first = 5  # after the texts of the profile
    sample = message(
        *((1, 1), (2, 3)),
        *(
            (3, message((1, first + 0), (2, first + 1))),
            (3, message((1, first + 2), (2, first + 3))),
        ),
        (3, message((1, first + 4), (3, 4711))),
    )
    data = profile((("samples", "count"),), [], others=[(2, sample)]) + message(*labels)
    for ids, pid in (("", -1), ("pid", 4711)):
        ((key, _, weight),) = parse(data, ids=ids).profiles["samples", False]
        assert key == Key(FOLDED, execname="nginx", pid=pid)
        assert weight.value == 3


def test_bytes_that_look_like_line_ends_and_nul_are_values() -> None:
    values = [0x0D | 0x0A << 7, 0, 0x0A, 0x0D0A0D0A]
    data = profile(samples=[((2, 1), (value,)) for value in values])
    data += message((7, 0))  # an empty list of frames to drop
    assert b"\r\n" in data.replace(varint(values[0]), b"\r\n")
    parsed = parse(message((9, 0x0D), (10, 0x0A)) + b"\x48\x0d\x50\x0d" + data)
    assert sums_of(parsed) == {("", "ns"): {"main;read": (sum(values), 0)}}
    assert parsed.problems == []


# ---- damage --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sample", "kind", "text"),
    [
        (message((1, 1), (2, -5)), "bad-sample", "below 0"),
        (message((1, 1), (2, 1), (2, 1)), "bad-sample", "another number of values"),
        (message((1, 1)), "bad-sample", "another number of values"),
        (message((1, packed([1])), (2, b"\xff")), "bad-sample", "cannot be read"),
        (b"\x08\x01\x10", "bad-sample", "cannot be read"),
        (b"\x0b\x08\x01\x10\x01", "bad-sample", "cannot be read"),
    ],
)
def test_a_bad_sample_is_a_loss(sample: bytes, kind: str, text: str) -> None:
    parsed = parse(profile(others=[(2, sample)]))
    assert sums_of(parsed) == {("", "ns"): {"main;read": (7, 0)}}
    (problem,) = parsed.problems
    assert (problem.kind, problem.severity, problem.count) == (kind, "loss", 1)
    assert text in problem.text


def test_places_that_are_not_there_keep_their_values() -> None:
    parsed = parse(
        profile(samples=[((9, 1), (7,))], others=[(4, message((1, 8), (4, b"\x08\x63")))])
    )
    assert sums_of(parsed) == {("", "ns"): {"main;[unknown]": (7, 0)}}
    assert kinds_of(parsed) == {"bad-location": 1}
    nameless = parse(
        profile(samples=[((8,), (7,))], others=[(4, message((1, 8), (4, b"\x08\x63")))])
    )
    assert sums_of(nameless) == {("", "ns"): {"[unknown]": (7, 0)}}
    assert kinds_of(nameless) == {"bad-function": 1}


def test_a_number_of_64_bits_and_no_more() -> None:
    largest = (1 << 63) - 1
    assert sums_of(parse(profile(samples=[((1,), (largest,))]))) == {
        ("", "ns"): {"main": (largest, 0)}
    }
    too_long = b"\x12\x0e\x08\x01\x10" + b"\xff" * 11
    parsed = parse(profile() + too_long)
    assert kinds_of(parsed) == {"bad-sample": 1}


def test_a_profile_that_ends_early_says_so_or_is_refused() -> None:
    for data in (profile(), unpacked("go-mutex")):
        whole = time_of(parse(data))
        for end in range(1, len(data)):
            try:
                parsed = parse(data[:end], layout="pprof")
            except InputError:
                continue
            found = time_of(parsed)
            assert found <= whole
            told = {problem.kind for problem in parsed.problems}
            assert told & {"cut-off", "bad-part", "bad-function"} or found == whole


def time_of(parsed: ParseResult) -> int:
    """Return the sum of all times, in ns."""
    return sum(
        value
        for (_, unit), some in sums_of(parsed).items()
        for value, _ in some.values()
        if unit == "ns"
    )


@examples(2)
@given(st.binary(max_size=60), st.integers(0, 400), st.booleans())
def test_no_damage_ends_in_a_traceback(junk: bytes, place: int, over: bool) -> None:
    data = unpacked("go-mutex")
    place %= len(data)
    read_or_refuse(data[:place] + junk + data[place + (len(junk) if over else 0) :], "pprof")
    read_or_refuse(junk, "pprof")


def test_few_bytes_cannot_stand_for_gigabytes_of_stacks() -> None:
    lines = message(*((4, message((1, 1))) for _ in range(3_000)))
    long_place = profile(
        samples=[((1,), (1,))], locations=[message((1, 1)) + lines], names=("x" * 100_000,)
    )
    with pytest.raises(InputError, match="256 MiB of text"):
        parse(long_place)
    deep = profile(samples=[((1,) * 3_000, (1,))], names=("x" * 100_000,))
    with pytest.raises(InputError, match="256 MiB of text"):
        parse(deep)
    many = profile(samples=[((1,) * 300, (n,)) for n in range(1, 100)], names=("x" * 10_000,))
    with pytest.raises(InputError, match="256 MiB of text"):
        parse(many)


def test_a_profile_of_very_many_parts_is_refused_unless_it_is_trusted() -> None:
    data = profile() + b"\x12\x00" * 2_000
    with pytest.raises(InputError, match="more than 1,000 parts"):
        parse(data, limits=Limits(parts=1_000))
    assert kinds_of(parse(data, limits=limits_of("1M"))) == {"bad-sample": 2_000}
    deep = profile(samples=[((1,) * 300_000, (1,)), ((1,), (5,))])
    parsed = parse(deep)
    assert sums_of(parsed) == {("", "ns"): {"main": (5, 0)}}
    assert kinds_of(parsed) == {"bad-sample": 1}


def test_names_are_harmless(run: RunCommand, tmp_path: Path) -> None:
    path = tmp_path / "x.pb.gz"
    path.write_bytes(gzip.compress(profile(names=("\x1b]0;t\x07", "a;b\n\u202e"))))
    result = run("fold", "-q", path)
    assert_is_result(result)
    assert result.stdout.endswith("\\x1b]0:t\\x07;a:b\\x0a\\u202e 7\n")


def test_types_without_samples_are_an_error(run: RunCommand) -> None:
    assert "no record" in assert_is_error(run("report", "-", stdin=profile(samples=[])))
    assert "types of samples" in assert_is_error(
        run("report", "-", "--input-format", "pprof", stdin=message((6, b"x")))
    )
    lone = message((1, message((1, 1), (2, 2))), (2, message((1, 1), (2, 7))))
    assert "table of texts" in assert_is_error(run("report", "-", stdin=lone))


def test_other_messages_of_protocol_buffers_are_not_taken_for_one() -> None:
    for data in (message((1, b"name"), (2, b"x")), message((1, message((1, 1), (2, 2))), (40, 1))):
        with pytest.raises(InputError):
            parse(data)
    assert parse(profile(TIME)).layout == "pprof"
