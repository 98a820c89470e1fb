"""Read files of rules, the packaged ones and a user's: TOML to `Matcher`.

Owns the syntax of such a file. Every mistake in one is an error that names the file and the rule.
"""

from __future__ import annotations

import pkgutil
import re
import tomllib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from pvprof.classify.matcher import Matcher
from pvprof.classify.rule_patterns import RulePattern
from pvprof.classify.rules import UNCLASSIFIED, ClassFamily, Rule, WaitKind
from pvprof.errors import PvprofError

_PACKAGED = ("linux.toml", "freebsd.toml")
"""Linux's rules are tried first: each names mechanisms of Linux, so it applies to nothing else.

FreeBSD's rules by name state no mechanism, so they decide what Linux's leave open.
"""

_TOP_KEYS = frozenset({"replace", "machinery", "waking", "kind", "rule"})
_KIND_KEYS = frozenset({"id", "title", "set_aside", "colour"})
_LIST_KEYS = (
    "names",
    "name_patterns",
    "mechanisms",
    "mechanism_patterns",
    "frames",
    "callers",
    "inner",
    "recorded_classes",
)
_OLD_NAMES = {"mechanisms": "events", "mechanism_patterns": "event_patterns"}
"""Names that rules files written for version 0.1 use for these keys."""

_RULE_KEYS = frozenset(
    {"kind", "class", "name", "first", "colour", "family", "primitive"}
    | {*_LIST_KEYS, *_OLD_NAMES.values()}
)
_KIND_ID = re.compile(r"[a-z][a-z0-9_-]*")


MAX_COLOUR = 1000
"""Positions on the circle of hues that rules may give; a class without one gets one above."""


class RulesError(PvprofError):
    """A file of rules cannot be read, or a rule in it cannot be used."""


def load_rules(path: Path | None = None) -> Matcher:
    """Return a matcher of the packaged rules, extended or replaced by a user's file.

    Raises:
        RulesError: the file cannot be read, or has a mistake.
    """
    return Matcher(*(_packaged() if path is None else _combined(_packaged_tables(), path)))


_Patterns = tuple[RulePattern, ...]
_Parts = tuple[tuple[WaitKind, ...], tuple[Rule, ...], _Patterns, _Patterns]
"""Kinds, rules, machinery, waking functions; a `Matcher` remembers frames: each caller has one."""


@cache
def _packaged() -> _Parts:
    return _combined(_packaged_tables(), None)


@cache
def _packaged_tables() -> Sequence[_Table]:
    # importlib.resources takes 20 ms to import.
    texts = [(name, pkgutil.get_data("pvprof.classify", name)) for name in reversed(_PACKAGED)]
    return tuple(_parse(text or b"", name, is_packaged=True) for name, text in texts)


def _combined(parts: Sequence[_Table], path: Path | None) -> _Parts:
    kinds: dict[str, WaitKind] = {}
    if path is not None:
        user = _parse(_read(path), str(path))
        replaces = _typed(user, "replace", bool, "true or false") or False
        parts = (user,) if replaces else (*parts, user)
    for part in parts:
        _add_kinds(kinds, part)
    if UNCLASSIFIED not in kinds:
        kinds[UNCLASSIFIED] = WaitKind(UNCLASSIFIED, "Not classified", False)
    # The user's rules come first; within one file the order of the file holds.
    rules = [rule for part in reversed(parts) for rule in _rules(part, kinds)]
    rules.sort(key=lambda rule: not rule.first)
    machinery, waking = (
        tuple(pattern for part in parts for pattern in _patterns(part, key))
        for key in ("machinery", "waking")
    )
    if path is not None:
        _check_growth(user, rules)
    return tuple(kinds.values()), tuple(rules), machinery, waking


def _check_growth(user: _Table, rules: Sequence[Rule]) -> None:
    """Refuse expressions of a user's file that take too long; a test judges the packaged ones."""
    from pvprof.classify.user_patterns import PatternError, checked_growth  # noqa: PLC0415

    own = [rule for rule in rules if rule.label.startswith(f"{user.label}: ")]
    labelled = [(rule.label, pattern) for rule in own for pattern in rule.patterns]
    labelled += [
        (f"{user.label}: {key}", pattern)
        for key in ("machinery", "waking")
        for pattern in _patterns(user, key)
    ]
    for label, pattern in labelled:
        try:
            checked_growth(pattern.expression)
        except PatternError as error:
            _fail(label, str(error))


@dataclass(frozen=True, slots=True)
class _Table:
    """One TOML table, its name in messages, and whether it ships with pvprof."""

    data: Mapping[str, Any]
    label: str
    is_packaged: bool


def _fail(label: str, problem: str) -> NoReturn:
    raise RulesError(f"{label}: {problem}", "See docs/rules.md for what a rules file may contain.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        _fail(str(path), f"cannot be read: {error.strerror or error}")
    except ValueError as error:  # a name with a NUL in it
        _fail(repr(str(path)), f"cannot be read: {error}")


def _parse(raw: bytes, name: str, *, is_packaged: bool = False) -> _Table:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        _fail(name, f"line {line} is not UTF-8")
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError also: an integer of 5,000 digits
        _fail(name, f"is not valid TOML: {error}")
    return _checked(_Table(data, name, is_packaged), _TOP_KEYS)


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
    """Return a text that reports and frames can show, or None if the key is missing."""
    value: str | None = _typed(table, key, str, "a text")
    if value is not None and (not value.strip() or not value.isprintable() or ";" in value):
        _fail(table.label, f"{key!r} must be one printable line, not empty and without ';'")
    return value


def _tables(part: _Table, key: str) -> list[_Table]:
    items = _typed(part, key, list, f"written as [[{key}]]") or []
    if not all(isinstance(item, dict) for item in items):
        _fail(part.label, f"{key!r} must be written as [[{key}]]")
    return [
        replace(part, data=item, label=f"{part.label}: {key} {number}")
        for number, item in enumerate(items, 1)
    ]


def _add_kinds(kinds: dict[str, WaitKind], part: _Table) -> None:
    """Add a file's kinds. A known kind keeps its position and whatever the file does not change."""
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
            _colour(named) if "colour" in table.data else known.colour if known else None,
        )


def _rules(part: _Table, kinds: Mapping[str, WaitKind]) -> list[Rule]:
    return [_rule(table, kinds) for table in _tables(part, "rule")]


def _spelled(table: _Table, key: str) -> str:
    """Return the name that a table uses for a key: the key, or its old name."""
    old = _OLD_NAMES.get(key, key)
    if old != key and old in table.data and key in table.data:
        _fail(table.label, f"gives {key!r} and its old name {old!r}")
    return old if old in table.data else key


def _rule(table: _Table, kinds: Mapping[str, WaitKind]) -> Rule:
    shown = next((table.data[key] for key in ("class", "kind", "name") if key in table.data), None)
    if isinstance(shown, str) and shown.isprintable():
        table = replace(table, label=f"{table.label} ({shown})")
    _checked(table, _RULE_KEYS)
    kind, lock_class, name = (_text(table, key) for key in ("kind", "class", "name"))
    if kind is None and lock_class is None and name is None:
        _fail(table.label, "gives neither a 'kind' nor a 'class' nor a 'name'")
    if kind is not None and kind not in kinds:
        _fail(table.label, f"there is no kind {kind!r} (there are {', '.join(kinds)})")
    if lock_class is None and "colour" in table.data:
        _fail(table.label, "gives a 'colour' without a 'class'")
    if not any(_spelled(table, key) in table.data for key in _LIST_KEYS):
        _fail(table.label, f"needs at least one condition ({', '.join(_LIST_KEYS)})")
    return Rule(
        table.label,
        kind,
        lock_class,
        bool(_typed(table, "first", bool, "true or false")),
        frozenset(name.rstrip() for name in _texts(table, "names")),
        _patterns(table, "name_patterns"),
        frozenset(_texts(table, _spelled(table, "mechanisms"))),
        _patterns(table, _spelled(table, "mechanism_patterns")),
        _patterns(table, "frames"),
        frozenset(_texts(table, "recorded_classes")),
        _patterns(table, "callers"),
        name,
        _colour(table),
        _family(table),
        _patterns(table, "inner"),
    )


def _family(table: _Table) -> ClassFamily | None:
    """Return the family of a rule's class, or None if the rule does not give it."""
    family, primitive = _text(table, "family"), _text(table, "primitive")
    if family is not None and "class" not in table.data:
        _fail(table.label, "gives a 'family' without a 'class'")
    if primitive is not None and family is None:
        _fail(table.label, "gives a 'primitive' without a 'family'")
    return None if family is None else ClassFamily(family, primitive or "")


def _colour(table: _Table) -> int | None:
    """Return a position on the circle of hues, or None if the key is missing."""
    value: int | None = _typed(table, "colour", int, "a whole number")
    if value is not None and not 0 <= value < MAX_COLOUR:
        _fail(table.label, f"'colour' must be from 0 to {MAX_COLOUR - 1}")
    return value


def _texts(table: _Table, key: str) -> list[str]:
    items: list[Any] = _typed(table, key, list, "a list of texts") or []
    if key in table.data and (not items or not all(isinstance(item, str) for item in items)):
        _fail(table.label, f"{key!r} must be a list of one or more texts")
    return items


def _patterns(table: _Table, key: str) -> _Patterns:
    """Return expressions; those of a user's file are compiled, a test compiles the packaged ones.

    A pattern whose meaning is about to change in Python is an error, not a warning.
    """
    patterns = tuple(map(RulePattern, _texts(table, key)))
    if not table.is_packaged:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for pattern in patterns:
                _check(pattern, key, table.label)
    return patterns


def _check(pattern: RulePattern, key: str, label: str) -> None:
    try:
        pattern.expression  # noqa: B018 (compiles it)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        _fail(label, f"{key!r} has a bad regular expression {pattern.pattern!r}: {error}")
