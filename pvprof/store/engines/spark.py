"""Spark as the engine of a store: the same questions, through Ibis, on a cluster that exists.

The workers must see the files of the store under the same path. Settings of Spark are those of its
own ``spark-defaults.conf``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pvprof.errors import InputError, UsageError, first_line
from pvprof.store.engines.engine import files_of, names_in
from pvprof.store.places.place import Group
from pvprof.store.tables.schema import arrow_schema

_SETTINGS = {
    "spark.log.level": "ERROR",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.session.timeZone": "UTC",
}


class SparkEngine:
    """A cluster of Spark.

    Args:
        url: of its master: ``spark://host:7077``, ``local[2]`` for this machine.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: Any = None
        self._ibis: Any = None

    def ask(self, groups: Sequence[Group], sql: str, tables: Mapping[str, Any]) -> Any:
        """Return the answer; see `Engine.ask`.

        Raises:
            InputError: the cluster cannot be reached, or a table cannot be read there.
            UsageError: the groups are in no folder.
        """
        if any(group.table_path("recordings").file_system is not None for group in groups[:1]):
            raise UsageError(f"--engine {self._url}: reads stores in folders", "--engine duckdb")
        from py4j.protocol import Py4JError  # noqa: PLC0415 (an extra)
        from pyspark.errors import PySparkException  # noqa: PLC0415 (an extra)

        try:
            self._connect()
            for name, table in tables.items():
                self._given(table).createOrReplaceTempView(name)
            for name in names_in(sql):
                self._stored(groups, name).createOrReplaceTempView(name)
            # The questions are in DuckDB's dialect; Ibis puts them into that of Spark.
            return self._ibis.sql(sql, dialect="duckdb").to_pyarrow()
        except (PySparkException, Py4JError) as error:
            raise InputError(f"{self._url}: {first_line(error)}") from error

    def _connect(self) -> None:
        if self._session is not None:
            return
        import ibis  # noqa: PLC0415 (an extra)
        from pyspark.sql import SparkSession  # noqa: PLC0415 (an extra)

        builder = SparkSession.builder.master(self._url).appName("pvprof")
        for name, value in _SETTINGS.items():
            builder = builder.config(name, value)
        self._session = builder.getOrCreate()
        self._ibis = ibis.pyspark.connect(self._session)

    def _given(self, table: Any) -> Any:
        """Return a table of integers that a question brings along as one of Spark's."""
        rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
        schema = ", ".join(f"{name} bigint" for name in table.column_names)
        return self._session.createDataFrame(rows, schema)

    def _stored(self, groups: Sequence[Group], name: str) -> Any:
        files = [_literal(file.path) for file in files_of(groups, name)]
        if not files:
            columns = ", ".join(f"{one} bigint" for one in arrow_schema(name).names)
            return self._session.createDataFrame([], columns)
        # The folders of a day and a mode are no columns: the tables have both.
        return self._session.read.option("recursiveFileLookup", "true").parquet(*files)


def _literal(path: str) -> str:
    """Return the URL of a file in which Hadoop takes no character for a pattern."""
    escaped = re.sub(r"[\[\]{}*?\\]", lambda match: f"\\{match.group()}", os.path.abspath(path))
    return f"file://{escaped}"
