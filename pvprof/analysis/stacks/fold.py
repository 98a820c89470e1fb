"""Fold weights: one value for each distinct stack.

Owns which frames a folded stack gets besides the recorded ones. It refuses to decide which weights
count (``classify.filters``) and how stacks are written or drawn (``render``).

A folded stack is, root first: the process (for a wake-up, the waker); the recorded frames; and at
the leaf the lock name or wait message. A lockstat mechanism comes below the lock name, so that
spinning and blocking on one lock are two stacks. In the stack of a wake-up, ``--`` separates the
waker's frames from the process that was woken. A user's cuts (``dataset.stack_edits``) take the
process away with the callers, but never the name of what was waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, repeat
from typing import Any, Literal, NamedTuple

from pvprof.dataset.stack_edits import NO_EDITS, StackEditor, StackEdits
from pvprof.model.mechanisms import mechanism_of
from pvprof.model.profile import Key, StackTable, Weight
from pvprof.model.stacks import NO_PROCESS, WAKER_DELIMITER, Frame, Stack, clean_frame
from pvprof.units import Unit


class TableRows(Sequence[tuple[Stack, int]]):
    """The rows of a table of stacks: made when they are first asked for.

    Attributes:
        table: each of its values is at least 1.
    """

    __slots__ = ("_rows", "table")

    def __init__(self, table: StackTable) -> None:
        self.table = table
        self._rows: tuple[tuple[Stack, int], ...] = ()

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[tuple[Stack, int]]:
        return iter(self[:])

    def __getitem__(self, index: Any) -> Any:
        if len(self._rows) < len(self):
            self._rows = tuple((stack, one.value) for stack, one in self.table.items())
        return self._rows[index]


class CauseOfAll(Mapping[Stack, str]):
    """The cause of each stack of a table that have one cause in common."""

    __slots__ = ("_cause", "_table")

    def __init__(self, table: StackTable, cause: str) -> None:
        self._table = table
        self._cause = cause

    def __getitem__(self, stack: Stack) -> str:
        if stack not in self._table.weights:
            raise KeyError(stack)
        return self._cause

    def __iter__(self) -> Iterator[Stack]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


@dataclass(frozen=True, slots=True)
class Folded:
    """Distinct stacks with their values.

    Attributes:
        rows: (stack, value), each stack once, in any order; every value is at least 1.
        unit: the unit of the values.
        causes: for each stack its lock class or the title of its wait kind; empty if the stacks
            were not classified.
        reasons: the frames that name a lock or a wait, not a function.
        hues: for each cause its position on the circle of hues, if the rules give one.
    """

    rows: Sequence[tuple[Stack, int]]
    unit: Unit
    causes: Mapping[Stack, str] = field(default_factory=dict)
    reasons: frozenset[Frame] = frozenset()
    hues: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Return the sum of all values."""
        if isinstance(self.rows, TableRows):
            return self.rows.table.total.value
        return sum([value for _, value in self.rows])


@dataclass(frozen=True, slots=True)
class FoldOptions:
    """How folded stacks are built.

    Attributes:
        by: where the lock name or wait message goes: at the ``leaf``, at the ``root`` (one subtree
            for each lock), or ``none``.
        execname: put the process at the root, if the recording has it.
        counts: weigh by the number of waits, not by their time.
        chain: the other thread's stack to join each wait's stack with, ``wakers`` or ``owners``
            (``analysis.waits.chains``); empty for none.
        chain_depth: maximum number of other threads in a chain.
        ids: write the process as ``name/PID`` or, with ``tid``, ``name/PID/TID``; ``-`` for an id
            that is not known, but the name alone if none is.
        edits: of stacks; those of the stage ``shown`` are applied here.
    """

    by: Literal["leaf", "root", "none"] = "leaf"
    execname: bool = True
    counts: bool = False
    chain: str = ""
    chain_depth: int = 1
    ids: Literal["", "pid", "tid"] = ""
    edits: StackEdits = NO_EDITS


_VALUE = Weight._fields.index("value")
_COUNT = Weight._fields.index("count")

Group = tuple[Key, Mapping[Stack, Weight]]


def fold(
    groups: Iterable[Group], unit: Unit, options: FoldOptions, causes: Iterable[str] = repeat("")
) -> Folded:
    """Return the folded stacks of all groups. Equal stacks sum; stacks of value 0 are left out.

    Args:
        groups: for each key its stacks; a key may come several times.
        unit: of the weights' values.
        options: how stacks are built.
        causes: for each group its lock class or wait kind, or an empty text. The first cause of
            equal stacks is kept.
    """
    number = _COUNT if options.counts else _VALUE
    stacks_of = StackFolder(options)
    pairs = zip(groups, causes, strict=False)
    first = list(islice(pairs, 2))
    table = stacks_of.unchanged_table(first)
    if table is not None:
        ((_, cause),) = first
        return Folded(TableRows(table), unit, CauseOfAll(table, cause) if cause else {})
    totals: dict[Stack, int] = {}
    cause_of: dict[Stack, str] = {}
    reasons: set[Frame] = set()
    for (key, stacks), cause in chain(first, pairs):
        values = [weight[number] for weight in stacks.values()]
        group_totals: dict[Stack, int] = {}
        folded = stacks_of(key, stacks)
        if stacks_of.keeps_apart:
            group_totals = dict(zip(folded, values, strict=True))
        else:
            for stack, value in zip(folded, values, strict=True):
                group_totals[stack] = group_totals.get(stack, 0) + value
        if cause:
            for stack in group_totals:
                cause_of.setdefault(stack, cause)  # the first cause wins
            reasons.update(map(clean_frame, _reason(key)))
        totals = _added(totals, group_totals)
    if not all(totals.values()):
        totals = {stack: value for stack, value in totals.items() if value}
    rows = tuple(totals.items())
    return Folded(rows, "events" if options.counts else unit, cause_of, frozenset(reasons))


def _added(totals: dict[Stack, int], more: dict[Stack, int]) -> dict[Stack, int]:
    """Return the sums of both; the first may be changed."""
    if not totals:
        return more
    if totals.keys().isdisjoint(more):
        totals.update(more)
        return totals
    for stack, value in more.items():
        totals[stack] = totals.get(stack, 0) + value
    return totals


def _reason(key: Key) -> list[str]:
    """Return the frames that name the lock or the wait."""
    reason = [key.name] if key.name else []
    if key.sleeper:
        reason.append(f"-> {key.sleeper}")
    if mechanism_of(key.mechanism).is_frame:
        reason.append(key.mechanism)
    return reason


class StackFolder:
    """Builds the folded stacks of keys and stacks.

    Attributes:
        keeps_apart: whether different stacks of one key stay different.
    """

    def __init__(self, options: FoldOptions) -> None:
        self._options = options
        self._edit = StackEditor(options.edits, "shown")
        self.keeps_apart = not self._edit

    def unchanged_table(self, groups: Sequence[tuple[Group, str]]) -> StackTable | None:
        """Return the table of the only group, without zeros, if its stacks stay as they are."""
        if len(groups) != 1 or self._edit or self._options.counts:
            return None
        ((key, stacks), _) = groups[0]
        if not isinstance(stacks, StackTable) or any(frames_around(key, self._options)):
            return None
        return stacks if stacks.sums.all() else stacks.select(stacks.sums.nonzero()[0])

    def __call__(self, key: Key, stacks: Iterable[Stack]) -> Iterable[Stack]:
        """Return the folded stack of each stack of a key, in the same order."""
        around = frames_around(key, self._options)
        if self._edit:
            stacks = [self._edit(Stack(f"{around.process}{stack}")) for stack in stacks]
            before, after = around.outer, around.leaf
        else:
            before, after = around.outer + around.process, around.leaf
        return [Stack(f"{before}{stack}{after}") for stack in stacks] if before or after else stacks


class FramesAround(NamedTuple):
    """The frames that a folded stack gets besides the recorded ones, as text, ``;`` included.

    Attributes:
        outer: at the root, what was waited for.
        process: after it, in front of the recorded frames.
        leaf: after the recorded frames.
    """

    outer: str
    process: str
    leaf: str


def frames_around(key: Key, options: FoldOptions) -> FramesAround:
    """Return the frames before and after a key's recorded frames."""
    reason = _reason(key)
    between = [WAKER_DELIMITER] if key.sleeper else []
    return FramesAround(
        outer=_before(reason + between if options.by == "root" else []),
        process=_before(_process(key, options)),
        leaf="".join(
            f";{clean_frame(text)}" for text in (between + reason if options.by == "leaf" else [])
        ),
    )


def _before(texts: Iterable[str]) -> str:
    return "".join(f"{clean_frame(text)};" for text in texts)


def _process(key: Key, options: FoldOptions) -> list[str]:
    wanted = {"": (), "pid": (key.pid,), "tid": (key.pid, key.tid)}[options.ids]
    is_known = max(wanted, default=-1) >= 0
    ids = ["-" if number < 0 else str(number) for number in wanted] if is_known else []
    if not options.execname or not (key.execname or ids):
        return []
    return ["/".join([key.execname or NO_PROCESS, *ids])]
