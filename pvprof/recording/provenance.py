"""Where a picture comes from: what a recording's manifest says, as lines for people.

Owns which facts a reader of a picture wants to see, in which order and words. It takes the
manifest as a mapping and refuses to open recordings; whatever is missing or of another type than
expected is left out, never an error: old and hand-made manifests must give a picture, too.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pvprof.units import format_ns

_MOST_DROPS = 6


@dataclass(frozen=True, slots=True)
class Provenance:
    """What ran, where, and how it was recorded; every text is empty where that is not known.

    Attributes:
        host, kernel, cpus, workload, label, mode, duration, recorder: as a reader sees them.
        lost: what is missing from the recording: drops, an end that was never seen.
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
    def from_manifest(cls, manifest: Mapping[str, Any]) -> Provenance:
        """Return what a manifest says."""
        ncpu = _integer(manifest.get("ncpu"))
        duration_ns = _integer(manifest.get("duration_ns"))
        version = _text(manifest.get("pvprof"))
        return cls(
            host=_text(manifest.get("host")),
            kernel=_kernel(manifest),
            cpus=f"{ncpu:,}" if ncpu else "",
            workload=_command(manifest.get("workload")),
            label=_text(manifest.get("label")),
            mode=_text(manifest.get("mode")),
            duration=format_ns(duration_ns) if duration_ns else "",
            recorder=f"pvprof {version}" if version else "",
            lost=_lost(manifest),
        )

    def rows(self) -> tuple[tuple[str, str], ...]:
        """Return (label, text) of what is known, in reading order."""
        rows = (
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
        return tuple(row for row in rows if row[1])


def provenance_rows(manifests: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Return (label, text) of several recordings; texts that differ stand on lines of their own."""
    merged: dict[str, dict[str, None]] = {}
    for manifest in manifests:
        for label, text in Provenance.from_manifest(manifest).rows():
            merged.setdefault(label, {})[text] = None
    order = [label for label, _ in Provenance(*["x"] * 9).rows()]
    return tuple((label, "\n".join(merged[label])) for label in order if label in merged)


def _text(value: object) -> str:
    return str(value).strip() if isinstance(value, (str, int, float)) else ""


def _integer(value: object) -> int:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return max(value, 0) if is_number and isinstance(value, int) else 0


def _command(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return shlex.join(str(argument) for argument in value)
    return _text(value)


def _kernel(manifest: Mapping[str, Any]) -> str:
    """Return ident, release and version of the kernel, each once."""
    kernel = manifest.get("kernel")
    if not isinstance(kernel, Mapping):
        return ", ".join(filter(None, (_text(kernel), _text(manifest.get("ident")))))
    parts = [" ".join(_text(kernel.get(key)).split()) for key in ("ident", "release", "version")]
    texts: list[str] = []
    for part in parts:
        if part and not any(part in text for text in texts):
            texts.append(part)
    return ", ".join(texts)


def _lost(manifest: Mapping[str, Any]) -> str:
    drops = manifest.get("drops")
    texts = []
    if isinstance(drops, Mapping):
        named = [(str(name), _integer(number)) for name, number in drops.items()]
        named = [item for item in named if item[1]]
        texts += [f"{name}: {number:,}" for name, number in named[:_MOST_DROPS]]
        texts += [f"{len(named) - _MOST_DROPS} kinds more"] if len(named) > _MOST_DROPS else []
    elif _integer(drops):
        texts.append(f"{_integer(drops):,} drops")
    elif isinstance(drops, (list, tuple)) and drops:
        texts += [" ".join(str(one).split()) for one in drops[:_MOST_DROPS]]
    if manifest.get("complete") is False:
        texts.append("the recording is incomplete")
    return "; ".join(texts)
