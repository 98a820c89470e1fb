"""Read a recording, with names for its programs' functions even if it has none itself."""

from __future__ import annotations

from pvprof.parse.read import ReadOptions, read_recording
from pvprof.parse.result import ParseResult
from pvprof.recording.layout import Recording


def read_named(recording: Recording, options: ReadOptions) -> tuple[Recording, ParseResult]:
    """Return a recording, and what `read_recording` reads from it.

    Both are without private texts if the options ask for that.

    ``pvprof record`` has put the names in. One that was carried by hand has only memory maps: its
    names are looked up in the files of this machine that have the same build ids.

    Raises:
        InputError: there is no record in it.
    """
    if recording.user_maps and not recording.user_symbols:
        from pvprof.dataset.symbolize.user_symbols import (  # noqa: PLC0415 (pyelftools: 0.1 s)
            with_user_symbols,
        )

        recording = with_user_symbols(recording)
    parsed = read_recording(recording, options)
    return options.redact(recording, parsed) if options.redact else (recording, parsed)
