"""Values and shares as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvprof.units import count_waits, format_ns, format_share, format_value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1000, "1.000 µs"),
        (221_141, "221.1 µs"),
        (999_949, "999.9 µs"),
        (999_950, "1,000 µs"),
        (1_000_000, "1.000 ms"),
        (25_702_098_460, "25.70 s"),
        (1_284_939_400_629, "1,285 s"),
        (240_000_000_000_000_000, "240,000,000 s"),
        (-1_500, "-1.500 µs"),
    ],
)
def test_a_time_has_four_digits(value: int, text: str) -> None:
    assert format_ns(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.000 KiB"),
        (1_048_524, "1,024 KiB"),
        (1_048_576, "1.000 MiB"),
        (-1_234_567, "-1.177 MiB"),
        (1 << 50, "1,024 TiB"),
    ],
)
def test_bytes_have_four_digits(value: int, text: str) -> None:
    assert format_value(value, "bytes") == text


def test_what_is_neither_time_nor_bytes_is_written_in_full() -> None:
    assert format_value(1_234_567, "cycles") == "1,234,567"


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 5, "0.0%"),
        (5, 5, "100.0%"),
        (1, 3, "33.3%"),
        (1, 1_000_000, "<0.1%"),
        (4, 10_000, "<0.1%"),
        (5, 10_000, "0.1%"),
        (996, 1000, "99.6%"),
        (9_994, 10_000, "99.9%"),
        (9_995, 10_000, ">99.9%"),
        (999_999, 1_000_000, ">99.9%"),
        (9_996, 10_000, ">99.9%"),
        (9_960, 10_000, "99.6%"),
        (0, 0, "-"),
    ],
)
def test_a_share_has_one_decimal(part: int, whole: int, text: str) -> None:
    assert format_share(part, whole) == text


@given(st.integers(2, 1 << 62).flatmap(lambda n: st.tuples(st.integers(1, n - 1), st.just(n))))
def test_a_part_never_reads_as_nothing_or_everything(share: tuple[int, int]) -> None:
    assert format_share(*share) not in ("0.0%", "100.0%")


@given(st.integers(1, 1 << 62))
def test_the_number_shown_is_within_half_a_per_mille(value: int) -> None:
    number, _, unit = format_ns(value).replace(",", "").partition(" ")
    factor = {"s": 10**9, "ms": 10**6, "µs": 10**3, "ns": 1}[unit]
    assert abs(float(number) * factor - value) <= value * 0.00051


def test_one_wait_is_in_the_singular() -> None:
    assert [count_waits(number) for number in (0, 1, 2345)] == ["0 waits", "1 wait", "2,345 waits"]
