"""Changes of a mean are found where they are, and hardly ever where there is none."""

from __future__ import annotations

import random

import pytest

from pvprof.stats.change_points import ALPHA, change_points


def series(means: list[float], runs: int, seed: int = 1) -> list[list[float]]:
    rng = random.Random(seed)
    return [[rng.gauss(mean, 1.0) for _ in range(runs)] for mean in means]


def test_a_step_is_found_at_its_point() -> None:
    (change,) = change_points(series([10.0] * 6 + [15.0] * 4, 3))
    assert change.point == 6
    assert change.before == pytest.approx(10, abs=0.7)
    assert change.after == pytest.approx(15, abs=0.7)
    assert change.p <= ALPHA


def test_several_steps_are_found() -> None:
    changes = change_points(series([10.0] * 6 + [20.0] * 6 + [5.0] * 6, 3))
    assert [change.point for change in changes] == [6, 12]


def test_single_runs_a_point_are_enough() -> None:
    assert [one.point for one in change_points(series([10.0] * 12 + [15.0] * 12, 1))] == [12]


@pytest.mark.slow
def test_without_a_change_few_are_found() -> None:
    found = sum(bool(change_points(series([10.0] * 8, 2, seed))) for seed in range(100))
    assert found <= 5  # 1 is expected; more than 5 have a chance of 0.05 %


@pytest.mark.parametrize(
    "points", [[], [[]], [[1.0]], [[1.0, 2.0], [3.0, 4.0]], [[7.0] * 9, [7.0] * 9]]
)
def test_too_few_or_equal_runs_prove_nothing(points: list[list[float]]) -> None:
    assert change_points(points) == ()


def test_a_point_without_runs_is_no_obstacle() -> None:
    points = [*series([10.0] * 4, 3), [], *series([20.0] * 4, 3)]
    (change,) = change_points(points)
    assert change.point in (4, 5)
