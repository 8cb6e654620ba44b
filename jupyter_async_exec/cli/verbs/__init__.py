"""The verbs: each module has a docstring (its help), `add_arguments` and `run`."""

from __future__ import annotations

#: Verb to module; adding a verb is one file and one line here.
VERBS = {
    "run": "run",
    "list": "listing",
    "show": "show",
    "log": "log",
    "metrics": "metrics",
    "output": "output",
    "cancel": "cancel",
    "rerun": "rerun",
    "restore": "restore",
    "sweep": "sweep",
    "preset": "preset",
    "goal": "goal",
    "compare": "compare",
    "edit": "edit",
    "delete": "delete",
    "status": "status",
    "gc": "gc",
    "verify": "verify",
}
