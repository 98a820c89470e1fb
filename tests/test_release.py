"""What users install: the wheel, from `scripts/release`, and the port's list of dependencies."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from target.harness import Running, StandIn

from pvprof import __version__

TOP = Path(__file__).parent.parent
PORT = TOP / "ports" / "devel" / "py-pvprof"
README = (TOP / "README.md").read_text()
TARGET_PACKAGES = re.findall(r"pip install (.+?) && .*pip install --no-deps \.$", README, re.M)
"""What the commands for the target need, as README says it."""


def in_git(*folders: str) -> set[str]:
    command = ["git", "-C", str(TOP), "ls-files", *folders]
    return set(subprocess.check_output(command, text=True).splitlines())


HAS_COMPILER = shutil.which("cc") is not None
CORE = "pvprof/model/core/stack_sums.abi3.so"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel of the working tree, built as `scripts/release` does."""
    folder = tmp_path_factory.mktemp("wheel")
    return built_wheel(folder)


def built_wheel(folder: Path, **environment: str) -> Path:
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder, TOP]
    run(*build, environment=environment)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture
def target(tmp_path: Path) -> Iterator[StandIn]:
    """Return a stand-in for a FreeBSD machine."""
    with StandIn(tmp_path) as machine:
        machine.dtrace(patched=True)
        yield machine


def run(*words: object, environment: Mapping[str, str] | None = None) -> str:
    command = [str(word) for word in words]
    done = subprocess.run(
        command,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_release_is_built_twice_with_the_same_bytes() -> None:
    first = run(TOP / "scripts" / "release", environment={"PYTHON": sys.executable})
    names = [line.split()[1] for line in first.splitlines()]
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    wheels = [*([f"cp311-abi3-{platform}"] if HAS_COMPILER else []), "py3-none-any"]
    assert names == [
        *(f"pvprof-{__version__}-{name}.whl" for name in wheels),
        f"pvprof-{__version__}.tar.gz",
    ]
    assert all(re.match("[0-9a-f]{64} ", line) for line in first.splitlines())
    committed = int(subprocess.check_output(["git", "-C", str(TOP), "log", "-1", "--format=%ct"]))
    with tarfile.open(TOP / "dist" / names[-1]) as archive:
        assert {member.mtime for member in archive} == {committed}
        assert {(member.uid, member.gid) for member in archive} == {(0, 0)}


@pytest.mark.slow
def test_the_wheel_has_every_file_of_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {
            name
            for name in archive.namelist()
            if ".dist-info/" not in name and ".data/" not in name
        }
        shared = {name.partition(".data/data/")[2] for name in archive.namelist()} - {""}
    assert shared == {name.replace("man/", "share/man/man1/") for name in in_git("man")} != set()
    patches = {
        name.replace("kernel-patches/", "pvprof/kernel_patch/patches/")
        for name in in_git("kernel-patches")
    }
    core = {CORE} if HAS_COMPILER else set()
    assert inside == (in_git("pvprof") - {"pvprof/kernel_patch/patches"}) | patches | core


@pytest.mark.slow
def test_the_wheel_is_pure_python_without_a_compiler(tmp_path: Path) -> None:
    path = built_wheel(tmp_path, CC="/bin/false")
    assert path.name == f"pvprof-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(path) as archive:
        assert CORE not in archive.namelist()


@pytest.mark.slow
def test_pipx_installs_a_pvprof_that_works(wheel: Path, tmp_path: Path) -> None:
    assert "\n    pipx install .\n" in README
    places = {"PIPX_HOME": str(tmp_path / "home"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    run(sys.executable, "-m", "pipx", "install", wheel, environment=places)
    pvprof = tmp_path / "bin" / "pvprof"
    assert run(pvprof, "--version").split()[-1] == __version__
    python = tmp_path / "home" / "venvs" / "pvprof" / "bin" / "python"
    if HAS_COMPILER:
        run(python, "-c", "import pvprof.model.core.stack_sums")
    recording = TOP / "tests/fixtures/freebsd-13.2/events.out.gz"
    pages = tmp_path / "home" / "venvs" / "pvprof" / "share" / "man" / "man1"
    assert (pages / "pvprof-record.1").is_file()
    run(pvprof, "report", recording, "-o", tmp_path / "x.html", "-o", tmp_path / "x.svg")
    assert "stable-14" in run(pvprof, "patch", "list")
    (page,) = (tmp_path / "home").rglob("share/man/man1/pvprof-record.1")
    assert page.read_text().startswith(".")
    compare = [TOP / "tests/fixtures/example-lock-patch" / side for side in ("rwlock", "obm")]
    assert "pmap pv list" in run(pvprof, "compare", compare[0], "--vs", compare[1])


@pytest.mark.slow
def test_the_target_side_runs_with_click_and_rich_alone(
    wheel: Path, tmp_path: Path, target: StandIn
) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    install = (python, "-m", "pip", "install", "-q", "--disable-pip-version-check")
    assert TARGET_PACKAGES == ["click rich"]
    run(*install, *TARGET_PACKAGES[0].split())
    run(*install, "--no-deps", wheel)
    installed = run(python, "-m", "pip", "list", "--format=freeze")
    assert not re.search("numpy|pandas|scipy|jinja2", installed, re.I)
    pvprof = str(python.parent / "pvprof")
    for words in (
        ("record", "-o", "out", "--no-symbols", "--", "true"),
        ("script", "offcpu", "--standalone", "--duration", "10"),
        ("doctor",),
        ("patch", "show", "--branch", "main"),
        ("--help",),
    ):
        done = Running(target, [pvprof, *words], has_stdin=False).wait()
        assert (done.status, done.left) == (0, []), done.said
    assert "Traceback" not in done.said


def test_the_port_depends_on_what_the_package_depends_on() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    entries = [entry for entry in project["dependencies"] if "== 'linux'" not in entry]
    wanted = {re.split(r"[>\[]", entry)[0].lower() for entry in entries}
    makefile = (PORT / "Makefile").read_text()
    run_depends = makefile.partition("RUN_DEPENDS=")[2].partition("\n\n")[0]
    origins = re.findall(r"\w+/py-(\w+)@", run_depends)
    assert {name.lower() for name in origins} == wanted
    assert f"DISTVERSION=\t{__version__}\n" in makefile
    assert (PORT / "pkg-descr").read_text().strip()


def test_the_packages_for_freebsd_are_those_that_the_package_needs_built() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    built = {"numpy", "scipy", "pandas"}  # the others are pure Python
    assert built <= {re.split("[>[]", entry)[0] for entry in project["dependencies"]}
    (line,) = re.findall(r"^    pkg install (.*)$", README, re.M)
    assert set(line.split()) == {"python311", *(f"py311-{name}" for name in built)}
