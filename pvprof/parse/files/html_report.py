"""HTML reports of pvprof: the data that they were made from.

Owns the position of the data in the page::

    <!DOCTYPE html>
    ...
    <script type="application/gzip" id="pvprof-data">H4sIAAAA...</script>

A browser that saves the page may write the tag differently, so only the id counts. ``snapshot``
owns the content of the data.
"""

from __future__ import annotations

import re

from pvprof.errors import InputError
from pvprof.model.problems import Problem
from pvprof.parse.layout import Layout
from pvprof.parse.recognition.sample import Sample
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.recording.snapshot import ModeData, Snapshot, decode

_DOCTYPE = re.compile(rb"\s*<!doctype html\b|\s*<html\b", re.I)
_PAGE_END = re.compile(rb"</html\s*>", re.I)
_DATA = re.compile(rb"<script\b[^<>]*\bid=[\"']?pvprof-data\b[^<>]*>([^<]*)(</script>)?")


def _is_page(sample: Sample) -> bool:
    """Tell whether a text is an HTML page, pvprof's or not."""
    return _DOCTYPE.match(sample.text.removeprefix(b"\xef\xbb\xbf")) is not None


def read_page(source: TextSource) -> ParseResult:
    """Return the data that a page was made from.

    Raises:
        InputError: it has no data, or they are damaged.
    """
    match = None
    end = _end_of_page(source)
    for match in _DATA.finditer(source.data, 0, end):  # noqa: B007 (the last: names come before it)
        pass
    if match is None:
        raise InputError(
            "an HTML page without data of pvprof's", "pvprof report REC -o X.html writes such pages"
        )
    if match[2] is None:
        raise InputError("the page ends inside its data: it was cut off")
    parsed = parsed_from(decode(match[1], source.options.limits))
    if bytes(source.data[end:]).strip():
        line = source.line_of(end)
        text = "text after the end of the page is left out"
        parsed.problems.append(Problem("bad-line", text, source.name, line, severity="loss"))
    return parsed


def _end_of_page(source: TextSource) -> int:
    """Return the offset after the first end of a page: another file may follow."""
    end = _PAGE_END.search(source.data)
    return len(source) if end is None else end.end()


def parsed_from(snapshot: Snapshot) -> ParseResult:
    """Return a snapshot as the result of a reader."""
    parsed, *further = map(_of_mode, snapshot.modes or (ModeData("", 0, ()),))
    parsed.further = further
    parsed.records = snapshot.records
    parsed.problems.extend(snapshot.problems)
    parsed.recordings.extend(snapshot.recordings)
    return parsed


def _of_mode(data: ModeData) -> ParseResult:
    return ParseResult(
        mode=data.mode,
        runs=data.recordings,
        profiles={(profile.unit, profile.has_counts): profile for profile in data.profiles},
        histograms=list(data.histograms),
        endings=data.endings,
        open_waits=data.open_waits,
        holds=list(data.holds),
    )


def _is_complete(_parsed: ParseResult) -> bool:
    """Tell that a page without records is no error: its recording was complete."""
    return True


LAYOUT = Layout(
    name="html",
    summary="`pvprof report -o X.html`",
    read=read_page,
    has_documents=True,
    signature=_is_page,
    states_units="a report in HTML",
    is_complete=_is_complete,
)
