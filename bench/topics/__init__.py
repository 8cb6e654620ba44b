"""Every bench: one file here, one line below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.topics import (
    browser,
    burst,
    cells,
    cluster,
    displays,
    halts,
    idle,
    large,
    latency,
    lines,
    lists,
    responsiveness,
    submit,
    sweeps,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.context import Context
    from bench.report import Section

#: In the order of the page.
TOPICS: dict[str, Callable[[Context], Section]] = {
    "latency": latency.measure,
    "cells": cells.measure,
    "lines": lines.measure,
    "displays": displays.measure,
    "large": large.measure,
    "burst": burst.measure,
    "submit": submit.measure,
    "lists": lists.measure,
    "sweeps": sweeps.measure,
    "cluster": cluster.measure,
    "idle": idle.measure,
    "responsiveness": responsiveness.measure,
    "halts": halts.measure,
    "sidebar": browser.measure_sidebar,
    "live": browser.measure_live,
}
#: What tells in three minutes whether something got worse; neither browser nor cluster.
QUICK = ("latency", "cells", "lines", "large", "burst", "submit", "lists", "sweeps", "idle")
