"""Entry point of the parsers: detect the layout, run its reader, return a `ParseResult`.

Owns what is the same for all layouts: completing the options by the recording's facts, messages on
stderr, notes on hex frames. It refuses to open files (``recording`` does) and to interpret results.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

from pvprof.errors import EmptyError, InputError, UsageError
from pvprof.model.problems import Problem
from pvprof.model.profile import StackTable
from pvprof.model.stacks import DELIMITER, Frame
from pvprof.parse.detect import Recognition, recognise
from pvprof.parse.intervals.choose import choose
from pvprof.parse.layout import Layout
from pvprof.parse.layouts import LAYOUTS, layout_named
from pvprof.parse.native.header import find_header
from pvprof.parse.parallel import Buffer, release_pages
from pvprof.parse.recognition.sample import SAMPLE_BYTES
from pvprof.parse.result import ParseResult
from pvprof.parse.source import NEEDS_IDS, WEIGHTS, ReadOptions, TextSource
from pvprof.parse.text.deep_stacks import shorten_deep_stacks
from pvprof.parse.text.frames import is_kernel_frame
from pvprof.parse.text.scale import Rounding, read_factor, scale_histogram, scale_profile
from pvprof.parse.text.symbol_fit import foreign_symbols
from pvprof.parse.text.symbols import parse_kldstat, parse_nm
from pvprof.recording.layout import Recording
from pvprof.recording.limits import check_lines
from pvprof.recording.manifest import Manifest
from pvprof.recording.packing import unpack_companion
from pvprof.units import named_unit

__all__ = ["ReadOptions", "read", "read_recording"]

_OF_LINES = (
    "lost-stacks",
    "foreign",
    "bad-line",
    "other-maps",
    "damaged",
    "cut-off",
    "stray-lines",
    "banner",
)
"""Kinds of problems with lines that a reader leaves out."""

_MAX_BESIDE = 6  # lines of a record that is counted once: one without a head, or an end
_SCAN_BYTES = 1 << 20  # the pages of a step count as memory of this process until the next step

_BOTH = f";{DELIMITER};"
"""Between the frames of a program and of the kernel."""

_NAMED = "--input-format names it, or the recording does"


def read_recording(recording: Recording, options: ReadOptions) -> ParseResult:
    """Read an opened recording: its output, and the tracer's messages on stderr.

    Symbols come from the recording, unless `options` has any.

    Raises:
        InputError: there is no record in it.
    """
    options, problems = _with_symbols(options, recording)
    options = _with_facts(options, recording.manifest)
    try:
        layout, parsed = _read(recording.data, recording.name, options)
    except InputError as error:
        raise type(error)(f"{recording.path}: {error.message}", error.hint) from error
    if options.window is not None:
        from pvprof.parse.cut import cut  # noqa: PLC0415 (imports numpy: 0.2 s)

        parsed = cut(parsed, options.window, recording.name, recording.manifest.mode)
    if options.ids:
        problems = (*problems, *put_ids(parsed, options.ids, recording.name))
    mechanism = layout.mechanism_of(recording.script)
    if mechanism:
        _name_mechanism(parsed, mechanism)
    if recording.manifest.mode not in ("", layout.name):  # an import names the layout
        parsed.mode = recording.manifest.mode
    messages = layout.read_stderr(recording.stderr.splitlines(), f"{recording.name} (stderr)")
    parsed.problems.extend((*recording.problems, *problems, *messages))
    kernel = options.symbols.tables.get("kernel")
    if kernel is not None:
        parsed.problems.extend(foreign_symbols(recording.data, kernel, recording.name))
    parsed.problems.extend(_hex_notes(parsed, recording.name, has_symbols=kernel is not None))
    return parsed


def put_ids(parsed: ParseResult, ids: Literal["pid", "tid"], source: str) -> Iterator[Problem]:
    """Put the ids of processes or threads into keys; yield a problem if they are not known."""
    if parsed.events is not None:
        parsed.events = parsed.events.with_ids(ids)
    parts = (parsed, *parsed.further)
    keys = [key for part in parts for one in part.profiles.values() for key in one.groups]
    keys += parsed.events.keys if parsed.events is not None else ()
    if keys and all(key.pid < 0 and (ids == "pid" or key.tid < 0) for key in keys):
        noun = "processes" if ids == "pid" else "threads"
        yield Problem("without-ids", f"ids of {noun} were not recorded: {NEEDS_IDS}", source)


def _with_symbols(
    options: ReadOptions, recording: Recording
) -> tuple[ReadOptions, tuple[Problem, ...]]:
    """Return the options, completed by the recording's symbols, and a problem if they are bad."""
    symbols = options.symbols
    problems: tuple[Problem, ...] = ()
    if "kernel" not in symbols.tables and recording.symbols:
        try:
            kernel = {"kernel": parse_nm(recording.symbols, recording.path)}
        except InputError as error:  # no reason to refuse the recording itself
            problems = (Problem("unreadable-companion", error.message, recording.name),)
        else:
            symbols = replace(symbols, tables={**kernel, **symbols.tables})
    if not symbols.modules and recording.kldstat:
        symbols = replace(symbols, modules=parse_kldstat(recording.kldstat))
    options, doubts = _with_user_code(replace(options, symbols=symbols), recording)
    return options, (*problems, *doubts)


def _with_user_code(
    options: ReadOptions, recording: Recording
) -> tuple[ReadOptions, tuple[Problem, ...]]:
    """Return the options with the code of the recording's processes, and problems with it."""
    if options.user_code is not None or not recording.user_maps:
        return options, ()
    from pvprof.parse.text.user_code import read_user_code  # noqa: PLC0415 (if there are maps)

    try:
        (maps, is_cut), (names, _) = (
            unpack_companion(member, recording.name)
            for member in (recording.user_maps, recording.user_symbols)
        )
    except InputError as error:  # no reason to refuse the recording itself
        return options, (Problem("unreadable-companion", error.message, recording.name),)
    text = "the memory maps end early: programs of the rest have no names"
    doubts = (Problem("unreadable-companion", text, recording.name),) if is_cut else ()
    return replace(options, user_code=read_user_code(maps, names)), doubts


def _with_facts(options: ReadOptions, manifest: Manifest) -> ReadOptions:
    """Return the options, completed by those that were given to ``pvprof import``."""
    if not options.layout and manifest.layout in LAYOUTS:
        options = replace(options, layout=manifest.layout)
    unit = named_unit(manifest.unit)
    if options.unit is None and unit is not None:
        options = replace(options, unit=unit[0], unit_size=unit[1])
    if options.factor is None:
        options = replace(options, factor=read_factor(manifest.factor))
    if not options.weight and manifest.weight in WEIGHTS:
        options = replace(options, weight=manifest.weight)
    return options


def _hex_notes(parsed: ParseResult, source: str, has_symbols: bool) -> Iterator[Problem]:
    """Yield notes on frames that stayed hex, the kernel's and programs', if there are any."""
    kernel = len(_kernel_hex_frames(parsed))
    notes = {
        "hex-frames": (
            kernel,
            "kernel addresses that the symbols do not name: those of modules need --kldstat and"
            " --symbols MODULE=FILE"
            if has_symbols
            else "kernel addresses without a name: give --symbols, from nm -n of that kernel",
        ),
        "hex-user-frames": (
            len(parsed.hex_frames) - kernel,
            "addresses in programs without a name: no symbols, or the program had ended by the time"
            " they were looked up",
        ),
    }
    for kind, (count, text) in notes.items():
        if count:
            yield Problem(kind, text, source, count=count, severity="note")


def _kernel_hex_frames(parsed: ParseResult) -> set[Frame]:
    """Return the frames that stayed hex and are the kernel's.

    A damaged user stack holds any address, so what only user parts of stacks have is a program's.
    """
    kernel_like = {frame for frame in parsed.hex_frames if is_kernel_frame(frame)}
    if not kernel_like:
        return kernel_like
    of_programs: set[Frame] = set()
    for is_user, stack in _stacks_of(parsed):
        if is_user:
            of_programs.update(stack.split(";"))
        elif _BOTH in stack:
            of_programs.update(stack.rpartition(_BOTH)[0].split(";"))
    doubtful = kernel_like & of_programs
    if not doubtful:  # nearly always
        return kernel_like
    of_kernel: set[Frame] = set()
    for is_user, stack in _stacks_of(parsed):
        if not is_user:
            of_kernel.update(stack.rpartition(_BOTH)[2].split(";"))
    return kernel_like - (doubtful - of_kernel)


def _stacks_of(parsed: ParseResult) -> Iterator[tuple[bool, str]]:
    """Yield each stack, after whether all of it is a program's; of a table all frames as one."""
    for profile in parsed.profiles.values():
        for key, stacks in profile.groups.items():
            texts: Iterable[str] = stacks
            if isinstance(stacks, StackTable) and DELIMITER not in stacks.names:
                texts = [";".join(stacks.names)]
            for text in texts:
                yield key.mechanism == "user", text
    if parsed.events is not None:
        for stack in parsed.events.stacks:
            yield False, stack
    for part in parsed.further:
        yield from _stacks_of(part)


def _name_mechanism(parsed: ParseResult, mechanism: str) -> None:
    """Set the mechanism of keys that have none."""
    for profile in parsed.profiles.values():
        profile.groups = {
            key if key.mechanism else key._replace(mechanism=mechanism): stacks
            for key, stacks in profile.groups.items()
        }
    parsed.histograms = [
        histogram
        if histogram.key.mechanism
        else replace(histogram, key=histogram.key._replace(mechanism=mechanism))
        for histogram in parsed.histograms
    ]


def read(data: Buffer, source: str, options: ReadOptions) -> ParseResult:
    """Read a whole text.

    Args:
        data: the text, not compressed.
        source: its name, for problems.
        options: how to read it.

    Raises:
        EmptyError: there is nothing but blanks in it.
        InputError: there is no record in it and it does not state that it is complete, or it has
            none of the layouts.
        UsageError: the layout or another option does not fit the text.
    """
    return _read(data, source, options)[1]


def _read(data: Buffer, name: str, options: ReadOptions) -> tuple[Layout, ParseResult]:
    chosen = layout_named(options.layout) if options.layout else None
    if len(data) <= SAMPLE_BYTES and not bytes(data).strip():
        raise EmptyError("the file is empty")
    if _has_crlf(data) and not _is_binary(data, chosen):
        data = bytes(data).replace(b"\r\n", b"\n")
    recognition = recognise(data) if chosen is None else Recognition(chosen, _NAMED)
    layout = recognition.layout
    if options.explain is not None:
        options.explain(f"{name}: read as {layout.name}: {recognition.why}")
    _check_options(options, layout, name)
    if not layout.has_documents:
        check_lines(data, options.limits.line_bytes, name)
    source, parsed = _read_window(layout, data, name, options)
    shorten_deep_stacks(parsed, name)
    if not layout.has_fractions:
        _scale(parsed, name, options)
    parsed.problems.extend(_untold(recognition, parsed, name))
    if not layout.is_binary:
        parsed.problems.extend(_holes(source))
    parsed.layout = parsed.layout or layout.name
    parsed.mode = parsed.mode or layout.mode
    if not parsed.records and not layout.is_complete(parsed):
        from pvprof.parse.recognition.other_files import what_else  # noqa: PLC0415 (an error)

        other = None if chosen else what_else(bytes(data[:SAMPLE_BYTES]))
        if other is not None:
            raise other.refusal()
        hint = f"read as {layout.name}; --input-format NAME overrides that"
        raise InputError(_why_empty(parsed.problems), hint)
    return layout, parsed


def _read_window(
    layout: Layout, data: Buffer, name: str, options: ReadOptions
) -> tuple[TextSource, ParseResult]:
    """Return the text that is read, and its result; of intervals only those inside the window."""
    part = None
    if options.window is not None and layout.has_intervals:
        part = choose(data, options.window, name)
    source = TextSource(data if part is None else part.text, name, options)
    parsed = layout.read(source)
    if part is not None:
        part.note_in(parsed)
    return source, parsed


def _check_options(options: ReadOptions, layout: Layout, name: str) -> None:
    """Check that the options fit a layout.

    Raises:
        UsageError: one does not.
    """
    if options.profile is not None and not layout.has_profiles:
        reason = (
            "only files of speedscope and pprof have profiles, and what bpftrace prints has maps"
        )
        raise UsageError(f"--profile: {reason}; {name} is {layout.name}")
    if options.weight and not layout.has_weights:
        reason = "only perf script prints what several kinds of weight need"
        raise UsageError(f"--weight: {reason}; {name} is {layout.name}")
    given = [("--unit", options.unit), ("--factor", options.factor)]
    for option, value in given if layout.states_units else ():
        if value is not None:
            raise UsageError(f"{option}: {layout.states_units} states the units of its data")


def _scale(parsed: ParseResult, name: str, options: ReadOptions) -> None:
    """Multiply the values of a text by the size of the unit, and by the factor."""
    for part in (parsed, *parsed.further):
        for (unit, _), profile in part.profiles.items():
            multiplier = options.scale_of(unit)
            if multiplier != 1:
                rounding = Rounding()
                scale_profile(profile, multiplier, rounding)
                parsed.problems.extend(rounding.problems(unit, name))
        multiplier = options.scale_of("ns")
        if multiplier != 1:
            part.histograms = [scale_histogram(one, multiplier) for one in part.histograms]


def _untold(recognition: Recognition, parsed: ParseResult, name: str) -> Iterator[Problem]:
    """Yield a warning if lines mean nothing in the layout, but its reader passed over them."""
    counts = [
        one.count
        for one in parsed.problems
        if one.kind in _OF_LINES or (one.severity == "loss" and one.line)
    ]
    if sum(counts) < recognition.unexplained - (_MAX_BESIDE if counts else 0):
        text = f"lines that are not {recognition.layout.name}'s: skipped, or taken for a part of it"
        count, line = recognition.unexplained, recognition.first_line
        yield Problem("unexplained", text, name, line, count)


def _holes(source: TextSource) -> Iterator[Problem]:
    """Yield a loss if a text has NUL bytes, which no tracer prints."""
    data = source.data
    first = _first_nul(data)
    if first < 0:
        return
    steps = range(0, len(data), _SCAN_BYTES)
    count = sum(bytes(data[at : at + _SCAN_BYTES]).count(b"\0") for at in steps)
    text = "NUL bytes: the file has a hole, as a full or crashed disk leaves it; records are lost"
    yield Problem("hole", text, source.name, source.line_of(first), count, "loss")


def _first_nul(data: Buffer) -> int:
    """Return the offset of the first NUL byte, or -1; keep no page of a mapped file."""
    for start in range(0, len(data), _SCAN_BYTES):
        first: int = data.find(b"\0", start, start + _SCAN_BYTES)
        if first >= 0:
            return first
        release_pages(data, (start, min(start + _SCAN_BYTES, len(data))))
    return -1


def _why_empty(problems: Sequence[Problem]) -> str:
    """Return why a text has no records: its first problem, and the line that it is in."""
    if not problems:
        return "no record in it, header only?"
    text = problems[0].text.removesuffix("; left out")  # all is
    return f"line {problems[0].line}: {text}" if problems[0].line else text


def _is_binary(data: Buffer, chosen: Layout | None) -> bool:
    """Tell whether data are no text, so that no two bytes of them end a line."""
    if chosen is not None:
        return chosen.is_binary
    try:
        return recognise(data).layout.is_binary
    except InputError:
        return False


def _has_crlf(data: Buffer) -> bool:
    """Tell whether lines end in CR LF: ``ssh -t`` does that to a recording."""
    header = find_header(data)
    if header is not None:  # a name may hold any character, so only the header counts
        return header.group().endswith(b"\r")
    return b"\r\n" in data[:4096]
