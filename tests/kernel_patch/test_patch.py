"""Kernel patches: finding the branch, checking, applying and reverting, on trees made here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.command_line import RunCommand
from helpers.source_tree import QUEUE, TURNSTILE, contents, make_tree

from pvprof.errors import PvprofError
from pvprof.kernel_patch import patch

BRANCHES = ("main", "stable-12", "stable-13", "stable-14", "stable-15")


def edit(place: Path, old: str, new: str) -> None:
    text = place.read_text()
    assert old in text
    place.write_text(text.replace(old, new, 1))


@pytest.fixture(params=BRANCHES)
def branch(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "src", "stable-13")


@pytest.fixture(params=["patch", "git"])
def tool(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Leave only one of the two tools in PATH."""
    name = str(request.param)
    only = tmp_path / "bin"
    only.mkdir()
    real = shutil.which(name)
    if real is None:
        pytest.skip(f"{name} is not installed")
    (only / name).symlink_to(real)
    monkeypatch.setenv("PATH", str(only))
    return name


def test_each_branch_has_a_patch_of_the_two_files_that_only_adds_lines(branch: str) -> None:
    parts = patch.split(patch.patches()[branch])
    assert [part.path for part in parts] == [QUEUE, TURNSTILE]
    for part in parts:
        assert not re.search(r"^-(?!-- a/)", part.text, re.MULTILINE)
        assert len(re.findall(r"^@@ ", part.text, re.MULTILINE)) == 2


def test_each_patch_adds_the_four_probes_once_with_their_types(branch: str) -> None:
    text = re.sub(r"\n\+\s+", " ", patch.patches()[branch])
    assert text.count("SDT_PROVIDER_DEFINE(kernel);") == 1
    assert text.count("SDT_PROVIDER_DECLARE(kernel);") == 1
    lock = ["struct lock_object *", "struct thread *"]
    message = ["void *", "const char *"]
    class_name, elapsed_ns = "const char *", "uint64_t"
    found = re.findall(r"SDT_PROBE_DEFINE(\d)\(kernel, profile, (\w+, \w+), (.*?)\);", text)
    assert {probe: re.findall('"(.*?)"', types) for _, probe, types in found} == {
        "turnstile, block": [*lock, class_name],
        "turnstile, wakeup": [*lock, elapsed_ns, class_name],
        "sleepq, block": [*message, class_name],
        "sleepq, wakeup": [*message, elapsed_ns, class_name],
    }
    assert [int(count) for count, _, types in found] == [
        types.count('"') // 2 for *_, types in found
    ]


def test_the_probes_of_a_patch_fire_in_functions_that_keep_their_frames(branch: str) -> None:
    for part in patch.split(patch.patches()[branch]):
        functions = re.findall(r"^\+static void __noinline\n(?:\+.*\n)*?\+}\n", part.text, re.M)
        assert len(functions) == 1
        assert len(re.findall(r"\tSDT_PROBE\d\(kernel, profile", functions[0])) == 2
        assert functions[0].endswith("\t__compiler_membar();\n+}\n")  # else it is a tail call
        assert len(re.findall(r"^\+\t+SDT_PROBE\d", part.text, re.M)) == 2


@pytest.mark.slow
def test_a_tree_is_patched_and_reverted_byte_for_byte(
    branch: str, tool: str, tmp_path: Path, run: RunCommand
) -> None:
    src = make_tree(tmp_path / "src", branch)
    before = contents(src)
    checked = run("patch", "check", "--src", src)
    assert checked.exit_code == 0, (tool, checked.stderr)
    assert checked.stdout.count(f"{branch}: sys/kern/") == 2
    assert checked.stdout.count("applies (cleanly)") == 2
    assert contents(src) == before

    assert run("patch", "apply", "--src", src).exit_code == 0
    after = contents(src)
    assert after.keys() == before.keys()
    assert b"kernel, profile, sleepq, wakeup" in after[QUEUE]
    assert b"kernel, profile, turnstile, wakeup" in after[TURNSTILE]
    again = run("patch", "check", "--src", src)
    assert again.exit_code == 0
    assert again.stdout.count("already applied") == 2

    assert run("patch", "revert", "--src", src).exit_code == 0
    assert contents(src) == before


def test_git_and_patch_by_hand_give_the_same_files(
    branch: str, tmp_path: Path, run: RunCommand
) -> None:
    src = make_tree(tmp_path / "src", branch)
    other = make_tree(tmp_path / "other", branch)
    third = make_tree(tmp_path / "third", branch)
    assert run("patch", "apply", "--src", src).exit_code == 0
    shown = run("patch", "show", "--branch", branch).stdout.encode()
    environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(tmp_path)}
    subprocess.run(["git", "apply"], cwd=other, input=shown, check=True, env=environment)
    subprocess.run(["patch", "-p1", "-s"], cwd=third, input=shown, check=True)
    assert contents(src) == contents(other) == contents(third)


def test_applying_twice_is_an_error_and_changes_nothing(tree: Path, run: RunCommand) -> None:
    run("patch", "apply", "--src", tree)
    before = contents(tree)
    result = run("patch", "apply", "--src", tree)
    assert result.exit_code == 1
    assert "already applied" in result.stderr
    assert contents(tree) == before


def test_reverting_an_unpatched_tree_is_an_error(tree: Path, run: RunCommand) -> None:
    before = contents(tree)
    result = run("patch", "revert", "--src", tree)
    assert result.exit_code == 1
    assert "not applied" in result.stderr
    assert contents(tree) == before


def test_a_half_applied_tree_is_an_error_and_revert_repairs_it(tree: Path, run: RunCommand) -> None:
    before = contents(tree)
    run("patch", "apply", "--src", tree)
    (tree / TURNSTILE).write_bytes(before[TURNSTILE])
    for action in ("check", "apply"):
        result = run("patch", action, "--src", tree)
        assert result.exit_code == 1
        assert f"half applied: only {QUEUE} has the patch" in result.stderr
    result = run("patch", "revert", "--src", tree)
    assert result.exit_code == 0
    assert TURNSTILE not in result.stdout
    assert contents(tree) == before


def test_a_tree_with_other_probes_of_that_name_is_not_patched(tree: Path, run: RunCommand) -> None:
    with (tree / QUEUE).open("a") as file:
        file.write("SDT_PROBE_DEFINE0(kernel, profile, sleepq, block);\n")
    for action in ("check", "apply"):
        result = run("patch", action, "--src", tree)
        assert result.exit_code == 1
        assert f"{QUEUE}: already has kernel:profile probes" in result.stderr


def test_lines_inserted_above_are_an_offset(tree: Path, run: RunCommand, tool: str) -> None:
    text = (tree / QUEUE).read_text()
    (tree / QUEUE).write_text("/* new */\n" * 7 + text)
    before = contents(tree)
    checked = run("patch", "check", "--src", tree)
    assert checked.exit_code == 0, tool
    assert f"{QUEUE}: applies (offset 7 lines)" in checked.stdout
    assert f"{TURNSTILE}: applies (cleanly)" in checked.stdout
    assert run("patch", "apply", "--src", tree).exit_code == 0
    assert run("patch", "revert", "--src", tree).exit_code == 0
    assert contents(tree) == before


def test_a_changed_context_line_is_fuzz(tree: Path, run: RunCommand, tool: str) -> None:
    edit(tree / QUEUE, "\tCTR3(KTR_PROC, ", "\tCTR5(KTR_PROC, ")
    edit(tree / QUEUE, "\tthread_lock_set(td, &sc->sc_lock);", "\tthread_lock_moved(td);")
    before = contents(tree)
    checked = run("patch", "check", "--src", tree)
    assert checked.exit_code == 0, (tool, checked.stderr)
    assert f"{QUEUE}: applies (fuzz 1" in checked.stdout
    assert run("patch", "apply", "--src", tree).exit_code == 0
    assert b"thread_lock_moved" in (tree / QUEUE).read_bytes()
    assert run("patch", "revert", "--src", tree).exit_code == 0
    assert contents(tree) == before


@pytest.mark.parametrize("path", [QUEUE, TURNSTILE])
def test_a_hunk_without_a_place_is_an_error_that_names_file_function_and_line(
    path: str, tree: Path, run: RunCommand, tool: str
) -> None:
    edit(tree / path, "\tmi_switch(SW_VOL", "\tmi_switch_to(SW_VOL")
    before = contents(tree)
    function = "sleepq_switch" if path == QUEUE else "turnstile_wait"
    for action in ("check", "apply"):
        result = run("patch", action, "--src", tree)
        assert result.exit_code == 1, tool
        assert result.stdout == ""
        assert re.search(
            rf"{path}: .*looked in {function}, near line \d+, for mi_switch\(", result.stderr
        )
    assert contents(tree) == before


def test_a_hunk_that_fits_another_function_is_an_error(tree: Path, run: RunCommand) -> None:
    edit(tree / QUEUE, "sleepq_switch(void)", "sleepq_other(void)")
    before = contents(tree)
    result = run("patch", "apply", "--src", tree)
    assert result.exit_code == 1
    assert "the code of sleepq_switch is in sleepq_other only" in result.stderr
    assert contents(tree) == before


def test_carriage_returns_are_an_error_and_are_kept(tree: Path, run: RunCommand) -> None:
    place = tree / TURNSTILE
    place.write_bytes(place.read_bytes().replace(b"\n", b"\r\n"))
    before = contents(tree)
    result = run("patch", "apply", "--src", tree)
    assert result.exit_code == 1
    assert f"{TURNSTILE}: lines end with CR LF" in result.stderr
    assert contents(tree) == before


def test_a_read_only_file_leaves_both_files_unchanged(tree: Path, run: RunCommand) -> None:
    (tree / TURNSTILE).chmod(0o444)
    before = contents(tree)
    result = run("patch", "apply", "--src", tree)
    assert result.exit_code == 1
    assert f"{TURNSTILE}: read-only" in result.stderr
    assert contents(tree) == before


def test_if_the_second_file_cannot_be_replaced_the_first_is_restored(
    tree: Path, run: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(tree)
    replace = os.replace
    failed: list[Path] = []

    def fail_once(old: Path, new: Path) -> None:
        if Path(new).name == "subr_turnstile.c" and not failed:
            assert (tree / QUEUE).read_bytes() != before[QUEUE]
            failed.append(new)
            raise PermissionError(13, "Permission denied", str(new))
        replace(old, new)

    monkeypatch.setattr("pvprof.kernel_patch.patch.os.replace", fail_once)
    result = run("patch", "apply", "--src", tree)
    assert failed
    assert result.exit_code == 1
    assert f"{TURNSTILE}: Permission denied" in result.stderr
    assert "no file was changed" in result.stderr
    assert contents(tree) == before


def test_file_modes_are_kept(tree: Path, run: RunCommand) -> None:
    (tree / QUEUE).chmod(0o640)
    run("patch", "apply", "--src", tree)
    assert (tree / QUEUE).stat().st_mode & 0o7777 == 0o640


def test_a_link_stays_a_link(tree: Path, run: RunCommand) -> None:
    real = tree / "elsewhere.c"
    (tree / QUEUE).rename(real)
    (tree / QUEUE).symlink_to(real)
    assert run("patch", "apply", "--src", tree).exit_code == 0
    assert (tree / QUEUE).is_symlink()
    assert b"(kernel, profile, " in real.read_bytes()


@pytest.mark.parametrize("action", ["show", "check", "apply", "revert"])
def test_a_directory_without_a_source_tree_is_an_error_of_one_line(
    action: str, tmp_path: Path, run: RunCommand
) -> None:
    result = run("patch", action, "--src", tmp_path)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"pvprof: error: {tmp_path}: not a FreeBSD source tree")


def test_a_missing_file_of_the_tree_is_an_error(tree: Path, run: RunCommand) -> None:
    (tree / TURNSTILE).unlink()
    result = run("patch", "apply", "--src", tree)
    assert result.exit_code == 1
    assert f"{TURNSTILE}: No such file or directory" in result.stderr
    assert b"(kernel, profile, " not in (tree / QUEUE).read_bytes()


def test_an_error_if_neither_patch_nor_git_is_installed(
    tree: Path, run: RunCommand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run("patch", "check", "--src", tree)
    assert result.exit_code == 1
    assert "neither patch nor git is installed" in result.stderr


@pytest.mark.parametrize(
    ("newvers", "param", "expected"),
    [
        ('REVISION="14.3"\nBRANCH="RELEASE-p2"\n', "", "stable-14"),
        ('REVISION="12.1"\nBRANCH=${BRANCH_OVERRIDE:-STABLE}\n', "1201517", "stable-12"),
        ('REVISION="16.0"\nBRANCH="CURRENT"\n', "1600004", "main"),
        ('REVISION="17.0"\nBRANCH="CURRENT"\n', "", "main"),
        ("", "1302001", "stable-13"),
        ('REVISION="0.1"\nBRANCH="CURRENT"\n', "1501502", "stable-15"),
    ],
)
def test_the_branch_is_derived_from_the_tree(
    newvers: str, param: str, expected: str, tree: Path
) -> None:
    (tree / "sys/conf/newvers.sh").write_text(newvers)
    (tree / "sys/sys/param.h").write_text(f"#define __FreeBSD_version {param}\n" if param else "")
    assert patch.branch_of(tree) == expected


@pytest.mark.parametrize("file", ["conf/newvers.sh", "sys/param.h"])
def test_a_release_of_thousands_of_digits_is_none(file: str, tree: Path) -> None:
    digits = "9" * 5000
    for other in ("conf/newvers.sh", "sys/param.h"):
        (tree / "sys" / other).write_text("")
    text = f'REVISION="{digits}.1"\n#define __FreeBSD_version {digits}\n'
    (tree / "sys" / file).write_text(text)
    with pytest.raises(PvprofError, match="not a FreeBSD source tree"):
        patch.branch_of(tree)


def test_a_release_without_a_patch_is_an_error(tree: Path) -> None:
    (tree / "sys/conf/newvers.sh").write_text('REVISION="11.4"\n')
    (tree / "sys/sys/param.h").unlink()
    with pytest.raises(PvprofError, match="FreeBSD 11: there is no patch"):
        patch.branch_of(tree)


def test_list_prints_every_branch_and_show_the_patch_unchanged(run: RunCommand) -> None:
    listed = run("patch", "list").stdout
    assert [line.split()[0] for line in listed.splitlines()] == list(BRANCHES)
    for name, text in patch.patches().items():
        assert run("patch", "show", "--branch", name).stdout == text
    assert run("patch", "show", "--branch", "stable/14").stdout == patch.patches()["stable-14"]


def test_an_unknown_branch_is_a_usage_error(tree: Path, run: RunCommand) -> None:
    result = run("patch", "check", "--src", tree, "--branch", "stable-9")
    assert result.exit_code == 2
    assert "stable-15" in result.stderr


@pytest.mark.parametrize("action", ["list", "show", "check", "apply", "revert"])
def test_each_action_has_help_with_an_example(action: str, run: RunCommand) -> None:
    result = run("patch", action, "--help")
    assert result.exit_code == 0
    assert f"Example: pvprof patch {action}" in result.stdout


def test_patch_imports_neither_numpy_nor_pandas(tree: Path) -> None:
    program = (
        "import sys; sys.modules['numpy'] = sys.modules['pandas'] = None\n"
        "from pvprof.__main__ import main\n"
        f"sys.argv = ['pvprof', 'patch', 'check', '--src', {str(tree)!r}]\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b"applies (cleanly)") == 2
