"""``pvprof patch``: list the kernel patches, check, apply and revert them."""

from __future__ import annotations

from pathlib import Path

import click

from pvprof.cli.guidance.headings import PvprofCommand
from pvprof.cli.guidance.suggestions import SuggestingGroup
from pvprof.cli.terminal import print_line, print_text
from pvprof.kernel_patch import patch

_src_option = click.option(
    "--src",
    type=click.Path(path_type=Path),
    metavar="DIR",
    default="/usr/src",
    show_default=True,
    help="The FreeBSD source tree.",
)
_branch_option = click.option(
    "--branch", metavar="NAME", help="Use the patch of this branch, not of the tree's own."
)


@click.group(
    "patch",
    cls=SuggestingGroup,
    epilog="""\b
Examples:
  pvprof patch check --src /usr/src
  pvprof patch apply --src /usr/src
  pvprof patch show --branch stable-14 | git -C /usr/src apply""",
)
def command() -> None:
    """Add the probes kernel:profile:{sleepq,turnstile}:{block,wakeup} to a kernel's source.

    The branch is derived from the tree. Build and install a kernel afterwards:
    kernel-patches/README.md describes how, and the arguments and cost of the probes.
    """


@command.command("list", cls=PvprofCommand, epilog="Example: pvprof patch list")
def list_patches() -> None:
    """List the patches."""
    for name, text in patch.patches().items():
        print_line(f"{name:12} {text.splitlines()[0]}")


@command.command(
    "show", cls=PvprofCommand, epilog="Example: pvprof patch show --branch stable-14 > probes.patch"
)
@_src_option
@_branch_option
def show(src: Path, branch: str | None) -> None:
    """Print the patch for a tree, or for --branch."""
    print_text(patch.patch_for(branch or patch.branch_of(src)))


@command.command("check", cls=PvprofCommand, epilog="Example: pvprof patch check --src /usr/src")
@_src_option
@_branch_option
def check(src: Path, branch: str | None) -> None:
    """Check whether the patch applies or is already applied; the tree is not changed.

    Exits with 1 if neither is true.
    """
    name = branch or patch.branch_of(src)
    checks = patch.check(src, patch.patch_for(name))
    patch.refuse(checks)
    _print(name, {"applies": "applies", "applied": "already applied"}, checks)


@command.command("apply", cls=PvprofCommand, epilog="Example: pvprof patch apply --src /usr/src")
@_src_option
@_branch_option
def apply(src: Path, branch: str | None) -> None:
    """Apply the patch to the tree: to all of its files, or to none."""
    name = branch or patch.branch_of(src)
    _print(name, {"applies": "patched"}, patch.apply(src, patch.patch_for(name)))


@command.command("revert", cls=PvprofCommand, epilog="Example: pvprof patch revert --src /usr/src")
@_src_option
@_branch_option
def revert(src: Path, branch: str | None) -> None:
    """Revert the patch in the tree."""
    name = branch or patch.branch_of(src)
    _print(name, {"applied": "reverted"}, patch.revert(src, patch.patch_for(name)))


def _print(branch: str, words: dict[str, str], checks: tuple[patch.FileCheck, ...]) -> None:
    """Print a line for each file: its state in words, and how it differs."""
    for file in checks:
        note = file.note or ("cleanly" if file.state == "applies" else "")
        suffix = f" ({note})" if note else ""
        print_line(f"{branch}: {file.path}: {words[file.state]}{suffix}")
