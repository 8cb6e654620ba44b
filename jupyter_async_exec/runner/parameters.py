"""Where parameters are injected, and as what code of the kernel's language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_async_exec.errors import InvalidParametersError
from jupyter_async_exec.runner.languages import UnwritableError, find_language
from jupyter_async_exec.runner.rebuild import INJECTED_TAG, tags_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_async_exec.core.json_types import JSONObject

_COMMENT = "Parameters"


def inject(
    notebook: JSONObject,
    parameters: Mapping[str, Any],
    *,
    kernel_name: str,
    language: str,
    cell_id: str,
) -> JSONObject | None:
    """Return where and what to inject, as `execution_started` records it; `None` for nothing.

    Raises
    ------
    InvalidParametersError
        A name is none in this language, or a value cannot be written in it.
    """
    if not parameters:
        return None
    cells = notebook.get("cells", [])
    index, replaces = 0, False
    previous = _find_tagged(cells, INJECTED_TAG)
    defaults = _find_tagged(cells, "parameters")
    if previous is not None:
        index, replaces = previous, True
    elif defaults is not None:
        index = defaults + 1
    taken = {cell.get("id") for cell in cells}
    while cell_id in taken:
        cell_id += "-1"
    return {
        "cell_index": index,
        "replaces": replaces,
        "id": cell_id,
        "source": translate(
            parameters,
            kernel_name=kernel_name,
            language=language,
            constructors=_constructors(notebook, parameters),
        ),
    }


def _constructors(notebook: JSONObject, parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return what the notebook makes of texts: where it says `Path("a.csv")`, so do we."""
    if not any(isinstance(value, str) for value in parameters.values()):
        return {}
    from jupyter_async_exec.snapshots.parameters import find_parameters

    declared = find_parameters(notebook).parameters
    return {each.name: each.constructor for each in declared if each.constructor is not None}


def translate(
    parameters: Mapping[str, Any],
    *,
    kernel_name: str,
    language: str,
    constructors: Mapping[str, str] | None = None,
) -> str:
    """Return source code that assigns `parameters`; see `Language.codify`.

    Raises
    ------
    InvalidParametersError
        A name is none in this language, a value cannot be written in it, or the
        language is not known.
    """
    if not parameters:
        return ""
    writer = find_language(kernel_name, language)
    if writer is None:
        raise InvalidParametersError(
            f"Parameters cannot be given to a {(language or kernel_name)[:50]} kernel: "
            "how to write them in its language is not known.",
            {"fields": dict.fromkeys(parameters, "its language is not known")},
        )
    try:
        return writer.codify(parameters, _COMMENT, constructors)
    except UnwritableError as error:
        raise InvalidParametersError(f"{error}.", {"fields": {}}) from None


def _find_tagged(cells: list[JSONObject], tag: str) -> int | None:
    return next((index for index, cell in enumerate(cells) if tag in tags_of(cell)), None)
