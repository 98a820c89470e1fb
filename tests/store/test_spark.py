"""Spark gives the same data as DuckDB and the files, on a cluster of a master and two workers."""

from __future__ import annotations

import operator
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import pytest
from conftest import FIXTURES, require
from helpers.datasets import plain
from helpers.spark_cluster import SparkReader, cluster, reader
from helpers.stores import add_to
from helpers.strategies import examples
from hypothesis import given
from hypothesis import strategies as st

from pvprof.dataset.load import load_dataset
from pvprof.errors import InputError
from pvprof.parse.source import ReadOptions
from pvprof.recording.open import open_recording
from pvprof.store.catalogue import select
from pvprof.store.engines.engine import DuckDb
from pvprof.store.facts import identity_of
from pvprof.store.load import StoreInput, load_stored
from pvprof.store.places.folder import create_store
from pvprof.store.where import Known, Value, read_where

RECORDINGS = [
    *sorted((FIXTURES / "freebsd-15.1").glob("*.pvprof")),
    *sorted((FIXTURES / "example-lock-patch/rwlock").glob("offcpu-[1-4].pvprof")),
    FIXTURES / "freebsd-13.2/lockstat-1.out",
]
FIELDS = ("mode", "label", "name", "system", "run", "drops", "duration_ns", "warmup")
COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class BothWays:
    """Three ways to the same recordings.

    Attributes:
        store: the path of the store.
        spark: reads it on the cluster.
        facts: by the path of a file, in the order of the store.
    """

    store: str
    spark: SparkReader
    facts: dict[str, Known]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BothWays]:
    require(find_spec("pyspark") is not None, "pyspark is not installed")
    require(shutil.which("java") is not None, "there is no Java here")
    place = tmp_path_factory.mktemp("spark")
    store = create_store(str(place / "a store [1]"))
    for part in (RECORDINGS[::2], RECORDINGS[1::2]):
        add_to(store, *part)
    paths = {identity_of(open_recording(str(path))): str(path) for path in RECORDINGS}
    stored = select(store, columns=(*FIELDS, "identity"))
    facts = {paths[str(one.facts["identity"])]: one.facts for one in stored}
    with cluster(place) as (url, environment), reader(url, environment) as spark:
        yield BothWays(str(store.path), spark, facts)


@dataclass(frozen=True)
class Expression:
    """A text for ``--where``, and whether it is true for a recording, computed without it."""

    text: str
    is_true: Callable[[Known], bool]


def comparison(field: str, sign: str, value: Value) -> Expression:
    shown = str(value).lower() if isinstance(value, bool) else f"'{value}'"

    def is_true(facts: Known) -> bool:
        if facts[field] is None:  # it is equal to nothing, and neither smaller nor larger
            return sign == "!="
        return COMPARISONS[sign](facts[field], value)

    return Expression(
        f"{field} {sign} {shown if isinstance(value, str | bool) else value}", is_true
    )


def joined(word: str, left: Expression, right: Expression) -> Expression:
    both = {"and": all, "or": any}[word]
    return Expression(
        f"({left.text} {word} {right.text})",
        lambda facts: both((left.is_true(facts), right.is_true(facts))),
    )


def negated(inner: Expression) -> Expression:
    return Expression(f"not {inner.text}", lambda facts: not inner.is_true(facts))


@st.composite
def comparisons(draw: st.DrawFn, facts: list[Known]) -> Expression:
    field = draw(st.sampled_from(FIELDS))
    values = {one[field] for one in facts if one[field] is not None}
    value = draw(st.sampled_from(sorted(values, key=str)))
    signs = ["=", "!="] if isinstance(value, bool) else sorted(COMPARISONS)
    return comparison(field, draw(st.sampled_from(signs)), value)


def expressions(facts: list[Known]) -> st.SearchStrategy[Expression]:
    return st.recursive(
        comparisons(facts),
        lambda inner: (
            st.builds(joined, st.sampled_from(["and", "or"]), inner, inner) | inner.map(negated)
        ),
        max_leaves=4,
    )


@pytest.mark.slow
@examples(0.06)
@given(data=st.data())
def test_a_cluster_of_spark_gives_the_same_as_duckdb_and_the_files(
    known: BothWays, data: st.DataObject
) -> None:
    subset = data.draw(st.sets(st.sampled_from(sorted(known.facts)), min_size=2))
    wanted = data.draw(expressions([known.facts[path] for path in subset]))
    identities = ", ".join(sorted(str(known.facts[path]["identity"]) for path in subset))
    where = f"identity in ({identities}) and {wanted.text}"
    paths = [
        path for path, facts in known.facts.items() if path in subset and wanted.is_true(facts)
    ]
    of_spark = known.spark.read(known.store, where)
    chosen = StoreInput(known.store, DuckDb(), read_where(where, _no_search))
    if not paths:
        assert of_spark == f"{known.store}: no recording matches --where"
        with pytest.raises(InputError, match="no recording matches --where"):
            load_stored(chosen, ReadOptions())
        return
    of_files = plain(load_dataset(paths, ReadOptions(jobs=1)))
    assert plain(load_stored(chosen, ReadOptions())) == of_files
    assert of_spark == of_files


def _no_search(pattern: str) -> Callable[[str], object]:
    raise AssertionError(pattern)
