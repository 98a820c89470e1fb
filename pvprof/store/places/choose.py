"""Which kind of place a store has: the only module that tells a folder from a URL."""

from __future__ import annotations

from pvprof.store.places.bucket import create_bucket, open_bucket
from pvprof.store.places.connect import StoreUrl, folder_of
from pvprof.store.places.folder import create_store, open_store
from pvprof.store.places.place import Place


def open_place(address: str) -> Place:
    """Return the store at a path, or behind a URL.

    Raises:
        InputError: there is none, it has another version, or it cannot be reached.
        UsageError: a package is missing.
    """
    folder = folder_of(address)
    return open_bucket(address) if folder is None else open_store(folder)


def create_place(address: str) -> Place:
    """Return the store at a path, or behind a URL; make it if there is nothing.

    Raises:
        InputError: as `open_place`, or there are other files.
        OutputError: it cannot be made.
        UsageError: a package is missing.
    """
    folder = folder_of(address)
    return create_bucket(address) if folder is None else create_store(folder)


def shown_address(address: str) -> str:
    """Return a path or URL as messages and pages show it: without a password."""
    return StoreUrl(address).shown if folder_of(address) is None else address
