"""Which of the server's settings exist, so that a bench can switch spare runners off."""

from __future__ import annotations

from jupyter_async_exec.app import AsyncExecApp

#: Spare runners by the names they may have; the first that exists counts.
_NAMES = ("spare_runners", "spares", "max_spares", "n_spares", "warm_runners")


def _no_spares() -> tuple[str, ...]:
    traits = AsyncExecApp.class_trait_names(config=True)
    name = next((name for name in _NAMES if name in traits), None)
    return () if name is None else (f"--AsyncExecApp.{name}=0",)


#: Command line that keeps a server from having spare runners; empty while it never has any.
NO_SPARES = _no_spares()
