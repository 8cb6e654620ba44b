"""What code inside an execution can call: `log_metric`.

It appends to a file of the attempt, so that neither a server nor a network is
needed, a hundred thousand points cost little, and what a killed process has
recorded stays recorded. Any language can do the same: one JSON object per line,
``{"name": "val_acc", "value": 0.91, "step": 3}``, into the file that the
variable ``JUPYTER_ASYNC_EXEC_METRICS`` names.
"""

from __future__ import annotations

import contextlib
import json
import os
import warnings
from typing import SupportsFloat, SupportsIndex

from jupyter_async_exec.core.metrics import is_name, metric_step, metric_value
from jupyter_async_exec.defaults import METRICS_VARIABLE

#: The file now open, and its descriptor.
_open: tuple[str, int] | None = None


def log_metric(
    name: str, value: SupportsFloat | SupportsIndex, step: SupportsIndex | None = None
) -> None:
    """Record a named number of the execution this runs in.

    Outside of an execution, such as in a notebook you work in, it checks its
    arguments and does nothing. It may be called from any thread and from
    processes that the notebook starts.

    Parameters
    ----------
    name
        1 to 200 printable characters, such as ``"val_acc"``.
    value
        A number, also of numpy or torch; NaN and infinities are kept as such.
    step
        Where in the run it belongs: an epoch, an iteration.

    Raises
    ------
    TypeError
        `value` is no number, or `step` no whole number.
    ValueError
        `name` is no name, or `step` too large.

    Examples
    --------
    >>> from jupyter_async_exec import log_metric
    >>> log_metric("val_acc", 0.91, step=3)
    """
    if not is_name(name):
        raise ValueError(f"The name of a metric is 1 to 200 printable characters, not {name!r}.")
    record: dict[str, object] = {"name": name, "value": metric_value(_number(name, value))}
    if step is not None:
        record["step"] = metric_step(step.__index__())
        if record["step"] is None:
            raise ValueError(f"The step {step!r} of {name!r} is too large.")
    path = os.environ.get(METRICS_VARIABLE)
    if path:
        _append(path, json.dumps(record).encode() + b"\n")


def _number(name: str, value: SupportsFloat | SupportsIndex) -> int | float:
    if isinstance(value, str | bytes):
        raise TypeError(f"The value of {name!r} is a text, not a number: {value!r}.")
    if isinstance(value, SupportsIndex):
        # Arrays and tensors have it whatever they hold, and refuse unless that is a whole number.
        with contextlib.suppress(TypeError):
            return value.__index__()
    return float(value)


def _append(path: str, line: bytes) -> None:
    """Write a line at once, so that those of several processes never mix."""
    global _open  # noqa: PLW0603  opening a file for each point would take ten times as long
    try:
        if _open is None or _open[0] != path:
            if _open is not None:
                os.close(_open[1])
            _open = None
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
            _open = (path, os.open(path, flags, 0o600))
        os.write(_open[1], line)
    except OSError as error:
        # A measurement that cannot be kept is no reason to lose what is measured.
        warnings.warn(f"A metric could not be recorded: {error}", RuntimeWarning, stacklevel=3)
