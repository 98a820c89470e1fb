"""Add recordings to a store: each is there whole or not at all, and once however often it is added.

Recordings of one day and mode become one group. A group appears at once (`places`), after a look at
what others added in the meantime; in a folder under a lock, so that none is added twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from pvprof.dataset.read_named import read_named
from pvprof.errors import InputError, OutputError, PvprofError
from pvprof.parse.parallel import core_count
from pvprof.parse.source import ReadOptions
from pvprof.recording.directory import expand
from pvprof.recording.open import open_recording
from pvprof.store.catalogue import select
from pvprof.store.facts import Stated, facts_of, id_of, identity_of
from pvprof.store.forked import ForkedCall
from pvprof.store.places.folder import FolderGroup
from pvprof.store.places.names import day_of, place_of_mode
from pvprof.store.places.place import Place
from pvprof.store.tables.encode import GroupTables, Labels
from pvprof.store.tables.regroup import merge
from pvprof.store.where import Where

MAX_ROWS = 4_000_000
"""The largest group is written when all have this many rows: they are in memory until then."""

MIN_SHARE = 50
"""Recordings worth another process."""

_NOT_STORED = ("html", "differential")


@dataclass(slots=True)
class Added:
    """What became of the recordings that were to be added.

    Attributes:
        added: how many are new.
        known: names of those that the store had already.
        failed: (path, error) of those that cannot be read.
    """

    added: int = 0
    known: list[str] = field(default_factory=list)
    failed: list[tuple[str, PvprofError]] = field(default_factory=list)

    def take(self, other: Added) -> None:
        """Add what became of others."""
        self.added += other.added
        self.known += other.known
        self.failed += other.failed


def add_recordings(
    store: Place,
    paths: Sequence[str],
    options: ReadOptions,
    labels: Labels,
    stated: Stated,
    progress: Callable[[int, int], None] | None = None,
) -> Added:
    """Add recordings to a store.

    Args:
        store: the store.
        paths: of recordings, run sets, and directories of recordings.
        options: how to read them.
        labels: gives the kind and the class of a key and stack.
        stated: by the user.
        progress: called with the numbers of recordings that were read, and of all.

    Raises:
        InputError: a path does not exist, or the store is damaged.
        OutputError: the store cannot be written; groups that appeared before stay.
    """
    every = expand(paths)
    jobs = min(options.jobs or core_count(), len(every) // MIN_SHARE)
    if jobs < 2 or options.redact:  # a redactor numbers what it meets, in one process
        return _add_share(store, every, options, labels, stated, progress)

    alone = replace(options, jobs=1)

    def add(share: Sequence[str]) -> Added:
        return _add_share(store, share, alone, labels, stated, None)

    # Neighbours are usually of one day: together they make fewer groups.
    bounds = [len(every) * number // jobs for number in range(jobs + 1)]
    shares = [every[start:end] for start, end in pairwise(bounds)]
    children = [ForkedCall(add, share) for share in shares[1:]]
    total = Added()
    try:
        own = _share_progress(progress, jobs, len(every))
        total.take(_add_share(store, shares[0], alone, labels, stated, own))
        for child in children:
            total.take(child.result())
    finally:
        for child in children:
            child.stop()
    return total


def _share_progress(
    progress: Callable[[int, int], None] | None, jobs: int, total: int
) -> Callable[[int, int], None] | None:
    """Return the progress of one share, which represents all."""
    if progress is None:
        return None
    return lambda done, _: progress(min(done * jobs, total), total)


def _add_share(
    store: Place,
    paths: Sequence[str],
    options: ReadOptions,
    labels: Labels,
    stated: Stated,
    progress: Callable[[int, int], None] | None,
) -> Added:
    adder = _Adder(store, labels)
    for number, path in enumerate(paths, 1):
        try:
            adder.add(path, options, stated)
        except OutputError:
            raise
        except PvprofError as error:
            adder.result.failed.append((path, error))
        if progress:
            progress(number, len(paths))
    adder.finish()
    return adder.result


class _Adder:
    """Collects recordings in groups, and writes groups that are large."""

    def __init__(self, store: Place, labels: Labels) -> None:
        self.result = Added()
        self._store = store
        self._labels = labels
        self._known: dict[str, dict[int, str]] = {}
        self._groups: dict[tuple[str, str], GroupTables] = {}

    def add(self, path: str, options: ReadOptions, stated: Stated) -> None:
        """Read a recording, and add it to the group of its day and mode.

        Raises:
            PvprofError: it cannot be read, or stored.
        """
        recording = open_recording(path, options.limits)
        identity = identity_of(recording)
        begin_ns = recording.manifest.begin_wall_ns
        if begin_ns is not None and self._is_known(day_of(begin_ns), identity):
            self.result.known.append(recording.name)
            return
        recording, parsed = read_named(recording, options)
        if parsed.layout in _NOT_STORED:
            raise InputError(
                f"{path}: {parsed.layout} has the sums of several recordings",
                "add the recordings that it was made of",
            )
        facts = facts_of(recording, parsed, identity, stated)
        place = (str(facts["day"]), place_of_mode(str(facts["mode"])))
        if self._is_known(place[0], identity):
            self.result.known.append(recording.name)
            return
        group = self._groups.setdefault(place, GroupTables(self._labels))
        group.add(facts, parsed)
        self._known[place[0]][id_of(identity)] = identity
        while sum(one.rows for one in self._groups.values()) >= MAX_ROWS:
            place = max(self._groups, key=lambda one: self._groups[one].rows)
            self._write(place, self._groups.pop(place))

    def _is_known(self, day: str, identity: str) -> bool:
        """Tell whether a recording is there already; it can only be among those of its day.

        Raises:
            InputError: another one has its id.
        """
        if day not in self._known:
            self._known[day] = _identities(self._store, day)
        known = self._known[day].get(id_of(identity))
        if known not in (None, identity):
            raise InputError("another recording of the store has its id")
        return known is not None

    def finish(self) -> None:
        """Write the groups that are left.

        Raises:
            OutputError: the store cannot be written.
        """
        while self._groups:
            place = min(self._groups)
            self._write(place, self._groups.pop(place))

    def _write(self, place: tuple[str, str], group: GroupTables) -> None:
        """Write a group, and let it appear without what others added in the meantime."""
        if not group.recordings:
            return
        try:
            with self._store.workplace() as work:
                group.write(work)
                with self._store.lock():
                    others = _identities(self._store, place[0])
                    there_already = [one for one in group.recording_ids if one in others]
                    if there_already:
                        _take_out(self._store, work, there_already, place)
                    else:
                        self._store.commit(work, *place)
        except OSError as error:
            reason = error.strerror or str(error)
            raise OutputError(f"{self._store.shown}: cannot be written: {reason}") from error
        self.result.added += group.recordings - len(there_already)
        self.result.known += group.names_of(there_already)


def _take_out(store: Place, written: Path, numbers: Sequence[int], place: tuple[str, str]) -> None:
    """Let a written group appear without these recordings."""
    with store.workplace() as work:
        if merge([FolderGroup(*place, written)], work, without=numbers):
            store.commit(work, *place)


def _identities(store: Place, day: str) -> dict[int, str]:
    """Map the id of each recording of a day to its identity."""
    of_day = Where("", lambda known: known["day"] == day, frozenset(("day",)))
    stored = select(store, of_day, ["identity"])
    return {one.recording_id: str(one.facts["identity"]) for one in stored}
