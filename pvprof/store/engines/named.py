"""The engines by the names that a user gives them."""

from __future__ import annotations

from importlib.util import find_spec

from pvprof.errors import UsageError
from pvprof.store.engines.engine import DuckDb, Engine
from pvprof.store.engines.spark import SparkEngine

DEFAULT_ENGINE = "duckdb"
_SPARK = ("spark://", "local[")
"""How the URLs of Spark's masters begin."""


def engine_named(name: str) -> Engine:
    """Return the engine that a user names.

    Raises:
        UsageError: there is none of that name, or a package is missing.
    """
    if name in ("", DEFAULT_ENGINE):
        return DuckDb()
    if not name.startswith(_SPARK):
        raise UsageError(f"--engine {name}: no such engine", "engines: duckdb, spark://HOST:PORT")
    missing = [package for package in ("ibis", "pyspark") if find_spec(package) is None]
    if missing:
        text = f"--engine {name} needs pvprof[spark]: {' and '.join(missing)} missing"
        raise UsageError(text, "pip install 'pvprof[spark]'")
    return SparkEngine(name)
