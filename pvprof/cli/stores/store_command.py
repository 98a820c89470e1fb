"""``pvprof store``: add recordings to a store, and list those that it has."""

from __future__ import annotations

from collections.abc import Sequence

import click

from pvprof.classify.rules_file import load_rules
from pvprof.cli.guidance.headings import PvprofCommand
from pvprof.cli.guidance.suggestions import SuggestingGroup
from pvprof.cli.guidance.values import FileName
from pvprof.cli.input_options import ReadingGroup
from pvprof.cli.option_groups import argument, option, option_group, takes
from pvprof.cli.stores import serve_command
from pvprof.cli.stores.labels import labels_of, rules_hash
from pvprof.cli.stores.rows import RowsGroup, print_rows
from pvprof.cli.stores.store_options import PlaceGroup, wanted
from pvprof.cli.stores.trend_command import trend
from pvprof.cli.stores.upkeep_commands import check, compact, expire, sql
from pvprof.cli.terminal import CountProgress, tell
from pvprof.errors import InputError
from pvprof.store.add import Added, add_recordings
from pvprof.store.catalogue import ALL_FACTS, StoredRecording, select
from pvprof.store.facts import Stated
from pvprof.store.places.choose import create_place, open_place
from pvprof.units import format_ns


@click.group(
    "store",
    cls=SuggestingGroup,
    epilog="""\b
Examples:
  pvprof store add fleet nightly/*.pvprof
  pvprof store list fleet --where "kernel ~ 'GENERIC' and day >= 2026-11-20"
  pvprof report --store fleet --where "host = 'build7'" """,
)
def command() -> None:
    """Keep many recordings in one folder, and ask about all of them at once.

    A store is a folder of Parquet files, or a URL such as s3://BUCKET/STORE. Any program that reads
    Parquet can use it, and docs/store.md describes its tables. report, locks, flamegraph, fold and
    others read it with --store and --where as they read files.
    """


@option_group
class AddGroup(ReadingGroup):
    """What is added to a store, how it is read, and what the user states of it."""

    store: str = argument(metavar="STORE", type=FileName())
    recordings: tuple[str, ...] = argument(
        metavar="REC...", nargs=-1, required=True, type=FileName()
    )
    commit: str = option(
        "--commit",
        metavar="ID",
        default="",
        help="The source that ran, for queries by commit.  [default: what the kernel says of it]",
    )


@command.command(
    "add",
    cls=PvprofCommand,
    epilog="""\b
Examples:
  pvprof store add fleet run1.pvprof run2.pvprof
  pvprof store add fleet nightly/ --commit 3f2a91c
  pvprof store add s3://bucket/fleet nightly/""",
)
@takes(AddGroup, "group")
def add(group: AddGroup) -> None:
    """Add recordings to a store, which is made if there is none.

    Each is there as a whole or not at all, and only once, however often it is added. Those that
    cannot be read are named, and the others are added. Several pvprof may add at the same time.
    Each URL that fsspec knows can be a store; a message names the package that it needs.
    """
    store = create_place(group.store)
    rules = load_rules(None)
    stated = Stated(group.commit, rules_hash())
    with CountProgress("adding", group.quiet) as progress:
        result = add_recordings(
            store, group.recordings, group.read_options(), labels_of(rules), stated, progress
        )
    _say(result, group.quiet)


def _say(result: Added, is_quiet: bool) -> None:
    """Report what was added.

    Raises:
        InputError: some recordings could not be read.
    """
    for path, error in result.failed:
        tell(f"not added: {error.message if path in error.message else f'{path}: {error.message}'}")
    if not is_quiet:
        known = f"; there already: {len(result.known):,}" if result.known else ""
        tell(f"added {result.added:,} recording{'' if result.added == 1 else 's'}{known}")
    if result.failed:
        total = len(result.failed) + result.added + len(result.known)
        raise InputError(f"not added: {len(result.failed):,} of {total:,} recordings")


@option_group
class ListGroup(PlaceGroup):
    """Which recordings of a store are listed."""

    where: str | None = option(
        "--where", metavar="EXPRESSION", help="List those for which this is true (docs/store.md)."
    )


_FACTS = tuple(name for name in ALL_FACTS if name not in ("manifest", "script", "recording_id"))
_COLUMNS: Sequence[tuple[str, str]] = (
    ("day", "day"),
    ("host", "host"),
    ("mode", "mode"),
    ("label", "label"),
    ("name", "name"),
    ("kernel", "ident"),
    ("release", "release"),
    ("commit", "commit"),
    ("duration", "duration_ns"),
    ("records", "records"),
    ("losses", "losses"),
)


@command.command(
    "list",
    cls=PvprofCommand,
    epilog="""\b
Examples:
  pvprof store list fleet
  pvprof store list fleet --where "mode = offcpu and drops > 0" --format csv""",
)
@takes(ListGroup, "group")
@takes(RowsGroup, "rows")
def list_recordings(group: ListGroup, rows: RowsGroup) -> None:
    """List the recordings of a store, the oldest first.

    Tables for programs (--format csv, json) have all facts, with times in ns.
    """
    store = open_place(group.store)
    facts = [name for _, name in _COLUMNS]
    found = select(store, wanted(group.where), _FACTS if rows.is_for_programs else facts)
    if rows.is_for_programs:
        names: Sequence[str] = _FACTS
        cells = [tuple(one.facts[name] for name in names) for one in found]
    else:
        known = [row for row in _COLUMNS if any(one.facts[row[1]] for one in found)]
        names = [title for title, _ in known]
        cells = [tuple(_shown(one, name) for _, name in known) for one in found]
    print_rows("recordings", names, cells, rows)


def _shown(one: StoredRecording, name: str) -> str:
    value = one.facts[name]
    if name == "duration_ns" and isinstance(value, int):
        return format_ns(value)
    return f"{value:,}" if isinstance(value, int) else str(value or "")


for _command in (sql, check, compact, expire, trend):
    command.add_command(_command)
command.add_command(serve_command.command)
