r"""Stack edits: how a user may simplify stacks. Weights are not touched, so totals stay the same.

Owns the edits and their order. Some change the stacks of a dataset (`edit_dataset`), and so also
what tables say of callers. The others cut frames off, which rules need to classify a wait: they
change only what is drawn, folded and compared as code (``analysis.stacks.fold``).

    main;f;f;0xffffffff80a1b2c3;g     as recorded
    main;f;f;[unknown];g              addresses: merge
    main;f;f;0x...;g                  addresses: strip
    main;f;[unknown];g                and collapse_recursion
    f;[unknown];g                     and root or skip_after: f
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from pvprof.errors import close_to
from pvprof.model.problems import Problem
from pvprof.model.stacks import WAKER_DELIMITER, Frame, Stack, frames_of, names_of
from pvprof.parse.text.frames import UNKNOWN_FRAME

Addresses = Literal["keep", "merge", "strip"]
ADDRESSES: tuple[Addresses, ...] = get_args(Addresses)

# Without 0x, 10 digits and more: shorter words of a to f are names (`facade`).
_DIGITS = r"(?:0[xX][0-9a-fA-F]{1,16}|(?=[a-fA-F]*[0-9])[0-9a-fA-F]{10,16})"
_ADDRESS = re.compile(rf"(?P<module>[^`]*`)?{_DIGITS}(?P<place> \(.*\))?")
# FlameGraph's collapser of perf, with --addrs: [libc.so.6 <7f1200c3>]
_BRACKETED = re.compile(r"(?P<name>\[[^<]*) <(?:0x)?[0-9a-fA-F]+>\]")
_HEX = re.compile(r"(?<![0-9A-Za-z])0[xX][0-9a-fA-F]+")
_STRIPPED = "0x..."


@dataclass(frozen=True, slots=True)
class NamedFrames:
    """Names of frames, each whole; a module, an annotation and an offset need not be given.

    ``vm_fault`` names ``kernel`vm_fault``, ``vm_fault_[k]`` and ``vm_fault+0x1f``.
    """

    names: tuple[str, ...]

    @property
    def pattern(self) -> str:
        """Return the names, for messages."""
        return " or ".join(self.names)

    def search(self, frame: Frame) -> bool:
        """Tell whether a frame has one of the names."""
        return any(name in self.names for name in names_of(frame))

    def find(self, stack: Stack) -> bool:
        """Tell whether a stack has such a frame, in front of the other thread's frames if any."""
        return _innermost(self, frames_of(stack)) >= 0


@dataclass(frozen=True, slots=True)
class StackEdits:
    """What to do with stacks.

    Attributes:
        addresses: ``merge`` makes the frames without a name one frame for each module; ``strip``
            writes ``0x...`` for each address, also inside of names; ``keep`` changes nothing.
        collapse_recursion: a function that called itself, directly, is one frame.
        root: the innermost of these frames begins a stack; stacks without any are no longer shown.
        skip_after: the same, but other stacks stay as they are.
    """

    addresses: Addresses = "keep"
    collapse_recursion: bool = False
    root: NamedFrames | None = None
    skip_after: NamedFrames | None = None

    @property
    def words(self) -> list[str]:
        """Return the options of the command line that ask for these edits, but for ``--root``.

        That is a filter, too (``classify.filters``).
        """
        words = [] if self.addresses == "keep" else ["--addresses", self.addresses]
        words += ["--collapse-recursion"] if self.collapse_recursion else []
        names = () if self.skip_after is None else self.skip_after.names
        return words + [word for name in names for word in ("--skip-after", name)]


NO_EDITS = StackEdits()

_Change = Callable[[list[Frame]], list[Frame] | None]
"""Returns the frames of a stack, root first, after an edit; None if it has nothing to do."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit.

    Attributes:
        option: of the command line.
        stage: whether it changes what was ``recorded``, or only what is ``shown``.
        change_of: returns what to do with a stack, or None if the user does not ask for it.
        words: returns a description of the stacks that it changes.
        missing: returns what to say if there is no such stack; it is a warning if frames were
            named.
    """

    option: str
    stage: Literal["recorded", "shown"]
    change_of: Callable[[StackEdits], _Change | None]
    words: Callable[[StackEdits], str]
    missing: Callable[[StackEdits], str]


def _addresses(edits: StackEdits) -> _Change | None:
    if edits.addresses == "keep":
        return None
    simplify = _merged if edits.addresses == "merge" else _stripped

    def change(frames: list[Frame]) -> list[Frame] | None:
        simplified = [simplify(frame) for frame in frames]
        return None if simplified == frames else simplified

    return change


def _merged(frame: Frame) -> Frame:
    match = _ADDRESS.fullmatch(frame)
    if match is not None:
        return f"{match['module'] or ''}{UNKNOWN_FRAME}{match['place'] or ''}"
    match = _BRACKETED.fullmatch(frame)
    return f"{match['name']}]" if match else frame


def _stripped(frame: Frame) -> Frame:
    match = _ADDRESS.fullmatch(frame)
    if match is not None:
        return f"{match['module'] or ''}{_STRIPPED}{match['place'] or ''}"
    match = _BRACKETED.fullmatch(frame)
    return f"{match['name']} <{_STRIPPED}>]" if match else _HEX.sub(_STRIPPED, frame)


def _recursion(edits: StackEdits) -> _Change | None:
    if not edits.collapse_recursion:
        return None

    def change(frames: list[Frame]) -> list[Frame] | None:
        pairs = zip(["", *frames], frames, strict=False)
        once = [frame for before, frame in pairs if frame != before]
        return None if len(once) == len(frames) else once

    return change


def _innermost(names: NamedFrames, frames: Sequence[Frame]) -> int:
    """Return the index of the innermost frame with a name, in front of ``--``; -1 if none has."""
    end = frames.index(WAKER_DELIMITER) if WAKER_DELIMITER in frames else len(frames)
    return next((index for index in range(end - 1, -1, -1) if names.search(frames[index])), -1)


def _cut_at(names: NamedFrames | None) -> _Change | None:
    if names is None:
        return None

    def change(frames: list[Frame]) -> list[Frame] | None:
        index = _innermost(names, frames)
        return None if index < 0 else frames[index:]

    return change


def _named(names: NamedFrames | None) -> str:
    return "" if names is None else names.pattern


EDITS: tuple[Edit, ...] = (
    Edit(
        "--addresses",
        "recorded",
        _addresses,
        lambda edits: (
            f"stacks with {'merged' if edits.addresses == 'merge' else 'stripped'} addresses"
            f" (--addresses {edits.addresses})"
        ),
        lambda edits: f"--addresses {edits.addresses}: no stack has an address",
    ),
    Edit(
        "--collapse-recursion",
        "recorded",
        _recursion,
        lambda _: "stacks with recursive calls as one frame (--collapse-recursion)",
        lambda _: "--collapse-recursion: no function calls itself",
    ),
    Edit(
        "--root",
        "shown",
        lambda edits: _cut_at(edits.root),
        lambda edits: f"stacks that begin at {_named(edits.root)}, without callers (--root)",
        lambda edits: f"--root: no stack that is shown has the frame {_named(edits.root)}",
    ),
    Edit(
        "--skip-after",
        "shown",
        lambda edits: _cut_at(edits.skip_after),
        lambda edits: (
            f"stacks that begin at {_named(edits.skip_after)}, without callers (--skip-after)"
        ),
        lambda edits: (
            f"--skip-after: no stack that is shown has the frame {_named(edits.skip_after)}"
        ),
    ),
)
"""All edits, in the order in which they are applied."""


class StackEditor:
    """Applies the edits of one stage, and counts the distinct stacks that each edit changes."""

    def __init__(self, edits: StackEdits, stage: Literal["recorded", "shown"]) -> None:
        prepared = [(edit.option, edit.change_of(edits)) for edit in EDITS if edit.stage == stage]
        self._changes = [(option, change) for option, change in prepared if change is not None]
        self._known: dict[Stack, Stack] = {}
        self.counts: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self._changes)

    def __call__(self, stack: Stack) -> Stack:
        """Return the stack after all edits."""
        known = self._known.get(stack)
        if known is not None:
            return known
        frames = frames_of(stack)
        for option, change in self._changes:
            changed = change(frames)
            if changed is not None:
                frames = changed
                self.counts[option] += 1
        edited = self._known[stack] = Stack(";".join(frames))
        return edited


def edit_notes(
    edits: StackEdits, counts: Mapping[str, int], stacks: Iterable[Stack]
) -> Iterator[Problem]:
    """Yield what the edits did, and a warning for each that found nothing to do.

    Args:
        edits: what was asked for.
        counts: by option the number of stacks that it changed.
        stacks: all stacks, for the names that a misspelt one is close to.
    """
    for edit in EDITS:
        if edit.change_of(edits) is None:
            continue
        count = counts.get(edit.option, 0)
        if count:
            yield Problem("edited-stacks", edit.words(edits), count=count, severity="note")
            continue
        names = {"--root": edits.root, "--skip-after": edits.skip_after}.get(edit.option)
        hint = _close_to(names, stacks) if names is not None else ""
        text = f"{edit.missing(edits)}{hint and f'; {hint}'}"
        yield Problem("edited-stacks", text, severity="warning" if names else "note")


def _close_to(names: NamedFrames, stacks: Iterable[Stack]) -> str:
    known = {frame.partition("`")[2] or frame for stack in stacks for frame in frames_of(stack)}
    wanted = names.names[0]
    return "" if wanted in known else close_to(wanted, sorted(known))
