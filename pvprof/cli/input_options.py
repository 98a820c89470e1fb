"""The options that say which recordings are read, how, and what is kept of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import click

from pvprof.classify.classified import Classified
from pvprof.classify.filters import ALL_KINDS, Filters, Number
from pvprof.classify.matcher import Matcher
from pvprof.classify.no_match import no_match
from pvprof.classify.rules_file import load_rules
from pvprof.cli.guidance.headings import HelpHeading
from pvprof.cli.guidance.values import FileName, KnownWord, as_regex
from pvprof.cli.option_groups import OWN_PROCESS, argument, group, option, option_group
from pvprof.cli.stores.store_options import Recordings, StoredGroup
from pvprof.cli.terminal import Progress, tell
from pvprof.dataset.dataset import Dataset
from pvprof.dataset.load import load_dataset
from pvprof.dataset.stack_edits import NO_EDITS, StackEdits
from pvprof.errors import InputError, UsageError
from pvprof.parse.layouts import LAYOUTS
from pvprof.parse.result import ParseResult
from pvprof.parse.source import WEIGHTS, ReadOptions
from pvprof.parse.text.scale import read_factor
from pvprof.parse.text.symbols import load_symbols
from pvprof.parse.window import Window, read_bound
from pvprof.recording.layout import Recording
from pvprof.recording.limits import limits_of
from pvprof.units import UNITS, Unit, named_unit

if TYPE_CHECKING:
    from pvprof.classify.user_patterns import UserPattern

MAX_SIZE_HELP = (
    "Read files, when unpacked, and lines of up to this size (500M, 2G). The usual limits protect"
    " from files that are made to fill the memory."
)


NOT_FOR_STORES = (
    *("input_format", "profile", "unit", "factor", "weight", "symbols", "kldstat", "offsets"),
)
"""The options of `ReadingGroup` that say how a text is read."""


def _kinds() -> list[str]:
    return [*(kind.id for kind in load_rules(None).kinds), ALL_KINDS]


def _classes() -> list[str]:
    return [as_regex(rule.lock_class) for rule in load_rules(None).rules if rule.lock_class]


@option_group
class ReadingGroup:
    """How texts are read."""

    input_format: str | None = option(
        "--input-format",
        type=click.Choice(list(LAYOUTS)),
        metavar="LAYOUT",
        help=f"Read the text in this layout, not in the detected one: {', '.join(LAYOUTS)}.",
        heading=HelpHeading.INPUT,
    )
    profile: str | None = option(
        "--profile",
        metavar="REGEX",
        help="Read only the profiles of a speedscope file, or the types of samples of pprof, whose"
        " names match.",
        heading=HelpHeading.INPUT,
    )
    unit: str | None = option(
        "--unit",
        metavar="UNIT",
        type=KnownWord(lambda: ("us", "ms", "s", *UNITS)),
        help="Take the values for times in ns, us, ms or s, or for samples, events, bytes or any"
        " other name (cycles), in layouts that do not state their unit (folded stacks).",
        heading=HelpHeading.INPUT,
    )
    factor: str | None = option(
        "--factor",
        metavar="NUMBER",
        help="Multiply the values by this number (1000, 0.5, 1/99), exactly, in layouts that do not"
        " state their unit.",
        heading=HelpHeading.INPUT,
    )
    weight: str | None = option(
        "--weight",
        type=click.Choice(WEIGHTS),
        help="What a sample of perf script weighs: 1, or its period; events: 1, as an event. "
        " [default: the period, in the event's unit (cycles); samples of cpu-clock and task-clock;"
        " events of tracepoints]",
        heading=HelpHeading.INPUT,
    )
    symbols: tuple[str, ...] = option(
        "--symbols",
        metavar="[MODULE=]FILE",
        type=FileName(),
        multiple=True,
        help="Name addresses by these symbols of the kernel, or of a module: the output of nm -n,"
        " plain or gzip (repeatable).",
        heading=HelpHeading.INPUT,
    )
    kldstat: str | None = option(
        "--kldstat",
        metavar="FILE",
        type=click.Path(dir_okay=False),
        help="Find the modules that addresses are in by the target's output of kldstat.",
        heading=HelpHeading.INPUT,
    )
    offsets: bool = option(
        "--offsets",
        is_flag=True,
        help="Keep offsets (+0x1f) at the end of frames.",
        heading=HelpHeading.INPUT,
    )
    max_size: str | None = option(
        "--max-size",
        metavar="SIZE",
        help=MAX_SIZE_HELP,
        heading=HelpHeading.INPUT,
    )
    jobs: int = option(
        "-j",
        "--jobs",
        metavar="N",
        type=click.IntRange(0),
        default=0,
        help="Read with N processes.  [default: 0, one for each core]",
        heading=HelpHeading.INPUT,
    )
    redact: bool = option(
        "--redact",
        is_flag=True,
        help="Leave out what is private: command lines, hosts, users, paths, kernel addresses"
        " (SECURITY.md).",
        heading=HelpHeading.INPUT,
    )
    redact_processes: bool = option(
        "--redact-processes",
        is_flag=True,
        help="The same, and number the processes instead of naming them.",
        heading=HelpHeading.INPUT,
    )
    quiet: bool = option(
        "-q",
        "--quiet",
        is_flag=True,
        help="Print no notes on stderr; losses and warnings are always printed.",
        heading=HelpHeading.OUTPUT,
    )

    verbose: bool = option(
        "-v",
        "--verbose",
        is_flag=True,
        help="Show all notes, not only the first; and how each file's layout was recognised.",
        heading=HelpHeading.OUTPUT,
    )

    @property
    def is_redacted(self) -> bool:
        """Tell whether private texts are left out."""
        return self.redact or self.redact_processes

    def read_options(self) -> ReadOptions:
        """Return the options of the parsers.

        Raises:
            PvprofError: a file that they name cannot be read.
            UsageError: a bad regular expression, or no unit, factor or size.
        """
        unit, unit_size = _unit(self.unit)
        profile = _pattern("--profile", self.profile)
        kldstat = _read_text(self.kldstat) if self.kldstat else ""
        return ReadOptions(
            layout=self.input_format or "",
            unit=unit,
            unit_size=unit_size,
            factor=_factor(self.factor),
            weight=self.weight or "",
            profile=profile.expression if profile else None,
            keep_offsets=self.offsets,
            symbols=load_symbols(self.symbols, kldstat),
            limits=limits_of(self.max_size),
            is_memory_bounded=_is_own_process(),
            jobs=self.jobs,
            redact=self._redact(),
            explain=tell if self.verbose else None,
        )

    def _redact(self) -> Callable[[Recording, ParseResult], tuple[Recording, ParseResult]] | None:
        if not self.is_redacted:
            return None
        from pvprof.dataset.redaction.redact import Redactor  # noqa: PLC0415 (only if asked for)

        return Redactor(self.redact_processes)


@dataclass(frozen=True, slots=True)
class Settings:
    """How recordings are read, classified and filtered."""

    read: ReadOptions
    rules: Matcher
    filters: Filters


@option_group
class InputGroup(ReadingGroup):
    """Which recordings are read, how, and what is kept of them."""

    heading: ClassVar[HelpHeading] = HelpHeading.FILTER

    recordings: tuple[str, ...] = argument(
        metavar="REC...", nargs=-1, required=True, cls=Recordings, type=FileName()
    )
    stored: StoredGroup = group(StoredGroup)
    since: str | None = option(
        "--from",
        metavar="TIME",
        help="Keep single waits, and perf's samples, from TIME on: seconds since the recording"
        " began (12.5, 300ms; -5: before its end), or a time of day (10:00:00 or"
        " 2026-11-22T10:00:00, UTC).",
    )
    until: str | None = option(
        "--to", metavar="TIME", help="Keep single waits, and perf's samples, until TIME."
    )
    kinds: tuple[str, ...] = option(
        "-k",
        "--kind",
        metavar="KIND",
        type=KnownWord(_kinds),
        multiple=True,
        help="Keep waits of this kind (repeatable): kernel, io, child, ...; all keeps every kind.",
    )
    lock_class: str | None = option(
        "--class",
        metavar="REGEX",
        type=KnownWord(_classes),
        help="Keep waits whose lock class matches: 'pv list'.",
    )
    name: str | None = option(
        "--name", metavar="REGEX", help="Keep waits whose lock name or wait message matches."
    )
    execname: str | None = option(
        "--execname", metavar="REGEX", help="Keep waits of processes whose name matches."
    )
    frame: str | None = option(
        "--frame", metavar="REGEX", help="Keep stacks in which a frame matches: vm_fault."
    )
    pids: tuple[int, ...] = option(
        "--pid",
        metavar="N",
        type=click.IntRange(0),
        multiple=True,
        help="Keep single waits, and perf's samples, of the process with this id (repeatable).",
    )
    tids: tuple[int, ...] = option(
        "--tid",
        metavar="N",
        type=click.IntRange(0),
        multiple=True,
        help="Keep single waits, and perf's samples, of the thread with this id (repeatable).",
    )
    rules_file: Path | None = option(
        "--rules",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Classify by the lock classes and wait kinds of this TOML file (docs/rules.md).",
        heading=HelpHeading.INPUT,
    )

    def settings(
        self,
        edits: StackEdits = NO_EDITS,
        ids: Literal["", "pid", "tid"] = "",
    ) -> Settings:
        """Return the options as values of the library; read no recording yet.

        Args:
            edits: of stacks.
            ids: the ids that folded stacks show.

        Raises:
            PvprofError: a file that they name cannot be read.
            UsageError: a bad regular expression, or a bound that is no time.
        """
        if self.stored:
            self._check_reading()
        filters = Filters(
            kinds=self.kinds,
            lock_class=_pattern("--class", self.lock_class, re.IGNORECASE),
            name=_pattern("--name", self.name, re.IGNORECASE),
            execname=_pattern("--execname", self.execname, re.IGNORECASE),
            frame=_pattern("--frame", self.frame, re.IGNORECASE),
            pid=Number(tuple(map(str, self.pids))) if self.pids else None,
            tid=Number(tuple(map(str, self.tids))) if self.tids else None,
            edits=edits,
        )
        rules = load_rules(self.rules_file)
        since, until = (
            None if text is None else read_bound(text) for text in (self.since, self.until)
        )
        if self.tids:
            ids = "tid"
        elif self.pids:
            ids = ids or "pid"
        read = replace(self.read_options(), ids=ids)
        if since or until:
            read = replace(read, window=Window(since, until))
        return Settings(read, rules, filters)

    def _check_reading(self) -> None:
        """Refuse options that say how texts are read: a store has no texts.

        Raises:
            UsageError: one was given.
        """
        for name in NOT_FOR_STORES:
            if getattr(self, name):
                flag = f"--{name.replace('_', '-')}"
                raise UsageError(
                    f"{flag} and --store: a store has what was read already",
                    f"pvprof store add STORE REC... {flag}",
                )

    def load(
        self,
        adapt: Callable[[Dataset], Dataset] | None = None,
        recordings: Sequence[str] | None = None,
        edits: StackEdits = NO_EDITS,
        ids: Literal["", "pid", "tid"] = "",
    ) -> Classified:
        """Return the data of the recordings, classified.

        Args:
            adapt: applied to the dataset before it is classified.
            recordings: read only these, and let the filters match nothing; None for all that the
                user named.
            edits: of stacks.
            ids: the ids that folded stacks show.

        Raises:
            PvprofError: as `settings`, or a recording cannot be read.
            InputError: the user's filters match nothing.
        """
        settings = self.settings(edits, ids)
        if self.stored:
            dataset = self.stored.load(settings.read)
        else:
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


def _unit(name: str | None) -> tuple[Unit | None, int]:
    """Return the unit of values that ``--unit`` gives, and how many of it each of them is."""
    if name is None:
        return None, 1
    known = named_unit(name)
    if known is None:
        raise UsageError(f"--unit {name!r}: no name of a unit", "ns, us, ms, s, bytes, cycles, ...")
    return known


def _is_own_process() -> bool:
    """Tell whether this process may be bounded: in a test or a notebook it does other work, too."""
    context = click.get_current_context(silent=True)
    return context is not None and context.obj == OWN_PROCESS


def _factor(text: str | None) -> Fraction | None:
    factor = None if text is None else read_factor(text)
    if text is not None and factor is None:
        raise UsageError(f"--factor {text!r}: no number above 0", "1000, 0.5, 1e-3, 1/99, ...")
    return factor


def _pattern(name: str, text: str | None, flags: int = 0) -> UserPattern | None:
    if text is None:
        return None
    from pvprof.classify.user_patterns import PatternError, read_pattern  # noqa: PLC0415

    try:
        return read_pattern(text, flags)
    except PatternError as error:
        raise UsageError(f"{name}: {error}") from error
