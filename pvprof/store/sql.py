"""Questions of a user in SQL about a whole store: read only, and about nothing else.

DuckDB answers them. It may open the files of the store alone, and runs one statement, which must be
a query: so it writes nothing, and reads nothing else on this machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from pvprof.errors import InputError, UsageError
from pvprof.store.catalogue import groups_of, read_present, select
from pvprof.store.engines.engine import MEMORY_LIMIT, check_present, make_views
from pvprof.store.places.place import Group, Place
from pvprof.store.tables.schema import TABLES

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Answer = str | int | float | bool | None

WEIGHTS = """
create view weights as
select r.host, r.day, r.ident, r.kernel, r."commit", r.label, r.name as recording,
       k.mode, k.unit, k.mechanism, k.name, k.execname, s.kind, s.lock_class,
       s.value, s."count", t.stack, s.recording_id
from samples s
join recordings r using (recording_id)
join keys k using (key_id)
join (select stack_id, any_value(stack) as stack from stacks group by stack_id) t using (stack_id)
where k.role in ('sum', 'single')
"""
"""A view of all that totals are made of, with names in the place of ids."""

_TWICE = "select count(*) - count(distinct recording_id) from recordings"
_DISTINCT_KEYS = "create view keys as select distinct * from all_keys"


@dataclass(frozen=True, slots=True)
class SqlAnswer:
    """The answer to a question: its columns and rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Answer, ...], ...]


def ask_sql(store: Place, sql: str) -> SqlAnswer:
    """Return the answer to a question in DuckDB's SQL.

    Its tables are those of the store, and `WEIGHTS`.

    Raises:
        InputError: a table is damaged.
        UsageError: it is no query, or means nothing.
    """
    return read_present(store, lambda: _ask(store, sql))


def _ask(store: Place, sql: str) -> SqlAnswer:
    """Return the answer; see `ask_sql`.

    Raises:
        FileNotFoundError: a group is not there any more.
    """
    import duckdb  # noqa: PLC0415 (an extra)

    groups = groups_of(select(store.absolute()))
    with duckdb.connect(config={"memory_limit": MEMORY_LIMIT}) as connection:
        try:
            _prepare(connection, store, groups)
        except duckdb.Error as error:
            check_present(groups)
            raise InputError(
                f"{store.shown}: {_lines(error)[0]}", "pvprof store check finds what is damaged"
            ) from error
        try:
            _check_is_query(connection, sql)
            result = connection.execute(sql)
            columns = tuple(str(column[0]) for column in result.description or ())
            rows = tuple(tuple(map(_answer, row)) for row in result.fetchall())
        except duckdb.Error as error:
            check_present(groups)
            first, *below = _lines(error)
            raise UsageError(first, f"tables: weights, {', '.join(TABLES)}", below) from error
    return SqlAnswer(columns, rows)


def _prepare(connection: DuckDBPyConnection, store: Place, groups: Sequence[Group]) -> None:
    """Make the views, then forbid all other files, and any change of that."""
    make_views(connection, groups, [name for name in TABLES if name != "keys"])
    make_views(connection, groups, ["keys"], {"keys": "all_keys"})
    twice = connection.execute(_TWICE).fetchone()
    if twice and twice[0]:
        raise InputError(
            f"{store.shown}: {twice[0]:,} recordings are in two groups", "pvprof store compact"
        )
    connection.execute(_DISTINCT_KEYS)
    connection.execute(WEIGHTS)
    connection.execute("set allowed_directories = $places", {"places": store.readable_folders()})
    for setting in (
        "python_enable_replacements = false",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"set {setting}")


def _check_is_query(connection: DuckDBPyConnection, sql: str) -> None:
    """Refuse all but one query.

    Raises:
        UsageError: it is none, or several.
    """
    kinds = [statement.type.name for statement in connection.extract_statements(sql)]
    if kinds not in (["SELECT"], ["EXPLAIN"]):
        what = kinds[0].lower() if len(kinds) == 1 else f"{len(kinds)} statements"
        raise UsageError(f"a store is asked one query, not {what}", "select ... from weights")


def _lines(error: Exception) -> Sequence[str]:
    """Return the lines of DuckDB's message that are not empty; the others mark the place."""
    return [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]


def _answer(value: object) -> Answer:
    """Return a value as pvprof writes it: sums are integers, and what is no number is missing."""
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    return str(value)
