"""Which kind of place a store has: the only module that tells a folder from a URL."""

from __future__ import annotations

from pvprof.store.places.folder import create_store, open_store
from pvprof.store.places.place import Place


def open_place(address: str) -> Place:
    """Return the store at a path.

    Raises:
        InputError: there is none, or it has another version.
        UsageError: a package is missing.
    """
    return open_store(address)


def create_place(address: str) -> Place:
    """Return the store at a path; make it if there is nothing.

    Raises:
        InputError: as `open_place`, or there are other files.
        OutputError: it cannot be made.
    """
    return create_store(address)
