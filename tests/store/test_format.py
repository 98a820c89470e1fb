"""The format is public: its document is complete, and the files are as it says."""

from __future__ import annotations

import re
from pathlib import Path

from conftest import FIXTURES, assert_golden
from helpers.stores import add_to

from pvprof.store.places.folder import create_store
from pvprof.store.tables.schema import TABLES, arrow_schema

DOCUMENT = Path(__file__).parents[2] / "docs/store.md"
BEGIN, END = "<!-- tables -->\n", "<!-- end of tables -->\n"


def table_of_columns() -> str:
    lines = ["| table | column | type | meaning |", "|---|---|---|---|"]
    for name, columns in TABLES.items():
        types = arrow_schema(name)
        for column in columns:
            shown = f"{types.field(column.name).type}"
            shown = re.sub(r"list<(?:item|element): struct<(.*)>>", r"list of (\1)", shown)
            lines.append(f"| `{name}` | `{column.name}` | {shown} | {column.about} |")
    return "\n".join(lines) + "\n"


def test_the_document_has_every_column() -> None:
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    assert_golden(f"{before}{BEGIN}{table_of_columns()}{END}{after}", DOCUMENT)


def test_any_reader_of_parquet_finds_the_columns(tmp_path: Path) -> None:
    import pyarrow.parquet as pq  # noqa: PLC0415 (an extra)

    folder = create_store(str(tmp_path / "s"))
    add_to(folder, FIXTURES / "freebsd-15.1/stock-events.pvprof")
    (group,) = folder.groups()
    assert group.path.relative_to(folder.path).parts[:2] == ("day=2026-11-27", "mode=events")
    files = {path.stem: pq.ParquetFile(path).schema_arrow for path in group.path.glob("*.parquet")}
    assert {"recordings", "keys", "stacks", "samples", "waits"} <= files.keys()
    for name, schema in files.items():
        assert schema.names == [column.name for column in TABLES[name]]
        for field, wanted in zip(schema, arrow_schema(name), strict=True):
            assert type_words(field.type) == type_words(wanted.type)


def type_words(kind: object) -> str:
    """Return a type as this file's readers see it: texts may be packed, and items have any name."""
    text = re.sub(r"dictionary<values=(\w+)[^>]*>", r"\1", str(kind))
    return text.replace("<element: ", "<item: ")
