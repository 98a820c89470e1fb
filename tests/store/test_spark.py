"""Spark gives the same data as DuckDB, on a cluster of a master and two workers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import FIXTURES, TESTS, require
from helpers.spark_cluster import cluster
from helpers.stores import add_to

from pvprof.store.folder import create_store

RECORDINGS = [
    *sorted((FIXTURES / "freebsd-15.1").glob("*.pvprof")),
    *sorted((FIXTURES / "example-lock-patch/rwlock").glob("offcpu-[1-4].pvprof")),
    FIXTURES / "freebsd-13.2/lockstat-1.out",
]
COMPARE = """
import re, sys
from helpers.datasets import plain
from pvprof.parse.source import ReadOptions
from pvprof.store.engines.engine import DuckDb
from pvprof.store.engines.named import engine_named
from pvprof.store.load import StoreInput, load_stored
from pvprof.store.where import read_where

store, url, text = sys.argv[1:]
where = read_where(text, lambda pattern: re.compile(pattern).search)
ours, theirs = (
    plain(load_stored(StoreInput(store, engine, where), ReadOptions()))
    for engine in (DuckDb(), engine_named(url))
)
assert ours == theirs, text
print("equal:", len(ours["names"]), sum(len(one["profile"][1]) for one in ours["measurements"]))
"""


@pytest.mark.slow
def test_a_cluster_of_spark_gives_the_same_as_duckdb(tmp_path: Path) -> None:
    require(find_spec("pyspark") is not None, "pyspark is not installed")
    require(shutil.which("java") is not None, "there is no Java here")
    store = create_store(str(tmp_path / "a store [1]"))
    for part in (RECORDINGS[::2], RECORDINGS[1::2]):
        add_to(store, *part)
    where = "not (mode = runq or name = offcpu-4)"
    with cluster(tmp_path) as (url, environment):
        words = (sys.executable, "-c", COMPARE, str(store.path), url, where)
        known = {**environment, "PYTHONPATH": str(TESTS)}
        done = subprocess.run(words, env=known, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("equal: 14 ")
