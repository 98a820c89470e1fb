"""The same numbers as the real ministat(1), and where not, why.

The program is Debian's, of 2015; FreeBSD's main differs from it in the median of an even number of
values, in how the variance is summed up, and in the interval of the percentage.
"""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import require
from helpers.strategies import examples
from hypothesis import assume, given
from hypothesis import strategies as st

from pvprof.stats.comparison import SeriesComparison, SeriesOptions, Verdict, compare_series
from pvprof.stats.distributions import MINISTAT_LEVELS
from pvprof.stats.series import Metric, Series

METRIC = Metric("column 1")
_NUMBER = r"([-+.\deinfa]+)"


@dataclass(frozen=True)
class Printed:
    """What ministat printed: rows of n, min, max, median, mean, stddev; and the difference."""

    rows: list[list[str]]
    difference: list[str] | None


@pytest.fixture(scope="module", autouse=True)
def _ministat() -> None:
    require(shutil.which("ministat") is not None, "ministat is not installed")


def ministat(directory: Path, confidence: float, *sets: list[str]) -> Printed:
    """Run the real program on sets of numbers."""
    paths = []
    for number, values in enumerate(sets):
        paths.append(directory / f"{number}.txt")
        paths[-1].write_text("".join(f"{value}\n" for value in values))
    command = ["ministat", "-A", "-c", f"{confidence:g}", *map(str, paths)]
    out = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    rows = re.findall(r"^[x+*] +(\d+) +(\S+) +(\S+) +(\S+) +(\S+) +(\S+)$", out, re.M)
    found = re.search(
        rf"Difference at .*\n\s+{_NUMBER} \+/- {_NUMBER}\n"
        rf"\s+{_NUMBER}% \+/- {_NUMBER}%\n\s+\(Student's t, pooled s = {_NUMBER}\)",
        out,
    )
    # Of two sets ministat says exactly one of the two, of a single set neither.
    assert [found is not None, "No difference proven" in out].count(True) == len(sets) - 1
    return Printed([list(row) for row in rows], list(found.groups()) if found else None)


def agrees(printed: str, value: float, digits: int) -> bool:
    """Tell whether `printed` is `value` rounded to this many digits; a tie rounds either way."""
    if printed == f"{value:.{digits}g}":
        return True
    last = 10.0 ** (math.floor(math.log10(abs(value))) - digits + 1) if value else 0.0
    return abs(float(printed) - value) <= 0.501 * last


def series(values: list[str], name: str = "a") -> Series:
    return Series(METRIC, name, tuple(map(float, values)))


def decimals(scale: int) -> st.SearchStrategy[list[str]]:
    number = st.integers(100, 99_999).map(lambda n: f"{n / 10**scale:.{scale}f}")
    return st.lists(number, min_size=3, max_size=60)


SETS = st.integers(0, 3).flatmap(lambda scale: st.tuples(decimals(scale), decimals(scale)))


def varies(values: list[str]) -> bool:
    """Tell whether a set varies enough for ministat's sum of squares to keep its digits."""
    summary = series(values).summary()
    return (summary.stddev or 0.0) > 0.01 * abs(summary.mean)


@pytest.mark.slow
@pytest.mark.parametrize("confidence", MINISTAT_LEVELS)
@examples(0.6)
@given(sets=SETS)
def test_each_number_equals_ministat_to_the_printed_digit(
    tmp_path_factory: pytest.TempPathFactory, confidence: float, sets: tuple[list[str], list[str]]
) -> None:
    base, new = sets
    assume(varies(base) and varies(new))
    found = compare_series(series(base), series(new, "b"), SeriesOptions(confidence=confidence))
    assert found.estimate is not None
    reach = (found.estimate.high - found.estimate.low) / 2
    assume(abs(abs(found.difference) - reach) > 1e-9 * reach)
    printed = ministat(tmp_path_factory.getbasetemp(), confidence, base, new)
    for row, one in zip(printed.rows, (found.base, found.new), strict=True):
        assert int(row[0]) == one.n
        assert agrees(row[1], one.min, 8)
        assert agrees(row[2], one.max, 8)
        assert one.n % 2 == 0 or agrees(row[3], one.median, 8)
        assert agrees(row[4], one.mean, 8)
        assert agrees(row[5], one.stddev or 0.0, 8)
    check_difference(printed, found)


def check_difference(printed: Printed, found: SeriesComparison) -> None:
    assert found.estimate is not None
    assert found.is_different == (printed.difference is not None)
    if printed.difference is None:
        return
    ends = found.percent_interval
    assert ends is not None
    ours = (
        found.difference,
        (found.estimate.high - found.estimate.low) / 2,
        found.percent,
        (ends[1] - ends[0]) / 2,
        found.pooled_stddev,
    )
    for text, value in zip(printed.difference, ours, strict=True):
        assert value is not None
        assert agrees(text, value, 6)


@pytest.mark.parametrize("confidence", MINISTAT_LEVELS)
@pytest.mark.parametrize("runs", [*range(4, 14), 30, 60, 98, 99, 100, 101, 400])
def test_quantiles_equal_the_table_of_ministat(
    tmp_path: Path, confidence: float, runs: int
) -> None:
    base = ["1", "2", "3"]
    new = [f"{1000 + number % 3}" for number in range(runs)]
    found = compare_series(series(base), series(new, "b"), SeriesOptions(confidence=confidence))
    check_difference(ministat(tmp_path, confidence, base, new), found)


# Where we differ, on purpose.


def test_the_median_of_an_even_number_is_the_mean_of_two(
    tmp_path: Path,
) -> None:
    values = ["1", "2", "3", "10"]
    assert ministat(tmp_path, 95, values).rows[0][3] == "3"
    assert series(values).summary().median == 2.5


def test_large_numbers_keep_their_variance(tmp_path: Path) -> None:
    values = ["1000000000", "1000000000.1", "1000000000.2"]
    assert "nan" in ministat(tmp_path, 95, values).rows[0][5]
    assert f"{series(values).summary().stddev:.5f}" == "0.10000"


def test_sets_that_do_not_vary_get_no_verdict(
    tmp_path: Path,
) -> None:
    base, new = ["5", "5", "5"], ["6", "6", "6"]
    assert ministat(tmp_path, 95, base, new).difference == ["1", "0", "20", "0", "0"]
    assert compare_series(series(base), series(new, "b")).verdict is Verdict.NONE


def test_ministat_reads_nan_as_a_number(tmp_path: Path) -> None:
    assert ministat(tmp_path, 95, ["1", "nan", "2", "3"]).rows[0][4] == "nan"


def test_an_interval_about_a_negative_base_has_a_positive_width(tmp_path: Path) -> None:
    base, new = ["-5", "-4", "-7.5"], ["2", "3", "1.25", "4"]
    found = compare_series(series(base), series(new, "b"))
    printed = ministat(tmp_path, 95, base, new).difference
    ends = found.percent_interval
    assert printed
    assert ends
    assert printed[3] == "-52.4641"
    assert f"{(ends[1] - ends[0]) / 2:g}" == "52.4641"
    check_difference(Printed([], [*printed[:3], printed[3][1:], printed[4]]), found)
