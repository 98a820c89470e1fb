"""What the tests share: where the recordings are, and how the command line is run."""

from __future__ import annotations

import gzip
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, settings

from pvprof.cli import cli

if TYPE_CHECKING:
    from helpers.command_line import RunCommand
    from playwright.sync_api import Browser

pytest.register_assert_rewrite("helpers", "target")  # their failures show values too

FIXTURES = Path(__file__).parent / "fixtures"
RECORDINGS = FIXTURES / "freebsd-13.2"
SYMBOLS = RECORDINGS / "kernel-symbols.nm.gz"

# A busy machine is no failure, and continuous integration tries the same examples every time;
# at home each run tries new ones.
settings.register_profile(
    "pvprof",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("pvprof")


# Whoever runs the tests may ignore these (nohup does, a background job may): what is started here
# would ignore them for good.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def read_recording_bytes(name: str) -> bytes:
    """Return a real recording's output, unpacked."""
    data = (RECORDINGS / name).read_bytes()
    return gzip.decompress(data) if name.endswith(".gz") else data


@pytest.fixture
def run() -> RunCommand:
    """Run a pvprof command in this process; stdout and stderr are kept apart."""

    def run_command(*args: object, stdin: bytes | None = None) -> Result:
        return CliRunner().invoke(cli, [str(arg) for arg in args], input=stdin)

    return run_command


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name bytes by their length: what is packed with a time differs between two workers."""
    return f"{len(val)} bytes" if isinstance(val, bytes) and len(val) > 40 else None


CHROMIUM_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def require(found: bool, what: str) -> None:
    """Leave a test out where what it needs is not installed; in continuous integration, fail."""
    if found:
        return
    if os.environ.get("CI"):
        pytest.fail(f"{what} is not installed")
    pytest.skip(f"{what} is not installed")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium, one for all tests: two of playwright's loops cannot run at a time."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (only these tests need it)

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    require(path is not None, "chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture(autouse=True)
def _fixed_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the terminal of whoever runs the tests out of the results."""
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)


def assert_golden(text: str, golden: Path) -> None:
    """Compare with a golden file; ``PVPROF_BLESS=1`` writes it instead, for a person to review."""
    if os.environ.get("PVPROF_BLESS"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert golden.is_file(), f"{golden} is missing: make it with PVPROF_BLESS=1 and read it"
    assert text == golden.read_text(encoding="utf-8")
