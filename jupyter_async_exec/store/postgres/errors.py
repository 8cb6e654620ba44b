"""What PostgreSQL and its driver complain of, as sentences."""

from __future__ import annotations

import logging

from sqlalchemy import exc

from jupyter_async_exec.errors import (
    AsyncExecError,
    ConflictError,
    DiskFullError,
    InvalidRequestError,
    UnavailableError,
)
from jupyter_async_exec.store.database import BUSY

LOGGER = logging.getLogger(__name__)

# Source of the codes: postgresql.org/docs/current/errcodes-appendix.html
DISK_FULL = "53100"
#: Lock not available in time, deadlock, serialization failure.
BUSY_CODES = frozenset({"55P03", "40P01", "40001"})
_INTEGRITY = "23"
#: A value does not fit into an index, or into a row.
_TOO_LONG = frozenset({"54000", "22001"})
_DAMAGED = frozenset({"XX001", "XX002"})
_READ_ONLY = "25006"
_NO_CONNECTION = "53300"
_SENTENCES = {
    "42501": "{name} does not permit it: its role needs the rights of the tables' owner.",
    "42P01": "{name} has lost tables. Restore it from a backup.",
    _READ_ONLY: "{name} cannot be written: it may be a standby. Name the primary server.",
    _NO_CONNECTION: "{name} takes no more connections. Try again, or raise its max_connections.",
    "53200": "{name} is short of memory. Try again.",
    "57014": "{name} took too long and was stopped. Try again.",
}


def explain(error: BaseException, name: str) -> AsyncExecError:
    """Return the error of ours that says in a sentence what `error` means.

    Parameters
    ----------
    error
        The driver's, or SQLAlchemy's around it.
    name
        Of the database; begins a sentence.
    """
    code = code_of(error)
    if code == DISK_FULL:
        return DiskFullError(f"{name} has no room left on its disk. Nothing was changed.")
    if code in BUSY_CODES:
        return UnavailableError(BUSY)
    if code in _TOO_LONG:
        return InvalidRequestError("One of these texts is too long to be found again; shorten it.")
    if code in _DAMAGED:
        return UnavailableError(f"{name} is damaged. Restore it from a backup.")
    if code in _SENTENCES:
        return UnavailableError(_SENTENCES[code].format(name=name))
    if code is not None and code.startswith(_INTEGRITY):
        return ConflictError("That is recorded already.")
    if isinstance(error, exc.TimeoutError):
        return UnavailableError("The store is busy: all its readers are in use. Try again.")
    cause = _cause(error)
    if isinstance(error, exc.OperationalError | exc.InterfaceError) or is_lost(error):
        return UnavailableError(f"{name} cannot be reached: {said(cause)}. Try again.")
    LOGGER.error("Unexpected answer of the database.", exc_info=error)
    return UnavailableError(f"{name} cannot answer: {said(cause)}.")


def is_lost(error: BaseException) -> bool:
    """Whether the connection broke on which something was under way."""
    return isinstance(error, exc.DBAPIError) and error.connection_invalidated


def code_of(error: BaseException) -> str | None:
    """Return the five characters by which PostgreSQL names what went wrong."""
    code = getattr(_cause(error), "sqlstate", None)
    return None if code is None else str(code)


def said(error: BaseException) -> str:
    """Return the first line of what it says."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def _cause(error: BaseException) -> BaseException:
    cause = error.orig if isinstance(error, exc.DBAPIError) else None
    return error if cause is None else cause
