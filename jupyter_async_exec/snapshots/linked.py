"""Files that were linked instead of captured, as the provenance of an execution has them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.core.clock import format_at, parse_at
from jupyter_async_exec.snapshots.manifest import LinkedFile, check_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jupyter_async_exec.core.json_types import JSONObject


def linked_to_json(linked: Iterable[LinkedFile]) -> list[JSONObject]:
    """Write linked files as the API shows them."""
    return [
        {
            "path": file.path,
            "size_bytes": file.size_bytes,
            "modified_at": format_at(datetime.fromtimestamp(file.mtime_ns / 1e9, UTC)),
        }
        for file in linked
    ]


def linked_from_json(data: Iterable[Mapping[str, Any]]) -> tuple[LinkedFile, ...]:
    """Read what `linked_to_json` wrote; times come back to the microsecond."""
    return tuple(
        LinkedFile(
            path=check_path(file["path"]),
            size_bytes=int(file["size_bytes"]),
            mtime_ns=round(parse_at(file["modified_at"]).timestamp() * 1e6) * 1_000,
        )
        for file in data
    )
