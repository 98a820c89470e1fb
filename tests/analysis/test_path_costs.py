"""The critical path of two sides: what it was spent on, and what would be saved."""

from __future__ import annotations

from dataclasses import replace

from helpers.schedules import BEGIN_NS, Op, Simulator, recorded
from helpers.single_waits import RULES

from pvprof.analysis.compare.compare import Comparison, compare
from pvprof.analysis.compare.measures import PATH_TIME, SAVED_TIME
from pvprof.classify.filters import Filters
from pvprof.dataset.dataset import Dataset, Measurement
from pvprof.dataset.sides import RecordedRun, Side
from pvprof.model.runs import RunSpan
from pvprof.views.comparison import ComparisonOptions
from pvprof.views.documents.blocks import Block
from pvprof.views.documents.comparison_document import build
from pvprof.views.tables.table import Table

LOCK = "lock lock 0"


def run_with(held: int, number: int, has_threads: bool = True) -> RecordedRun:
    """Return a run whose first thread waits for a lock that another one holds for this long."""
    first = (Op("fork", 1), Op("run", 9), Op("lock", 0), Op("unlock", 0))
    second = (Op("lock", 0), Op("run", held), Op("unlock", 0))
    schedule = Simulator((first, second)).run()
    made = recorded(schedule)
    run = RunSpan(
        len(made.events),
        BEGIN_NS,
        BEGIN_NS + schedule.length,
        threads=len(made.threads) if has_threads else 0,
    )
    measurement = Measurement(
        made.events.profile(),
        made.events,
        (run,),
        made.wakeups,
        threads=made.threads if has_threads else None,
        mode="path",
    )
    dataset = Dataset((f"run {number}",), (measurement,), (), (), (), records=1)
    return RecordedRun(f"run {number}", dataset, digest=f"{held} {number}")


def compared(has_threads: bool = True) -> Comparison:
    base, new = (
        Side(
            name,
            tuple(run_with(held + number % 3, number, has_threads) for number in range(5)),
        )
        for name, held in (("stock", 500), ("patched", 200))
    )
    return compare(base, new, RULES, Filters())


def test_the_path_and_what_is_saved_are_values_with_verdicts() -> None:
    (section,) = compared().sections
    for level in (PATH_TIME, SAVED_TIME):
        (row,) = [row for row in section.level(level) if row.name == LOCK]
        assert [value for value in row.main.base if value] == [493, 494, 495, 493, 494]
        assert [value for value in row.main.new if value] == [193, 194, 195, 193, 194]
        assert row.is_different
        assert row.main.comparison is not None
        assert row.main.comparison.is_better
    running = [row for row in section.level(PATH_TIME) if row.name == "running"]
    assert [row.is_different for row in running] == [False]


def test_documents_have_a_table_of_each() -> None:
    def titles(blocks: tuple[Block, ...]) -> list[str]:
        return [block.title for block in blocks if isinstance(block, Table)]

    shown = titles(build(compared(), ComparisonOptions()).blocks)
    assert "Critical path of the run" in shown
    assert "The end would be sooner by, if these waits took no time" in shown


def test_runs_without_recorded_threads_have_no_path_to_compare() -> None:
    (section,) = compared(has_threads=False).sections
    assert section.level(PATH_TIME) == section.level(SAVED_TIME) == ()
    mixed = compared()
    lacking = replace(mixed.new, runs=(*mixed.new.runs[:4], run_with(200, 9, has_threads=False)))
    (section,) = compare(mixed.base, lacking, RULES, Filters()).sections
    assert section.level(PATH_TIME) == ()
