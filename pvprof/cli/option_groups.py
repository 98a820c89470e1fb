"""Groups of command-line options, each as one frozen dataclass.

Owns how click's parameters become typed values: the only way in which commands share options. It
knows no option itself, and gives no command a dictionary.

    @option_group
    class TargetOptions:
        host: str = option("--host", default="", help="Record there, through ssh.")
        ssh_options: tuple[str, ...] = option("--ssh-option", multiple=True)

    @click.command("doctor")
    @takes(TargetOptions, "target")
    def command(target: TargetOptions) -> None: ...

The order of the fields is the order in ``--help``, below the heading that ``heading`` of the class
or of the option names. ``group`` puts a group into another one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, dataclass, field, fields, make_dataclass
from typing import Any, TypeVar, cast, dataclass_transform

import click

from pvprof.cli.guidance.headings import HeadedOption, HelpHeading

_Group = TypeVar("_Group")
_Command = Callable[..., Any]
OWN_PROCESS = "own process"
"""The object of click's context if the command line is all that its process does."""

_PARAMETER = "pvprof.cli parameter"
_GROUP = "pvprof.cli group"


def option(
    *flags: str, default: Any = MISSING, heading: HelpHeading | None = None, **attributes: Any
) -> Any:
    """Return a field that a click option fills; `default` and `attributes` are as click's.

    `heading` replaces that of the group.
    """
    if default is not MISSING:
        attributes["default"] = default

    def declare(name: str, group_heading: HelpHeading) -> Callable[[_Command], _Command]:
        place = heading or group_heading
        return click.option(*flags, name, cls=HeadedOption, heading=place, **attributes)

    return field(default=default, metadata={_PARAMETER: declare})


def argument(*, default: Any = MISSING, **attributes: Any) -> Any:
    """Return a field that a click argument fills; `default` and `attributes` are as click's."""
    if default is not MISSING:
        attributes["default"] = default

    def declare(name: str, _group_heading: HelpHeading) -> Callable[[_Command], _Command]:
        return click.argument(name, **attributes)

    return field(default=default, metadata={_PARAMETER: declare})


def group(options: type[_Group]) -> Any:
    """Return a field that holds another group; its options come in the place of this field."""
    return field(metadata={_GROUP: options})


@dataclass_transform(
    kw_only_default=True, frozen_default=True, field_specifiers=(option, argument, group)
)
def option_group(cls: type[_Group]) -> type[_Group]:
    """Make a class a frozen dataclass whose fields are options, arguments and groups."""
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


def with_field(base: type[_Group], name: str, kind: str, field_of_option: Any) -> type[_Group]:
    """Return a group with one more option, or with another option in place of one.

    Args:
        base: the group.
        name: of the field.
        kind: its type.
        field_of_option: what `option` returns.
    """
    group = make_dataclass(
        base.__name__,
        [(name, kind, field_of_option)],
        bases=(base,),
        frozen=True,
        slots=True,
        kw_only=True,
    )
    return cast("type[_Group]", group)


def takes(options: type[_Group], keyword: str) -> Callable[[_Command], _Command]:
    """Return a decorator: the command takes these options, and gets them as argument `keyword`.

    Raises:
        TypeError: two options of the command fill fields of the same name.
    """

    def decorate(command: _Command) -> _Command:
        @functools.wraps(command)
        def call(*args: Any, **params: Any) -> Any:
            value = _take(options, params)
            return command(*args, **{keyword: value}, **params)

        known = {parameter.name for parameter in getattr(call, "__click_params__", ())}
        for own, heading in reversed(list(_own_fields(options))):
            if own.name in known:
                raise TypeError(
                    f"{options.__name__}.{own.name}: the command has another {own.name}"
                )
            known.add(own.name)
            own.metadata[_PARAMETER](own.name, heading)(call)
        return call

    return decorate


def _own_fields(options: type[Any]) -> Iterator[tuple[Field[Any], HelpHeading]]:
    """Yield the fields that are parameters, those of inner groups in their place, and headings."""
    for own in fields(options):
        if _GROUP in own.metadata:
            yield from _own_fields(own.metadata[_GROUP])
        else:
            yield own, getattr(options, "heading", HelpHeading.MAIN)


def _take(options: type[_Group], params: dict[str, Any]) -> _Group:
    """Return a group's value; take its parameters out of click's `params`."""
    return options(
        **{
            own.name: (
                _take(own.metadata[_GROUP], params)
                if _GROUP in own.metadata
                else params.pop(own.name)
            )
            for own in fields(options)  # type: ignore[arg-type]  # made by option_group
        }
    )
