"""The public format of a store, version 1: which tables it has, and the meaning of each column.

Owns names, types and meanings; ``docs/store.md`` shows them. It refuses to know files (`folder`)
and values (`encode`, `decode`).

A group is a directory of these tables, of whole recordings. Groups never change::

    samples   recording_id  key_id  stack_id  value  count      one row for each recording,
                  |            |        |                       key and stack
                  v            v        v
              recordings     keys    stacks

Schema history: 1, the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pvprof.errors import UsageError

if TYPE_CHECKING:
    import pyarrow

VERSION = 1
FORMAT = "pvprof store"

NEEDS = "pip install 'pvprof[store]'"

Kind = Literal["text", "integer", "number", "flag", "address", "problems", "parts", "buckets"]


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """One column of a table.

    Attributes:
        name, kind: a null stands for what is unknown.
        about: its meaning, for the document.
    """

    name: str
    kind: Kind
    about: str


_RECORDING = StoredColumn("recording_id", "integer", "the recording")
_KEY = StoredColumn("key_id", "integer", "what was measured; see keys")
_STACK = StoredColumn("stack_id", "integer", "the stack; see stacks")
_KEY_TEXTS = (
    StoredColumn("mechanism", "text", "how a thread waited or ran: turnstile, sleepq, on-cpu, ..."),
    StoredColumn("name", "text", "the lock name or wait message, as recorded"),
    StoredColumn("execname", "text", "the process that waited or ran"),
    StoredColumn("sleeper", "text", "of wakeup: the process that was woken"),
    StoredColumn("recorded_class", "text", "the lock's class as the kernel names it"),
)

RECORDINGS = (
    StoredColumn("recording_id", "integer", "the first 64 bits of identity"),
    StoredColumn("identity", "text", "SHA-256 of all that the recording consists of"),
    StoredColumn("digest", "text", "SHA-256 of the tracer's output"),
    StoredColumn("name", "text", "a short name"),
    StoredColumn("day", "text", "when it began, in UTC: 2026-11-27; unknown"),
    StoredColumn(
        "mode", "text", "offcpu, events, locks, ..., or the layout of another tool's output"
    ),
    StoredColumn("host", "text", "the machine that was recorded"),
    StoredColumn("model", "text", "its machine model"),
    StoredColumn("ncpu", "integer", "its number of CPUs"),
    StoredColumn("memory_bytes", "integer", "the size of its memory"),
    StoredColumn("system", "text", "FreeBSD, Linux"),
    StoredColumn("kernel", "text", "ident, release and version of the kernel, each once"),
    StoredColumn("ident", "text", "the kernel's ident: GENERIC"),
    StoredColumn("release", "text", "uname -r"),
    StoredColumn("version", "text", "uname -v"),
    StoredColumn("commit", "text", "the source that ran: as stated when added, else from version"),
    StoredColumn("label", "text", "the side of a comparison: stock, patched"),
    StoredColumn("workload", "text", "the command line"),
    StoredColumn("program", "text", "the tracing program"),
    StoredColumn("tracer", "text", "dtrace, bpftrace"),
    StoredColumn("scope", "text", "tree, system"),
    StoredColumn("run", "integer", "the number of the run, from 1"),
    StoredColumn("warmup", "flag", "the run is to be set aside"),
    StoredColumn("begin_ns", "integer", "when tracing began, ns since 1970"),
    StoredColumn("duration_ns", "integer", "how long it was traced"),
    StoredColumn("real_s", "number", "times of the workload"),
    StoredColumn("user_s", "number", ""),
    StoredColumn("sys_s", "number", ""),
    StoredColumn("exit_status", "text", "how the workload ended"),
    StoredColumn("drops", "integer", "records that the tracer dropped"),
    StoredColumn("skipped", "integer", "events that the kernel kept from the program"),
    StoredColumn("complete", "flag", "false: the recorder did not finish"),
    StoredColumn("losses", "integer", "problems that are losses"),
    StoredColumn("records", "integer", "records that were read"),
    StoredColumn("layout", "text", "the layout of the output"),
    StoredColumn("rules", "text", "hash of the rules that gave kind and lock_class"),
    StoredColumn("added_ns", "integer", "when it was added, ns since 1970"),
    StoredColumn("manifest", "text", "manifest.json; empty if there was none"),
    StoredColumn("script", "text", "the program that ran"),
    StoredColumn("problems", "problems", "what was lost or doubtful"),
    StoredColumn("parts", "parts", "one for each mode: what was measured, its begin and end"),
)
KEYS = (
    _KEY,
    StoredColumn("mode", "text", "in which it was measured"),
    StoredColumn("unit", "text", "of the value: ns, samples, events, bytes, ..."),
    StoredColumn("role", "text", "sum, single, open, waker, thread, histogram or hold; see below"),
    StoredColumn("counted", "flag", "whether counts were recorded"),
    *_KEY_TEXTS,
)
STACKS = (
    StoredColumn("stack_id", "integer", "64 bits of BLAKE2b of stack"),
    StoredColumn("stack", "text", "frames root first, joined by ;"),
)
SAMPLES = (
    _RECORDING,
    _KEY,
    _STACK,
    StoredColumn("kind", "text", "the kind of wait, by the rules when it was added"),
    StoredColumn("lock_class", "text", "the lock class, by the same rules"),
    StoredColumn("value", "integer", "in the key's unit"),
    StoredColumn("count", "integer", "how often it happened; 0 if counts were not recorded"),
    StoredColumn("records", "integer", "records that were added up"),
)
HISTOGRAMS = (
    _RECORDING,
    _KEY,
    _STACK,
    StoredColumn("buckets", "buckets", "lower bound in ns, and count"),
)
HOLDS = (
    _RECORDING,
    _KEY,
    StoredColumn("caller", "text", "the code that took the lock"),
    StoredColumn("hold_ns", "integer", "how long it was held, all together"),
    StoredColumn("acquisitions", "integer", "how often it was taken"),
    StoredColumn("max_hold_ns", "integer", "the longest time"),
)
WAITS = (
    _RECORDING,
    StoredColumn("start_ns", "integer", "on the recording's monotonic clock"),
    StoredColumn("wait_ns", "integer", "how long the wait was"),
    StoredColumn("pid", "integer", "-1 if not recorded"),
    StoredColumn("tid", "integer", "-1 if not recorded"),
    StoredColumn("cpu", "integer", "-1 if not recorded"),
    StoredColumn("owner_tid", "integer", "the thread that held the lock; 0: none known"),
    StoredColumn("object_address", "address", "the lock or wait channel; 0 if unknown"),
    _KEY,
    _STACK,
)
WAKEUPS = (
    _RECORDING,
    StoredColumn("time_ns", "integer", "on the recording's monotonic clock"),
    StoredColumn("sleeper_tid", "integer", "the thread that was woken"),
    StoredColumn("waker_tid", "integer", "the thread that woke it"),
    StoredColumn("cpu", "integer", ""),
    StoredColumn("row", "integer", "the recording's wait that ended, from 0; -1: none"),
    _KEY,
    _STACK,
)
THREADS = (
    _RECORDING,
    StoredColumn("tid", "integer", ""),
    StoredColumn("pid", "integer", ""),
    StoredColumn(
        "parent_tid", "integer", "the thread that created it; 0: of the workload; -1: unknown"
    ),
    StoredColumn("born_ns", "integer", "-1: before the recording began"),
    StoredColumn("died_ns", "integer", "-1: after it ended"),
    _KEY,
)

TABLES: Mapping[str, Sequence[StoredColumn]] = {
    "recordings": RECORDINGS,
    "keys": KEYS,
    "stacks": STACKS,
    "samples": SAMPLES,
    "histograms": HISTOGRAMS,
    "holds": HOLDS,
    "waits": WAITS,
    "wakeups": WAKEUPS,
    "threads": THREADS,
}
"""The tables of a group. The first four are always there, the others only if they have rows."""

ALWAYS = ("recordings", "keys", "stacks", "samples")


def check_installed(*packages: str) -> None:
    """Refuse to go on without the packages of the extra.

    Raises:
        UsageError: one is missing.
    """
    from importlib.util import find_spec  # noqa: PLC0415 (only a store needs it)

    missing = [name for name in packages or ("pyarrow", "duckdb") if find_spec(name) is None]
    if missing:
        raise UsageError(f"a store needs pvprof[store]: {' and '.join(missing)} missing", NEEDS)


def arrow_schema(table: str) -> pyarrow.Schema:
    """Return the schema of a table for pyarrow."""
    import pyarrow as pa  # noqa: PLC0415 (an extra)

    types: dict[Kind, Any] = {
        "text": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "flag": pa.bool_(),
        "address": pa.uint64(),
        "problems": pa.list_(
            pa.struct(
                [
                    ("kind", pa.string()),
                    ("text", pa.string()),
                    ("file", pa.string()),
                    ("line", pa.int64()),
                    ("count", pa.int64()),
                    ("severity", pa.string()),
                ]
            )
        ),
        "parts": pa.list_(
            pa.struct(
                [
                    ("mode", pa.string()),
                    ("units", pa.list_(pa.string())),
                    ("counted", pa.list_(pa.bool_())),
                    ("begin_ns", pa.int64()),
                    ("begin_wall_ns", pa.int64()),
                    ("end_ns", pa.int64()),
                    ("end_wall_ns", pa.int64()),
                    ("has_waits", pa.bool_()),
                    ("has_wakeups", pa.bool_()),
                    ("has_threads", pa.bool_()),
                    ("has_open", pa.bool_()),
                ]
            )
        ),
        "buckets": pa.list_(pa.struct([("bound", pa.int64()), ("count", pa.int64())])),
    }
    return pa.schema([(column.name, types[column.kind]) for column in TABLES[table]])
