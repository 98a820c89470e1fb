"""``pvprof store serve`` in a real Chromium: from the list to a report and a comparison."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import FIXTURES
from helpers.command_line import RunCommand
from helpers.store_server import store_server
from playwright.sync_api import Browser

pytest.importorskip("uvicorn")
pytest.importorskip("duckdb")

EXAMPLE = FIXTURES / "example-lock-patch"


def test_a_reader_goes_from_the_list_to_a_report_and_a_comparison(
    browser: Browser, tmp_path: Path, run: RunCommand
) -> None:
    runs = [path for side in ("rwlock", "obm") for path in (EXAMPLE / side).glob("offcpu-*.pvprof")]
    assert run("store", "add", "-q", tmp_path / "fleet", *runs).exit_code == 0
    complaints: list[str] = []
    with store_server(tmp_path / "fleet") as server:
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(server.url)
        assert page.locator("h1").text_content() == f"fleet: {len(runs)} recordings"
        page.locator("tbody a").first.click()
        assert (page.locator("h1").text_content() or "").startswith("pvprof report: offcpu-")
        assert page.locator("svg.pvprof-flame").count() > 0
        page.go_back()
        page.fill("input[name=where]", "label = rwlock")
        page.fill("input[name=vs]", "label = obm")
        page.click("text=Compare >> nth=-1")
        assert "compare" in (page.locator("h1").text_content() or "")
        page.go_back()
        page.fill("input[name=where]", "label =")
        page.click("text=List")
        assert "a value is due" in (page.locator(".error").first.text_content() or "")
        assert page.input_value("input[name=where]") == "label ="
        page.close()
    assert [text for text in complaints if "400" not in text and "favicon" not in text] == []
