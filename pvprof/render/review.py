"""The files of a folder for a review: a comparison in every form in which it is pasted or read.

Owns which files these are. Formats come from the registry: all that people read as text or as a
page, without that of terminals; and a picture for each section of the comparison.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pvprof.analysis.compare.compare import Comparison
from pvprof.render.registry import Format, Subject, formats_for
from pvprof.render.rendered import Rendered
from pvprof.units import Unit
from pvprof.views.comparison import ComparisonOptions

_SUBJECT = Subject.COMPARISON
_PICTURE_FORMAT = "svg"
_PURPOSES = {
    "markdown": "for GitHub",
    "remarkup": "for reviews.freebsd.org",
    "plain": "for mail and commit messages",
    "html": "for a browser: all of it, with pictures",
    _PICTURE_FORMAT: "reviews.freebsd.org: upload it, then put its {F...} into summary.remarkup",
}


def usual_names() -> tuple[str, ...]:
    """Return the names of the files that a comparison of one section has."""
    return (*_summaries(), _picture_name(""))


def files_of(comparison: Comparison, options: ComparisonOptions) -> dict[str, Rendered]:
    """Map the name of each file to its content; the summaries name the pictures."""
    picture = next(fmt for fmt in formats_for([_SUBJECT]) if fmt.name == _PICTURE_FORMAT)
    files = {
        _picture_name(part): _rendered(picture, comparison, replace(options, unit=unit, mode=mode))
        for part, unit, mode in _sections(comparison)
    }
    with_pictures = replace(options, pictures=tuple(files))
    summaries = {
        name: _rendered(fmt, comparison, with_pictures) for name, fmt in _summaries().items()
    }
    return {**summaries, **files}


def purpose_of(file_name: str) -> str:
    """Return the purpose of a file of the folder, in a few words."""
    summary = _summaries().get(file_name)
    return _PURPOSES[summary.name if summary else _PICTURE_FORMAT]


def _rendered(fmt: Format, comparison: Comparison, options: ComparisonOptions) -> Rendered:
    output = fmt.outputs[_SUBJECT]
    return output.render(output.build(comparison, options))


def _summaries() -> dict[str, Format]:
    """Map the name of each summary to its format; only terminals have a drawer."""
    return {
        f"summary{fmt.suffixes[0]}": fmt
        for fmt in formats_for([_SUBJECT])
        if fmt.for_people and not fmt.outputs[_SUBJECT].drawer
    }


def _picture_name(part: str) -> str:
    return f"difference-{part}.svg" if part else "difference.svg"


def _sections(comparison: Comparison) -> Iterator[tuple[str, Unit, str]]:
    """Yield (name, unit, mode) of each section that has stacks; a single section has no name."""
    for section in comparison.sections:
        if section.base_folded.rows or section.new_folded.rows:
            words = [word for word in (section.mode, section.unit) if word]
            name = "-".join(words) if len(comparison.sections) > 1 else ""
            yield name, section.unit, section.mode
