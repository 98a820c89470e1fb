"""Single waits beyond their sums, as sentences, columns and tables of text.

Owns the wording of overlap, lock objects, owners and chains. ``report`` owns what every report has;
the same renderers draw both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pvprof.analysis.lock_table import Row
from pvprof.analysis.report import Report, Section, SingleWaits
from pvprof.classify.rules import OTHER
from pvprof.model.stacks import show_controls
from pvprof.units import count_waits, format_ns, format_share
from pvprof.views.tables.table import Column, LockColumn, Table

if TYPE_CHECKING:
    from pvprof.analysis.waits.objects import LockObject, Objects
    from pvprof.analysis.waits.overlap import Overlap
    from pvprof.analysis.waits.owners import Chain, Owner, RowOwners

_OVERLAP_NOTE = (
    "Union: how long at least one thread waited; Of run: its share of the time recorded."
    " Mean: threads waiting while any did. Peak: most at once."
)
_OBJECTS_NOTE = (
    "An object is one lock (channel: one address slept on). Only objects that were waited for are"
    " known. Gini: 0 where all were waited for equally long, near 1 where one takes all."
)
_OWNERS_NOTE = (
    "The owner held the lock when the wait began. Blocked: how long owner and waiter both waited."
    " No owner: sleep queues, and locks held by readers or by one-byte mutexes have none on record."
)
_CHAINS_NOTE = (
    "Each thread waited for what the next one held. Together: how long all of a chain waited at"
    " once."
)
_WORDS_OF_END = {
    "no owner": "no owner on record",
    "never seen": "its owner never waited",
    "not waiting": "its owner was running or runnable",
    "cycle": "its owner is in the chain",
    "deeper": "and further",
}


def overlap_sentence(section: Section) -> str:
    """Return the sentence on the overlap of the waits in time; empty without single waits."""
    single_waits = section.single_waits
    if single_waits is None or single_waits.overlaps.total is None:
        return ""
    total, wall = single_waits.overlaps.total, single_waits.wall
    text = (
        f"At least one thread waited for {format_ns(total.union_ns)},"
        f" {format_share(total.union_ns, wall.wall_ns)} of {format_ns(wall.wall_ns)}"
        f"{'' if wall.is_marked else ' from the first wait to the last'};"
        f" {_mean(total)} on average then, {total.peak:,} at most"
    )
    if total.wait_ns != section.kept.value:
        text += f" (of {format_ns(total.wait_ns)} recorded wait by wait)"
    for count, event in ((wall.early, "began before"), (wall.late, "ended after")):
        if count:
            text += f"; {count_waits(count)} {event} the recording"
    return text


def columns_of_single_waits(single_waits: SingleWaits | None) -> list[LockColumn]:
    """Return the further columns of a lock table; none unless single waits were recorded."""
    if single_waits is None:
        return []
    rows = single_waits.overlaps.rows

    def union(row: Row) -> int | None:
        return rows[row.id].union_ns if row.id in rows else None

    def peak(row: Row) -> int | None:
        return rows[row.id].peak if row.id in rows else None

    def objects(row: Row) -> int | None:
        entry = single_waits.objects.get(row.id)
        return None if entry is None else entry.number

    def owner(row: Row) -> str | None:
        entry = single_waits.owners.rows.get(row.id)
        return _owner_name(entry.owners[0]) if entry and entry.owners else None

    def written(value: int | None, write: Callable[[int], str]) -> str:
        return "-" if value is None else write(value)

    return [
        LockColumn(Column("Union", True, 8), lambda row: written(union(row), format_ns), union),
        LockColumn(Column("Peak", True, 11), lambda row: written(peak(row), "{:,}".format), peak),
        LockColumn(
            Column("Objects", False, 10, is_words=True),
            lambda row: objects_words(single_waits.objects.get(row.id)),
            objects,
        ),
        LockColumn(Column("Top owner", False, 9, True), lambda row: owner(row) or "-", owner),
    ]


def objects_words(objects: Objects | None) -> str:
    """Return the number of objects and the share of the hottest, in words."""
    if objects is None:
        return "-"
    noun = "channel" if objects.are_channels else "object"
    if objects.number == 1:
        return f"1 {noun}"
    share = format_share(objects.hottest[0].wait_ns, objects.wait_ns)
    return f"{objects.number:,} {noun}s, hottest {share}"


_OVERLAP_COLUMNS = (
    Column("Wait", True),
    Column("Union", True),
    Column("Of run", True),
    Column("Mean", True, 1),
    Column("Peak", True),
    Column("Waits", True, 2),
    Column("p50", True, 6),
    Column("p90", True, 5),
    Column("p99", True, 3),
    Column("max", True, 4),
)


def _overlap_cells(overlap: Overlap, single_waits: SingleWaits) -> tuple[str, ...]:
    quantiles = overlap.quantiles
    return (
        format_ns(overlap.wait_ns),
        format_ns(overlap.union_ns),
        format_share(overlap.union_ns, single_waits.wall.wall_ns),
        _mean(overlap),
        f"{overlap.peak:,}",
        f"{overlap.count:,}",
        *map(format_ns, (quantiles.p50_ns, quantiles.p90_ns, quantiles.p99_ns, quantiles.max_ns)),
    )


def overlap_table(single_waits: SingleWaits, rows: Sequence[Row], report: Report) -> Table:
    """Return the table of overlap in time: kinds, their classes, and locks."""
    overlaps = single_waits.overlaps
    kinds = dict.fromkeys(row.kind for row in rows)
    cells: list[tuple[str, ...]] = []
    for kind in kinds:
        classes = [
            (class_id.lock_class, overlap)
            for class_id, overlap in overlaps.classes.items()
            if class_id.kind == kind and class_id.lock_class not in ("", OTHER)
        ]
        classes.sort(key=lambda item: (-item[1].wait_ns, item[0]))
        whole = [
            overlap for class_id, overlap in overlaps.classes.items() if class_id == (kind, "")
        ]
        cells += [
            (report.title_of(kind), *_overlap_cells(overlap, single_waits)) for overlap in whole
        ]
        cells += [
            (f"  class {name}", *_overlap_cells(overlap, single_waits)) for name, overlap in classes
        ]
        cells += [
            (f"  {row.name}", *_overlap_cells(overlaps.rows[row.id], single_waits))
            for row in rows
            if row.kind == kind and row.id in overlaps.rows
        ]
    return Table(
        "Overlap: how the waits lie in time",
        (Column("Kind, class, lock or wait"), *_OVERLAP_COLUMNS),
        tuple(cells),
        _OVERLAP_NOTE,
    )


def stacks_table(single_waits: SingleWaits, rows: Sequence[Row]) -> Table:
    """Return the table of overlap of the stacks with the longest waits of each row."""
    cells = [
        (
            row.name,
            show_controls(single_waits.callers[stack]),
            *_overlap_cells(overlap, single_waits),
        )
        for row in rows
        for stack, overlap in single_waits.overlaps.stacks.get(row.id, ())
    ]
    return Table(
        "Overlap by stack",
        (
            Column("Lock or wait", is_name=True),
            Column("Caller", is_name=True),
            *_OVERLAP_COLUMNS,
        ),
        tuple(cells),
        _OVERLAP_NOTE,
    )


def objects_table(single_waits: SingleWaits, rows: Sequence[Row]) -> Table:
    """Return the table of the objects of each row's name."""
    cells = []
    for row in rows:
        objects = single_waits.objects.get(row.id)
        if objects is None:
            continue
        gini = "-" if objects.gini is None else f"{float(objects.gini):.2f}"
        unknown = f"{objects.unknown_count:,}" if objects.unknown_count else "-"
        first = objects.ranges[0]
        addresses = f"{first.objects:,} in {_range(first.first, first.last, first.step)}"
        more = objects.range_number - 1
        addresses += f", {more:,} more {'range' if more == 1 else 'ranges'}" if more else ""
        cells.append(
            (
                row.name,
                objects_words(objects),
                ", ".join(_object(lock_object, objects) for lock_object in objects.hottest),
                gini,
                unknown,
                addresses,
            )
        )
    return Table(
        "Objects: one hot lock, or many",
        (
            Column("Lock or wait", is_name=True),
            Column("Objects"),
            Column("Hottest", rank=1),
            Column("Gini", True),
            Column("No address", True, 3),
            Column("Addresses", rank=2),
        ),
        tuple(cells),
        _OBJECTS_NOTE,
    )


def _object(lock_object: LockObject, objects: Objects) -> str:
    return f"{lock_object.address:#x} {format_share(lock_object.wait_ns, objects.wait_ns)}"


def _range(first: int, last: int, step: int) -> str:
    if first == last:
        return f"{first:#x}"
    return f"{first:#x}-{last:#x} (steps of {step:,} bytes)"


def owners_table(single_waits: SingleWaits, rows: Sequence[Row]) -> Table:
    """Return the table of the owners of each row's locks."""
    cells: list[tuple[str, ...]] = []
    for row in rows:
        owners = single_waits.owners.rows.get(row.id)
        if owners is not None and owners.count:
            cells += _owner_rows(row, owners)
    return Table(
        "Owners: who held the lock",
        (
            Column("Lock", is_name=True),
            Column("Owner", is_name=True),
            Column("Wait", True),
            Column("Waits", True, 2),
            Column("Blocked", True),
            Column("While it waited for", rank=1),
        ),
        tuple(cells),
        _OWNERS_NOTE,
    )


def _owner_rows(row: Row, owners: RowOwners) -> list[tuple[str, ...]]:
    cells: list[tuple[str, ...]] = []
    for owner in owners.owners:
        hold = owner.waited_for[0][0].name if owner.waited_for else "-"
        cells.append(
            (
                row.name,
                _owner_name(owner),
                format_ns(owner.wait_ns),
                f"{owner.count:,}",
                format_ns(owner.blocked_ns),
                hold,
            )
        )
    more = owners.owner_number - len(owners.owners)
    if more:
        wait = owners.wait_ns - sum(owner.wait_ns for owner in owners.owners)
        count = owners.count - sum(owner.count for owner in owners.owners)
        blocked = owners.blocked_ns - sum(owner.blocked_ns for owner in owners.owners)
        name = f"({more:,} more)"
        cells.append((row.name, name, format_ns(wait), f"{count:,}", format_ns(blocked), ""))
    if owners.unknown_count:
        wait, count = owners.unknown_ns, owners.unknown_count
        cells.append((row.name, "no owner", format_ns(wait), f"{count:,}", "-", "-"))
    return cells


def _owner_name(owner: Owner) -> str:
    return f"{owner.execname or '[never waited]'} {owner.tid}"


def chains_table(single_waits: SingleWaits) -> Table:
    """Return the table of chains of waiting threads, longest first."""
    cells = [
        (
            _chain_words(chain),
            format_ns(chain.wait_ns),
            f"{chain.count:,}",
            format_ns(chain.together_ns),
        )
        for chain in single_waits.owners.chains
    ]
    more = single_waits.owners.chain_number - len(cells)
    if more:
        cells.append((f"({more:,} more)", "", "", ""))
    return Table(
        "Chains: waiting for who waits",
        (Column("Chain"), Column("Wait", True), Column("Waits", True, 1), Column("Together", True)),
        tuple(cells),
        _CHAINS_NOTE,
    )


def _chain_words(chain: Chain) -> str:
    links = [f"{link.execname or '?'} for {link.name}" for link in chain.links]
    return ", held by ".join(links) + f" ({_WORDS_OF_END[chain.end]})"


def _mean(overlap: Overlap) -> str:
    mean = overlap.mean_waiters
    return "-" if mean is None else f"{float(mean):.2f}"
