"""Every bench: one file here, one line below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.topics import (
    burst,
    cells,
    displays,
    large,
    latency,
    lines,
    lists,
    submit,
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
}
#: Sections that others write, with ``python -m bench --add FILE``, and where they stand.
ORDER = (*TOPICS, "sidebar")
