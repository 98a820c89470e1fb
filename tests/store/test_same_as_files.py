"""A store gives the same data as the files that it was made of, to the nanosecond."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest
from conftest import FIXTURES
from helpers.command_line import RunCommand
from helpers.datasets import plain
from helpers.stores import add_to, in_groups
from helpers.strategies import examples
from helpers.strategies import rows as profile_rows
from hypothesis import given
from hypothesis import strategies as st

from pvprof.dataset.load import combine, load_dataset
from pvprof.model.profile import Histogram, Key, LockHold, Profile, Weight
from pvprof.model.stacks import Stack
from pvprof.parse.result import ParseResult
from pvprof.parse.source import ReadOptions
from pvprof.parse.window import Window, read_bound
from pvprof.recording.layout import Recording
from pvprof.recording.manifest import Manifest
from pvprof.recording.open import open_recording
from pvprof.store.catalogue import select
from pvprof.store.engines.engine import DuckDb
from pvprof.store.facts import identity_of
from pvprof.store.load import StoreInput, load_stored
from pvprof.store.places.choose import create_place
from pvprof.store.places.place import Place
from pvprof.store.where import read_where

RECORDINGS = [
    *sorted((FIXTURES / "freebsd-15.1").glob("*.pvprof")),
    *sorted((FIXTURES / "freebsd-13.2-path").glob("j*.pvprof")),
    FIXTURES / "linux/bpftrace/path.pvprof.tar.gz",
    FIXTURES / "freebsd-13.2-three-tools/lock-profiling.txt.gz",
    FIXTURES / "freebsd-13.2/lockstat-1.out",
    FIXTURES / "freebsd-13.2/events-wakeups.out.gz",
    FIXTURES / "linux/perf-script.txt.gz",
]
EVENTS = "freebsd-15.1/stock-events.pvprof"


def no_search(pattern: str) -> NoReturn:
    raise AssertionError(pattern)


@pytest.fixture(scope="module", params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    address = str(tmp_path_factory.mktemp("parent") / "store")
    if request.param == "s3":
        request.getfixturevalue("s3").file_system().mkdir("same-as-files")
        address = "s3://same-as-files/store"
    folder = create_place(address)
    half = len(RECORDINGS) // 2  # several groups have recordings of one day and mode
    for part in (RECORDINGS[:half], RECORDINGS[half:]):
        added = add_to(folder, *part)
        assert (added.added, added.failed) == (len(part), [])
    return folder


@pytest.fixture(scope="module")
def path_of(store: Place) -> dict[str, str]:
    """Map the identity of each recording to its path, in the order in which a store gives them."""
    paths = {identity_of(open_recording(str(path))): str(path) for path in RECORDINGS}
    stored = [str(one.facts["identity"]) for one in select(store, columns=["identity"])]
    return {identity: paths[identity] for identity in stored}


def stored(store: Place, identities: Sequence[str], options: ReadOptions) -> dict[str, Any]:
    where = read_where(f"identity in ({', '.join(identities)})", no_search)
    return plain(load_stored(StoreInput(store.address, DuckDb(), where), options))


@pytest.mark.slow
@examples(0.12)
@given(data=st.data())
def test_any_recordings_of_a_store_are_equal_to_their_files(
    store: Place, path_of: dict[str, str], data: st.DataObject
) -> None:
    chosen = data.draw(st.sets(st.sampled_from(sorted(path_of)), min_size=1, max_size=5))
    paths = [path for identity, path in path_of.items() if identity in chosen]
    options = ReadOptions(jobs=1)
    assert stored(store, sorted(chosen), options) == plain(load_dataset(paths, options))


@pytest.mark.parametrize(
    "options",
    [
        ReadOptions(window=Window(read_bound("1"), read_bound("2.5"))),
        ReadOptions(ids="tid"),
        ReadOptions(window=Window(read_bound("2"), None), ids="pid"),
    ],
    ids=["window", "threads", "both"],
)
def test_a_part_of_a_recording_is_equal_to_that_of_its_file(
    store: Place, path_of: dict[str, str], options: ReadOptions
) -> None:
    path = str(FIXTURES / EVENTS)
    (identity,) = [one for one, known in path_of.items() if known == path]
    of_store, of_file = stored(store, [identity], options), plain(load_dataset([path], options))
    for one in (of_store, of_file):  # those of the cut come last or in the middle
        one["problems"] = sorted(one["problems"], key=str)
    assert of_store == of_file


COMMANDS = (
    "report -k all",
    "report -k all --redact",
    "locks -k all",
    "locks --overlap --owners --stacks",
    "fold -k all --by root",
    "flamegraph -o -",
    "report --format json -o -",
)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_prints_the_same_from_a_store(
    command: str, store: Place, run: RunCommand
) -> None:
    where = "name = stock-events and ident = PVSTOCK"
    of_store = run(*shlex.split(command), "--store", store.address, "--where", where)
    of_files = run(*shlex.split(command), FIXTURES / EVENTS)
    assert of_files.exit_code == 0
    # What a picture says to the shell names the file.
    shown = of_files.stdout.replace(f" {FIXTURES / EVENTS}", "")
    assert (of_store.stdout, of_store.exit_code) == (shown, 0)
    assert of_store.stderr == of_files.stderr


@pytest.mark.slow
def test_a_comparison_is_the_same_from_a_store(run: RunCommand, tmp_path: Path) -> None:
    sides = [
        sorted((FIXTURES / "example-lock-patch" / side).glob("offcpu-[1-4].pvprof"))
        for side in ("rwlock", "obm")
    ]
    add_to(create_place(str(tmp_path / "s")), *sides[0], *sides[1])
    of_files = run("compare", *sides[0], "--vs", *sides[1])
    assert of_files.exit_code == 0
    stored = ("compare", "--store", tmp_path / "s")
    where = ("--where", "label = rwlock", "--vs-where", "label = obm")
    assert run(*stored, *where).stdout == of_files.stdout
    by_label = run(*stored, "--base", "rwlock")
    assert by_label.stdout == run("compare", *sides[0], *sides[1], "--base", "rwlock").stdout


names = st.text(st.characters(codec="utf-8"), max_size=5)


@st.composite
def results(draw: st.DrawFn) -> ParseResult:
    """Return a possible result of one recording, without single waits."""
    result = ParseResult(layout="classic", mode=draw(st.sampled_from(["offcpu", "locks", ""])))
    for unit, counted, rows in draw(
        st.lists(
            st.tuples(st.sampled_from(["ns", "samples"]), st.booleans(), profile_rows), max_size=3
        )
    ):
        for key, stack, weight in rows:
            result.profile(unit, counted).add(key._replace(pid=-1, tid=-1), stack, weight)
            result.records += weight.records
    if draw(st.booleans()):
        result.open_waits = Profile("ns", True)
        for key, stack, weight in draw(profile_rows):
            result.open_waits.add(key._replace(pid=-1, tid=-1), stack, weight)
    key = Key("turnstile", draw(names))
    count = draw(st.integers(0, (1 << 63) - 1))
    result.histograms.append(Histogram(key, ((0, 1), (1024, count)), stack=Stack("a;b")))
    result.holds.append(LockHold(key, "f", count, 3, None))
    return result


@pytest.mark.slow
@examples(0.15)
@given(parsed=st.lists(results(), min_size=1, max_size=4), largest=st.booleans())
def test_what_is_added_is_read_back(
    parsed: list[ParseResult], largest: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if largest:  # sums of several such values have more than 64 bits
        for result in parsed:
            profile = result.profile("ns", True)
            profile.add(Key("sleepq", "x"), Stack("a"), Weight((1 << 62) + 1, 1, 1))
    inputs = [
        (Recording("", f"r{number}", b"", manifest=Manifest.from_json({"run": number})), result)
        for number, result in enumerate(parsed)
    ]
    path = tmp_path_factory.mktemp("law") / "s"
    in_groups(create_place(str(path)), inputs)
    assert plain(load_stored(StoreInput(str(path), DuckDb()), ReadOptions())) == plain(
        combine(inputs)
    )
