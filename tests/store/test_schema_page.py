"""The page on the store's schema names what the tables hold."""

from __future__ import annotations

import re
from pathlib import Path

from jupyter_async_exec.store import tables
from jupyter_async_exec.store.migrate import known_formats

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "store-schema.md"


def test_the_page_lists_every_column_of_every_table_in_order() -> None:
    text = PAGE.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL))

    for table in tables.metadata.tables.values():
        rows = re.findall(r"^\| `(\w+)` \|", sections[table.name], re.MULTILINE)
        assert rows == [column.name for column in table.columns]
        for index in table.indexes:
            assert str(index.name) in text or table.name in ("execution_tags", "history")


def test_the_page_is_about_the_present_format() -> None:
    assert f"format {known_formats()[-1]}" in PAGE.read_text(encoding="utf-8").splitlines()[0]
