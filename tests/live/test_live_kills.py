"""A trial of ``scripts/kills``, of those that it makes at random."""

from __future__ import annotations

import pytest
from conftest import require
from helpers.live import reason_against
from kills_run import describe, in_namespaces, table

SEEDS = (2002,)


@pytest.fixture(scope="module", autouse=True)
def _traceable() -> None:
    reason = reason_against()
    require(not reason, reason)


def test_killed_recordings_leave_nothing() -> None:
    rows = list(in_namespaces(SEEDS[0], len(SEEDS), jobs=1))
    assert [row["seed"] for row in rows] == list(SEEDS)
    assert [describe(row) for row in rows if row["faults"]] == []
    assert table(rows).splitlines()[-1].startswith(f"| all | {len(SEEDS)} |")
