"""Settings and fixtures of all tests: recordings, the command line, Chromium, golden files."""

from __future__ import annotations

import difflib
import gzip
import os
import re
import shutil
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, settings

from pvprof.cli import cli

if TYPE_CHECKING:
    from helpers.command_line import RunCommand
    from helpers.s3_server import S3Server
    from playwright.sync_api import Browser, Page

    from pvprof.render.registry import Format

pytest.register_assert_rewrite("helpers", "target")  # their failures show values too

TESTS = Path(__file__).parent
FIXTURES = TESTS / "fixtures"
RECORDINGS = FIXTURES / "freebsd-13.2"
SYMBOLS = RECORDINGS / "kernel-symbols.nm.gz"

# A busy machine is no failure, so there is no deadline. CI tries the same examples every time; at
# home each run tries new ones. `PVPROF_THOROUGH=1` tries twenty times as many, `PVPROF_EXAMPLES=N`
# that many.
usual_examples = int(os.environ.get("PVPROF_EXAMPLES", "50"))
for name, max_examples in (("usual", usual_examples), ("thorough", 1000)):
    settings.register_profile(
        name,
        max_examples=max_examples,
        deadline=None,
        derandomize="CI" in os.environ,
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile("thorough" if os.environ.get("PVPROF_THOROUGH") else "usual")


# The shell may have ignored these for us (nohup does, and so does a background job), and the
# programs that the tests start would inherit that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


LIVE_RERUNS = 2
"""A recording of this kernel measures times, and what else the machine does is in them: such a test
may begin again, and the last line of a run counts how often that happened."""

SLOW_FIRST = (
    *("live", "collect", "browser", "store"),
    *("test_release.py", "test_contributing.py", "test_scripts.py"),
)
"""Folders and files that take long: the others fill the gaps at the end."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests by their folder; `ssh`, `viewer` and `slow` are written at the tests.

    If several workers run, the longest files come first, so that none is left alone at the end.
    """
    for item in items:
        folder = folder_of(item)
        if folder in ("browser", "live"):
            item.add_marker(folder)
        if folder == "live":
            item.add_marker(pytest.mark.flaky(reruns=LIVE_RERUNS))
    if hasattr(config, "workerinput"):
        order = {folder: rank for rank, folder in enumerate(SLOW_FIRST)}
        items.sort(key=lambda item: order.get(folder_of(item), len(order)))


_BEHIND_RECORDINGS = 5


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let recordings of this kernel have the processors first: they measure times."""
    is_beside_others = hasattr(item.config, "workerinput") and folder_of(item) != "live"
    if is_beside_others and os.nice(0) < _BEHIND_RECORDINGS:
        os.nice(_BEHIND_RECORDINGS - os.nice(0))


@pytest.hookimpl(optionalhook=True)  # it is pytest-xdist's
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let one worker run all tests of a file, and one all recordings of this kernel.

    Those would see each other: the whole system has another bpftrace in it then.
    """
    from xdist.scheduler import LoadFileScheduling  # noqa: PLC0415 (not all tests need xdist)

    scheduler = LoadFileScheduling(config, log)
    file_of = scheduler._split_scope

    def scope_of(nodeid: str) -> str:
        return "tests/live" if nodeid.startswith("tests/live/") else str(file_of(nodeid))

    scheduler._split_scope = scope_of
    return scheduler


def folder_of(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]


def read_recording_bytes(name: str) -> bytes:
    """Return the unpacked output of a real recording."""
    data = (RECORDINGS / name).read_bytes()
    return gzip.decompress(data) if name.endswith(".gz") else data


_UNIT = re.compile(rb"\A# pvprof (?:folded|differential), unit: (?:ns|samples|events)\n")


@pytest.fixture
def run() -> RunCommand:
    """Run a pvprof command in this process; stdout and stderr are kept apart.

    Folded stacks on stdout come without their first line, the comment with the unit.
    """

    def run_command(*args: object, stdin: bytes | None = None) -> Result:
        result = CliRunner().invoke(cli, [str(arg) for arg in args], input=stdin)
        result.stdout_bytes = _UNIT.sub(b"", result.stdout_bytes, count=1)
        return result

    return run_command


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name bytes by their length: packed data hold a time, so workers would give other names."""
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


def require(is_available: bool, missing: str) -> None:
    """Skip a test for what is missing on this machine; in continuous integration, fail."""
    if is_available:
        return
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def require_packages_of(fmt: Format) -> None:
    """Skip a test for packages that an output format needs; in continuous integration, fail."""
    missing = [name for name in fmt.needs if find_spec(name) is None]
    require(not missing, f"{' and '.join(missing)} not installed")


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """Start a server of S3 once: a process keeps the connection to the first that it finds."""
    from helpers.s3_server import s3_server  # noqa: PLC0415 (only these tests need it)

    missing = [name for name in ("moto", "s3fs") if find_spec(name) is None]
    require(not missing, f"{' and '.join(missing)} not installed")
    with s3_server() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium once for all tests: two event loops of playwright cannot run in a process."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (only these tests need it)

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    require(path is not None, "chromium is not installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Return an empty page that fails the test if it logs an error or loads anything."""
    from helpers.browser import watched_page  # noqa: PLC0415 (it imports playwright)

    yield from watched_page(browser)


@pytest.fixture(autouse=True)
def _fixed_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the results independent of the terminal in which the tests run."""
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)


def assert_golden(text: str, golden: Path) -> None:
    """Compare with a golden file; ``PVPROF_BLESS=1`` writes it instead, for you to review."""
    if os.environ.get("PVPROF_BLESS"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    if not golden.is_file():
        pytest.fail(f"{golden} is missing: make it with PVPROF_BLESS=1 and read it")
    known = golden.read_text(encoding="utf-8")
    if text != known:
        lines = difflib.unified_diff(
            known.splitlines(), text.splitlines(), str(golden), "now", lineterm=""
        )
        hint = "PVPROF_BLESS=1 writes it, for you to review"
        pytest.fail("\n".join([f"{golden} differs: {hint}", *lines]), pytrace=False)
