"""The options that say which recordings are read, how, and what is kept of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from pvprof.classify.classified import Classified
from pvprof.classify.filters import Filters
from pvprof.classify.matcher import Matcher
from pvprof.classify.no_match import no_match
from pvprof.classify.rules_file import load_rules
from pvprof.cli.option_groups import argument, option, option_group
from pvprof.cli.progress import Progress
from pvprof.dataset.dataset import Dataset
from pvprof.dataset.load import load_dataset
from pvprof.errors import InputError, UsageError
from pvprof.parse.layouts import LAYOUTS
from pvprof.parse.read import ReadOptions
from pvprof.parse.text.symbols import load_symbols
from pvprof.parse.window import Window, read_bound
from pvprof.units import UNITS, Unit


@option_group
class ReadingGroup:
    """How texts are read."""

    input_format: str | None = option(
        "--input-format",
        type=click.Choice(list(LAYOUTS)),
        metavar="LAYOUT",
        help=f"Layout of the text, if it is not detected: {', '.join(LAYOUTS)}.",
    )
    profile: str | None = option(
        "--profile", metavar="REGEX", help="Read these profiles of a speedscope file."
    )
    unit: Unit | None = option("--unit", type=click.Choice(UNITS), help="Unit of the values.")
    symbols: tuple[str, ...] = option(
        "--symbols",
        metavar="[MODULE=]FILE",
        multiple=True,
        help="nm -n output of the kernel (or a module) for naming hex frames; gzip or plain.",
    )
    kldstat: str | None = option(
        "--kldstat",
        metavar="FILE",
        type=click.Path(dir_okay=False),
        help="kldstat output of the target, for addresses in modules.",
    )
    offsets: bool = option("--offsets", is_flag=True, help="Keep +0x1f at the end of frames.")
    jobs: int = option(
        "-j", "--jobs", type=click.IntRange(0), default=0, help="Processes; 0: all cores."
    )
    quiet: bool = option("-q", "--quiet", is_flag=True, help="No notes on stderr.")

    def read_options(self) -> ReadOptions:
        """Return the options of the parsers.

        Raises:
            PvprofError: a file that they name cannot be read.
            UsageError: a bad regular expression.
        """
        kldstat = _read_text(self.kldstat) if self.kldstat else ""
        return ReadOptions(
            layout=self.input_format or "",
            unit=self.unit,
            profile=_pattern("--profile", self.profile),
            keep_offsets=self.offsets,
            symbols=load_symbols(self.symbols, kldstat),
            jobs=self.jobs,
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """How recordings are read, classified and filtered."""

    read: ReadOptions
    rules: Matcher
    filters: Filters


@option_group
class InputGroup(ReadingGroup):
    """Which recordings are read, how, and what is kept of them."""

    recordings: tuple[str, ...] = argument(metavar="REC...", nargs=-1, required=True)
    since: str | None = option(
        "--from",
        metavar="TIME",
        help="Keep single waits from then on: seconds from the beginning of the recording (12.5,"
        " 300ms; -5: from its end), or a time (10:00:00 or 2026-11-22T10:00:00, UTC).",
    )
    until: str | None = option("--to", metavar="TIME", help="Keep single waits until then.")
    kinds: tuple[str, ...] = option(
        "-k",
        "--kind",
        metavar="KIND",
        multiple=True,
        help="Keep waits of this kind (repeatable; 'all' for every one).",
    )
    lock_class: str | None = option("--class", metavar="REGEX", help="Keep these lock classes.")
    name: str | None = option(
        "--name", metavar="REGEX", help="Keep these lock names or wait messages."
    )
    execname: str | None = option("--execname", metavar="REGEX", help="Keep these processes.")
    frame: str | None = option(
        "--frame", metavar="REGEX", help="Keep stacks with a frame that matches."
    )
    rules_file: Path | None = option(
        "--rules",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="TOML file of lock classes and wait kinds (docs/rules.md).",
    )

    def settings(self, default_kinds: tuple[str, ...] = ()) -> Settings:
        """Return the options as values of the library; read no recording yet.

        Args:
            default_kinds: the wait kinds to keep if the user names none.

        Raises:
            PvprofError: a file that they name cannot be read.
            UsageError: a bad regular expression, or a bound that is no time.
        """
        filters = Filters(
            kinds=self.kinds or default_kinds,
            lock_class=_pattern("--class", self.lock_class, re.IGNORECASE),
            name=_pattern("--name", self.name, re.IGNORECASE),
            execname=_pattern("--execname", self.execname, re.IGNORECASE),
            frame=_pattern("--frame", self.frame, re.IGNORECASE),
        )
        rules = load_rules(self.rules_file)
        since, until = (
            None if text is None else read_bound(text) for text in (self.since, self.until)
        )
        read = self.read_options()
        if since or until:
            read = replace(read, window=Window(since, until))
        return Settings(read, rules, filters)

    def load(
        self,
        default_kinds: tuple[str, ...] = (),
        adapt: Callable[[Dataset], Dataset] | None = None,
        recordings: Sequence[str] | None = None,
    ) -> Classified:
        """Return the data of the recordings, classified.

        Args:
            default_kinds: the wait kinds to keep if the user names none.
            adapt: applied to the dataset before it is classified.
            recordings: read only these, and let the filters match nothing; None for all that the
                user named.

        Raises:
            PvprofError: as `settings`, or a recording cannot be read.
            InputError: the user's filters match nothing.
        """
        settings = self.settings(default_kinds)
        paths = self.recordings if recordings is None else recordings
        with Progress(paths, self.quiet) as progress:
            dataset = load_dataset(paths, replace(settings.read, progress=progress))
        adapted = adapt(dataset) if adapt else dataset
        classified = Classified.of(adapted, settings.rules, settings.filters)
        error = no_match([classified]) if recordings is None else None
        if error:
            raise error
        return classified


def _read_text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def _pattern(name: str, text: str | None, flags: int = 0) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        return re.compile(text, flags)
    except re.error as error:
        raise UsageError(f"{name}: bad regular expression {text!r}: {error}") from error
