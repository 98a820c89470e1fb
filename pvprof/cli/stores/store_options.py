"""The options that put recordings of a store in the place of files.

Every command has them, and few use them: what they need is imported then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import click

from pvprof.cli.guidance.headings import HelpHeading
from pvprof.cli.guidance.values import FileName
from pvprof.cli.option_groups import argument, option, option_group
from pvprof.errors import UsageError

if TYPE_CHECKING:
    from pvprof.dataset.dataset import Dataset
    from pvprof.dataset.sides import Side
    from pvprof.parse.source import ReadOptions
    from pvprof.store.load import StoreInput
    from pvprof.store.where import Where

DEFAULT_ENGINE = "duckdb"


class Recordings(click.Argument):
    """The recordings that a command reads; none if it reads a store."""

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        """Return the recordings.

        Raises:
            UsageError: there are both a store and recordings, or neither.
        """
        if not ctx.params.get("store"):
            return super().process_value(ctx, value)
        if not self.value_is_missing(value):
            raise click.UsageError("--store and recordings: give one of them", ctx)
        return ()


def wanted(text: str | None) -> Where:
    """Return the expression of ``--where``.

    Raises:
        UsageError: it cannot be read.
    """
    from pvprof.store.where import EVERYTHING, read_where  # noqa: PLC0415 (if asked for)

    return EVERYTHING if text is None else read_where(text, _search)


def _search(pattern: str) -> Any:
    from pvprof.classify.user_patterns import read_pattern  # noqa: PLC0415 (if asked for)

    return read_pattern(pattern).search


@option_group
class PlaceGroup:
    """A store, for the commands that are about one."""

    store: str = argument(metavar="STORE", type=FileName())


def engine_option() -> Any:
    """Return the option ``--engine``."""
    return option(
        "--engine",
        metavar="NAME",
        default=DEFAULT_ENGINE,
        show_default=True,
        help="Let this engine add up: duckdb, here, or the cluster spark://HOST:PORT.",
    )


@option_group
class StoredGroup:
    """Which recordings of a store are read, in the place of files."""

    heading: ClassVar[HelpHeading] = HelpHeading.STORE

    store: str | None = option(
        "--store",
        metavar="STORE",
        type=FileName(),
        help="Read recordings of this store (pvprof store add), not files.",
    )
    where: str | None = option(
        "--where",
        metavar="EXPRESSION",
        help="Read those for which this is true: \"day >= 2026-11-20 and kernel ~ 'GENERIC'\""
        " (docs/store.md).",
    )
    engine: str = engine_option()

    def __bool__(self) -> bool:
        """Tell whether a store is read.

        Raises:
            UsageError: there is an expression, and no store.
        """
        if self.store is None and self.where is not None:
            raise UsageError("--where without --store", "--store STORE --where EXPRESSION")
        return self.store is not None

    def load(self, options: ReadOptions) -> Dataset:
        """Return the dataset of the recordings.

        Raises:
            PvprofError: as `load_stored`.
        """
        from pvprof.store.load import load_stored  # noqa: PLC0415 (if asked for)

        return load_stored(self._input(self.where), options)

    def sides(
        self, base_label: str, options: ReadOptions, vs_where: str | None
    ) -> tuple[Side, Side]:
        """Return the two sides of a comparison.

        Raises:
            PvprofError: as `read_stored_sides`.
        """
        from pvprof.store.load import read_stored_sides  # noqa: PLC0415 (if asked for)

        base = self._input(self.where)
        new = None if vs_where is None else self._input(vs_where)
        return read_stored_sides(base, new, base_label, options)

    def _input(self, where: str | None) -> StoreInput:
        from pvprof.store.engines.named import engine_named  # noqa: PLC0415 (if asked for)
        from pvprof.store.load import StoreInput  # noqa: PLC0415 (if asked for)

        assert self.store is not None
        return StoreInput(self.store, engine_named(self.engine), wanted(where))
