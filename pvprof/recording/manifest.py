"""The manifest: typed facts about one run. The one owner of the schema of ``manifest.json``.

Recorders of any age, and people, write manifests. So every field tolerates whatever the JSON holds:
a value of another type than expected counts as missing, and so does an integer of more than 64
bits. `Manifest.raw` is the document itself, for those that pass it on unchanged (an HTML report,
``pvprof import``).

Schema history: 1, the first.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pvprof.errors import InputError, first_line, quote
from pvprof.model.stacks import show_controls
from pvprof.recording.limits import load_json

SCHEMA = 1
_MAX_DROP_TEXTS = 6
_DECIMAL = re.compile("-?[0-9]{1,9}")
_MAX_INTEGER = (1 << 63) - 1
"""The largest that any recorder writes; one that is much longer cannot be shown as a time."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """The kernel that ran; every text is empty if unknown, both flags None.

    Attributes:
        system: ``uname -s``.
        text: ident, release and version, each once.
        has_witness, has_lock_profiling: FreeBSD's options that slow down locks.
    """

    system: str = ""
    text: str = ""
    has_witness: bool | None = None
    has_lock_profiling: bool | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """Facts about one run; a text is empty, a number None or 0, if unknown.

    Attributes:
        pvprof: version of the recorder.
        host, model: name and machine model of the target.
        ncpu: number of CPUs of the target.
        memory_bytes: size of its memory.
        mode, program, tracer: names of the mode, its program and the tracer.
        scope: ``tree`` or ``system``.
        options: of the program, those that differ from the defaults; a text if a person wrote
            them, None if unknown.
        label: the side of a comparison, such as ``stock``.
        run: number of the run, from 1.
        is_warmup: the run is to be set aside.
        workload: the command line; empty if no workload was started, None if unknown.
        real_s, user_s, sys_s: times of the workload.
        exit_status, exit_signal: how the workload ended; a text if a person wrote one.
        begin_wall_ns: time of day when tracing began, in ns since 1970.
        duration_ns: length of the trace.
        drops: number of records that the tracer dropped.
        drop_texts: the dropped records by kind, for messages.
        skipped: number of events that the kernel kept from the program.
        is_complete: False if the recorder did not finish; None if unknown.
        incomplete_reason: why it is not complete.
        notes: messages of the recorder.
        layout, unit, factor, weight: of an imported text.
        raw: the JSON document.
    """

    pvprof: str = ""
    host: str = ""
    model: str = ""
    ncpu: int = 0
    memory_bytes: int = 0
    kernel: Kernel = field(default_factory=Kernel)
    mode: str = ""
    program: str = ""
    tracer: str = ""
    scope: str = ""
    options: Mapping[str, object] | str | None = None
    label: str = ""
    run: int | None = None
    is_warmup: bool = False
    workload: str | None = None
    real_s: float | None = None
    user_s: float | None = None
    sys_s: float | None = None
    exit_status: int | str | None = None
    exit_signal: int | str | None = None
    begin_wall_ns: int | None = None
    duration_ns: int = 0
    drops: int = 0
    drop_texts: tuple[str, ...] = ()
    skipped: int = 0
    is_complete: bool | None = None
    incomplete_reason: str = ""
    notes: str = ""
    layout: str = ""
    unit: str = ""
    factor: str = ""
    weight: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)

    def document(self, facts: Mapping[str, object]) -> dict[str, Any]:
        """Return the JSON document of this manifest with these facts; empty ones are left out."""
        known = {name: value for name, value in self.raw.items() if name != "schema"}
        stated = {name: value for name, value in facts.items() if value not in (None, "")}
        return {"schema": SCHEMA, **known, **stated}

    def __bool__(self) -> bool:
        """Tell whether there is a manifest at all."""
        return bool(self.raw)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Manifest:
        """Return the facts of a JSON document; whatever has another type counts as missing.

        A recording may say anything of itself: control characters of its texts are spelled out.
        """
        begin = document.get("begin")
        return cls(
            pvprof=_text(document.get("pvprof")),
            host=_text(document.get("host")),
            model=_text(document.get("model")),
            ncpu=_count(document.get("ncpu")),
            memory_bytes=_count(document.get("memory_bytes")),
            kernel=_kernel(document),
            mode=_text(document.get("mode")),
            program=_text(document.get("program")),
            tracer=_text(document.get("tracer")),
            scope=_text(document.get("scope")),
            options=_options(document.get("options")),
            label=_text(document.get("label")),
            run=as_integer(document.get("run")),
            is_warmup=document.get("warmup") is True,
            workload=_command_line(document.get("workload")),
            real_s=_number(document.get("real_s")),
            user_s=_number(document.get("user_s")),
            sys_s=_number(document.get("sys_s")),
            exit_status=_exit_code(document.get("exit_status")),
            exit_signal=_exit_code(document.get("exit_signal")),
            begin_wall_ns=as_integer(begin.get("wall_ns")) if isinstance(begin, Mapping) else None,
            duration_ns=_count(document.get("duration_ns")),
            drops=_count(document.get("drops")),
            drop_texts=_drop_texts(document.get("drops")),
            skipped=_count(document.get("skipped")),
            is_complete=document["complete"] is True if "complete" in document else None,
            incomplete_reason=words(document.get("incomplete_reason")),
            notes=words(document.get("notes")),
            layout=_text(document.get("layout")),
            unit=_text(document.get("unit")),
            factor=_text(document.get("factor")),
            weight=_text(document.get("weight")),
            raw=document,
        )


def read_manifest(text: str, source: str) -> Manifest:
    """Return the manifest in the text of a ``manifest.json``; an empty one for an empty text.

    Raises:
        InputError: the text is not a JSON object, or of another schema.
    """
    if not text:
        return Manifest()
    try:
        document = load_json(text)
    except ValueError as error:
        raise InputError(f"{source}: manifest.json is damaged: {first_line(error)}") from error
    if not isinstance(document, dict):
        raise InputError(f"{source}: manifest.json is not a JSON object")
    schema = document.get("schema")
    if schema != SCHEMA:
        raise InputError(
            f"{source}: manifest.json: unknown schema {quote(as_text(schema))}; {SCHEMA} is known",
            "update pvprof",
        )
    return Manifest.from_json(document)


def is_manifest(document: object) -> bool:
    """Tell whether a JSON document may be the manifest of a recording."""
    return isinstance(document, dict) and "schema" in document and "mode" in document


def words(value: object) -> str:
    """Return a JSON value as one line of text, empty for null and booleans."""
    try:
        return _words(value)
    except RecursionError:
        return "values in values, too deep to show"


def _words(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(item)}".strip() for name, item in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(filter(None, map(_words, value)))
    if value is None or isinstance(value, bool):
        return ""
    return show_controls(" ".join(as_text(value).split()))


def as_text(value: object) -> str:
    """Return ``str(value)``, or words in its place for an integer that Python does not print."""
    try:
        return str(value)
    except ValueError:
        return "a huge number"


def as_integer(value: object) -> int | None:
    """Return a JSON value that is an integer of at most 64 bits, else None."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if abs(value) <= _MAX_INTEGER else None


def _text(value: object) -> str:
    is_text = isinstance(value, str | int | float) and not isinstance(value, bool)
    return show_controls(as_text(value).strip()) if is_text else ""


def _exit_code(value: object) -> int | str | None:
    """Return an exit status or a signal: a failure must not get lost because of its type."""
    if not value:
        return as_integer(value)
    if value is True:
        return 1
    text = words(value)
    return int(text) if _DECIMAL.fullmatch(text) else text or None


def _count(value: object) -> int:
    return max(as_integer(value) or 0, 0)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return None if math.isnan(number) else number


def _options(value: object) -> Mapping[str, object] | str | None:
    """Return options: an object in our manifests, a list or a text in hand-made ones."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list | tuple):
        return words(value) if value else {}
    return _text(value) or None


def _command_line(value: object) -> str | None:
    if isinstance(value, list | tuple):
        return show_controls(shlex.join(map(as_text, value)))
    return _text(value) or None


def _kernel(document: Mapping[str, Any]) -> Kernel:
    """Return the kernel: an object in our manifests, a plain text in old and hand-made ones."""
    kernel = document.get("kernel")
    if not isinstance(kernel, Mapping):
        return Kernel(text=", ".join(filter(None, (_text(kernel), _text(document.get("ident"))))))
    texts: list[str] = []
    for name in ("ident", "release", "version"):
        part = words(kernel.get(name))
        if part and not any(part in text for text in texts):
            texts.append(part)
    flags = [kernel.get(name) for name in ("has_witness", "has_lock_profiling")]
    known = [flag if isinstance(flag, bool) else None for flag in flags]
    return Kernel(_text(kernel.get("system")), ", ".join(texts), known[0], known[1])


def _drop_texts(drops: object) -> tuple[str, ...]:
    """Return the dropped records by kind; a plain number has no kinds."""
    if isinstance(drops, Mapping):
        kinds = [(words(name), _count(number)) for name, number in drops.items()]
        kinds = [(name, number) for name, number in kinds if number]
        texts = [f"{name}: {number:,}" for name, number in kinds[:_MAX_DROP_TEXTS]]
        more = len(kinds) - _MAX_DROP_TEXTS
        return (*texts, f"{more} kinds more") if more > 0 else tuple(texts)
    if isinstance(drops, list | tuple):
        return tuple(map(words, drops[:_MAX_DROP_TEXTS]))
    return ()
