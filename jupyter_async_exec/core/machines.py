"""Names of backends in a store that servers on several machines share: `local@gpu1`.

Processes, working directories and the user's files are on one machine. What
was accepted there runs from there, whoever else reads the record: a server
moves the queue of its own backends and looks after its own attempts, and no
other ever takes a runner that it cannot see for a dead one.
"""

from __future__ import annotations

SEPARATOR = "@"
#: Of a machine's name.
LONGEST_NAME = 100


def qualified(backend: str, machine: str) -> str:
    """Return the name of a backend of `machine` as other machines call it."""
    return backend if SEPARATOR in backend else f"{backend}{SEPARATOR}{machine}"


def unqualified(backend: str, machine: str) -> str:
    """Return the name of a backend as `machine` calls it: its own ones by themselves."""
    return backend.removesuffix(f"{SEPARATOR}{machine}")


def bare(backend: str) -> str:
    """Return the name of a backend, whosever it is."""
    return backend.partition(SEPARATOR)[0]


def machine_of(backend: str) -> str | None:
    """Return the other machine that a backend belongs to, None for one of our own."""
    return backend.partition(SEPARATOR)[2] or None


def is_name(text: str) -> bool:
    """Whether a machine can be called so."""
    return 0 < len(text) <= LONGEST_NAME and text.isprintable() and SEPARATOR not in text
