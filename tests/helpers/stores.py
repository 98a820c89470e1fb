"""Stores that tests make."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from helpers.datasets import plain
from pvprof.classify.rules_file import load_rules
from pvprof.cli.stores.labels import labels_of
from pvprof.dataset.load import load_dataset
from pvprof.parse.result import ParseResult
from pvprof.parse.source import ReadOptions
from pvprof.recording.layout import Recording
from pvprof.store import upkeep
from pvprof.store.add import Added, add_recordings
from pvprof.store.catalogue import StoredRecording, select
from pvprof.store.engines.engine import DuckDb
from pvprof.store.facts import Stated, facts_of
from pvprof.store.load import StoreInput, load_stored
from pvprof.store.places.place import Place
from pvprof.store.tables.encode import GroupTables

if find_spec("duckdb") is None and "CI" not in os.environ:
    pytest.skip("duckdb is not installed", allow_module_level=True)

SMALL_SHARES = """
import pvprof.store.add as add
add.MIN_SHARE = 2
from pvprof.cli import cli
cli()
"""
"""The code of a pvprof that shares few recordings among processes, too."""


def add_to(store: Place, *paths: Path | str) -> Added:
    """Add recordings as the command does."""
    labels = labels_of(load_rules(None))
    return add_recordings(store, list(map(str, paths)), ReadOptions(jobs=1), labels, Stated())


def data_of(store: Place) -> dict[str, Any]:
    """Return all data of a store, to compare."""
    return plain(load_stored(StoreInput(store.address, DuckDb()), ReadOptions()))


def merged_after_choice(
    store: Place, monkeypatch: pytest.MonkeyPatch, *modules: ModuleType
) -> list[int]:
    """Let the groups be merged once, when one of these modules has chosen what it reads.

    Returns:
        the number of groups after that; empty before.
    """
    merged: list[int] = []

    def select_then_merge(*given: Any) -> list[StoredRecording]:
        found = select(*given)
        if not merged:
            merged.append(upkeep.compact(store).after)
        return found

    for module in modules:
        monkeypatch.setattr(module, "select", select_then_merge)
    return merged


def in_groups(store: Place, inputs: Sequence[tuple[Recording, ParseResult]]) -> None:
    """Write results into a store, each as a group of its own."""
    for number, (recording, parsed) in enumerate(inputs):
        tables = GroupTables(lambda key, _: ("kernel", key.name))
        tables.add(facts_of(recording, parsed, f"{number:016x}" + 48 * "0", Stated()), parsed)
        with store.workplace() as work:
            tables.write(work)
            with store.lock():
                store.commit(work, "unknown", "offcpu")


def assert_whole(store: Place, paths: Sequence[Path]) -> None:
    """The store has no damage, and is equal to these recordings."""
    assert list(upkeep.check(store)) == []
    everything = load_stored(StoreInput(store.address, DuckDb()), ReadOptions())
    of_files = load_dataset(list(map(str, paths)), ReadOptions(jobs=1))
    assert sorted(everything.names) == sorted(of_files.names)
    totals = [
        sorted((one.mode, one.unit, one.profile.total) for one in dataset.measurements)
        for dataset in (everything, of_files)
    ]
    assert totals[0] == totals[1]
