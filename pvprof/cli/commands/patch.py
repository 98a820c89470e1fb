"""``pvprof patch``: the kernel patches, and putting them into a source tree."""

from __future__ import annotations

from pathlib import Path

import click

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
    "--branch", metavar="NAME", help="Take this branch's patch, whatever the tree says."
)


@click.group(
    "patch",
    epilog="""\b
Examples:
  pvprof patch check --src /usr/src
  pvprof patch apply --src /usr/src
  pvprof patch show --branch stable-14 | git -C /usr/src apply""",
)
def command() -> None:
    """Add the probes kernel:profile:{sleepq,turnstile}:{block,wakeup} to a kernel's source.

    The tree tells the branch. Build and install a kernel afterwards;
    kernel-patches/README.md says how, and what the probes carry and cost.
    """


@command.command("list", epilog="Example: pvprof patch list")
def list_patches() -> None:
    """List the patches."""
    for name, text in patch.patches().items():
        click.echo(f"{name:12} {text.splitlines()[0]}")


@command.command("show", epilog="Example: pvprof patch show --branch stable-14 > probes.patch")
@_src_option
@_branch_option
def show(src: Path, branch: str | None) -> None:
    """Print the patch for a tree, or for --branch."""
    click.echo(patch.patch_for(branch or patch.branch_of(src)), nl=False)


@command.command("check", epilog="Example: pvprof patch check --src /usr/src")
@_src_option
@_branch_option
def check(src: Path, branch: str | None) -> None:
    """Say whether the patch applies, or is applied already; the tree stays as it is.

    Exits with 1 where it neither is applied nor applies.
    """
    name = branch or patch.branch_of(src)
    checks = patch.check(src, patch.patch_for(name))
    patch.refuse(checks)
    _say(name, {"applies": "applies", "applied": "applied already"}, checks)


@command.command("apply", epilog="Example: pvprof patch apply --src /usr/src")
@_src_option
@_branch_option
def apply(src: Path, branch: str | None) -> None:
    """Put the patch into the tree: into all of its files, or into none."""
    name = branch or patch.branch_of(src)
    _say(name, {"applies": "patched"}, patch.apply(src, patch.patch_for(name)))


@command.command("revert", epilog="Example: pvprof patch revert --src /usr/src")
@_src_option
@_branch_option
def revert(src: Path, branch: str | None) -> None:
    """Take the patch out of the tree again."""
    name = branch or patch.branch_of(src)
    _say(name, {"applied": "reverted"}, patch.revert(src, patch.patch_for(name)))


def _say(branch: str, words: dict[str, str], checks: tuple[patch.FileCheck, ...]) -> None:
    """Print a line for each file: what became of it, and where it differs."""
    for found in checks:
        note = found.note or ("cleanly" if found.state == "applies" else "")
        told = f" ({note})" if note else ""
        click.echo(f"{branch}: {found.path}: {words[found.state]}{told}")
