"""Expressions of rules: compiled when they are tried, and tried where they may match."""

import re
import subprocess
import sys
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvprof.classify.rule_patterns import PatternIndex, RulePattern, starts_of
from pvprof.classify.rules_file import load_rules

DEFAULT = load_rules()
OF_RULES = sorted({pattern.pattern for rule in DEFAULT.rules for pattern in rule.patterns})
OF_MACHINERY = [pattern.pattern for pattern in (*DEFAULT.machinery, *DEFAULT.waking)]
PIECES = ("vm", "_", "fault", "sys", "page", "trap", "0", ".", "a", "ab")


def test_all_packaged_expressions_compile_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all(re.compile(pattern) for pattern in [*OF_RULES, *OF_MACHINERY])


@pytest.mark.parametrize(
    ("pattern", "is_whole", "starts"),
    [
        ("^vm_fault", False, ("vm_fault",)),
        ("^vm_(map|page)_", False, ("vm_map", "vm_page")),
        ("^vm_(map|page)?_", False, ("vm_",)),
        ("^vm_*x", False, ("vm",)),
        ("^vm_+x", False, ("vm_",)),
        ("^vm|page", False, ("",)),
        ("vm_fault", False, ("",)),
        ("vm_fault", True, ("vm_fault",)),
        ("_*cv_wait", True, ("",)),
        ("^[vw]m", False, ("",)),
        (r"^vm\(a|b", False, ("",)),
    ],
)
def test_the_starts_of_an_expression(pattern: str, is_whole: bool, starts: tuple[str]) -> None:
    assert starts_of(pattern, is_whole=is_whole) == starts


@given(
    st.lists(st.sampled_from(PIECES), max_size=4).map("".join),
    st.lists(
        st.tuples(
            st.sampled_from(["", "^"]),
            st.lists(
                st.sampled_from([*PIECES, "(vm|sys)", "(a|b)?", "(ab)*", "x?", "_*", "|", "$"]),
                max_size=4,
            ).map("".join),
        ).map("".join),
        max_size=5,
    ),
)
def test_an_index_finds_what_trying_each_expression_finds(name: str, texts: list[str]) -> None:
    patterns = [(RulePattern(text), text) for text in texts]
    found = {text for text in texts if re.search(text, name)}
    assert set(PatternIndex(patterns, "anywhere").values(name)) == found
    whole = {text for text in texts if re.fullmatch(text, name)}
    assert set(PatternIndex(patterns, "whole").values(name)) == whole


def test_loading_the_packaged_rules_compiles_none_of_their_expressions() -> None:
    code = (
        "from pvprof.classify.rules_file import load_rules\n"
        "rules = load_rules()\n"
        "own = [one for rule in rules.rules for one in rule.patterns] + [*rules.machinery]\n"
        "print(len(own) > 500, sum('expression' in vars(one) for one in own))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "0"]
