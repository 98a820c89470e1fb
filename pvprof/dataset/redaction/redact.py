"""Take the private texts out of a recording and of what was read from it.

Owns where texts are: in keys, stacks, tables, problems and manifests. All that a result is made of
passes here, and of a manifest only the facts that are named here stay. Weights stay as they are;
those of stacks that become equal are added up, so every total stays the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from pvprof.dataset.redaction.private_texts import PrivateTexts
from pvprof.model.problems import Problem
from pvprof.model.profile import Key, Profile, Weight
from pvprof.model.wakeup_sums import WakeupKey, WakeupSums, add_wakeup_sums
from pvprof.parse.result import ParseResult
from pvprof.recording.layout import Recording
from pvprof.recording.manifest import Manifest

if TYPE_CHECKING:
    from pvprof.model.threads import ThreadTable
    from pvprof.model.waits import WaitTable, WakeupTable

    _Table = TypeVar("_Table", WaitTable, WakeupTable, ThreadTable)

_Part = TypeVar("_Part")

_SENTENCES = ("incomplete_reason", "notes")
KEPT_FACTS = (
    *("schema", "pvprof", "mode", "program", "run", "warmup", "scope", "tracer", "tracer_version"),
    *("label", "model", "ncpu", "domains", "memory_bytes", "timecounter", "begin", "end"),
    *("duration_ns", "real_s", "user_s", "sys_s", "exit_status", "exit_signal", "tracer_status"),
    *("drops", "skipped", "end_marker", "complete", "options", "kernel", "ident"),
    *("layout", "unit", "factor", "weight", "imported_by", *_SENTENCES),
)
"""The facts of a manifest that stay, without the private texts in them."""


class Redactor:
    """Takes the private texts out of all recordings of one command, alike in all of them.

    Args:
        with_processes: whether the names of processes are private, too.
    """

    def __init__(self, with_processes: bool = False) -> None:
        self._texts = PrivateTexts(with_processes)
        self._objects: dict[int, int] = {0: 0}

    def __call__(self, recording: Recording, parsed: ParseResult) -> tuple[Recording, ParseResult]:
        """Return a recording and what was read from it, without private texts."""
        processes = sorted(set(_processes(parsed)))
        for manifest in (recording.manifest, *(known for _, known in parsed.recordings)):
            self._texts.learn(manifest, processes)
        name = self._texts.numbered("recording", recording.path or recording.name)
        redacted = Recording(
            path=name,
            name=name,
            data=recording.data,
            script=recording.script,
            manifest=self._manifest(recording.manifest),
        )
        return redacted, self._result(parsed, name)

    def _result(self, parsed: ParseResult, name: str) -> ParseResult:
        texts = self._texts
        return replace(
            parsed,
            further=[self._result(part, name) for part in parsed.further],
            profiles={unit: self._profile(one) for unit, one in parsed.profiles.items()},
            events=_if_any(parsed.events, self._waits),
            wakeups=_if_any(parsed.wakeups, self._table),
            threads=_if_any(parsed.threads, self._table),
            endings=_if_any(parsed.endings, self._endings),
            open_waits=_if_any(parsed.open_waits, self._profile),
            histograms=[
                replace(one, key=self._key(one.key), stack=texts.stack(one.stack))
                for one in parsed.histograms
            ],
            holds=[
                replace(one, key=self._key(one.key), caller=texts.frame(one.caller))
                for one in parsed.holds
            ],
            problems=[self._problem(one, name) for one in parsed.problems],
            hex_frames={texts.frame(frame) for frame in parsed.hex_frames},
            kept_frames={texts.stack(one): count for one, count in parsed.kept_frames.items()},
            recordings=[
                (texts.numbered("recording", f"{name}: {one}"), self._manifest(manifest))
                for one, manifest in parsed.recordings
            ],
        )

    def _key(self, key: Key) -> Key:
        texts = self._texts
        return key._replace(
            name=texts.name(key.name),
            execname=texts.process(key.execname),
            sleeper=texts.process(key.sleeper),
            lock_class=texts.name(key.lock_class),
        )

    def _profile(self, profile: Profile) -> Profile:
        redacted = Profile(profile.unit, profile.has_counts)
        for key, stacks in profile.groups.items():
            shown: dict[Any, Weight] = {}
            for stack, weight in stacks.items():
                other = self._texts.stack(stack)
                shown[other] = weight.plus(shown[other]) if other in shown else weight
            redacted.add_group(self._key(key), shown)
        return redacted

    def _endings(self, endings: WakeupSums) -> WakeupSums:
        redacted: WakeupSums = {}
        texts = self._texts
        for (key, stack, execname, waker), split in endings.items():
            ending = WakeupKey(
                self._key(key), texts.stack(stack), texts.process(execname), texts.stack(waker)
            )
            add_wakeup_sums(redacted, {ending: split})
        return redacted

    def _table(self, table: _Table) -> _Table:
        """Return the table with other keys and stacks, each of them once."""
        import numpy as np  # noqa: PLC0415 (only single waits need it)

        keys: dict[Key, int] = {}
        stacks: dict[Any, int] = {}
        key_ids = [keys.setdefault(self._key(key), len(keys)) for key in table.keys]
        stack_ids = [stacks.setdefault(self._texts.stack(one), len(stacks)) for one in table.stacks]
        new_ids = dict.fromkeys(table.KEY_IDS, key_ids) | dict.fromkeys(table.STACK_IDS, stack_ids)
        columns = {
            column: np.asarray(ids, dtype=np.int64)[getattr(table, column)]
            for column, ids in new_ids.items()
        }
        return replace(table, keys=tuple(keys), stacks=tuple(stacks), **columns)

    def _waits(self, waits: WaitTable) -> WaitTable:
        """Return the table with numbers in place of the addresses of objects."""
        import numpy as np  # noqa: PLC0415 (only single waits need it)

        table = self._table(waits)
        addresses, rows = np.unique(table.object_address, return_inverse=True)
        numbers = [
            self._objects.setdefault(address, len(self._objects)) for address in addresses.tolist()
        ]
        shown = np.asarray(numbers, dtype=np.uint64)[rows.reshape(-1)]
        return replace(table, object_address=shown)

    def _problem(self, problem: Problem, name: str) -> Problem:
        file = name if problem.file else ""
        return replace(problem, text=self._texts.sentence(problem.text), file=file)

    def _manifest(self, manifest: Manifest) -> Manifest:
        if not manifest:
            return manifest
        document = {
            fact: self._fact(fact, value)
            for fact, value in manifest.raw.items()
            if fact in KEPT_FACTS
        }
        if manifest.host:
            document["host"] = self._texts.numbered("host", manifest.host)
        if manifest.workload:
            document["workload"] = self._texts.numbered("command", manifest.workload)
        return Manifest.from_json(document)

    def _fact(self, fact: str, value: object) -> object:
        """Return a fact with its texts read for private ones, whatever it holds."""
        if isinstance(value, Mapping):
            return {
                self._texts.fact(str(part)): self._fact(str(part), one)
                for part, one in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._fact(fact, one) for one in value]
        if not isinstance(value, str) or fact == "label":
            return value
        if fact == "execname":
            return self._texts.process(value)
        return self._texts.sentence(value) if fact in _SENTENCES else self._texts.fact(value)


def _if_any(part: _Part | None, redact: Callable[[_Part], _Part]) -> _Part | None:
    return None if part is None else redact(part)


def _processes(parsed: ParseResult) -> Iterator[str]:
    """Yield the names of the processes in a result."""
    tables = [table for table in (parsed.events, parsed.wakeups, parsed.threads) if table]
    keys = [key for table in tables for key in table.keys]
    for profile in (*parsed.profiles.values(), *filter(None, [parsed.open_waits])):
        keys += profile.groups
    for key in (*keys, *(one.key for one in parsed.histograms)):
        yield from (key.execname, key.sleeper)
    for key, _, execname, _ in parsed.endings or ():
        yield from (key.execname, execname)
    for part in parsed.further:
        yield from _processes(part)
