"""The formats of the store, and the way from one to the next, whatever the database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import NewerStoreError

if TYPE_CHECKING:
    import sqlalchemy as sa

MIGRATIONS = Path(__file__).with_name("migrations")


def known_formats(migrations: Path = MIGRATIONS) -> list[str]:
    """Return the formats this release knows, oldest first; Alembic is not asked."""
    files = (migrations / "versions").glob("f[0-9]*.py")
    return sorted(file.name[1:].partition("_")[0] for file in files)


def check_format(found: str | None, known: list[str], *, name: str) -> str | None:
    """Return the format that was found, None if there is none yet.

    Parameters
    ----------
    found
        What the store says of itself.
    known
        As `known_formats` gives them.
    name
        Of the store, for the sentence.

    Raises
    ------
    NewerStoreError
        This release does not know it.
    """
    if found is None or found in known:
        return found
    raise NewerStoreError(
        f"{name} was written by a newer release (format {found}; this one knows {known[-1]}). "
        "Upgrade jupyter_async_exec, or choose another store. Nothing was changed.",
        {"format": found, "known": known[-1]},
    )


def run_migrations(connection: sa.Connection, migrations: Path = MIGRATIONS) -> None:
    """Bring a store to the newest format, in the transaction of `connection`."""
    # Alembic takes 0.1 s to import and is needed once in a store's life.
    from alembic import command
    from alembic.config import Config

    config = Config()
    # Alembic's configuration reads % as the start of a variable.
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
