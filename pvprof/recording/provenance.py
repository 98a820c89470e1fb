"""Provenance: the facts of a manifest that a reader of a result needs, as labelled lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pvprof.recording.manifest import Manifest
from pvprof.units import format_ns


@dataclass(frozen=True, slots=True)
class Provenance:
    """What ran, where, and how it was recorded; a text is empty if unknown.

    Attributes:
        host, kernel, cpus, workload, label, mode, duration, recorder: as a reader sees them.
        lost: what the recording lacks: dropped records, its end.
    """

    host: str = ""
    kernel: str = ""
    cpus: str = ""
    workload: str = ""
    label: str = ""
    mode: str = ""
    duration: str = ""
    recorder: str = ""
    lost: str = ""

    @classmethod
    def from_manifest(cls, manifest: Manifest) -> Provenance:
        """Return the facts of a manifest as texts."""
        return cls(
            host=manifest.host,
            kernel=manifest.kernel.text,
            cpus=f"{manifest.ncpu:,}" if manifest.ncpu else "",
            workload=manifest.workload or "",
            label=manifest.label,
            mode=manifest.mode,
            duration=format_ns(manifest.duration_ns) if manifest.duration_ns else "",
            recorder=f"pvprof {manifest.pvprof}" if manifest.pvprof else "",
            lost=_lost(manifest),
        )

    def rows(self) -> tuple[tuple[str, str], ...]:
        """Return (label, text) of the known facts, in reading order."""
        return tuple(row for row in self.all_rows() if row[1])

    def all_rows(self) -> tuple[tuple[str, str], ...]:
        """Return (label, text) of all facts, in reading order; unknown facts have an empty text."""
        return (
            ("Host", self.host),
            ("Kernel", self.kernel),
            ("CPUs", self.cpus),
            ("Workload", self.workload),
            ("Label", self.label),
            ("Mode", self.mode),
            ("Duration", self.duration),
            ("Recorded by", self.recorder),
            ("Lost", self.lost),
        )


def provenance_rows(manifests: Iterable[Manifest]) -> tuple[tuple[str, str], ...]:
    """Return (label, text) of several recordings, in reading order.

    A text has one line for each that is different; durations are one line in all.
    """
    every = tuple(manifests)
    texts_by_label: dict[str, dict[str, None]] = {}
    for manifest in every:
        for label, text in Provenance.from_manifest(manifest).all_rows():
            texts_by_label.setdefault(label, {})[text] = None
    merged = {label: "\n".join(filter(None, texts)) for label, texts in texts_by_label.items()}
    merged["Duration"] = duration_words([one.duration_ns for one in every if one.duration_ns])
    return tuple(row for row in merged.items() if row[1])


def duration_words(durations_ns: Sequence[int], *, is_whole: bool = True) -> str:
    """Return the duration of one recording, or the number and the range of several.

    Args:
        durations_ns: of the recordings whose duration is known.
        is_whole: the durations are of whole recordings, not of a window in them.
    """
    if not durations_ns:
        return ""
    shortest, longest = map(format_ns, (min(durations_ns), max(durations_ns)))
    if len(durations_ns) == 1:
        return shortest
    span = f"of {shortest} to {longest}" if shortest != longest else f"of {shortest}"
    what = ", start and stop of tracing included" if is_whole else ""
    return f"{len(durations_ns):,} recordings {span}{what}"


def _lost(manifest: Manifest) -> str:
    texts = list(manifest.drop_texts)
    if manifest.drops:
        texts.append(f"{manifest.drops:,} drops")
    if manifest.is_complete is False:
        texts.append("the recording is incomplete")
    return "; ".join(texts)
