"""Reports in HTML that pvprof wrote, back to the data that they were made from.

Owns where in the page the data stand::

    <!DOCTYPE html>
    ...
    <script type="application/gzip" id="pvprof-data">H4sIAAAA...</script>

A browser that saves the page may write the tag otherwise, so only the id is asked for. What the
data hold is ``snapshot``'s to know.
"""

from __future__ import annotations

import re
from typing import Any

from pvprof.errors import InputError
from pvprof.parse.result import ParseResult
from pvprof.recording.snapshot import Snapshot, decode

_DOCTYPE = re.compile(rb"\s*<!doctype html\b|\s*<html\b", re.I)
_DATA = re.compile(rb"<script\b[^>]*\bid=[\"']?pvprof-data\b[^>]*>([^<]*)(</script>)?")


def is_page(sample: bytes) -> bool:
    """Tell whether a text is an HTML page, pvprof's or not."""
    return _DOCTYPE.match(sample.removeprefix(b"\xef\xbb\xbf")) is not None


def read_page(data: Any) -> ParseResult:
    """Return what a page of pvprof's was made from.

    Raises:
        InputError: it holds no data, or they are damaged.
    """
    found = None
    for found in _DATA.finditer(data):  # noqa: B007 (the last one counts: names come before it)
        pass
    if found is None:
        raise InputError(
            "an HTML page without data of pvprof's", "pvprof report REC -o X.html writes such pages"
        )
    if found[2] is None:
        raise InputError("the page ends inside its data: it was cut off")
    return parsed_from(decode(found[1]))


def parsed_from(snapshot: Snapshot) -> ParseResult:
    """Return a snapshot as the other parsers return what they read."""
    parsed = ParseResult("html", records=snapshot.records, endings=snapshot.endings)
    for profile in snapshot.profiles:
        parsed.profiles[profile.unit, profile.has_counts] = profile
    parsed.histograms.extend(snapshot.histograms)
    parsed.problems.extend(snapshot.problems)
    parsed.recordings.extend(snapshot.recordings)
    return parsed
