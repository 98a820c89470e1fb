"""Add the names of programs' functions to a recording that was just made.

The recording then has all that is needed to read it: on any machine, and after an upgrade of the
programs, it gives the same names.
"""

from __future__ import annotations

import gzip
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pvprof.dataset.symbolize.code_files import open_code
from pvprof.dataset.symbolize.elf import demangled
from pvprof.errors import InputError, PvprofError
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.text.user_code import CodeAddress, CodeFile, read_user_code, spell_names
from pvprof.recording.layout import USER_SYMBOLS, Recording
from pvprof.recording.open import open_recording
from pvprof.recording.packing import unpack_companion


def add_user_symbols(directory: Path, is_local: bool) -> None:
    """Look up the frames of programs in a recording, and write their names into it.

    What cannot be read, named or written stays without a name: no recording is worse for it.

    Args:
        directory: of the recording.
        is_local: whether it is of this machine.
    """
    with suppress(PvprofError, OSError):  # unreadable, which its readers report; or a full disk
        recording = open_recording(str(directory))
        if recording.user_maps:
            symbols = _symbols(recording, is_local)
            (directory / USER_SYMBOLS).write_bytes(gzip.compress(symbols, mtime=0))


def with_user_symbols(recording: Recording) -> Recording:
    """Return a recording with the names that files of the same build ids give on this machine."""
    try:
        return replace(recording, user_symbols=_symbols(recording, is_local=False))
    except PvprofError:  # its reader reports that
        return recording


def _symbols(recording: Recording, is_local: bool) -> bytes:
    """Return the names of the frames of programs in a recording, as they are written into it.

    Raises:
        PvprofError: the recording or its memory maps cannot be read.
    """
    maps, _ = unpack_companion(recording.user_maps, recording.name)
    if not maps:
        raise InputError(f"{recording.path}: the memory maps are damaged")
    code = read_user_code(maps)
    read(recording.data, recording.name, ReadOptions(user_code=code))
    by_file: dict[CodeFile, list[CodeAddress]] = {}
    for place in code.unnamed:
        by_file.setdefault(place.file, []).append(place)
    names: dict[CodeAddress, bytes] = {}
    for file, places in by_file.items():
        build_id = code.build_ids.get(file, "").strip("-")
        last_range = code.last_ranges.get(file) if is_local else None
        elf = open_code(file, build_id, last_range) if file.is_on_disk else None
        found = {place: elf.name(place.offset) for place in places} if elf else {}
        names.update({place: name for place, name in found.items() if name is not None})
    plain = demangled(set(names.values()))
    return spell_names({place: plain[name] for place, name in names.items()})
