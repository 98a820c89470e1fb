"""Options reach a command as one typed value, and --help lists them as they are declared."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from pvprof.cli.option_groups import argument, group, option, option_group, takes


@option_group
class Where:
    host: str = option("--host", default="", help="The host.")
    words: tuple[str, ...] = option("--word", multiple=True)


@option_group
class Job:
    where: Where = group(Where)
    number: int = option("-n", "--count", type=int, default=3)
    paths: tuple[str, ...] = argument(metavar="PATH...", nargs=-1)


def make_command() -> click.Command:
    @click.command()
    @click.option("--first", is_flag=True)
    @takes(Job, "job")
    @click.option("--last", is_flag=True)
    def command(job: Job, first: bool, last: bool) -> None:
        click.echo(repr((job, first, last)))

    return command


def test_a_group_holds_the_values_of_its_options() -> None:
    words = ["--host", "a", "--word", "x", "--word", "y", "-n", "5", "p", "q", "--last"]
    result = CliRunner().invoke(make_command(), words)
    job = Job(where=Where(host="a", words=("x", "y")), number=5, paths=("p", "q"))
    assert result.output == repr((job, False, True)) + "\n"


def test_the_defaults_are_those_of_the_options() -> None:
    result = CliRunner().invoke(make_command(), [])
    assert result.output == repr((Job(where=Where(words=()), paths=()), False, False)) + "\n"


def test_help_lists_the_options_in_the_order_of_declaration() -> None:
    text = CliRunner().invoke(make_command(), ["--help"]).output
    flags = ["PATH...", "--first", "--host", "--word", "--count", "--last"]
    assert sorted(flags, key=text.index) == flags


def test_a_command_applies_the_same_group_each_time_it_runs() -> None:
    command = make_command()
    first = CliRunner().invoke(command, ["--host", "a"]).output
    assert CliRunner().invoke(command, ["--host", "b"]).output == first.replace("'a'", "'b'")


def test_two_fields_of_one_name_are_an_error() -> None:
    @option_group
    class Another:
        host: str = option("--other-host", default="")

    with pytest.raises(TypeError, match="another host"):

        @takes(Where, "where")
        @takes(Another, "another")
        def command() -> None: ...
