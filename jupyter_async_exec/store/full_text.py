"""The index of words by which executions are found, whatever the database.

`search.py` says which words an execution has and writes questions; how they
are kept and found is a matter of each database.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import sqlalchemy as sa


#: So many are looked at before anything else is tried; more than 1 in 100 is found there.
N_NEWEST = 2_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Which of the executions that are found are wanted, by number."""

    #: Only those behind this number, in the order of the list.
    after: int | None = None
    newest_first: bool = True
    at_most: int

    def is_within(self, n: int) -> bool:
        """Whether nothing lies behind its newest `n`."""
        return self.newest_first and self.after is not None and self.after <= n


class FullText(ABC):
    """One row of words per execution outside the trash."""

    #: Name of its table.
    TABLE = "execution_search"

    @property
    @abstractmethod
    def number(self) -> sa.ColumnElement[int]:
        """Whose words a row holds, for conditions of `matching`."""

    def has(self, rows: sa.Select[int]) -> sa.ColumnElement[bool]:
        """Return the condition, for `matching`, that there is one of these rows."""
        return rows.exists()

    @property
    def n_newest(self) -> int:
        """How many `newest` looks at."""
        return N_NEWEST

    def is_quicker_in_newest(self, question: str) -> bool:  # noqa: ARG002  for those who need it
        """Whether it helps to look at the newest first where nothing but words has to hold."""
        return False

    @abstractmethod
    def newest(
        self,
        question: str,
        stretch: Stretch,
        conditions: Sequence[sa.ColumnElement[bool]],
    ) -> sa.Select[int]:
        """Return what `matching` returns, of only the numbers the list begins with.

        What most people look for is among them, and what holds for many fills a page there.
        """

    @abstractmethod
    def matching(
        self,
        question: str,
        stretch: Stretch,
        conditions: Sequence[sa.ColumnElement[bool]],
        *,
        among: Sequence[int] | None = None,
    ) -> sa.Select[int]:
        """Return the statement whose results are the numbers that are found, in order.

        Parameters
        ----------
        question
            As `search.question` writes it.
        stretch
            Which of them.
        conditions
            What else has to hold.
        among
            The only numbers that can be found, if they are known and few.
        """

    def find_few(
        self,
        connection: sa.Connection,  # noqa: ARG002  for those who need it
        question: str,  # noqa: ARG002
    ) -> Sequence[int] | None:
        """Return the only numbers that can be found, if they are few and that helps."""
        return None

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
