"""A dataset whose stacks are edited: sums, single waits, wake-ups and histograms alike.

Weights of stacks that become equal are added up, so every total stays the same. It refuses to know
what an edit does (``stack_edits`` does).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from pvprof.dataset.dataset import Dataset, Measurement
from pvprof.dataset.stack_edits import StackEditor, StackEdits
from pvprof.model.profile import Profile
from pvprof.model.stacks import Stack
from pvprof.model.wakeup_sums import WakeupSums, add_wakeup_sums

if TYPE_CHECKING:
    from pvprof.model.waits import WaitTable, WakeupTable

    _Table = TypeVar("_Table", WaitTable, WakeupTable)

_Edit = Callable[[Stack], Stack]


def edit_dataset(dataset: Dataset, edits: StackEdits) -> tuple[Dataset, Mapping[str, int]]:
    """Return the dataset after the edits of what was recorded, and the counts of `StackEditor`.

    Without such edits it is the same object.
    """
    edit = StackEditor(edits, "recorded")
    if not edit:
        return dataset, {}
    edited = replace(
        dataset,
        measurements=tuple(_measurement(one, edit) for one in dataset.measurements),
        histograms=tuple(replace(one, stack=edit(one.stack)) for one in dataset.histograms),
    )
    return edited, edit.counts


def _measurement(one: Measurement, edit: _Edit) -> Measurement:
    return replace(
        one,
        profile=_profile(one.profile, edit),
        events=None if one.events is None else _table(one.events, edit),
        wakeups=None if one.wakeups is None else _table(one.wakeups, edit),
        wakeup_sums=None if one.wakeup_sums is None else _wakeup_sums(one.wakeup_sums, edit),
        open_waits=None if one.open_waits is None else _profile(one.open_waits, edit),
    )


def _profile(profile: Profile, edit: _Edit) -> Profile:
    edited = Profile(profile.unit, profile.has_counts)
    for key, stack, weight in profile:
        edited.add(key, edit(stack), weight)
    return edited


def _table(table: _Table, edit: _Edit) -> _Table:
    """Return the table with the distinct edited stacks."""
    import numpy as np  # noqa: PLC0415 (0.2 s to import: only single waits need it)

    ids: dict[Stack, int] = {}
    numbers = [ids.setdefault(edit(stack), len(ids)) for stack in table.stacks]
    stack_id = np.asarray(numbers, dtype=table.stack_id.dtype)[table.stack_id]
    return replace(table, stacks=tuple(ids), stack_id=stack_id)


def _wakeup_sums(sums: WakeupSums, edit: _Edit) -> WakeupSums:
    edited: WakeupSums = {}
    for key, split in sums.items():
        changed = key._replace(stack=edit(key.stack), waker=edit(key.waker))
        add_wakeup_sums(edited, {changed: split})
    return edited
