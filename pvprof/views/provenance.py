"""The facts of the recordings that an output states: what ran, where, how it was recorded."""

from __future__ import annotations

from pvprof.dataset.dataset import Dataset


def facts_of(dataset: Dataset) -> list[tuple[str, str]]:
    """Return the facts of the recordings of a dataset as (label, text), each label once."""
    from pvprof.recording.provenance import provenance_rows  # noqa: PLC0415 (manifests, if any)

    facts = provenance_rows(dataset.manifests)
    known = {label for label, _ in facts}
    known |= {"Kernel ident"} if "Kernel" in known else set()  # it is part of that row
    return [row for row in dataset.provenance if row[0] not in known] + list(facts)
