"""``--where``: which recordings of a store are wanted, as an expression of its own small grammar.

::

    expression  = conjunction { "or" conjunction }
    conjunction = negation { "and" negation }
    negation    = "not" negation | "(" expression ")" | comparison
    comparison  = field ("=" | "!=" | "~" | "!~" | "<" | "<=" | ">" | ">=") value
                | field ["not"] "in" "(" value { "," value } ")"
    value       = 'text' | "text" | word        a quote in a text is written twice

Owns the grammar, the types of fields, and whether a recording matches. An expression becomes
functions of Python, never a part of another language. A number that is unknown is equal to nothing,
and neither smaller nor larger; a text that is unknown is empty.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from pvprof.errors import UsageError, close_to, quote
from pvprof.model.stacks import show_controls
from pvprof.store.tables.schema import RECORDINGS, Kind

Value = str | int | float | bool | None
Known = Mapping[str, Value]
"""The fields of a recording; for its place alone, only those that the place tells."""
Search = Callable[[str], Callable[[str], object]]
"""From a regular expression to a function that searches a text; a ``ValueError`` says why not."""

FIELDS: Mapping[str, Kind] = {
    column.name: column.kind
    for column in RECORDINGS
    if column.kind in ("text", "integer", "number", "flag")
    and column.name not in ("recording_id", "manifest", "script")
}
"""The fields that an expression may name, and their kinds."""

_MAX_CHARACTERS = 10_000
_MAX_DEPTH = 40
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
    |(?P<sign>!=|!~|<=|>=|[=~<>(),])
    |(?P<word>[^\s'"=!~<>(),]+))""",
    re.VERBOSE,
)
_TIMES = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9}
_NUMBER = re.compile(r"(-?\d{1,19}(?:\.\d{1,19})?)(ns|us|ms|s|min|h)?")
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_SEARCHES = ("~", "!~")


@dataclass(frozen=True, slots=True)
class Where:
    """An expression; `EVERYTHING` for none.

    Attributes:
        text: as the user wrote it.
        test: tells whether a recording matches; None if what is known does not decide.
        fields: that it names.
    """

    text: str
    test: Callable[[Known], bool | None]
    fields: frozenset[str]

    def matches(self, known: Known) -> bool:
        """Tell whether a recording matches, of which all fields are known."""
        return self.test(known) is True

    def may_match(self, known: Known) -> bool:
        """Tell whether a recording may match, of which some fields are known."""
        return self.test(known) is not False


EVERYTHING = Where("", lambda _: True, frozenset())


class WhereError(UsageError):
    """An expression that cannot be read; shows where."""

    def __init__(self, text: str, position: int, reason: str, hint: str = "") -> None:
        begin = max(position - 40, 0)
        shown = show_controls(text[begin : begin + 70])
        mark = " " * len(show_controls(text[begin:position])) + "^"
        super().__init__(f"--where: {reason}", hint, (shown, mark))


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


def read_where(text: str, search: Search) -> Where:
    """Return the expression that a text is; `search` makes its regular expressions.

    Raises:
        WhereError: it is none.
    """
    if len(text) > _MAX_CHARACTERS:
        raise WhereError(text, 0, f"longer than {_MAX_CHARACTERS:,} characters")
    return _Reader(text, search).read()


def _tokens(text: str) -> list[_Token]:
    tokens = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            at = position + len(text[position:]) - len(text[position:].lstrip())
            reason = "a text without its end" if text[at] in "'\"" else f"{text[at]!r} is no sign"
            raise WhereError(text, at, reason)
        kind = match.lastgroup or ""
        tokens.append(_Token(kind, match[kind], match.start(kind)))
        position = match.end()
    return [*tokens, _Token("end", "", end)]


class _Reader:
    """Reads the tokens of one expression, by recursive descent."""

    def __init__(self, text: str, search: Search) -> None:
        self._text = text
        self._search_of = search
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0
        self._fields: set[str] = set()

    def read(self) -> Where:
        test = self._alternatives()
        if self._token.kind != "end":
            self._fail(f"'and' or 'or' is due before {quote(self._token.text)}")
        return Where(self._text, test, frozenset(self._fields))

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        self._next += 1
        return self._tokens[self._next - 1]

    def _fail(self, reason: str, hint: str = "", token: _Token | None = None) -> NoReturn:
        raise WhereError(self._text, (token or self._token).position, reason, hint)

    def _is(self, word: str) -> bool:
        kind = "word" if word.isalpha() else "sign"
        return self._token.kind == kind and self._token.text.lower() == word

    def _expect(self, sign: str) -> None:
        if not self._is(sign):
            found = quote(self._token.text) if self._token.text else "the end"
            self._fail(f"{sign!r} is due, here is {found}")
        self._next += 1

    def _alternatives(self) -> Callable[[Known], bool | None]:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self._fail("nested too deeply")
        tests = [self._conjunction()]
        while self._is("or"):
            self._take()
            tests.append(self._conjunction())
        self._depth -= 1
        return tests[0] if len(tests) == 1 else _any_of(tests)

    def _conjunction(self) -> Callable[[Known], bool | None]:
        tests = [self._negation()]
        while self._is("and"):
            self._take()
            tests.append(self._negation())
        return tests[0] if len(tests) == 1 else _all_of(tests)

    def _negation(self) -> Callable[[Known], bool | None]:
        negations = 0
        while self._is("not"):
            self._take()
            negations += 1
        if self._is("("):
            self._take()
            test = self._alternatives()
            self._expect(")")
        else:
            test = self._comparison()
        return _negated(test) if negations % 2 else test

    def _comparison(self) -> Callable[[Known], bool | None]:
        token = self._take()
        if token.kind != "word":
            found = quote(token.text) if token.text else "the end"
            self._fail(f"a field is due, here is {found}", f"fields: {', '.join(FIELDS)}", token)
        field = token.text.lower()
        if field not in FIELDS:
            known = close_to(field, list(FIELDS)) or f"fields: {', '.join(FIELDS)}"
            self._fail(f"no field {quote(token.text)}", known, token)
        self._fields.add(field)
        is_negated = self._is("not")
        if is_negated:
            self._take()
        if self._is("in"):
            self._take()
            test = self._among(field)
            return _negated(test) if is_negated else test
        sign = self._take()
        if sign.text in _SEARCHES and sign.kind == "sign" and not is_negated:
            test = self._search(field, sign)
            return _negated(test) if sign.text == "!~" else test
        if sign.kind != "sign" or sign.text not in _COMPARISONS or is_negated:
            signs = " ".join((*_COMPARISONS, *_SEARCHES, "in"))
            self._fail(f"no comparison of {field}", f"comparisons: {signs}", sign)
        if FIELDS[field] == "flag" and sign.text not in ("=", "!="):
            self._fail(f"{field} is true or false", "comparisons: = !=", sign)
        return _compared(field, _COMPARISONS[sign.text], self._value(field), sign.text == "!=")

    def _among(self, field: str) -> Callable[[Known], bool | None]:
        self._expect("(")
        values = [self._value(field)]
        while self._is(","):
            self._take()
            values.append(self._value(field))
        self._expect(")")
        return _any_of([_compared(field, operator.eq, value, False) for value in values])

    def _search(self, field: str, sign: _Token) -> Callable[[Known], bool | None]:
        if FIELDS[field] != "text":
            self._fail(f"{sign.text} searches texts, and {field} is none", token=sign)
        token = self._token
        pattern_text = str(self._value(field))
        try:
            search = self._search_of(pattern_text)
        except ValueError as error:
            self._fail(str(error), token=token)

        def test(known: Known) -> bool | None:
            return bool(search(str(known[field] or ""))) if field in known else None

        return test

    def _value(self, field: str) -> Value:
        token = self._take()
        if token.kind not in ("text", "word"):
            found = quote(token.text) if token.text else "the end"
            self._fail(f"a value is due, here is {found}", token=token)
        text = token.text
        if token.kind == "text":
            text = text[1:-1].replace(text[0] * 2, text[0])
        kind = FIELDS[field]
        if kind == "text":
            return text
        if kind == "flag":
            if text.lower() not in ("true", "false"):
                self._fail(f"{field} is true or false, not {quote(text)}", token=token)
            return text.lower() == "true"
        match = _NUMBER.fullmatch(text)
        if match is None or (match[2] and not field.endswith("_ns")):
            units = f": 5, 1.5s, 20ms ({', '.join(_TIMES)})" if field.endswith("_ns") else ""
            self._fail(f"{field} is a number, not {quote(text)}", f"numbers{units}", token)
        number = float(match[1]) if "." in match[1] else int(match[1])
        return number * _TIMES[match[2]] if match[2] else number


def _compared(
    field: str, compare: Callable[[Any, Any], bool], value: Value, is_unequal: bool
) -> Callable[[Known], bool | None]:
    def test(known: Known) -> bool | None:
        if field not in known:
            return None
        own = known[field]
        return is_unequal if own is None else compare(own, value)

    return test


def _all_of(tests: Sequence[Callable[[Known], bool | None]]) -> Callable[[Known], bool | None]:
    def test(known: Known) -> bool | None:
        results = [one(known) for one in tests]
        return False if False in results else None if None in results else True

    return test


def _any_of(tests: Sequence[Callable[[Known], bool | None]]) -> Callable[[Known], bool | None]:
    def test(known: Known) -> bool | None:
        results = [one(known) for one in tests]
        return True if True in results else None if None in results else False

    return test


def _negated(one: Callable[[Known], bool | None]) -> Callable[[Known], bool | None]:
    def test(known: Known) -> bool | None:
        result = one(known)
        return None if result is None else not result

    return test
