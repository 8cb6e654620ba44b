"""The index of words by which executions are found, whatever the database.

`search.py` says which words an execution has and writes questions; how they
are kept and found is a matter of each database.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import sqlalchemy as sa


#: So many are looked at before anything else is tried; more than 1 in 100 is found there.
N_NEWEST = 2_500


class FullText(ABC):
    """One row of words per execution outside the trash."""

    #: Name of its table.
    TABLE = "execution_search"

    @abstractmethod
    def add(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep the `words` of each `number`, which had none."""

    @abstractmethod
    def change(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep the `words` of each `number` in place of others."""

    @abstractmethod
    def remove(self, connection: sa.Connection, number: int) -> None:
        """Forget the words of an execution."""

    @abstractmethod
    def words(self, connection: sa.Connection, *, after: int, up_to: int) -> dict[int, set[str]]:
        """Return the words that are kept, by number, of the numbers in that range."""

    @abstractmethod
    def is_sound(self, connection: sa.Connection) -> bool:
        """Whether the index agrees with the words it was made from."""

    @abstractmethod
    def clear(self, connection: sa.Connection) -> None:
        """Forget all words, and make the index anew."""


def of(connection: sa.Connection) -> FullText:
    """Return the index of the database behind `connection`."""
    if connection.dialect.name == "sqlite":
        from jupyter_async_exec.store.sqlite.full_text import SQLiteFullText

        return SQLiteFullText()
    from jupyter_async_exec.store.postgres.full_text import PostgresFullText

    return PostgresFullText()
