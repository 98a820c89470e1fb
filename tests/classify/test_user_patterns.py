"""Regular expressions of users and of the packaged rules: how their time grows with a name."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from helpers.command_line import RunCommand, assert_is_error

from pvprof.classify.growth.pattern_automaton import UndrawnError
from pvprof.classify.growth.pattern_growth import EXPONENTIAL, growth
from pvprof.classify.rules_file import load_rules
from pvprof.classify.user_patterns import PatternError, read_pattern


@pytest.mark.parametrize(
    ("text", "of_match", "of_search"),
    [
        ("vm_fault", 1, 1),
        ("a*b", 1, 2),
        ("^a*b", 1, 1),
        ("(a|ab)*c", 1, 2),
        (".*", 1, 1),
        ("a*a*b", 2, 3),
        ("^a.*b.*c$", 2, 2),
        ("a.*b.*c", 2, 3),
        ("a.*b.*c.*d", 3, 4),
        ("a{1,20}a{1,20}b", 2, 3),
        (r"[ \t]*+\S", 1, 2),
        (r"\s*\S.*\s\d+", 1, 2),
        (r"\s*(\S.*?)\s+(\S+)\s*$", 2, 3),
        ("(?:(?!x).)*y", 1, 2),
        ("([0-9a-f]{4}){4}x", 1, 1),
        ("(x+x+)+y", EXPONENTIAL, EXPONENTIAL),
        ("(a*)*b", EXPONENTIAL, EXPONENTIAL),
        ("(a*)+b", EXPONENTIAL, EXPONENTIAL),
        ("([a-z]+)*\\d", EXPONENTIAL, EXPONENTIAL),
        ("(aa|a|b)*c", EXPONENTIAL, EXPONENTIAL),
        ("(?:\n[ \t]+[^\n]*)*;", EXPONENTIAL, EXPONENTIAL),
        ("((a+)b?)+c", EXPONENTIAL, EXPONENTIAL),
        ("^(([a-z])+.)+[A-Z]([a-z])+$", EXPONENTIAL, EXPONENTIAL),
    ],
)
def test_the_growth_of_an_expression(text: str, of_match: int, of_search: int) -> None:
    pattern = re.compile(text)
    assert growth(pattern, is_search=False) == of_match
    assert growth(pattern, is_search=True) == of_search
    assert growth(re.compile(text.encode()), is_search=True) == of_search


def search_s(pattern: re.Pattern[str], text: str) -> float:
    begin = time.process_time()
    assert pattern.search(text) is None
    return time.process_time() - begin


@pytest.mark.slow
@pytest.mark.parametrize(("text", "of"), [("(x+x+)+y", "x"), ("(a*)*b", "a"), ("(aa|a|b)*c", "a")])
def test_what_is_exponential_doubles_its_time_with_each_few_characters(text: str, of: str) -> None:
    pattern = re.compile(text)
    lengths = iter(range(8, 60))
    short = next(length for length in lengths if search_s(pattern, of * length) > 0.02)
    assert search_s(pattern, of * (short + 6)) > 4 * search_s(pattern, of * short)


def test_expressions_that_are_not_judged() -> None:
    for text in (r"(a)\1", "(a)?(?(1)b|c)", "abc?" * 300):
        with pytest.raises(UndrawnError):
            growth(re.compile(text))


BAD = {
    "(x+x+)+y": "takes years on some names",
    "(a|aa)*b": "takes years on some names",
    "(.*)*=": "takes years on some names",
    "a.*b.*c.*d": "4 repeats on the same characters take hours",
    r"(.)\1": "groupref: not allowed here",
    "(": "bad regular expression",
}


@pytest.mark.parametrize("option", ["--name", "--class", "--execname", "--frame", "--profile"])
@pytest.mark.parametrize("text", BAD)
def test_an_expression_that_may_take_hours_is_refused(
    text: str, option: str, run: RunCommand
) -> None:
    error = assert_is_error(run("report", "-", option, text, stdin=b"a;b 5\n"), 2)
    assert option in error
    assert BAD[text] in error


@pytest.mark.parametrize("key", ["frames", "callers", "inner", "name_patterns", "machinery"])
@pytest.mark.parametrize("text", ["(x+x+)+y", "([a-z]+_?)*;", "(a)\\\\1"])
def test_rules_with_such_an_expression_are_refused(
    text: str, key: str, tmp_path: Path, run: RunCommand
) -> None:
    rules = tmp_path / "mine.toml"
    condition = f'{key} = ["{text}"]\n'
    head = "" if key == "machinery" else '[[rule]]\nkind = "kernel"\n'
    rules.write_text(head + condition)
    error = assert_is_error(run("report", "-", "--rules", rules, stdin=b"a;b 5\n"))
    assert "mine.toml: " in error
    assert "regular expression" in error


def test_an_expression_sees_as_much_of_a_name_as_it_can_search_in_a_moment() -> None:
    for text, most in (("vm_fault", 1 << 20), ("a.*b", 4_096), ("a.*b.*c", 512)):
        pattern = read_pattern(text)
        assert pattern.max_characters == most
        begin = time.process_time()
        assert not pattern.search("a" * 2_000_000)
        assert time.process_time() - begin < 5
        assert pattern.search("x" * 400 + "vm_fault a b c")
    with pytest.raises(PatternError):
        read_pattern("a.*b.*c.*d")


def test_the_packaged_rules_are_linear_in_a_name() -> None:
    rules = load_rules()
    searched = [
        pattern for rule in rules.rules for pattern in (*rule.frames, *rule.callers, *rule.inner)
    ]
    whole = [
        pattern
        for rule in rules.rules
        for pattern in (*rule.name_patterns, *rule.mechanism_patterns)
    ]
    for pattern in {*searched}:
        assert growth(pattern.expression, is_search=True) == 1, pattern.pattern
    for pattern in {*whole, *rules.machinery, *rules.waking}:
        assert growth(pattern.expression, is_search=False) == 1, pattern.pattern
