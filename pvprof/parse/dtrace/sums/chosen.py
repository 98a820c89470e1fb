"""The sums to use: compiled ones, if they were built and nothing turns them off."""

from __future__ import annotations

import os

from pvprof.parse.dtrace.sums.plain_records import PlainRecords, PlainSums
from pvprof.parse.dtrace.sums.python_sums import PythonSums

WITHOUT_CORE = "PVPROF_WITHOUT_CORE"
"""The environment variable that turns compiled code off."""


def plain_sums(records: PlainRecords) -> PlainSums:
    """Return new sums of plain records."""
    if not os.environ.get(WITHOUT_CORE):
        try:
            from pvprof.parse.dtrace.sums.core_sums import CoreSums  # noqa: PLC0415 (may be absent)
        except ImportError:
            pass  # built without a compiler
        else:
            return CoreSums(records)
    return PythonSums(records)
