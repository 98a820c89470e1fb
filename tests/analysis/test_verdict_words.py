"""The words and numbers of verdicts: three significant digits, and ministat's sentences."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pvprof.stats.comparison import SeriesComparison, SeriesOptions, compare_series
from pvprof.stats.methods import METHODS
from pvprof.stats.series import Metric, Series
from pvprof.stats.study import RunSet, build_study
from pvprof.views.verdicts.conclusion import study_conclusion
from pvprof.views.verdicts.summary import study_table
from pvprof.views.verdicts.words import (
    change_text,
    confidence_text,
    not_proven_text,
    percent_text,
    size_text,
    spread_text,
    value_text,
    verdict_text,
)

REAL = Metric("real", "s", "lower", is_amount=True)


def compared(
    base: tuple[float, ...], new: tuple[float, ...], metric: Metric = REAL, method: str = "student"
) -> SeriesComparison:
    options = SeriesOptions(METHODS[method])
    return compare_series(Series(metric, "base", base), Series(metric, "new", new), options)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0166667, "s", "16.7 ms"),
        (335.91, "s", "336 s"),
        (1234.5, "s", "1,234 s"),
        (909_700_000.0, "ns/run", "910 ms"),
        (999_600_000.0, "ns", "1,000 ms"),
        (0.2, "ns", "<1 ns"),
        (0.0, "ns/run", "0 ns"),
        (0.0166667, "", "0.0167"),
        (674009.0, "count", "674,009"),
        (12.0, "samples/run", "12"),
    ],
)
def test_a_value_has_three_significant_digits(value: float, unit: str, text: str) -> None:
    assert value_text(value, unit) == text


@pytest.mark.parametrize(
    ("mean", "stddev", "unit", "text"),
    [
        (4.306, 0.23945, "s", "4.31 s ± 0.24 s"),
        (0.651, 0.0768, "s", "651 ms ± 77 ms"),
        (19243.5, 2.71, "s", "19,244 s ± 3 s"),
        (5e6, 2.5e5, "ns", "5.00 ms ± 0.25 ms"),
        (37.2, 1.11, "", "37.2 ± 1.1"),
        (4.0, None, "s", "4.00 s"),
    ],
)
def test_a_mean_and_its_deviation_have_one_unit(
    mean: float, stddev: float | None, unit: str, text: str
) -> None:
    assert spread_text(mean, stddev, unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-66.8749, "-66.9%"),
        (148.04, "+148%"),
        (1188.4, "+1,188%"),
        (-0.0576849, "-0.058%"),
        (-0.00004, "<0.001%"),
        (0.0, "+0.0%"),
    ],
)
def test_a_percentage_has_at_most_three_digits(value: float, text: str) -> None:
    assert percent_text(value, signed=True) == text


def test_a_change_and_half_of_its_interval_have_the_same_decimals() -> None:
    small = compared((100.0, 100.1, 100.2), (100.0, 100.2, 100.1))
    assert change_text(small) == "+0.00% ± 0.23%"
    large = compared((1.0, 1.1, 1.2), (2.9, 3.1, 3.3))
    assert change_text(large) == "+182% ± 33%"
    assert size_text(large) == "182% ± 33% more (worse)"


@pytest.mark.parametrize("method", METHODS)
def test_no_interval_of_an_amount_passes_minus_100_percent(method: str) -> None:
    one = compared((1.0, 9.0, 30.0, 2.0), (0.1, 0.2, 0.1, 0.3), method=method)
    assert one.percent_interval is not None
    assert -100 <= one.percent_interval[0] <= one.percent_interval[1]
    free = compared((1.0, 9.0, 30.0, 2.0), (0.1, 0.2, 0.1, 0.3), Metric("x"), method)
    assert one.estimate == free.estimate
    if method == "student":
        assert free.percent_interval is not None
        assert free.percent_interval[0] < -100
        assert change_text(one) == "-98% [-100%, +59%]"
        assert size_text(one) == "98% less (95% interval [-100%, +59%])"


def test_a_verdict_says_better_if_less_is_better() -> None:
    less, more = compared((4.0, 4.1, 4.2), (3.0, 3.1, 3.2)), compared((3.0, 3.1), (4.0, 4.1))
    assert (verdict_text(less), verdict_text(more)) == ("better", "no verdict")
    neither = compared((4.0, 4.1, 4.2), (3.0, 3.1, 3.2), replace(REAL, better=""))
    assert verdict_text(neither) == "less"
    assert size_text(neither) == "24.4% ± 5.5% less"
    assert verdict_text(compared((4.0, 4.1, 4.2), (4.1, 4.0, 4.2))) == "not proven"


def test_the_words_of_ministat_name_the_confidence() -> None:
    assert confidence_text(SeriesOptions(confidence=95)) == "95.0% confidence"
    assert confidence_text(SeriesOptions(confidence=99.95)) == "99.95% confidence"
    expected = "No difference proven at 95.0% confidence"
    assert not_proven_text(SeriesOptions()) == expected


def test_a_study_begins_with_its_conclusion_and_one_table() -> None:
    user = replace(REAL, name="user")
    sets = [
        RunSet("stock", (Series(REAL, "stock", (4.0, 4.1, 4.2)), Series(user, "stock", (9, 8, 9)))),
        RunSet("new", (Series(REAL, "new", (3.0, 3.1, 3.2)), Series(user, "new", (8, 9, 9)))),
    ]
    study = build_study(sets)
    lines = study_conclusion(study)
    assert lines[0] == (
        "new against stock: real 24.4% ± 5.5% less (better): proven at 95.0% confidence."
    )
    assert lines[1] == "user: No difference proven at 95.0% confidence."
    assert lines[2].startswith("Resolution of real: 3 runs a side detect a change of ")
    table = study_table(study)
    assert table is not None
    assert table.rows[0] == (
        *("real", "4.10 s ± 0.10 s", "3.10 s ± 0.10 s", "-24.4% ± 5.5%", "better"),
    )
    assert [row[0] for row in table.rows] == ["real", "user"]
