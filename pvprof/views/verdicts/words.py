"""The words and numbers of one comparison: values, change, verdict.

Numbers have three significant digits: more than runs that vary can tell. JSON and CSV are exact.
The words are those of ministat(1): "No difference proven at 95.0% confidence". A change takes more
or less; it is never faster or slower, for a thread also waits longer if it waits more often.
"""

from __future__ import annotations

import math

from pvprof.stats.comparison import MAX_LOSS_PERCENT, SeriesComparison, SeriesOptions, Verdict
from pvprof.units import NS_PER_S, format_ns, format_value, is_scaled, time_unit

DIGITS = 3
_MAX_DECIMALS = 3
_MAX_MEAN_DIGITS = 5
_MIN_ROUGH_PERCENT = 10
"""Half of an interval by its ends from which on decimals say nothing: `-94% [-100%, +38%]`."""
_WORDS = {
    Verdict.LESS: "less",
    Verdict.MORE: "more",
    Verdict.UNPROVEN: "not proven",
    Verdict.NONE: "no verdict",
}


def confidence_text(options: SeriesOptions) -> str:
    """Return the level as ministat writes it: ``95.0% confidence``."""
    confidence = options.confidence
    one_decimal = f"{confidence:.1f}"
    return f"{one_decimal if float(one_decimal) == confidence else f'{confidence:g}'}% confidence"


def proven_text(options: SeriesOptions) -> str:
    """Return ``proven at 95.0% confidence``."""
    return f"proven at {confidence_text(options)}"


def not_proven_text(options: SeriesOptions) -> str:
    """Return ministat's sentence for no difference, without its full stop."""
    return f"No difference proven at {confidence_text(options)}"


def verdict_text(comparison: SeriesComparison) -> str:
    """Return a verdict in a word or two: ``better``, ``not proven``; ``less`` if neither is."""
    if comparison.is_better is None:
        return _WORDS[comparison.verdict]
    return "better" if comparison.is_better else "worse"


def value_text(value: float, unit: str) -> str:
    """Return a value to three significant digits; `unit` may say what it is per (``ns/run``)."""
    plain = unit.partition("/")[0]
    if plain in ("s", "ns"):
        value_ns = value * NS_PER_S if plain == "s" else value
        return "<1 ns" if 0 < value_ns < 0.5 else format_ns(round(value_ns), DIGITS)
    if is_scaled(round(value), plain):
        return format_value(round(value), plain, DIGITS)
    if abs(value) >= 10**DIGITS or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.{DIGITS}g}"


def spread_text(mean: float, stddev: float | None, unit: str) -> str:
    """Return a mean and the standard deviation in one unit: ``4.31 s ± 0.24 s``.

    The deviation has two significant digits, the mean as many decimals and at most five digits.
    """
    if not stddev:
        return value_text(mean, unit)
    name, factor = unit, 1.0
    if unit in ("s", "ns"):
        mean_ns = mean * NS_PER_S if unit == "s" else mean
        name, factor = time_unit(abs(mean_ns))
        factor = NS_PER_S / factor if unit == "s" else 1 / factor
    mean, stddev = mean * factor, stddev * factor
    of_mean = _MAX_MEAN_DIGITS - 1 - math.floor(math.log10(abs(mean))) if mean else _MAX_DECIMALS
    of_stddev = 1 - math.floor(math.log10(stddev))
    decimals = max(0, min(_MAX_DECIMALS, of_mean, of_stddev))
    after = f" {name}" if name else ""
    return f"{mean:,.{decimals}f}{after} ± {stddev:,.{decimals}f}{after}"


def signed_value_text(value: float, unit: str) -> str:
    """Return a difference with its sign."""
    sign = "+" if value > 0 else "-" if value < 0 else ""
    return sign + value_text(abs(value), unit)


def change_text(comparison: SeriesComparison) -> str:
    """Return the difference in percent of the base, with its interval: ``-13.7% ± 5.8%``."""
    percent = comparison.percent
    if percent is None:
        return "from 0" if comparison.difference else "-"
    text = _percent(percent, _decimals_of(comparison), signed=True)
    half, ends = _interval_texts(comparison)
    return f"{text} ± {half}" if half else f"{text} {ends}" if ends else text


def size_text(comparison: SeriesComparison) -> str:
    """Return the change in words: ``13.7% ± 5.8% less (better)``."""
    if not comparison.difference:
        return "unchanged"
    half, ends = _interval_texts(comparison)
    size = ""
    if comparison.percent is not None:
        size = _percent(abs(comparison.percent), _decimals_of(comparison))
        size += f" ± {half} " if half else " "
    word = "less" if comparison.difference < 0 else "more"
    better = comparison.is_better
    remarks = [] if better is None else ["better" if better else "worse"]
    remarks += [f"{comparison.options.confidence:g}% interval {ends}"] if ends else []
    return f"{size}{word}" + (f" ({', '.join(remarks)})" if remarks else "")


def _interval_texts(comparison: SeriesComparison) -> tuple[str, str]:
    """Return half of the interval in percent, or else its ends; empty texts if there is none."""
    percent, interval = comparison.percent, comparison.percent_interval
    if percent is None or interval is None:
        return "", ""
    low, high = interval
    decimals = _decimals_of(comparison)
    if is_symmetric(percent, low, high):
        return _percent((high - low) / 2, decimals), ""
    ends = [_percent(end, decimals, signed=True) for end in (low, high)]
    # An interval that is cut off begins at -100%, exactly.
    first = f"{low:.0f}%" if low == -MAX_LOSS_PERCENT else ends[0]
    return "", f"[{first}, {ends[1]}]"


def _decimals_of(comparison: SeriesComparison) -> int:
    percent, interval = comparison.percent or 0.0, comparison.percent_interval
    if interval is None:
        return _decimals(percent, percent)
    half = (interval[1] - interval[0]) / 2
    is_rough = half >= _MIN_ROUGH_PERCENT and not is_symmetric(percent, *interval)
    return 0 if is_rough else _decimals(percent, half)


def is_symmetric(value: float, low: float, high: float) -> bool:
    """Tell whether an interval is as wide below a value as above it."""
    return abs((high - value) - (value - low)) <= 1e-6 * (high - low)


def percent_text(value: float, *, signed: bool = False) -> str:
    """Return a percentage to three significant digits."""
    return _percent(value, _decimals(value, value), signed=signed)


def _decimals(value: float, half: float) -> int:
    """Return the number of decimals for a percentage, and for half of its interval.

    The interval has two significant digits, and the value at most three.
    """
    largest = max(abs(value), abs(half))
    if not largest:
        return 1
    of_half = 1 - math.floor(math.log10(abs(half))) if half else _MAX_DECIMALS
    of_value = DIGITS - 1 - math.floor(math.log10(largest))
    return max(0, min(_MAX_DECIMALS, of_value, max(1, of_half)))


def _percent(value: float, decimals: int, *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    if value and not round(value, decimals):
        if not round(value, _MAX_DECIMALS):
            return "<0.001%"
        return f"{value:{sign}.1g}%"
    return f"{value:{sign},.{decimals}f}%"


def p_of(comparison: SeriesComparison) -> float | None:
    """Return the p value of a verdict: the corrected one, if there is one."""
    if comparison.p_adjusted is not None:
        return comparison.p_adjusted
    return comparison.estimate.p if comparison.estimate else None


def probability_text(value: float | None) -> str:
    """Return a p value as text."""
    if value is None:
        return "-"
    return "<0.0001" if value < 0.0001 else f"{value:.4f}"
