"""Save what a live view has seen so far: a picture, and a page that is a recording, too."""

from __future__ import annotations

from collections.abc import Iterator

from pvprof.analysis.report import build_report
from pvprof.cli.commands.record import default_name
from pvprof.cli.live.feed import Feed
from pvprof.cli.output import write
from pvprof.recording.layout import SUFFIX
from pvprof.render.registry import Subject, format_named
from pvprof.views.flamegraph import PictureOptions
from pvprof.views.report_view import PageSubject
from pvprof.views.tables.table import TableOptions


def save(feed: Feed) -> str:
    """Write the sums of all intervals into files of the current directory; say which, in words.

    Raises:
        OutputError: a file cannot be written.
    """
    options = feed.options
    classified = feed.history.classified(options.rules, feed.filters)
    if classified is None:
        return "nothing was recorded yet"
    stem = default_name(options.host, (options.mode,), is_set=False).removesuffix(SUFFIX)
    subjects: dict[str, tuple[Subject, object, object]] = {
        "svg": (Subject.PICTURE, classified, PictureOptions()),
        "html": (
            Subject.PAGE,
            PageSubject(classified, build_report(classified)),
            TableOptions(),
        ),
    }

    def files() -> Iterator[str]:
        for suffix, (subject, data, wanted) in subjects.items():
            output = format_named(suffix).outputs[subject]
            rendered = output.render(output.build(data, wanted))
            path = f"{stem}.{suffix}"
            write(path, rendered.content, force=False)
            yield path

    return f"wrote {' and '.join(files())}"
