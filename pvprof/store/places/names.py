"""The names of a store's files, wherever it is: days, modes, groups, sums and the head.

::

    STORE/pvprof-store.json                          the format and its version
    STORE/day=2026-11-27/mode=offcpu/GROUP/          a group: tables of whole recordings
        recordings.parquet  keys.parquet  stacks.parquet  samples.parquet  ...  SHA256SUMS

Names are made of a checked day and mode and a random name, never of a recording's words.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from datetime import UTC, datetime
from io import BufferedIOBase
from pathlib import Path

from pvprof.errors import InputError, quote
from pvprof.store.tables.schema import FORMAT, VERSION

UNKNOWN_DAY = "unknown"
SUMS = "SHA256SUMS"
HEAD = "pvprof-store.json"
MAX_HEAD_BYTES = 4096
HEAD_TEXT = json.dumps({"format": FORMAT, "version": VERSION}) + "\n"

MODE = re.compile(r"[a-z][a-z0-9-]{0,39}")
_OTHER_MODE = "other"
DAY = re.compile(r"\d{4}-\d\d-\d\d|" + UNKNOWN_DAY)
GROUP = re.compile(r"[0-9a-z-]{1,64}")


def day_of(wall_ns: int | None) -> str:
    """Return the day of a moment in UTC, or `UNKNOWN_DAY`."""
    if wall_ns is None or wall_ns <= 0:
        return UNKNOWN_DAY
    try:
        return f"{datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC):%Y-%m-%d}"
    except (ValueError, OverflowError, OSError):
        return UNKNOWN_DAY


def place_of_mode(mode: str) -> str:
    """Return the mode as a part of a path: itself if it is a plain word."""
    return mode if MODE.fullmatch(mode) else _OTHER_MODE


def path_of_group(day: str, mode: str, name: str) -> str:
    """Return the path of a group below the store."""
    return f"day={day}/mode={mode}/{name}"


def file_of(table: str) -> str:
    """Return the name of a table's file."""
    return f"{table}.parquet"


def new_group_name() -> str:
    """Return a name that no other group has."""
    return secrets.token_hex(8)


def check_head(text: bytes, store: str, head: str) -> None:
    """Refuse a store that is damaged, or of another version.

    Args:
        text: the content of its head.
        store: the store, as messages show it.
        head: the head, as messages show it.

    Raises:
        InputError: it is refused.
    """
    try:
        document = json.loads(text)
        known = document["format"] == FORMAT
        version = document["version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{head}: damaged") from error
    if not known or not isinstance(version, int):
        raise InputError(f"{head}: damaged")
    if version != VERSION:
        text_of_version = quote(str(version))
        raise InputError(
            f"{store}: a store of version {text_of_version}; {VERSION} is known", "update pvprof"
        )


def write_sums(group: Path) -> None:
    """Write the file that ``sha256sum -c`` reads into the directory of a written group."""
    lines = []
    for path in sorted(group.iterdir()):
        with path.open("rb") as file:
            lines.append(f"{sum_of(file)}  {path.name}\n")
    (group / SUMS).write_text("".join(lines), "ascii")


def read_sums(file: BufferedIOBase) -> dict[str, str]:
    """Map the name of each file of a group to its SHA-256, as it was when the group appeared.

    Raises:
        OSError: they cannot be read.
        ValueError: they are damaged.
    """
    lines = file.read().decode("ascii").splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


def sum_of(file: BufferedIOBase) -> str:
    """Return the SHA-256 of a file.

    Raises:
        OSError: it cannot be read.
    """
    return hashlib.file_digest(file, "sha256").hexdigest()
