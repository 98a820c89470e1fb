"""``pvprof store sql``, ``check``, ``compact`` and ``expire``."""

from __future__ import annotations

import re

import click

from pvprof.cli.guidance.headings import PvprofCommand
from pvprof.cli.option_groups import argument, option, option_group, takes
from pvprof.cli.stores.rows import RowsGroup, print_rows
from pvprof.cli.stores.store_options import PlaceGroup
from pvprof.cli.terminal import print_line, tell
from pvprof.errors import InputError, UsageError
from pvprof.store import upkeep
from pvprof.store.places.choose import open_place
from pvprof.store.sql import ask_sql

_DAYS = re.compile(r"(\d{1,6})d")


@option_group
class SqlGroup(PlaceGroup):
    """A question to a store."""

    question: str = argument(metavar="QUERY")


@click.command(
    "sql",
    cls=PvprofCommand,
    epilog="""\b
Examples:
  pvprof store sql fleet "select host, max(drops) from recordings group by 1"
  pvprof store sql fleet "select sum(drops) from recordings" --format csv""",
)
@takes(SqlGroup, "group")
@takes(RowsGroup, "rows")
def sql(group: SqlGroup, rows: RowsGroup) -> None:
    """Ask a store one query in SQL, as DuckDB understands it.

    The tables are those of docs/store.md, and weights: all that totals are made of, with names in
    the place of ids. Nothing is changed, and no other file is read.
    """
    answer = ask_sql(open_place(group.store), group.question)
    print_rows("rows", answer.columns, answer.rows, rows)


@click.command("check", cls=PvprofCommand, epilog="Example: pvprof store check fleet")
@takes(PlaceGroup, "group")
def check(group: PlaceGroup) -> None:
    """Read all of a store, and print what is damaged.

    A group that is damaged can be deleted: no other one needs its files. Add its recordings again.
    """
    store = open_place(group.store)
    count = 0
    for damage in upkeep.check(store):
        count += 1
        print_line(f"{damage.place}: {damage.text}")
    left = store.leftovers()
    if left:
        tell(left)
    if count:
        raise InputError(f"{store.shown}: {count:,} faults")
    print_line(f"{store.shown}: no fault in {len(store.groups()):,} groups")


@click.command("compact", cls=PvprofCommand, epilog="Example: pvprof store compact fleet")
@takes(PlaceGroup, "group")
def compact(group: PlaceGroup) -> None:
    """Merge the groups of each day and mode, so that queries open fewer files.

    Nothing else changes. Other pvprof may read and add at the same time.
    """
    store = open_place(group.store)
    result = upkeep.compact(store)
    for left in result.left:
        tell(f"warning: not merged: {left.place}: {left.text}")
    print_line(f"{store.shown}: {result.after:,} groups of {result.before:,}")
    if result.left:
        raise InputError(f"{store.shown}: {len(result.left)} folders were left as they are")


@option_group
class ExpireGroup(PlaceGroup):
    """What is removed from a store."""

    keep: str = option(
        "--keep", metavar="DAYS", required=True, help="Keep today and this number of days: 90d."
    )
    dry_run: bool = option("--dry-run", is_flag=True, help="Remove nothing; print what would be.")


@click.command(
    "expire",
    cls=PvprofCommand,
    epilog="""\b
Examples:
  pvprof store expire fleet --keep 90d --dry-run
  pvprof store expire fleet --keep 90d""",
)
@takes(ExpireGroup, "group")
def expire(group: ExpireGroup) -> None:
    """Remove the recordings of old days (UTC) from a store.

    The day is that on which a recording began; those without one stay.
    """
    match = _DAYS.fullmatch(group.keep)
    if match is None:
        raise UsageError(f"--keep {group.keep}: no number of days", "--keep 90d")
    store = open_place(group.store)
    expired = upkeep.expire(store, int(match[1]), group.dry_run)
    for one in expired.groups:
        print_line(f"day={one.day}/mode={one.mode}/{one.name}")
    verb = "would be removed" if group.dry_run else "removed"
    print_line(f"{store.shown}: {expired.recordings:,} recordings {verb}")
    if expired.without_day:
        tell(f"note: {expired.without_day:,} groups of recordings without a day stay")
