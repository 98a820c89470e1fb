"""Reads a flame graph's SVG file: its frames, its texts, and the data that its script gets."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any
from xml.etree import ElementTree as ET

NAMESPACES = {"svg": "http://www.w3.org/2000/svg"}
XML_CHARACTERS = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
HOSTILE = [
    """<script>alert("1")</script>&amp;'""",
    "]]></style><!-- --",
    "a\x00b\x08c\x1b[31m\x7f\x85",
    "lone \ud800 surrogate",
    "not a character \ufffe\uffff",
    "  blanks  kept ",
    "漢字カーネル",
    "\U0001f525" * 40,
    "turned \u202eround\u200b",
    "`",
    "operator<<(std::ostream&, T const&)",
    "long" * 2500,
]
"""Names of frames that break a careless writer of XML, HTML or JavaScript."""


def parse(text: str) -> ET.Element:
    assert XML_CHARACTERS.fullmatch(text)
    return ET.fromstring(text)


def frames_in(root: ET.Element) -> list[ET.Element]:
    return root.findall(".//svg:g[@class='row']/svg:g", NAMESPACES)


def title_of(frame: ET.Element) -> tuple[str, str]:
    name, value = (frame[0].text or "").split("\n")
    return name, value


def texts_of(root: ET.Element, kind: str) -> list[str]:
    return [
        element.text or "" for element in root.findall(f".//svg:text[@class='{kind}']", NAMESPACES)
    ]


def data_of(text: str) -> dict[str, Any]:
    """Return the data that the script reads."""
    element = parse(text).find("svg:metadata", NAMESPACES)
    assert element is not None
    return dict(json.loads(element.text or ""))


def digests_by_hash_seed(program: str) -> set[str]:
    """Return the digests of the text `picture` of a Python program, run with several hash seeds."""
    digest = "\nimport hashlib; print(hashlib.sha256(picture.encode()).hexdigest())"
    return {
        subprocess.run(
            [sys.executable, "-c", program + digest],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
