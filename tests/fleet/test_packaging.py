"""The files that start an agent with the system: FreeBSD's rc(8), systemd, and its options."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import require
from helpers.command_line import RunCommand

TOP = Path(__file__).parent.parent.parent
PACKAGING = TOP / "packaging"
RC_SCRIPT = PACKAGING / "freebsd" / "pvprof_agent"
UNIT = PACKAGING / "systemd" / "pvprof-agent.service"


def test_the_file_of_options_is_one(run: RunCommand, tmp_path: Path) -> None:
    config = PACKAGING / "agent.toml"
    checked = run("agent", "--config", config, "--check")
    assert checked.exit_code == 0, checked.stderr
    assert checked.stdout.startswith("offcpu: 20.00 s of each 600.0 s")
    whole = re.sub(r"^# (?=[\w-]+ = )", "", config.read_text(), flags=re.M)
    del_two = re.sub(r"^(store|push) = .*\n", "", whole, flags=re.M)
    assert tomllib.loads(whole).keys() > tomllib.loads(config.read_text()).keys()
    (tmp_path / "whole.toml").write_text(del_two)
    assert run("agent", "--config", tmp_path / "whole.toml", "--check").exit_code == 0


def test_the_script_of_rc_is_correct_sh() -> None:
    require(shutil.which("shellcheck") is not None, "shellcheck is not installed")
    checked = subprocess.run(
        ["shellcheck", str(RC_SCRIPT)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout
    assert RC_SCRIPT.stat().st_mode & 0o111


def test_the_script_of_rc_starts_one_command_and_overrides_it_by_no_variable(
    tmp_path: Path,
) -> None:
    stub = tmp_path / "rc.subr"
    stub.write_text(
        "load_rc_config() { :; }\n"
        "run_rc_command() {\n set | grep '^pvprof_agent_program='\n"
        " eval echo $command $command_args\n}\n"
    )
    script = RC_SCRIPT.read_text().replace("/etc/rc.subr", str(stub))
    printed = subprocess.run(
        ["sh", "-c", script, "rc", "start"], capture_output=True, text=True, check=False
    )
    assert printed.stdout == (
        "/usr/sbin/daemon -f -P /var/run/pvprof_agent.pid -p /var/run/pvprof_agent.agent.pid"
        " -T pvprof_agent -S /usr/local/bin/pvprof agent"
        " --config /usr/local/etc/pvprof-agent.toml\n"
    )


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    program = Path(sys.executable).parent / "pvprof"
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/usr/local/bin/pvprof", str(program)))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, UNIT.name in checked.stderr) == (0, False), checked.stderr
