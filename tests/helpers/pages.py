"""HTML reports made from profiles in memory, and recordings with a manifest for others."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

from conftest import read_recording_bytes

from pvprof.analysis.report import build_report
from pvprof.classify.classified import Classified
from pvprof.classify.filters import Filters
from pvprof.classify.rules_file import load_rules
from pvprof.dataset.dataset import Dataset, Measurement
from pvprof.model.problems import Problem
from pvprof.model.profile import Histogram, Profile
from pvprof.render.html.page import render
from pvprof.views.html_page import build
from pvprof.views.report_view import PageSubject
from pvprof.views.tables.table import TableOptions

RULES = load_rules()
MANIFEST = {
    "schema": 1,
    "pvprof": "0.1.0",
    "mode": "offcpu",
    "program": "offcpu",
    "options": ["min_us=10"],
    "scope": "tree",
    "label": "stock",
    "host": "build13",
    "kernel": {"ident": "GENERIC", "release": "13.2-RELEASE", "machine": "amd64"},
    "ncpu": 8,
    "workload": ["make", "-j8", "buildkernel"],
    "exit_status": 0,
    "real_s": 61.25,
    "user_s": 301.5,
    "sys_s": 99.75,
    "duration_ns": 61_300_000_000,
    "complete": True,
}
_CODE = re.compile(r"<(script|style)\b[^>]*>.*?</\1>", re.S)


def recording(place: Path, name: str, output: str = "stock-offcpu.out", **facts: object) -> Path:
    """Return a recording directory made from real output, with these facts in its manifest."""
    directory = place / f"{name}.pvprof"
    directory.mkdir()
    (directory / "raw.out").write_bytes(read_recording_bytes(output))
    (directory / "stderr.txt").write_text("")
    (directory / "manifest.json").write_text(json.dumps({**MANIFEST, **facts}))
    return directory


def page_from(
    *profiles: Profile,
    histograms: tuple[Histogram, ...] = (),
    problems: tuple[Problem, ...] = (),
    names: tuple[str, ...] = ("made",),
    top: int = 20,
) -> str:
    """Return the HTML report of profiles."""
    pool = Dataset(
        names,
        tuple(Measurement(profile, None) for profile in profiles),
        histograms,
        problems,
        (),
        (),
    )
    classified = Classified.of(pool, RULES, Filters())
    subject = PageSubject(classified, build_report(classified))
    return render(build(subject, TableOptions(top))).text


def parsed(page: str) -> ET.Element:
    """Return the page without scripts and styles, parsed as XML."""
    return ET.fromstring(_CODE.sub("", page.replace("<!DOCTYPE html>", "", 1)))


def texts(element: ET.Element) -> str:
    """Return all text in an element."""
    return "".join(element.itertext())
