"""A profile as a request to a server of Pyroscope, or one that takes the same.

Owns the request: which address, which form, which labels. ``delivery`` sends it. The protocol is
that of https://grafana.com/docs/pyroscope/latest/reference-server-api (ingestion, pprof)::

    POST /ingest?name=pvprof{host=web1,mode=offcpu}&from=1795372027&until=1795372042&spyName=pvprof
    Content-Type: multipart/form-data; boundary=...

    profile             the gzip-ed message of pprof
    sample_type_config  JSON: for each type of samples its unit, its name, and that values add up

A name and its labels have no quotes, so a value has neither ``,`` nor ``}``; here they become
``_``, as do characters that are not seen. ``format`` is not sent: with it, the server takes the
whole body for the message.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from pvprof.errors import UsageError, quote
from pvprof.model.stacks import show_controls
from pvprof.recording.manifest import Manifest
from pvprof.render.data.encoding import json_text
from pvprof.units import NS_PER_S

SPY = "pvprof"
MAX_LABEL_CHARACTERS = 1_024
"""Of a value; the server refuses a profile with a longer one than 2,048."""

_APP = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_RESERVED = re.compile(r"__.*|service_name|profile_id")
_NOT_IN_A_VALUE = re.compile(r"[,{}=\"\\]")
_UNITS = {"nanoseconds": "lock_nanoseconds", "bytes": "bytes"}
_COUNT = "lock_samples"

Labels = Mapping[str, str]
"""Label values by name."""


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """A request.

    Attributes:
        query: what follows the address of the server: ``/ingest?...``.
        content_type: of the body.
        body: the form.
    """

    query: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class RecordedTime:
    """When something was recorded, in ns since 1970."""

    begin_ns: int
    end_ns: int


def check_app(name: str) -> str:
    """Return the name of an application.

    Raises:
        UsageError: a server would refuse it.
    """
    if _APP.fullmatch(name) is None:
        raise UsageError(f"--app {quote(name)}: letters, digits, '_', '.' and '-'")
    return name


def labels_of(manifest: Manifest) -> dict[str, str]:
    """Return the labels that the facts of a recording give; unknown facts give none."""
    facts = {
        "host": manifest.host,
        "kernel": manifest.kernel.text,
        "mode": manifest.mode,
        "label": manifest.label,
        "workload": manifest.workload or "",
    }
    return {name: value_of(text) for name, text in facts.items() if text}


def labels_from(texts: Iterable[str]) -> dict[str, str]:
    """Return the labels that a user gives as ``NAME=VALUE``.

    Raises:
        UsageError: one is no such text, or its name is not allowed.
    """
    labels = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or _LABEL.fullmatch(name) is None or not value.strip():
            raise UsageError(f"--label {quote(text)}: NAME=VALUE", "for example region=eu-1")
        if _RESERVED.fullmatch(name):
            raise UsageError(f"--label {quote(text)}: the server uses this name itself")
        labels[name] = value_of(value)
    return labels


def value_of(text: str) -> str:
    """Return a text as the value of a label: on one line, without what would end it."""
    shown = _NOT_IN_A_VALUE.sub("_", show_controls(" ".join(text.split())))
    return shown[:MAX_LABEL_CHARACTERS]


def ingest_request(
    app: str,
    labels: Labels,
    time: RecordedTime,
    types: Iterable[tuple[str, str]],
    profile: bytes,
) -> IngestRequest:
    """Return the request that sends one profile.

    Args:
        app: the name of the application.
        labels: of the whole profile.
        time: when it was recorded.
        types: (name, unit) of its values.
        profile: the gzip-ed message of pprof.
    """
    named = ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
    begin_s = time.begin_ns // NS_PER_S
    query = {
        "name": f"{app}{{{named}}}",
        "from": begin_s,
        "until": max(-(-time.end_ns // NS_PER_S), begin_s + 1),
        "spyName": SPY,
    }
    config = {
        name: {
            "units": _UNITS.get(unit, _COUNT),
            "aggregation": "sum",
            "display-name": "_".join(name.split()),
            "sampled": False,
        }
        for name, unit in types
    }
    boundary, body = _form(
        ("profile", "profile.pb.gz", "application/octet-stream", profile),
        ("sample_type_config", "config.json", "application/json", json_text(config).encode()),
    )
    content_type = f"multipart/form-data; boundary={boundary}"
    return IngestRequest(f"/ingest?{urlencode(query)}", content_type, body)


def _form(*parts: tuple[str, str, str, bytes]) -> tuple[str, bytes]:
    """Return a boundary and the body of a form (RFC 7578) of (field, file, type, content)."""
    content = hashlib.sha256(b"".join(part[3] for part in parts)).hexdigest()
    boundary = f"pvprof-{content}"  # no part can have it: it would have its own checksum
    lines = bytearray()
    for field, file, kind, data in parts:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{file}"'
        lines += f"{head}\r\nContent-Type: {kind}\r\n\r\n".encode()
        lines += data + b"\r\n"
    return boundary, bytes(lines + f"--{boundary}--\r\n".encode())
