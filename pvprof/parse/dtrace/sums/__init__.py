"""The sums of plain records of aggregations, by the compiled core if it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvprof.model.core import core_module

if TYPE_CHECKING:
    from pvprof.parse.dtrace.sums.plain_records import PlainRecords, PlainSums


def plain_sums(records: PlainRecords) -> PlainSums:
    """Return new sums of plain records."""
    core = core_module()
    if core is None:
        from pvprof.parse.dtrace.sums.python_sums import PythonSums  # noqa: PLC0415 (or the other)

        return PythonSums(records)
    from pvprof.parse.dtrace.sums.core_sums import CoreSums  # noqa: PLC0415 (or the other)

    return CoreSums(records, core)
