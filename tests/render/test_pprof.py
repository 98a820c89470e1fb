"""Files for pprof: nothing is lost on the way, and the real pprof reads them."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from conftest import FIXTURES, RECORDINGS, require
from helpers.command_line import RunCommand
from helpers.pprof_file import read_pprof
from helpers.strategies import rows as weighted_rows
from hypothesis import given
from hypothesis import strategies as st

from pvprof.analysis.stacks.fold import FoldOptions
from pvprof.classify.classified import Classified
from pvprof.classify.filters import ALL_KINDS, Filters
from pvprof.classify.rules_file import load_rules
from pvprof.dataset.dataset import Dataset, Measurement
from pvprof.errors import OutputError
from pvprof.model.profile import Key, Profile, Weight
from pvprof.model.stacks import UNSEEN, Stack, stack_of
from pvprof.render.viewers.pprof import MAX_VALUE, render
from pvprof.views.folded import StackOptions
from pvprof.views.viewers.pprof import build
from pvprof.views.viewers.speedscope import build as build_speedscope

ALL = Filters((ALL_KINDS,))
RULES = load_rules()
GRAMMAR = FIXTURES / "freebsd-13.2-grammar-2" / "stock-offcpu.pvprof"
REAL = [
    GRAMMAR,
    RECORDINGS / "events.out.gz",
    RECORDINGS / "oncpu-default.out",
    RECORDINGS / "wakeup.out",
    FIXTURES / "linux" / "perf-waking.txt.gz",
]


def file_of(*profiles: Profile, by: str = "none") -> bytes:
    measurements = tuple(Measurement(profile, None) for profile in profiles)
    dataset = Dataset(("made up",), measurements, (), (), (("Host", "h"),))
    options = StackOptions(FoldOptions(by=by, execname=False))  # type: ignore[arg-type]
    rendered = render(build(Classified.of(dataset, RULES, ALL), options))
    assert rendered.binary is not None
    return rendered.binary


@given(weighted_rows)
def test_every_value_comes_back_with_its_stack_and_its_labels(
    some: list[tuple[Key, Stack, Weight]],
) -> None:
    profile = Profile("ns", True, {})
    wanted: Counter[tuple[str, str, str, str]] = Counter()
    counts: Counter[str] = Counter()
    for key, stack, weight in some:
        stacks = profile.groups.setdefault(key, {})
        stacks[stack] = stacks[stack].plus(weight) if stack in stacks else weight  # type: ignore[index]
        wanted[key.name, key.execname, key.mechanism, stack] += weight.value
        counts[stack] += weight.count
    if not profile.groups:
        return
    file = read_pprof(file_of(profile))
    assert file.types == (("time", "nanoseconds"), ("waits", "count"))
    found: Counter[tuple[str, str, str, str]] = Counter()
    for one in file.samples:
        labels = dict(one.labels)
        name, process, mechanism = (
            labels.get(word, "") for word in ("lock", "process", "mechanism")
        )
        found[name, process, mechanism, one.stack] += one.values[0]
    assert +found == +wanted
    assert +file.by_stack(1) == +counts


@pytest.mark.parametrize("recording", REAL, ids=lambda path: path.name)
def test_stacks_and_values_are_those_of_fold(recording: Path, run: RunCommand) -> None:
    for options in ((), ("-k", "all"), ("-k", "all", "--by", "root")):
        result = run("flamegraph", "-q", *options, recording, "--format", "pprof")
        folded = run("fold", "-q", *options, recording).stdout.splitlines()
        wanted = {line.rpartition(" ")[0]: int(line.rpartition(" ")[2]) for line in folded}
        assert dict(read_pprof(result.stdout_bytes).by_stack()) == wanted
        assert (
            result.stdout_bytes
            == run(*("flamegraph", "-q", *options, recording, "--format", "pprof")).stdout_bytes
        )


def test_modes_and_units_are_types_of_one_file(run: RunCommand, tmp_path: Path) -> None:
    out = tmp_path / "x.pprof"
    sources = GRAMMAR, RECORDINGS / "oncpu-default.out"
    assert run("flamegraph", "-q", "-k", "all", *sources, "-o", out).exit_code == 0
    file = read_pprof(out.read_bytes())
    assert len(file.types) > 2
    assert len(set(file.types)) == len(file.types)
    report = json.loads(run("report", "-q", "-k", "all", *sources, "--format", "json").stdout)
    totals = [section["kept"]["value"] for section in report["sections"]]
    of_types = dict(zip((name for name, _ in file.types), file.totals(), strict=True))
    assert sorted(value for name, value in of_types.items() if "waits" not in name) == sorted(
        totals
    )


@pytest.mark.parametrize("viewer", ["pprof", "speedscope"])
def test_counts_are_those_of_the_measurements_that_have_some(viewer: str) -> None:
    key, stack = Key("turnstile", "x"), stack_of(["a"])
    profiles = [
        Profile("ns", has_counts, {key: {stack: Weight(value, count, 1)}})
        for has_counts, value, count in ((False, 9, 0), (True, 5, 3))
    ]
    dataset = Dataset(
        ("made up",),
        tuple(Measurement(one, None, mode=f"m{n}") for n, one in enumerate(profiles)),
        *((), (), ()),
    )
    options = StackOptions(FoldOptions(counts=True))
    classified = Classified.of(dataset, RULES, ALL)
    if viewer == "pprof":
        assert [one.values for one in build(classified, options).samples] == [(3,)]
    else:
        assert [one.end for one in build_speedscope(classified, options).profiles] == [3]


def test_facts_of_the_recording_are_comments(run: RunCommand) -> None:
    file = read_pprof(run("flamegraph", "-q", GRAMMAR, "--format", "pprof").stdout_bytes)
    assert "Host: fbsd-stock" in file.comments
    assert "Workload: pvload 8 4 2" in file.comments
    assert round(file.duration_ns / 10**7) == 1_427
    assert file.begin_ns > 1_700_000_000 * 10**9


def test_a_total_beyond_63_bits_is_refused() -> None:
    stacks = {stack_of(["a"]): Weight(MAX_VALUE, 0, 1)}
    assert read_pprof(file_of(Profile("ns", False, {Key(): stacks}))).totals() == (MAX_VALUE,)
    stacks[stack_of(["b"])] = Weight(1, 0, 1)
    with pytest.raises(OutputError, match="too large"):
        file_of(Profile("ns", False, {Key(): stacks}))


@given(st.text(min_size=1, max_size=30))
def test_any_name_is_readable(name: str) -> None:
    stack = Stack(f"kernel`f;{name.replace(';', ':')}")
    key = Key("turnstile", name, name)
    file = read_pprof(file_of(Profile("ns", False, {key: {stack: Weight(5, 0, 1)}})))
    assert file.totals() == (5,)
    texts = [text for one in file.samples for _, text in one.labels]
    assert not any(UNSEEN.search(text) for text in texts)


def test_no_stack_is_a_file_that_says_so(run: RunCommand, tmp_path: Path) -> None:
    out = tmp_path / "x.pb.gz"
    result = run("flamegraph", GRAMMAR, "--name", "no such lock", "-o", out)
    assert result.exit_code == 1
    assert "no such lock" in result.stderr


# ---- the real pprof ------------------------------------------------------------------------------


def real_pprof(*words: object) -> str:
    command = ["go", "tool", "pprof", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module", autouse=True)
def _go() -> None:
    require(shutil.which("go") is not None, "go is not installed: scripts/setup dev")


@pytest.mark.slow
def test_the_real_pprof_has_the_totals_and_the_locks_of_the_report(
    run: RunCommand, tmp_path: Path
) -> None:
    out = tmp_path / "x.pb.gz"
    assert run("flamegraph", "-q", "-k", "all", GRAMMAR, "-o", out).exit_code == 0
    rows = csv.DictReader(io.StringIO(run("locks", "-k", "all", GRAMMAR, "--format", "csv").stdout))
    wanted: Counter[str] = Counter()
    for row in rows:
        wanted[row["name"]] += int(row["value"])
    text = real_pprof("-top", "-unit=ns", "-nodefraction=0", "-nodecount=9999", out)
    total = re.search(r"Total samples = (\d+)ns", text)
    assert total is not None
    assert int(total[1]) == sum(wanted.values())
    flat = re.findall(r"^ *(\d+)(?:ns)? +[\d.]+% +[\d.]+% +\d+(?:ns)? +[\d.]+%  (.+)$", text, re.M)
    found = {name: int(value) for value, name in flat if int(value)}
    assert found == {name: value for name, value in wanted.items() if value}


@pytest.mark.slow
def test_the_real_pprof_selects_by_label_and_type(run: RunCommand, tmp_path: Path) -> None:
    out = tmp_path / "x.pb.gz"
    assert run("flamegraph", "-q", "-k", "all", GRAMMAR, "-o", out).exit_code == 0
    (row,) = (
        row
        for row in csv.DictReader(io.StringIO(run("locks", GRAMMAR, "--format", "csv").stdout))
        if row["name"] == "pmap pv list"
    )
    for index, column in ((0, "value"), (1, "count")):
        text = real_pprof(
            *("-top", "-unit=ns", f"-sample_index={index}", "-tagfocus=lock=pmap pv list", out)
        )
        shown = re.search(r"accounting for (\d+)(?:ns)?,", text)
        assert shown is not None, text
        assert shown[1] == row[column]
    tags = real_pprof("-tags", out)
    assert "pv list (rwlock)" in tags
