"""Values in a unit that the user gives: multiplied exactly, rounded when they were added up."""

from __future__ import annotations

from fractions import Fraction

import pytest
from helpers.readings import kinds_of
from hypothesis import given
from hypothesis import strategies as st

from pvprof.errors import UsageError
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.result import ParseResult
from pvprof.parse.text.scale import Rounding, read_factor
from pvprof.units import UNITS, is_unit, named_unit, singular, unit_order, unit_words

_CLASSIC = """
              kernel`f
              kernel`main
                3
"""
_HISTOGRAM = """
  biord
           value  ------------- Distribution ------------- count
               1 |                                         0
               2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@ 7
               4 |                                         0

"""


def _read(text: str, layout: str = "", **options: object) -> ParseResult:
    unit, size = named_unit(str(options.get("unit", ""))) or (None, 1)
    factor = read_factor(str(options.get("factor", "")))
    wanted = ReadOptions(layout=layout, jobs=1, unit=unit, unit_size=size, factor=factor)
    return read(text.encode(), "test", wanted)


def _values(parsed: ParseResult) -> dict[str, dict[str, int]]:
    return {
        unit: {stack: weight.value for _, stack, weight in profile}
        for (unit, _), profile in parsed.profiles.items()
    }


@pytest.mark.parametrize(
    ("unit", "value_ns"),
    [
        ("ns", 7),
        ("us", 7_000),
        ("µs", 7_000),
        ("usecs", 7_000),
        ("ms", 7_000_000),
        ("s", 7 * 10**9),
    ],
)
def test_times_become_ns(unit: str, value_ns: int) -> None:
    assert _values(_read("a;b 7\n", unit=unit)) == {"ns": {"a;b": value_ns}}


@pytest.mark.parametrize(
    "unit", ["samples", "events", "bytes", "cycles", "page-faults", "cycles:u"]
)
def test_any_other_name_is_a_unit_of_its_own(unit: str) -> None:
    assert _values(_read("a;b 7\n", unit=unit)) == {unit: {"a;b": 7}}


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("a;b 3\n", "folded"),
        ("a;b 1 3\n", "differential"),
        (_CLASSIC, "classic"),
        ("@[\n    b+1\n    a+2\n]: 3\n", "bpftrace-map"),
        ("a|b 3\n", "rows"),
        ('{"shared": {"frames": [{"name": "a"}]}, "profiles": [{"type": "sampled", "unit": "none",'
         ' "samples": [[0]], "weights": [3]}]}', "speedscope"),
    ],
)  # fmt: skip
def test_every_layout_without_units_is_scaled(text: str, layout: str) -> None:
    (values,) = _values(_read(text, layout, unit="us", factor="1.5")).values()
    assert list(values.values()) == [4500]
    ((unit, values),) = _values(_read(text, layout, unit="cycles")).items()
    assert (unit, list(values.values())) == ("cycles", [3])


def test_a_factor_alone_keeps_the_unit() -> None:
    assert _values(_read(_CLASSIC, factor="1/2")) == {"samples": {"kernel`main;kernel`f": 2}}


def test_counts_are_not_scaled() -> None:
    parsed = _read("\nexec|x\nkernel`f\n5 2\n", "keyed", unit="ms")
    ((_, _, weight),) = parsed.profiles["ns", True]
    assert (weight.value, weight.count) == (5_000_000, 2)


def test_the_bounds_of_histograms_are_scaled() -> None:
    (histogram,) = _read(_HISTOGRAM, "histogram", unit="us").histograms
    assert [bucket for bucket in histogram.buckets if bucket[1]] == [(2000, 7)]


@pytest.mark.parametrize("option", [{"unit": "us"}, {"factor": "2"}])
def test_what_states_its_unit_is_not_scaled(option: dict[str, str]) -> None:
    native = "#pvprof 2 offcpu stock ns 0.1.0\n#begin 1 2\n#end 3 4\n"
    for text in (native, "E 1 2 3 4\n kernel`f\n\n", "<html></html>"):
        with pytest.raises(UsageError, match=f"--{next(iter(option))}"):
            _read(text, **option)


def test_values_are_rounded_after_they_were_added_up() -> None:
    parsed = _read("s;a 3\ns;a 3\ns;a 3\ns;b 1\n", factor="0.1")
    assert _values(parsed) == {"samples": {"s;a": 1, "s;b": 0}}
    assert kinds_of(parsed) == {"rounded": 2, "vanished": 1}
    (loss,) = [problem for problem in parsed.problems if problem.severity == "loss"]
    assert "0.1 together" in loss.text


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 10**12)), min_size=1),
    st.fractions(Fraction(1, 10**6), 10**6, max_denominator=10**6),
)
def test_sums_are_exact(lines: list[tuple[str, int]], factor: Fraction) -> None:
    text = "".join(f"{name};f {value}\n" for name, value in lines)
    shown = f"{factor.numerator}/{factor.denominator}"
    values = _values(_read(text, "folded", unit="us", factor=shown))["ns"]
    for name in {name for name, _ in lines}:
        exact = sum(value for other, value in lines if other == name) * 1000 * factor
        assert abs(values[f"{name};f"] - exact) <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("1000", Fraction(1000)),
        ("0.5", Fraction(1, 2)),
        (".5", Fraction(1, 2)),
        ("1e-3", Fraction(1, 1000)),
        ("1/99", Fraction(1, 99)),
        *((text, None) for text in ("0", "-1", "1/0", "", "nan", "inf", "x", "1e999999999", " 1")),
        ("9" * 5000, None),
    ],
)
def test_factors(text: str, factor: Fraction | None) -> None:
    assert read_factor(text) == factor


def test_names_of_units() -> None:
    assert [is_unit(name) for name in ("ns", "samples", "cycles", "L1-dcache:u", "a;b")] == [
        True
    ] * 5
    assert not any(map(is_unit, ("us", "seconds", "sample", "", "two words", "a\nb", "x" * 100)))
    assert not any(map(is_unit, ("\ufffe", "a\u202eb", "a\xa0b", "\x1b[31m", "\ud800")))
    assert named_unit("sample") == ("samples", 1)
    assert [singular(unit) for unit in ("ns", "samples", "bytes", "misses")] == [
        *("ns", "sample", "byte", "misses")
    ]


def test_the_order_and_the_words_of_units() -> None:
    units = ["misses", "cycles", *reversed(UNITS)]
    assert sorted(units, key=unit_order) == ["ns", "samples", "events", "bytes", "cycles", "misses"]
    assert unit_words("cycles").measured == "Cycles"
    assert unit_words("bytes").speedscope == "bytes"


def test_halves_round_to_the_even_number_as_decimals_do() -> None:
    rounding = Rounding()
    values = (Fraction(1, 2), Fraction(3, 2), Fraction(5, 2))
    assert [rounding.whole(value) for value in values] == [0, 2, 2]
    assert (rounding.changed, rounding.vanished, rounding.lost) == (3, 1, Fraction(1, 2))
