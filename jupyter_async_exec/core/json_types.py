"""What JSON can hold, as types."""

from __future__ import annotations

from typing import Any, TypeAlias

#: A value that survives `json.dumps` and `json.loads` unchanged.
JSONValue: TypeAlias = "bool | int | float | str | list[JSONValue] | dict[str, JSONValue] | None"
#: A JSON object whose inside is checked elsewhere, such as a notebook.
JSONObject: TypeAlias = dict[str, Any]
