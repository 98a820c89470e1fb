r"""The registry of output formats: name, suffixes, summary, and how each subject is written.

One row of `FORMATS` is one format. For each subject that it can hold, the row names the function
that builds the view and the function that renders it. Everything that a user sees of formats
derives from the rows: ``--format``, the guess by the suffix, help texts, and
``docs/output-formats.md``. There is no default: a format without a row for a subject cannot be
chosen for it.

    subject, options --build--> view --render--> Rendered (text, problems)
                                    \--draw----> a console of rich, if stdout is a terminal

Functions are named as ``module:function`` and imported when they are used: no command imports what
only another format needs.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pvprof.errors import OutputError, UsageError
from pvprof.render.rendered import Rendered


class Subject(Enum):
    """What an output is about; the comment names the types of the subject and of its options."""

    TABLES = "tables"  # Report, TableOptions
    PAGE = "page"  # PageSubject, TableOptions
    STACKS = "stacks"  # Classified, StackOptions
    VIEWER = "viewer"  # Classified, StackOptions
    PICTURE = "picture"  # Classified, PictureOptions
    DIFFERENCE = "difference"  # two Classified, DifferenceOptions
    TREE = "tree"  # Classified, TreeOptions
    HEAT_MAP = "heat map"  # Classified, HeatMapOptions
    COMPARISON = "comparison"  # Comparison, ComparisonOptions
    STUDY = "study"  # Study, StudyViewOptions
    PATH = "critical path"  # PathReport, TableOptions


@dataclass(frozen=True, slots=True)
class Output:
    """How one subject is written in one format; functions are named as ``module:function``.

    Attributes:
        builder: takes the subject and its options, returns the view.
        renderer: takes the view, returns a `Rendered`.
        drawer: takes the view and a console of rich; empty unless the format is for terminals.
    """

    builder: str
    renderer: str
    drawer: str = ""

    def build(self, subject: object, options: object) -> Any:
        """Return the view of a subject."""
        return function_of(self.builder)(subject, options)

    def render(self, view: object) -> Rendered:
        """Return the text of a view."""
        rendered = function_of(self.renderer)(view)
        assert isinstance(rendered, Rendered), self.renderer
        return rendered

    def draw(self, view: object, console: object) -> None:
        """Draw a view on a terminal."""
        function_of(self.drawer)(view, console)


@dataclass(frozen=True, slots=True)
class Format:
    """One output format.

    Attributes:
        name: for ``--format``.
        suffixes: of files in this format, with their dots.
        summary: for help texts and documents.
        outputs: how each subject that the format can hold is written.
        for_people: whether people read it as text: it then shows problems and what was set aside.
        needs: packages that write it, of the extra ``tables``; a binary format needs some.
        is_for_files: whether another program shows it, so that a terminal must not get it.

    Raises:
        TypeError: `suffixes` is no tuple.
        ValueError: a suffix does not begin with a dot.
    """

    name: str
    suffixes: tuple[str, ...]
    summary: str
    outputs: Mapping[Subject, Output]
    for_people: bool = field(kw_only=True)
    needs: tuple[str, ...] = ()
    is_for_files: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.suffixes, tuple):
            raise TypeError(f"format {self.name}: suffixes must be a tuple: {self.suffixes!r}")
        for suffix in self.suffixes:
            if not suffix.startswith("."):
                raise ValueError(f"format {self.name}: a suffix begins with a dot: {suffix!r}")

    def subject_among(self, subjects: Collection[Subject]) -> Subject | None:
        """Return the first of the subjects that the format can hold, or None."""
        return next((subject for subject in subjects if subject in self.outputs), None)

    def check_installed(self) -> None:
        """Refuse a format that cannot be written here.

        Raises:
            OutputError: a package is missing.
        """
        missing = [name for name in self.needs if importlib.util.find_spec(name) is None]
        if missing:
            raise OutputError(
                f"format {self.name}: {' and '.join(missing)} not installed",
                "pip install 'pvprof[tables]'",
            )

    def described(self) -> str:
        """Return the name and a renderer, which distinguishes formats of the same name."""
        return f"{self.name} ({next(iter(self.outputs.values())).renderer})"


def function_of(name: str) -> Callable[..., Any]:
    """Return the function that is named as ``module:function``.

    Raises:
        ImportError: there is no such module.
        AttributeError: the module has no such function.
    """
    module, _, function = name.partition(":")
    target: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return target


def _data(name: str) -> dict[Subject, Output]:
    """Return the outputs of a format of data, which has one renderer for each subject with tables.

    Args:
        name: the renderers, as ``module:function`` with ``{}`` for the word of the subject.
    """
    subjects = (
        (Subject.TABLES, "report", "pvprof.views.report_view:build"),
        (Subject.COMPARISON, "comparison", "pvprof.views.comparison:build"),
        (Subject.STUDY, "study", "pvprof.views.study:build"),
        (Subject.PATH, "critical_path", "pvprof.views.critical_path.path_view:build"),
    )
    return {subject: Output(builder, name.format(word)) for subject, word, builder in subjects}


def _frames(module: str) -> dict[Subject, Output]:
    """Return the outputs of a format of data frames: tables, and folded stacks with their causes.

    Args:
        module: has the renderers ``render_report``, ``render_stacks``, ...
    """
    stacks = Output("pvprof.views.folded:fold_with_causes", f"{module}:render_stacks")
    return {**_data(f"{module}:render_{{}}"), Subject.STACKS: stacks}


def _documents(
    module: str, comparison: str = "build_summary", drawer: str = ""
) -> dict[Subject, Output]:
    """Return the outputs of a format of text, which writes documents of any subject.

    Args:
        module: has the function ``render``.
        comparison: the function that builds the document of a comparison.
        drawer: the function that draws a document, as ``module:function``; empty if there is none.
    """
    subjects = (
        (Subject.TABLES, "documents.report_document:build"),
        (Subject.COMPARISON, f"documents.comparison_document:{comparison}"),
        (Subject.STUDY, "documents.study_document:build"),
        (Subject.PATH, "critical_path.path_document:build"),
    )
    return {
        subject: Output(f"pvprof.views.{builder}", f"{module}:render", drawer)
        for subject, builder in subjects
    }


_VIEWS, _RENDER = "pvprof.views", "pvprof.render"

FORMATS: tuple[Format, ...] = (
    Format(
        "terminal",
        (".txt",),
        "tables for reading",
        {
            **_documents(f"{_RENDER}.text.terminal", "build", f"{_RENDER}.text.terminal:draw"),
            Subject.TREE: Output(
                f"{_VIEWS}.folded:build_tree",
                f"{_RENDER}.text.flame_tree:render",
                f"{_RENDER}.text.flame_tree:draw",
            ),
        },
        for_people=True,
    ),
    Format(
        "markdown",
        (".md",),
        "tables for GitHub, GitLab",
        _documents(f"{_RENDER}.text.markdown"),
        for_people=True,
    ),
    Format(
        "remarkup",
        (".remarkup",),
        "for Phabricator (reviews.freebsd.org)",
        _documents(f"{_RENDER}.text.remarkup"),
        for_people=True,
    ),
    Format(
        "plain",
        (".plain.txt",),
        "72 columns, for mail and commit messages",
        _documents(f"{_RENDER}.text.plain"),
        for_people=True,
    ),
    Format(
        "csv",
        (".csv",),
        "one line a lock, unscaled",
        _data(f"{_RENDER}.data.{{}}:render_csv"),
        for_people=False,
    ),
    Format(
        "json",
        (".json",),
        "everything, unscaled",
        _data(f"{_RENDER}.data.{{}}:render_json"),
        for_people=False,
    ),
    Format(
        "parquet",
        (".parquet",),
        "a table for pandas, polars, DuckDB",
        _frames(f"{_RENDER}.data.parquet"),
        for_people=False,
        is_for_files=True,
        needs=("pandas", "pyarrow"),
    ),
    Format(
        "xlsx",
        (".xlsx",),
        "a table for spreadsheets",
        _frames(f"{_RENDER}.data.xlsx"),
        for_people=False,
        is_for_files=True,
        needs=("pandas", "xlsxwriter"),
    ),
    Format(
        "waits",
        (".waits.parquet",),
        "a table of single waits, for the same",
        {
            Subject.VIEWER: Output(
                f"{_VIEWS}.single_waits:build", f"{_RENDER}.data.parquet:render_waits"
            )
        },
        for_people=False,
        is_for_files=True,
        needs=("pandas", "pyarrow"),
    ),
    Format(
        "folded",
        (".folded", ".collapsed"),
        "folded stacks",
        {Subject.STACKS: Output(f"{_VIEWS}.folded:build", f"{_RENDER}.text.folded:render")},
        for_people=False,
    ),
    Format(
        "differential",
        (".folded", ".collapsed"),
        "folded stacks, values of base and new",
        {
            Subject.COMPARISON: Output(
                f"{_VIEWS}.comparison:build_differential",
                f"{_RENDER}.text.folded:render_differential",
            )
        },
        for_people=False,
    ),
    Format(
        "html",
        (".html", ".htm"),
        "one page with all tables and pictures",
        {
            Subject.PAGE: Output(f"{_VIEWS}.html_page:build", f"{_RENDER}.html.page:render"),
            Subject.COMPARISON: Output(
                f"{_VIEWS}.documents.comparison_page:build",
                f"{_RENDER}.html.comparison_page:render",
            ),
        },
        for_people=True,
        is_for_files=True,
    ),
    Format(
        "svg",
        (".svg",),
        "a picture that zooms, for any browser",
        {
            Subject.PICTURE: Output(
                f"{_VIEWS}.flamegraph:build", f"{_RENDER}.svg.flamegraph:render_view"
            ),
            Subject.DIFFERENCE: Output(
                f"{_VIEWS}.diff_flamegraph:build", f"{_RENDER}.svg.diff_flamegraph:render_view"
            ),
            Subject.PATH: Output(
                f"{_VIEWS}.critical_path.time_line:build", f"{_RENDER}.svg.time_line:render_view"
            ),
            Subject.HEAT_MAP: Output(
                f"{_VIEWS}.heat_map:build", f"{_RENDER}.svg.heat_map:render_view"
            ),
            Subject.COMPARISON: Output(
                f"{_VIEWS}.diff_flamegraph:build_from_comparison",
                f"{_RENDER}.svg.diff_flamegraph:render_view",
            ),
        },
        for_people=False,
        is_for_files=True,
    ),
    Format(
        "speedscope",
        (".speedscope.json",),
        "for www.speedscope.app",
        {
            Subject.VIEWER: Output(
                f"{_VIEWS}.viewers.speedscope:build", f"{_RENDER}.viewers.speedscope:render"
            )
        },
        for_people=False,
        is_for_files=True,
    ),
    Format(
        "pprof",
        (".pb.gz", ".pprof"),
        "for go tool pprof, Grafana, Pyroscope",
        {
            Subject.VIEWER: Output(
                f"{_VIEWS}.viewers.pprof:build", f"{_RENDER}.viewers.pprof:render"
            )
        },
        for_people=False,
        is_for_files=True,
    ),
    Format(
        "chrome-trace",
        (".trace.json",),
        "single waits for ui.perfetto.dev",
        {
            Subject.VIEWER: Output(
                f"{_VIEWS}.viewers.chrome_trace:build", f"{_RENDER}.viewers.chrome_trace:render"
            ),
            Subject.PATH: Output(
                f"{_VIEWS}.critical_path.path_trace:build", f"{_RENDER}.viewers.chrome_trace:render"
            ),
        },
        for_people=False,
        is_for_files=True,
    ),
)
"""All formats, in the order in which help texts list them."""


def formats_for(subjects: Collection[Subject]) -> tuple[Format, ...]:
    """Return the formats that can hold one of the subjects.

    Raises:
        ValueError: two of them have the same name or suffix, so that a file would not tell which.
    """
    formats = tuple(fmt for fmt in FORMATS if fmt.subject_among(subjects))
    owners: dict[str, Format] = {}
    for fmt in formats:
        for word in (fmt.name, *fmt.suffixes):
            if owners.setdefault(word, fmt) is not fmt:
                pair = f"{owners[word].described()} and {fmt.described()}"
                raise ValueError(f"two output formats have the name or suffix {word}: {pair}")
    return formats


def format_named(name: str) -> Format:
    """Return the format of that name; there must be one."""
    return next(fmt for fmt in FORMATS if fmt.name == name)


def format_of(
    path: str,
    name: str | None,
    default: str,
    subjects: Collection[Subject],
    any_suffix: bool = False,
) -> Format:
    """Return the format of that name, or else the one of the path's suffix, or `default`.

    Args:
        path: the output's path; ``-`` for stdout.
        name: the format asked for, or None.
        default: the format of stdout, and of files without a suffix.
        subjects: the subjects that can be written here.
        any_suffix: whether files with a suffix of no format are written in `default`, too.

    Raises:
        UsageError: no format for these subjects has that name or suffix.
    """
    known = {fmt.name: fmt for fmt in formats_for(subjects)}
    choices = ", ".join(f"{fmt.name} ({'/'.join(fmt.suffixes)})" for fmt in known.values())
    if name is not None:
        if name not in known:
            raise UsageError(f"no such format here: {name}", f"formats: {choices}")
        return known[name]
    if path == "-":
        return known[default]
    # .speedscope.json and .trace.json also end in .json: the longest suffix decides.
    matches = {suffix: fmt for fmt in known.values() for suffix in fmt.suffixes}
    suffix = max((suffix for suffix in matches if path.endswith(suffix)), key=len, default="")
    if suffix:
        return matches[suffix]
    if any_suffix or "." not in path.rpartition("/")[2]:
        return known[default]
    raise UsageError(f"{path}: no format has that suffix", f"--format NAME: {choices}")
