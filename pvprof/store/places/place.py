"""What all else knows of the place of a store: a list of groups that appear, are read and vanish.

A group is a directory of tables: recordings of one day and mode. It never changes. Who reads may
find that it vanished, because it was merged, and then begins again (`catalogue.read_present`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from io import BufferedIOBase
from pathlib import Path
from typing import Any, NamedTuple, Protocol


class TablePath(NamedTuple):
    """Where a table is.

    Attributes:
        path: of the file.
        file_system: of fsspec, which opens it; None for a file of this machine.
    """

    path: str
    file_system: Any = None


class Group(Protocol):
    """A group of a store."""

    @property
    def day(self) -> str:
        """Return the day of its recordings."""

    @property
    def mode(self) -> str:
        """Return the mode of its recordings, as its place has it."""

    @property
    def name(self) -> str:
        """Return its own name."""

    @property
    def requests_at_once(self) -> int:
        """Return the number of groups that are best read together: 1 if answers come at once."""

    def shown(self, file: str = "") -> str:
        """Return the place of a file of the group, or of the group, for messages."""

    def is_there(self) -> bool:
        """Tell whether the group has not vanished."""

    def has(self, table: str) -> bool:
        """Tell whether the group has a table.

        Raises:
            FileNotFoundError: the group is not there any more.
        """

    def sizes(self) -> Mapping[str, int]:
        """Map the names of its files to their sizes in bytes.

        Raises:
            FileNotFoundError: the group is not there any more.
        """

    def open(self, file: str) -> BufferedIOBase:
        """Return a file of the group for reading.

        Raises:
            OSError: it is not there, or cannot be read.
            InputError: its place cannot be reached.
        """

    def source(self, table: str) -> Any:
        """Return a table as pyarrow reads it whole: a path, or an open file.

        Raises:
            FileNotFoundError: it is not there any more.
            InputError: its place cannot be reached.
        """

    def table_path(self, table: str) -> TablePath:
        """Return the path of a table, for engines that read parts of it."""


class Place(Protocol):
    """The place of a store; `choose` finds which one."""

    @property
    def shown(self) -> str:
        """Return the place for messages, without a password."""

    @property
    def address(self) -> str:
        """Return the path or URL that opens this store again, with a password if it has one."""

    def absolute(self) -> Place:
        """Return the same place, whatever the working directory is."""

    def readable_folders(self) -> list[str]:
        """Return the folders that a user's question in SQL may open."""

    def groups(self) -> Sequence[Group]:
        """Return all groups, in the order of days, modes and names.

        Raises:
            InputError: they cannot be listed.
        """

    def lock(self) -> AbstractContextManager[None]:
        """Be the only one who lets groups appear or vanish, where a place can promise that.

        Elsewhere two may add one recording at the same time; it is in two groups then, and counts
        once.
        """

    def workplace(self) -> AbstractContextManager[Path]:
        """Make an empty directory of this machine for a new group; it is gone at the end."""

    def clear_work(self) -> int:
        """Remove what killed processes left behind; return how many of them.

        Raises:
            OSError: it cannot be removed.
        """

    def leftovers(self) -> str:
        """Return a sentence about what killed processes left; empty if that is nothing.

        Where a lock tells that it belongs to no process, it is removed at once.
        """

    def commit(self, written: Path, day: str, mode: str) -> Group:
        """Let a written group appear, whole; call it under `lock`.

        Args:
            written: the directory of its tables.
            day: of its recordings.
            mode: of its recordings.

        Raises:
            OSError: it cannot be written; the store is as before.
        """

    def remove(self, groups: Iterable[Group]) -> None:
        """Let groups vanish, each at once; call it under `lock`.

        Raises:
            OSError: they cannot be removed.
        """
