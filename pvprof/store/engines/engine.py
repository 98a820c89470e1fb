"""Engines that answer questions about the tables of a store: DuckDB in this process by default.

Owns the questions' language, SQL as DuckDB writes it, over views named like the tables. It refuses
to know what a question means.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pvprof.errors import InputError, first_line
from pvprof.store.places.place import Group, TablePath
from pvprof.store.tables.schema import ALWAYS, TABLES, arrow_schema

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY_LIMIT = "1GB"


class Engine(Protocol):
    """Answers questions in SQL about tables of groups."""

    def ask(self, groups: Sequence[Group], sql: str, tables: Mapping[str, Any]) -> Any:
        """Return the answer (``pyarrow.Table``).

        Args:
            groups: whose tables the question is about.
            sql: the question.
            tables: further tables that it names (``pyarrow.Table``).

        Raises:
            FileNotFoundError: a group is not there any more.
            InputError: a table is damaged.
        """


class DuckDb:
    """DuckDB in this process."""

    def ask(self, groups: Sequence[Group], sql: str, tables: Mapping[str, Any]) -> Any:
        """Return the answer; see `Engine.ask`."""
        import duckdb  # noqa: PLC0415 (an extra)

        with duckdb.connect(config={"memory_limit": MEMORY_LIMIT}) as connection:
            connection.execute("set python_enable_replacements = false")
            for name, table in tables.items():
                connection.register(name, table)
            try:
                make_views(connection, groups, names_in(sql))
                return connection.sql(sql).to_arrow_table()
            except duckdb.Error as error:
                check_present(groups)
                raise InputError(
                    f"the store cannot be read: {first_line(error)}", "pvprof store check finds why"
                ) from error


def check_present(groups: Sequence[Group]) -> None:
    """Find out whether an engine failed because groups were merged.

    Raises:
        FileNotFoundError: one is not there any more.
    """
    gone = next((group.shown() for group in groups if not group.is_there()), None)
    if gone is not None:
        raise FileNotFoundError(errno.ENOENT, "is missing", gone)


def make_views(
    connection: DuckDBPyConnection,
    groups: Sequence[Group],
    names: Sequence[str],
    view_of: Mapping[str, str] | None = None,
) -> None:
    """Make a view for each table, of all groups; an empty one if no group has it.

    Args:
        connection: where they are made.
        groups: whose tables they show.
        names: of the tables.
        view_of: by table, the name of its view if that is another.
    """
    for name in names:
        view = (view_of or {}).get(name, name)
        files = files_of(groups, name)
        if not files:
            connection.register(view, arrow_schema(name).empty_table())
        elif files[0].file_system is not None:
            connection.register(view, _dataset(files))
        else:
            relation = connection.read_parquet(
                [_literal(file.path) for file in files], hive_partitioning=False
            )
            relation.create_view(view)


def _dataset(files: Sequence[TablePath]) -> Any:
    """Return the rows of files that pyarrow reads for DuckDB, which then needs no access itself."""
    from pyarrow import dataset  # noqa: PLC0415 (an extra)

    paths = [file.path for file in files]
    return dataset.dataset(paths, filesystem=files[0].file_system, format="parquet")


def files_of(groups: Sequence[Group], name: str) -> list[TablePath]:
    """Return the files of a table.

    Raises:
        FileNotFoundError: a group is not there any more.
    """
    return [group.table_path(name) for group in groups if name in ALWAYS or group.has(name)]


def names_in(sql: str) -> list[str]:
    """Return the tables that a question names."""
    return [name for name in TABLES if re.search(rf"\b{name}\b", sql)]


def _literal(path: str) -> str:
    """Return a path in which DuckDB takes no character for a pattern."""
    return re.sub(r"[\[*?]", lambda match: f"[{match.group()}]", path)
