"""The part of a notebook that is its source, in one form for equal sources."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import nbformat
from nbformat.validator import get_validator

from jupyter_async_exec.errors import InvalidRequestError

if TYPE_CHECKING:
    from jupyter_async_exec.core.json_types import JSONObject

NBFORMAT = 4
NBFORMAT_MINOR = 5
#: Deeper than any metadata a person or a tool writes.
DEPTH = 50

# Compiling the schema holds the interpreter for 50 ms: now rather than at the
# first submission, when a server is answering others.
get_validator(NBFORMAT, NBFORMAT_MINOR)

#: Metadata that tools write by themselves, or that is only about the view.
_VOLATILE = frozenset(
    {
        "ExecuteTime",
        "_cell_guid",
        "_uuid",
        "colab",
        "collapsed",
        "execution",
        "executionInfo",
        "heading_collapsed",
        "hidden",
        "jp-MarkdownHeadingCollapsed",
        "orig_nbformat",
        "outputId",
        "papermill",
        "scrolled",
        "signature",
        "toc",
        "trusted",
        "varInspector",
        "widgets",
    }
)
#: Of a cell's `jupyter` metadata: whether it is folded on the screen.
_VIEW = frozenset({"outputs_hidden", "source_hidden"})
INTEGER_BITS = 4_096
_HEADING_LEVELS = 6


def normalise(notebook: Mapping[str, Any]) -> JSONObject:
    """Return the source of a notebook as a canonical nbformat 4.5 notebook.

    Outputs, execution counts, random cell ids, timings, widget state and how
    cells are folded are left out, so that untouched code stays equal.
    Normalising twice changes nothing.

    Parameters
    ----------
    notebook
        As the front end or `json.loads` gives it; nbformat 2 to 4. It is not
        changed and shares nothing with the result.

    Returns
    -------
    dict
        A valid notebook of fresh objects, whose cells have the ids `cell-0`, `cell-1`, …

    Raises
    ------
    InvalidRequestError
        It is not a notebook, or holds what JSON cannot.

    Notes
    -----
    Source: snapshot format 1, `docs/reference/snapshot-format.md`.
    """
    version = _field(notebook, "nbformat")
    if type(version) is not int:
        raise InvalidRequestError("This is not a notebook: it does not say its nbformat.")
    if version == NBFORMAT:
        cells = [_cell(cell, index) for index, cell in enumerate(_cells(notebook, "The notebook"))]
    elif version in {2, 3}:
        cells = [_old_cell(cell, index) for index, cell in enumerate(_old_cells(notebook))]
    else:
        raise InvalidRequestError(f"Notebooks of nbformat {version} cannot be run; use nbformat 4.")
    normalised: JSONObject = {
        "cells": cells,
        "metadata": _notebook_metadata(_copied_metadata(notebook, "The notebook")),
        "nbformat": NBFORMAT,
        "nbformat_minor": NBFORMAT_MINOR,
    }
    _validate(normalised)
    return normalised


def kernel_of(notebook: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the kernel name and the language that a notebook asks for, where it says so."""
    metadata = _mapping(notebook, "metadata")
    kernelspec = _mapping(metadata, "kernelspec")
    language = _text(_mapping(metadata, "language_info"), "name") or _text(kernelspec, "language")
    return _text(kernelspec, "name"), language


def _field(data: object, key: str) -> Any:
    return data.get(key) if isinstance(data, Mapping) else None


def _mapping(data: object, key: str) -> Mapping[str, Any]:
    value = _field(data, key)
    return value if isinstance(value, Mapping) else {}


def _text(data: Mapping[str, Any], key: str) -> str | None:
    value = data.get(key)
    return value if isinstance(value, str) and value else None


def _cells(holder: Any, name: str) -> list[Any]:
    cells = _field(holder, "cells")
    if not isinstance(cells, list):
        raise InvalidRequestError(f"{name} has no list of cells.")
    return cells


def _cell(cell: Any, index: int) -> JSONObject:
    kind = _field(cell, "cell_type")
    # A tuple, because what cannot be hashed may be there.
    if kind not in ("code", "markdown", "raw"):
        raise InvalidRequestError(f"Cell {index + 1} is neither code, markdown nor raw.")
    return _new_cell(kind, cell, "source", index)


def _new_cell(kind: str, cell: Mapping[str, Any], source_key: str, index: int) -> JSONObject:
    name = f"Cell {index + 1}"
    normalised: JSONObject = {
        "cell_type": kind,
        "id": f"cell-{index}",
        "metadata": _cell_metadata(_copied_metadata(cell, name)),
        "source": _source(cell.get(source_key, ""), name),
    }
    if kind == "code":
        normalised |= {"execution_count": None, "outputs": []}
    elif "attachments" in cell:
        attachments = _copied(cell["attachments"], DEPTH, f"{name} has attachments that")
        if attachments:
            normalised["attachments"] = attachments
    return normalised


def _old_cells(notebook: Mapping[str, Any]) -> list[Any]:
    worksheets = notebook.get("worksheets")
    if not isinstance(worksheets, list):
        raise InvalidRequestError("The notebook has no list of worksheets.")
    return [cell for sheet in worksheets for cell in _cells(sheet, "A worksheet")]


def _old_cell(cell: Any, index: int) -> JSONObject:
    """Upgrade a cell of nbformat 2 or 3, as nbformat does, but with no random ids."""
    match _field(cell, "cell_type"):
        case "code":
            return _new_cell("code", cell, "input", index)
        case "markdown" | "html" | "text":
            return _new_cell("markdown", cell, "source", index)
        case "raw":
            return _new_cell("raw", cell, "source", index)
        case "heading":
            heading = _new_cell("markdown", cell, "source", index)
            level = cell.get("level", 1)
            level = min(max(level, 1), _HEADING_LEVELS) if isinstance(level, int) else 1
            heading["source"] = f"{'#' * level} {' '.join(heading['source'].splitlines())}"
            return heading
        case _:
            raise InvalidRequestError(f"Cell {index + 1} is of no kind that nbformat 3 knows.")


def _source(source: Any, name: str) -> str:
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise InvalidRequestError(f"{name} has a source that is not a text.")
    return _checked(source, f"{name} has a source that")


def _copied_metadata(holder: Mapping[str, Any], name: str) -> JSONObject:
    metadata = holder.get("metadata", {})
    if not isinstance(metadata, Mapping):
        raise InvalidRequestError(f"{name} has metadata that are not an object.")
    kept = {key: value for key, value in metadata.items() if key not in _VOLATILE}
    copied = _copied(kept, DEPTH, f"{name} has metadata that")
    assert isinstance(copied, dict)
    return copied


def _cell_metadata(metadata: JSONObject) -> JSONObject:
    jupyter = metadata.pop("jupyter", None)
    if isinstance(jupyter, dict):
        jupyter = {key: value for key, value in jupyter.items() if key not in _VIEW}
        if jupyter:
            metadata["jupyter"] = jupyter
    tags = metadata.pop("tags", None)
    if isinstance(tags, list):
        valid = (tag for tag in tags if isinstance(tag, str) and tag and "," not in tag)
        # nbformat wants each tag once; Lab lets people write one twice.
        if unique := list(dict.fromkeys(valid)):
            metadata["tags"] = unique
    if not _text(metadata, "name"):
        metadata.pop("name", None)
    if not isinstance(metadata.get("format"), str):
        metadata.pop("format", None)
    return metadata


def _notebook_metadata(metadata: JSONObject) -> JSONObject:
    name, language = kernel_of({"metadata": metadata})
    display_name = _text(_mapping(metadata, "kernelspec"), "display_name")
    for key in ("kernelspec", "language_info"):
        metadata.pop(key, None)
    if name:
        metadata["kernelspec"] = {"display_name": display_name or name, "name": name}
    if language:
        metadata["language_info"] = {"name": language}
    if not isinstance(metadata.get("title"), str):
        metadata.pop("title", None)
    if not isinstance(metadata.get("authors"), list):
        metadata.pop("authors", None)
    return metadata


def _copied(value: Any, depth: int, name: str) -> Any:
    """Return a fresh copy of JSON, or say in a sentence what is not JSON about it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _checked_number(value, name)
    if isinstance(value, str):
        return _checked(value, name)
    if not depth:
        raise InvalidRequestError(f"{name} are nested more than {DEPTH} levels deep.")
    if isinstance(value, list | tuple):
        return [_copied(item, depth - 1, name) for item in value]
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise InvalidRequestError(f"{name} have a key that is not a text.")
        return {_checked(key, name): _copied(item, depth - 1, name) for key, item in value.items()}
    raise InvalidRequestError(f"{name} hold a {type(value).__name__}, which is not JSON.")


def _checked_number(value: float, name: str) -> float:
    if isinstance(value, int):
        # Python itself refuses to write longer ones.
        if value.bit_length() > INTEGER_BITS:
            raise InvalidRequestError(f"{name} hold a number that is too large.")
    elif not math.isfinite(value):
        raise InvalidRequestError(f"{name} hold NaN or infinity, which JSON does not have.")
    return value


def _checked(text: str, name: str) -> str:
    if "\0" in text:
        raise InvalidRequestError(f"{name} holds a NUL character.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidRequestError(
            f"{name} holds half of a character (a lone surrogate)."
        ) from error
    return text


def _validate(notebook: JSONObject) -> None:
    try:
        nbformat.validate(notebook, version=NBFORMAT, version_minor=NBFORMAT_MINOR)
    except (nbformat.ValidationError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidRequestError(f"This is not a valid notebook: {reason}.") from error
