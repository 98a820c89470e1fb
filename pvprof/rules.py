"""What a lock name or wait message is: its kind of wait and its lock class.

Owns the rules as data, the packaged ones (``rules.toml``) and a user's, and how they are applied
to a key and a stack. It refuses to add anything up: ``attribute`` comes next and does that.
"""

from __future__ import annotations

import re
import tomllib
import warnings
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, NoReturn

from pvprof.errors import PvprofError
from pvprof.model import DELIMITER, Frame, Key, Stack, frames_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

UNCLASSIFIED: Final = "unclassified"
"""The kind of a wait that no rule knows. Every set of rules has it."""

OTHER: Final = "other"
"""The lock class of a wait that no rule puts into a class."""

_DEFAULT_NAME = "rules.toml"
_TOP_KEYS = frozenset({"replace", "machinery", "kind", "rule"})
_KIND_KEYS = frozenset({"id", "title", "set_aside"})
_LIST_KEYS = ("names", "name_patterns", "events", "event_patterns", "frames")
_RULE_KEYS = frozenset({"kind", "class", "first", *_LIST_KEYS})
_KIND_ID = re.compile(r"[a-z][a-z0-9_-]*")
_OFFSET = re.compile(r"\+0x[0-9a-fA-F]+$")


class RulesError(PvprofError):
    """A file of rules cannot be read, or a rule in it cannot be used."""


@dataclass(frozen=True, slots=True)
class WaitKind:
    """One sort of waiting.

    Attributes:
        id: the short fixed name that rules, options and JSON use.
        title: the heading in reports.
        set_aside: whether the default report leaves it out (and lists its total).
    """

    id: str
    title: str
    set_aside: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of one key and stack: the id of a `WaitKind`, and a lock class."""

    kind: str
    lock_class: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: all conditions that it gives must hold.

    Attributes:
        label: says which rule it is, for messages: ``rules.toml: rule 3 (vm object)``.
        kind, lock_class: what it gives, or None.
        first: it is tried before every rule without this mark.
        names: names without trailing blanks; with `name_patterns` one condition.
        events: with `event_patterns` one condition.
        frames: searched in function names.
    """

    label: str
    kind: str | None
    lock_class: str | None
    first: bool = False
    names: frozenset[str] = frozenset()
    name_patterns: tuple[re.Pattern[str], ...] = ()
    events: frozenset[str] = frozenset()
    event_patterns: tuple[re.Pattern[str], ...] = ()
    frames: tuple[re.Pattern[str], ...] = ()

    def may_apply(self, event: str, name: str) -> bool:
        """Tell whether the conditions hold that need no look at the stack."""
        return _one_of(event, self.events, self.event_patterns) and _one_of(
            name.rstrip(), self.names, self.name_patterns
        )


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is left to decide once the event and the name are known.

    `kinds` and `classes` hold (bit of a rule that still needs a frame, or 0; rule) in order, up
    to the first rule that needs none. `verdicts` remembers one verdict for each set of bits.
    """

    kinds: tuple[tuple[int, Rule], ...]
    classes: tuple[tuple[int, Rule], ...]
    bits: int
    verdicts: dict[int, Verdict] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rules:
    """The kinds of waits and the rules, in the order in which they are tried.

    A profile has few distinct events and names, and few distinct frames: what they say is worked
    out once for each and remembered, so that most stacks cost one look-up. `_bits` gives each
    rule (by its place in `rules`) that has frames a bit, so that what a stack's frames say is one
    number. `machinery` matches whole names of functions that wait on behalf of their caller.
    """

    kinds: tuple[WaitKind, ...]
    rules: tuple[Rule, ...]
    machinery: tuple[re.Pattern[str], ...] = ()
    _machinery: dict[Frame, bool] = field(default_factory=dict, repr=False, compare=False)
    _plans: dict[tuple[str, str], _Plan] = field(default_factory=dict, repr=False, compare=False)
    _frame_bits: dict[Frame, int] = field(default_factory=dict, repr=False, compare=False)
    _mute_frames: set[Frame] = field(default_factory=set, repr=False, compare=False)
    _bits: dict[int, int] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        framed = (number for number, rule in enumerate(self.rules) if rule.frames)
        self._bits.update((number, 1 << place) for place, number in enumerate(framed))

    def classify(self, key: Key, stack: Stack) -> Verdict:
        """Return the kind and the lock class of what was measured for this key and stack."""
        plan, bits = self._look_up(key, stack)
        verdict = plan.verdicts.get(bits)
        if verdict is None:
            kind, lock_class = _decide(plan.kinds, bits), _decide(plan.classes, bits)
            verdict = plan.verdicts[bits] = Verdict(
                (kind.kind if kind else None) or UNCLASSIFIED,
                (lock_class.lock_class if lock_class else None) or OTHER,
            )
        return verdict

    def is_machinery(self, frame: Frame) -> bool:
        """Tell whether a frame only waits on behalf of its caller, like ``turnstile_wait``."""
        known = self._machinery.get(frame)
        if known is None:
            function = _function(frame)
            known = any(pattern.fullmatch(function) for pattern in self.machinery)
            self._machinery[frame] = known
        return known

    def explain(self, key: Key, stack: Stack) -> tuple[Rule | None, Rule | None]:
        """Return the rules that decide the kind and the lock class; None where none applies."""
        plan, bits = self._look_up(key, stack)
        return _decide(plan.kinds, bits), _decide(plan.classes, bits)

    def _look_up(self, key: Key, stack: Stack) -> tuple[_Plan, int]:
        plan = self._plans.get((key.event, key.name))
        if plan is None:
            plan = self._plans[key.event, key.name] = self._plan(key.event, key.name)
        if not plan.bits:
            return plan, 0
        frames = frames_of(stack)
        # Most stacks have no frame that any rule looks for: one call that runs in C finds that
        # out, three times as fast as the loop.
        if self._mute_frames.issuperset(frames):
            return plan, 0
        seen = 0
        for frame in _kernel_frames(frames):
            bits = self._frame_bits.get(frame)
            if bits is None:
                bits = self._bits_of(frame)
                self._frame_bits[frame] = bits
                if not bits:
                    self._mute_frames.add(frame)
            seen |= bits
        return plan, seen & plan.bits

    def _plan(self, event: str, name: str) -> _Plan:
        kinds: list[tuple[int, Rule]] = []
        classes: list[tuple[int, Rule]] = []
        for number, rule in enumerate(self.rules):
            if not rule.may_apply(event, name):
                continue
            bit = self._bits.get(number, 0)
            for wanted, given in ((kinds, rule.kind), (classes, rule.lock_class)):
                if given is not None and not (wanted and wanted[-1][0] == 0):
                    wanted.append((bit, rule))
        bits = 0
        for bit, _ in (*kinds, *classes):
            bits |= bit
        return _Plan(tuple(kinds), tuple(classes), bits)

    def _bits_of(self, frame: Frame) -> int:
        function = _function(frame)
        bits = 0
        for number, bit in self._bits.items():
            if any(pattern.search(function) for pattern in self.rules[number].frames):
                bits |= bit
        return bits


def load_rules(path: Path | None = None) -> Rules:
    """Return the packaged rules, extended or replaced by a user's file where one is given.

    Raises:
        RulesError: the file cannot be read, or something in it is wrong.
    """
    from importlib import resources  # noqa: PLC0415 (20 ms to import: only who loads rules pays)

    packaged = resources.files("pvprof").joinpath(_DEFAULT_NAME).read_bytes()
    parts = [_parse(packaged, _DEFAULT_NAME)]
    kinds: dict[str, WaitKind] = {}
    if path is not None:
        user = _parse(_read(path), str(path))
        replaces = _typed(user, "replace", bool, "true or false") or False
        parts = [user] if replaces else [*parts, user]
    for part in parts:
        _add_kinds(kinds, part)
    if UNCLASSIFIED not in kinds:
        kinds[UNCLASSIFIED] = WaitKind(UNCLASSIFIED, "Not classified", False)
    # The user's rules come first; within one file the order of the file holds.
    rules = [rule for part in reversed(parts) for rule in _rules(part, kinds)]
    rules.sort(key=lambda rule: not rule.first)
    machinery = [pattern for part in parts for pattern in _patterns(part, "machinery")]
    return Rules(tuple(kinds.values()), tuple(rules), tuple(machinery))


def _one_of(value: str, exact: frozenset[str], patterns: Iterable[re.Pattern[str]]) -> bool:
    """Tell whether a condition holds; one that gives nothing always does."""
    if value in exact or any(pattern.fullmatch(value) for pattern in patterns):
        return True
    return not exact and not patterns


def _decide(candidates: tuple[tuple[int, Rule], ...], bits: int) -> Rule | None:
    for bit, rule in candidates:
        if bit & bits == bit:
            return rule
    return None


def _kernel_frames(frames: list[Frame]) -> list[Frame]:
    """Leave out user frames, whose names may be anything, where the stack has both."""
    if DELIMITER not in frames:
        return frames
    return frames[len(frames) - frames[::-1].index(DELIMITER) :]


def _function(frame: Frame) -> str:
    _, tick, function = frame.partition("`")
    return _OFFSET.sub("", function if tick else frame)


# ----------------------------------------------------------------------------- reading a file


@dataclass(frozen=True, slots=True)
class _Table:
    """One TOML table and what to call it in a message."""

    data: Mapping[str, Any]
    label: str


def _fail(label: str, problem: str) -> NoReturn:
    raise RulesError(f"{label}: {problem}", "See docs/rules.md for what a file of rules may hold.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        _fail(str(path), f"cannot be read: {error.strerror or error}")
    except ValueError as error:  # a name with a NUL in it
        _fail(repr(str(path)), f"cannot be read: {error}")


def _parse(raw: bytes, name: str) -> _Table:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        _fail(name, f"line {line} is not UTF-8")
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError also: an integer of 5,000 digits
        _fail(name, f"is not valid TOML: {error}")
    return _checked(_Table(data, name), _TOP_KEYS)


def _checked(table: _Table, known: frozenset[str]) -> _Table:
    for key in table.data:
        if key not in known:
            allowed = ", ".join(sorted(known))
            _fail(table.label, f"{key!r} is not a known key (known are {allowed})")
    return table


def _typed(table: _Table, key: str, wanted: type, what: str) -> Any:
    value = table.data.get(key)
    if value is not None and type(value) is not wanted:
        _fail(table.label, f"{key!r} must be {what}")
    return value


def _text(table: _Table, key: str) -> str | None:
    """Return a text that may stand in a report and in a frame, or None where it is not given."""
    value: str | None = _typed(table, key, str, "a text")
    if value is not None and (not value.strip() or not value.isprintable() or ";" in value):
        _fail(table.label, f"{key!r} must be one printable line, not empty and without ';'")
    return value


def _tables(part: _Table, key: str) -> list[_Table]:
    items = _typed(part, key, list, f"written as [[{key}]]") or []
    if not all(isinstance(item, dict) for item in items):
        _fail(part.label, f"{key!r} must be written as [[{key}]]")
    return [_Table(item, f"{part.label}: {key} {number}") for number, item in enumerate(items, 1)]


def _add_kinds(kinds: dict[str, WaitKind], part: _Table) -> None:
    """Add a file's kinds; one that is known already keeps its place and what is not given anew."""
    mine: set[str] = set()
    for table in _tables(part, "kind"):
        _checked(table, _KIND_KEYS)
        name = _text(table, "id")
        if name is None or not _KIND_ID.fullmatch(name):
            _fail(table.label, "needs an 'id' of lower-case letters, digits, '-' and '_'")
        named = replace(table, label=f"{table.label} ({name})")
        if name in mine:
            _fail(named.label, "the same id is already used above")
        mine.add(name)
        title = _text(named, "title")
        set_aside = _typed(named, "set_aside", bool, "true or false")
        known = kinds.get(name)
        if known is None and title is None:
            _fail(named.label, "needs a 'title'")
        kinds[name] = WaitKind(
            name,
            title or (known.title if known else name),
            set_aside if set_aside is not None else known is not None and known.set_aside,
        )


def _rules(part: _Table, kinds: Mapping[str, WaitKind]) -> list[Rule]:
    return [_rule(table, kinds) for table in _tables(part, "rule")]


def _rule(table: _Table, kinds: Mapping[str, WaitKind]) -> Rule:
    shown = table.data.get("class", table.data.get("kind"))
    if isinstance(shown, str) and shown.isprintable():
        table = replace(table, label=f"{table.label} ({shown})")
    _checked(table, _RULE_KEYS)
    kind, lock_class = _text(table, "kind"), _text(table, "class")
    if kind is None and lock_class is None:
        _fail(table.label, "gives neither a 'kind' nor a 'class'")
    if kind is not None and kind not in kinds:
        _fail(table.label, f"there is no kind {kind!r} (there are {', '.join(kinds)})")
    if not any(key in table.data for key in _LIST_KEYS):
        _fail(table.label, f"needs at least one condition ({', '.join(_LIST_KEYS)})")
    return Rule(
        table.label,
        kind,
        lock_class,
        bool(_typed(table, "first", bool, "true or false")),
        frozenset(name.rstrip() for name in _texts(table, "names")),
        _patterns(table, "name_patterns"),
        frozenset(_texts(table, "events")),
        _patterns(table, "event_patterns"),
        _patterns(table, "frames"),
    )


def _texts(table: _Table, key: str) -> list[str]:
    items: list[Any] = _typed(table, key, list, "a list of texts") or []
    if key in table.data and (not items or not all(isinstance(item, str) for item in items)):
        _fail(table.label, f"{key!r} must be a list of one or more texts")
    return items


def _patterns(table: _Table, key: str) -> tuple[re.Pattern[str], ...]:
    return tuple(_pattern(text, key, table.label) for text in _texts(table, key))


def _pattern(text: str, key: str, label: str) -> re.Pattern[str]:
    try:
        # A pattern whose meaning Python is about to change is refused, not warned about.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return re.compile(text)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        _fail(label, f"{key!r} has a bad regular expression {text!r}: {error}")
