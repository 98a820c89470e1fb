"""How one lock class changes from kernel to kernel, commit to commit, or day to day.

The class is that of the rules when a recording was added. A recording that has no such waits has
the value 0: the class was not there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from pvprof.errors import InputError, UsageError
from pvprof.stats.change_points import ChangePoint, change_points
from pvprof.stats.distributions import exact_student_quantile
from pvprof.store.catalogue import StoredRecording, groups_of, read_present, select
from pvprof.store.engines.engine import Engine
from pvprof.store.load import StoreInput
from pvprof.store.places.choose import open_place
from pvprof.store.tables.decode import StoredKey, read_keys
from pvprof.units import Unit, unit_order

GROUPINGS = ("day", "kernel", "commit")
"""What a point of a trend may be: a column of recordings."""

CONFIDENCE = 95.0
_SUMS = """
select recording_id, lock_class, sum(cast(value as decimal(20, 0))) as value
from samples
where recording_id in (select recording_id from chosen)
  and key_id in (select key_id from chosen_keys)
group by recording_id, lock_class
"""


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """The runs of one kernel, commit or day.

    Attributes:
        name: of the kernel, commit or day.
        day: of the first run.
        values: of the runs, in the unit of the trend.
    """

    name: str
    day: str
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Return the mean of the runs."""
        return fmean(self.values)

    @property
    def half_width(self) -> float | None:
        """Return half of the interval of the mean (Student's t); None of a single run."""
        count = len(self.values)
        if count < 2:
            return None
        quantile = exact_student_quantile(CONFIDENCE, count - 1)
        return quantile * stdev(self.values) / math.sqrt(count)


@dataclass(frozen=True, slots=True)
class Trend:
    """The values of a class over kernels, commits or days.

    Attributes:
        unit, mode: of the values.
        points: in the order of their first runs.
        changes: of the mean, in order.
        left_out: recordings without a name of that sort, or without a length.
        other_rules: recordings whose classes are those of other rules.
    """

    unit: Unit
    mode: str
    points: tuple[TrendPoint, ...]
    changes: tuple[ChangePoint, ...]
    left_out: int
    other_rules: int


def trend_of(
    wanted: StoreInput,
    by: str,
    is_meant: Callable[[str], object],
    rules: str,
    is_per_second: bool,
) -> Trend:
    """Return the trend of the classes that are meant.

    Args:
        wanted: the recordings; warm-ups do not count.
        by: one of `GROUPINGS`.
        is_meant: tells it of the name of a lock class.
        rules: hash of the rules of today.
        is_per_second: values are per second of the recording, not of the whole run.

    Raises:
        InputError: there is no recording, or no such class.
        UsageError: several modes were recorded.
    """
    columns = (by, "day", "begin_ns", "duration_ns", "warmup", "rules")
    store = open_place(wanted.path)

    def read() -> tuple[list[StoredRecording], StoredKey, dict[int, int]]:
        chosen = [one for one in select(store, wanted.where, columns) if not one.facts["warmup"]]
        if not chosen:
            raise InputError(f"{store.shown}: no recording matches", "pvprof store list shows all")
        keys = _keys_of(chosen)
        if any(one.is_twice for one in chosen):
            raise InputError(f"{store.shown}: recordings are in two groups", "pvprof store compact")
        return chosen, next(iter(keys.values())), _sums(wanted.engine, chosen, keys, is_meant)

    chosen, first, sums = read_present(store, read)
    runs: dict[str, list[tuple[str, float]]] = {}
    left_out = 0
    for one in chosen:
        duration_ns = one.facts["duration_ns"]
        if not one.facts[by] or (is_per_second and not duration_ns):
            left_out += 1
            continue
        scale = duration_ns / 1e9 if is_per_second and isinstance(duration_ns, int) else 1.0
        value = sums.get(one.recording_id, 0) / scale
        runs.setdefault(str(one.facts[by]), []).append((str(one.facts["day"]), value))
    if not runs:
        raise InputError(
            f"{store.shown}: no recording has a {by}",
            f"--by {' or '.join(name for name in GROUPINGS if name != by)}",
        )
    points = tuple(
        TrendPoint(name, rows[0][0], tuple(value for _, value in rows))
        for name, rows in runs.items()
    )
    return Trend(
        unit=first.unit,
        mode=first.mode,
        points=points,
        changes=change_points([point.values for point in points]),
        left_out=left_out,
        other_rules=sum(one.facts["rules"] != rules for one in chosen),
    )


def _keys_of(chosen: Sequence[StoredRecording]) -> dict[int, StoredKey]:
    """Return the keys of the one measurement that these recordings have.

    Raises:
        InputError: they have none.
        UsageError: they have several modes.
    """
    known = {
        number: key
        for number, key in read_keys(groups_of(chosen)).items()
        if key.role in ("sum", "single")
    }
    if not known:
        raise InputError("nothing was measured in these recordings")
    modes = sorted({key.mode for key in known.values()})
    if len(modes) > 1:
        hint = f'--where "mode = {modes[0]}" chooses one'
        raise UsageError(f"several modes measure the same waits: {', '.join(modes)}", hint)
    unit = min((key.unit for key in known.values()), key=unit_order)
    return {number: key for number, key in known.items() if key.unit == unit}


def _sums(
    engine: Engine,
    chosen: Sequence[StoredRecording],
    keys: Mapping[int, StoredKey],
    is_meant: Callable[[str], object],
) -> dict[int, int]:
    """Map recordings to their sums over the classes that are meant.

    Raises:
        InputError: no recording has such a class.
    """
    import pyarrow as pa  # noqa: PLC0415 (an extra)

    given = {
        "chosen": pa.table({"recording_id": pa.array([one.recording_id for one in chosen])}),
        "chosen_keys": pa.table({"key_id": pa.array(list(keys), type=pa.int64())}),
    }
    answer = engine.ask(groups_of(chosen), _SUMS, given)
    columns = (answer[name].to_pylist() for name in ("recording_id", "lock_class", "value"))
    sums: dict[int, int] = {}
    classes = set()
    for number, lock_class, value in zip(*columns, strict=True):
        classes.add(lock_class)
        if is_meant(lock_class):
            sums[number] = sums.get(number, 0) + int(value)
    if not sums:
        known = ", ".join(sorted(classes)[:12])
        raise InputError("no wait of these recordings is of such a class", f"classes: {known}")
    return sums
