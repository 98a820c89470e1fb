"""Options that several commands share, and how they become the values that stages take."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from pvprof.classify.classified import Classified
from pvprof.classify.filters import Filters
from pvprof.classify.rules import Rules
from pvprof.classify.rules_file import load_rules
from pvprof.cli.progress import Progress
from pvprof.collect.options import ProgramOptions
from pvprof.dataset.dataset import Dataset
from pvprof.dataset.load import load_dataset
from pvprof.dataset.wall_clock import on_and_off
from pvprof.errors import InputError, UsageError
from pvprof.model.problems import Problem, merge_problems
from pvprof.parse.layouts import LAYOUTS
from pvprof.parse.read import ReadOptions
from pvprof.parse.text.symbols import load_symbols
from pvprof.parse.window import Window, read_bound
from pvprof.units import UNITS, Unit, count_stacks

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _compose(*options: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


read_options = _compose(
    click.option(
        "--input-format",
        type=click.Choice(list(LAYOUTS)),
        help="Layout of the text, where it is not recognised.",
    ),
    click.option("--profile", metavar="REGEX", help="Read these profiles of a speedscope file."),
    click.option("--unit", type=click.Choice(UNITS), help="What single values are."),
    click.option(
        "--symbols",
        metavar="[MODULE=]FILE",
        multiple=True,
        help="nm -n output of the kernel (or a module) for naming hex frames; gzip or plain.",
    ),
    click.option(
        "--kldstat",
        metavar="FILE",
        type=click.Path(dir_okay=False),
        help="kldstat output of the target, for addresses in modules.",
    ),
    click.option("--offsets", is_flag=True, help="Keep +0x1f at the end of frames."),
    click.option(
        "-j", "--jobs", type=click.IntRange(0), default=0, help="Processes; 0: all cores."
    ),
    click.option("-q", "--quiet", is_flag=True, help="No notes on stderr."),
)

input_options = _compose(
    click.argument("recordings", metavar="REC...", nargs=-1, required=True),
    read_options,
    click.option(
        "--from",
        "since",
        metavar="TIME",
        help="Keep single waits from then on: seconds from the beginning of the recording (12.5,"
        " 300ms; -5: from its end), or a time (10:00:00 or 2026-11-22T10:00:00, UTC).",
    ),
    click.option("--to", "until", metavar="TIME", help="Keep single waits until then."),
)

filter_options = _compose(
    click.option(
        "-k",
        "--kind",
        "kinds",
        metavar="KIND",
        multiple=True,
        help="Keep waits of this kind (repeatable; 'all' for every one).",
    ),
    click.option("--class", "lock_class", metavar="REGEX", help="Keep these lock classes."),
    click.option("--name", metavar="REGEX", help="Keep these lock names or wait messages."),
    click.option("--execname", metavar="REGEX", help="Keep these processes."),
    click.option("--frame", metavar="REGEX", help="Keep stacks with a frame that matches."),
    click.option(
        "--rules",
        "rules_file",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="TOML file of lock classes and wait kinds (docs/rules.md).",
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """How recordings are read, sorted and filtered."""

    read: ReadOptions
    rules: Rules
    filters: Filters


def load_inputs(options: dict[str, Any], default_kinds: tuple[str, ...] = ()) -> Classified:
    """Read what the options name; takes them out of `options` and leaves the command's own.

    Raises:
        PvprofError: whatever reading raises; UsageError for a bad regular expression.
    """
    settings = take_settings(options, default_kinds)
    recordings: Sequence[str] = options.pop("recordings")
    with Progress(recordings, options["quiet"]) as progress:
        dataset = load_dataset(recordings, replace(settings.read, progress=progress))
    if options.pop("wall_clock", False):
        dataset = on_and_off(dataset, options["rate"], ProgramOptions().rate_hz)
    return Classified.of(dataset, settings.rules, settings.filters)


def take_settings(options: dict[str, Any], default_kinds: tuple[str, ...] = ()) -> Settings:
    """Take the options of reading and filtering out of `options`; read no recording yet.

    Raises:
        PvprofError: a file that they name cannot be read; UsageError for a bad regular expression.
    """
    filters = Filters(
        kinds=tuple(options.pop("kinds")) or default_kinds,
        lock_class=_pattern("--class", options.pop("lock_class")),
        name=_pattern("--name", options.pop("name")),
        execname=_pattern("--execname", options.pop("execname")),
        frame=_pattern("--frame", options.pop("frame")),
    )
    rules = load_rules(options.pop("rules_file"))
    since, until = (
        read_bound(text) if (text := options.pop(name)) is not None else None
        for name in ("since", "until")
    )
    read_options = take_read_options(options)
    if since or until:
        read_options = replace(read_options, window=Window(since, until))
    return Settings(read_options, rules, filters)


def take_read_options(options: dict[str, Any]) -> ReadOptions:
    """Take the options of reading out of `options`.

    Raises:
        PvprofError: a file that they name cannot be read; UsageError for a bad regular expression.
    """
    kldstat = options.pop("kldstat")
    text = _read_text(kldstat) if kldstat else ""
    return ReadOptions(
        layout=options.pop("input_format") or "",
        unit=options.pop("unit"),
        profile=_pattern("--profile", options.pop("profile")),
        keep_offsets=options.pop("offsets"),
        symbols=load_symbols(options.pop("symbols"), text),
        jobs=options.pop("jobs"),
    )


def say_problems(pool: Dataset, is_quiet: bool) -> None:
    """Print what was lost or doubtful on stderr, for results that cannot hold it themselves."""
    say(pool.problems, is_quiet)


def say(problems: Sequence[Problem], is_quiet: bool) -> None:
    """Print problems on stderr: losses and warnings always, notes unless `is_quiet`."""
    for one in merge_problems(problems):
        if one.severity == "note" and is_quiet:
            continue
        times = f"{one.count:,} x " if one.count > 1 else ""
        place = f"{one.place}: " if one.place else ""
        click.echo(f"pvprof: {one.severity}: {place}{times}{one.text}", err=True)


def say_others(pool: Dataset, unit: Unit) -> None:
    """Say on stderr that a recording also measured something else than `unit`."""
    others = [one.profile for one in pool.measurements if one.profile.unit != unit]
    for one in others:
        amount = f"{one.total:,} {one.unit} in {count_stacks(len(one))}"
        click.echo(f"pvprof: note: left out: {amount}; --measure {one.unit} takes them", err=True)


def _read_text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def _pattern(option: str, text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        return re.compile(text)
    except re.error as error:
        raise UsageError(f"{option}: bad regular expression {text!r}: {error}") from error
