"""The table of mechanisms: complete, and the one place that everything looks them up in."""

from __future__ import annotations

import csv
import io
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from conftest import FIXTURES, RECORDINGS
from helpers.command_line import RunCommand

from pvprof.analysis.lock_table import attribute
from pvprof.analysis.stacks.fold import FoldOptions, fold
from pvprof.classify.filters import classify
from pvprof.classify.rules_file import load_rules
from pvprof.dataset.load import load_dataset
from pvprof.model.mechanisms import MECHANISMS, Mechanism, mechanism_of, system_of
from pvprof.model.profile import Key, Profile, Weight
from pvprof.model.stacks import Stack
from pvprof.parse.read import ReadOptions

BUNDLED = [
    *sorted(path for path in RECORDINGS.iterdir() if path.name.endswith((".out", ".out.gz"))),
    *sorted(FIXTURES.glob("linux/bpftrace/*.tar.gz")),
    FIXTURES / "linux/perf-script.txt.gz",
]
RULES = load_rules()
QUEUES = {"turnstile", "sleepq", "off-cpu", "off-cpu-d", "runq", "on-cpu", "user", "wakeup"}


def mechanisms_in(path: Path) -> set[str]:
    """Return the mechanisms of a recording's keys."""
    dataset = load_dataset([str(path)], ReadOptions(jobs=1))
    keys = [key for one in dataset.measurements for key in one.profile.groups]
    return {key.mechanism for key in (*keys, *(one.key for one in dataset.histograms))}


@pytest.mark.slow
@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.name)
def test_every_mechanism_of_a_real_recording_is_in_the_table(path: Path) -> None:
    found = mechanisms_in(path)
    assert found <= MECHANISMS.keys()
    systems = {MECHANISMS[name].system for name in found} - {""}
    assert len(systems) <= 1


@pytest.mark.parametrize("name", ["freebsd.toml", "linux.toml"])
def test_every_mechanism_that_a_packaged_rule_names_is_in_the_table(name: str) -> None:
    rules = tomllib.loads(files("pvprof.classify").joinpath(name).read_text())["rule"]
    named = {mechanism for rule in rules for mechanism in rule.get("mechanisms", ())}
    assert named
    assert named <= MECHANISMS.keys()


def state_by_name(name: str) -> str:
    """Return the state that follows from the name of a mechanism: programs name them so."""
    if name in ("turnstile", "sleepq", "off-cpu", "off-cpu-d") or name.endswith("-block"):
        return "blocked"
    return "spinning" if name.endswith("-spin") else "neither"


@pytest.mark.parametrize("name", MECHANISMS)
def test_the_lock_table_counts_spinning_and_blocking_by_mechanism(name: str) -> None:
    profile = Profile("ns", True)
    profile.add(Key(name, "a lock"), Stack("kernel`f"), Weight(70, 3, 1))
    (row,) = attribute(classify(profile, RULES), "ns", True, RULES)
    state = state_by_name(name)
    assert (row.spin, row.spin_count) == ((70, 3) if state == "spinning" else (0, 0))
    assert (row.block, row.block_count) == ((70, 3) if state == "blocked" else (0, 0))


def test_every_wait_off_the_cpu_of_a_linux_recording_counts_as_blocked(run: RunCommand) -> None:
    path = FIXTURES / "linux/bpftrace/offcpu.pvprof.tar.gz"
    assert mechanisms_in(path) == {"off-cpu", "off-cpu-d"}
    text = run("locks", path, "--kind", "all", "--format", "csv", "-q").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert sum(int(row["value"]) for row in rows) == 524_453_766
    assert all(row["block_ns"] == row["value"] for row in rows)


@pytest.mark.parametrize("name", MECHANISMS)
def test_a_folded_stack_shows_a_mechanism_below_the_lock_unless_it_is_a_queue(name: str) -> None:
    folded = fold([(Key(name, "a lock"), {Stack("f"): Weight(1, 1, 1)})], "ns", FoldOptions())
    ((stack, _),) = folded.rows
    is_plain = name in QUEUES or name in ("", "folded")
    assert stack == ("f;a lock" if is_plain else f"f;a lock;{name}")


def test_an_unknown_mechanism_gets_its_state_from_lockstats_suffix() -> None:
    assert mechanism_of("rms-spin") == Mechanism("rms-spin", "spinning", is_frame=True)
    assert mechanism_of("rms-block") == Mechanism("rms-block", "blocked", is_frame=True)
    assert mechanism_of("epoch") == Mechanism("epoch", "unknown", is_frame=True)


def test_mechanisms_tell_the_system_unless_they_are_common_to_both() -> None:
    assert system_of(frozenset({"turnstile", "on-cpu"})) == "FreeBSD"
    assert system_of(frozenset({"off-cpu-d", ""})) == "Linux"
    assert system_of(frozenset({"on-cpu", "wakeup"})) == ""
    assert system_of(frozenset({"turnstile", "off-cpu"})) == ""
