"""``--where``: the meaning of expressions, and the errors of texts that are none."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvprof.store.where import EVERYTHING, FIELDS, Known, Where, WhereError, read_where

FACTS: Known = {
    "host": "build7",
    "kernel": "GENERIC, 15.1",
    "day": "2026-11-27",
    "label": "",
    "name": "it's",
    "drops": 3,
    "run": None,
    "duration_ns": 1_500_000_000,
    "real_s": 2.5,
    "warmup": False,
}


def search(pattern: str) -> Callable[[str], object]:
    try:
        return re.compile(pattern).search
    except re.error as error:
        raise ValueError(str(error)) from error


def read(text: str) -> Where:
    return read_where(text, search)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("host = build7", True),
        ("host != build7", False),
        ("HOST = 'build7' AND day >= 2026-11-20", True),
        ("host ~ '^build[0-9]$'", True),
        ("kernel !~ GENERIC", False),
        ("name = 'it''s'", True),
        ('name = "it\'s"', True),
        ("host in (a, build7)", True),
        ("host not in (a, build7)", False),
        ("drops > 2 and drops <= 3", True),
        ("drops in (1, 2)", False),
        ("duration_ns = 1.5s", True),
        ("duration_ns < 1500ms", False),
        ("real_s >= 2.5", True),
        ("warmup = false", True),
        ("run = 1 or run < 1 or run > 1", False),
        ("run != 1", True),
        ("label = ''", True),
        ("not host = a and not (drops = 0 or drops = 1)", True),
        ("not not host = build7", True),
        ("host = a or host = build7 and drops = 0", False),
        ("(host = a or host = build7) and drops = 3", True),
    ],
)
def test_an_expression_is_true_or_false(text: str, expected: bool) -> None:
    assert read(text).matches(FACTS) is expected


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("", 0, "a field is due, here is the end"),
        ("host", 4, "no comparison of host"),
        ("hots = a", 0, "no field 'hots'"),
        ("host = ", 6, "a value is due, here is the end"),
        ("host = a drops = 1", 9, "'and' or 'or' is due before 'drops'"),
        ("(host = a", 9, "')' is due, here is the end"),
        ("host = 'a", 7, "a text without its end"),
        ("host ~ '('", 7, "unterminated subpattern"),
        ("drops ~ 3", 6, "searches texts"),
        ("drops = many", 8, "drops is a number, not 'many'"),
        ("drops = 3s", 8, "drops is a number, not '3s'"),
        ("warmup = 1", 9, "warmup is true or false"),
        ("warmup < true", 7, "warmup is true or false"),
        ("host in a", 8, "'(' is due, here is 'a'"),
        ("manifest ~ x", 0, "no field 'manifest'"),
        ("host = a; drop table samples", 10, "'and' or 'or' is due"),
        ("host = a -- b", 9, "'and' or 'or' is due before '--'"),
    ],
)
def test_an_error_shows_where_it_is(text: str, position: int, reason: str) -> None:
    with pytest.raises(WhereError) as caught:
        read(text)
    assert reason in caught.value.message
    assert caught.value.below[0] == text
    assert caught.value.below[1] == " " * position + "^"


def test_a_misspelt_field_is_corrected() -> None:
    with pytest.raises(WhereError) as caught:
        read("kernle = x")
    assert caught.value.hint == "did you mean kernel?"


@pytest.mark.parametrize(
    "text", ["(" * 50 + "host = a" + ")" * 50, "host = '" + "a" * 20_000 + "'"]
)
def test_an_expression_that_is_too_large_is_refused(text: str) -> None:
    with pytest.raises(WhereError):
        read(text)


@given(
    st.text(max_size=40)
    | st.lists(
        st.sampled_from(
            [
                "host",
                "drops",
                "=",
                "!=",
                "~",
                "in",
                "(",
                ")",
                ",",
                "'a'",
                "3",
                "and",
                "or",
                "not",
                "'",
            ]
        )
    ).map(" ".join)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        where = read(text)
    except WhereError:
        return
    known = {**dict.fromkeys(FIELDS), **FACTS}
    assert where.matches(known) in (True, False)
    assert where.may_match(known) is where.matches(known)


atoms = st.sampled_from(["day = 2026-11-27", "day > 2026-11-27", "host = build7", "drops = 0"])
expressions = st.recursive(
    atoms,
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner)
        | inner.map("not {}".format)
    ),
    max_leaves=8,
)


@given(expressions)
def test_what_may_not_match_by_its_day_does_not_match(text: str) -> None:
    where = read(text)
    if where.matches(FACTS):
        assert where.may_match({"day": FACTS["day"]})
    if not where.may_match({"day": FACTS["day"]}):
        assert not where.matches(FACTS)


def test_without_an_expression_everything_matches() -> None:
    assert EVERYTHING.matches({})
