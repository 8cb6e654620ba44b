"""The contract as data: `openapi.yaml`, and requests checked against it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.api.refusals import refusal
from jupyter_async_exec.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema.protocols import Validator

#: A request nested deeper than any sensible one is refused before it is read further.
MAX_DEPTH_SENTENCE = "The request is nested too deeply."
#: Whole numbers of more digits than SQLite holds are refused.
MAX_DIGITS = 18


def contract_text() -> str:
    """Return `openapi.yaml` as it is served."""
    return files("jupyter_async_exec.api").joinpath("openapi.yaml").read_text(encoding="utf-8")


@cache
def contract() -> dict[str, Any]:
    """Return `openapi.yaml`, parsed once."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document: dict[str, Any] = yaml.load(contract_text(), Loader=loader)  # noqa: S506  both are safe
    return document


def prepare() -> None:
    """Read the contract and what checks requests; for a thread, before the first request."""
    from jsonschema.exceptions import best_match

    best_match(_validator("/executions", "post").iter_errors({}))


@cache
def _validator(path: str, method: str) -> Validator:
    from jsonschema import Draft202012Validator

    body = contract()["paths"][path][method]["requestBody"]
    schema = body["content"]["application/json"]["schema"]
    # References point into the document, which therefore travels along.
    return Draft202012Validator({**schema, "components": contract()["components"]})


def check_body(path: str, method: str, body: Any) -> None:
    """Refuse a request body that the contract does not allow.

    Parameters
    ----------
    path
        As written in `openapi.yaml`, such as ``/executions/{id}/rerun``.
    method
        In lower case.
    body
        Parsed JSON.

    Raises
    ------
    InvalidRequestError
        With the place and what is wrong there.
    """
    from jsonschema.exceptions import best_match

    try:
        error = best_match(_validator(path, method).iter_errors(body))
    except RecursionError:
        raise InvalidRequestError(MAX_DEPTH_SENTENCE) from None
    if error is not None:
        raise refusal(error)


def read_query(path: str, arguments: Mapping[str, str]) -> dict[str, Any]:
    """Return the query parameters of ``GET path``, typed and with defaults.

    Raises
    ------
    InvalidRequestError
        One is not of its type or out of its range.
    """
    item = contract()["paths"][path]
    declared = [*item.get("parameters", []), *item["get"].get("parameters", [])]
    values: dict[str, Any] = {}
    for parameter in declared:
        if parameter.get("in") != "query":
            continue
        name, schema = parameter["name"], parameter["schema"]
        text = arguments.get(name)
        values[name] = schema.get("default") if text is None else _typed(name, text, schema)
    return values


def _typed(name: str, text: str, schema: Mapping[str, Any]) -> object:
    kind = schema["type"]
    if kind == "integer":
        return _integer(name, text, schema)
    if kind == "boolean":
        if text not in {"true", "false", "1", "0"}:
            raise InvalidRequestError(f"{name!r} must be true or false, not {text[:50]!r}.")
        return text in {"true", "1"}
    choices = schema.get("enum")
    if choices and text not in choices:
        raise InvalidRequestError(
            f"{name!r} must be one of {', '.join(choices)}, not {text[:50]!r}."
        )
    return text


def _integer(name: str, text: str, schema: Mapping[str, Any]) -> int:
    sentence = f"{name!r} must be a whole number, not {text[:50]!r}."
    if len(text) > MAX_DIGITS or not text.removeprefix("-").isascii():
        raise InvalidRequestError(sentence)
    try:
        number = int(text)
    except ValueError:
        raise InvalidRequestError(sentence) from None
    low, high = schema.get("minimum"), schema.get("maximum")
    if (low is not None and number < low) or (high is not None and number > high):
        bounds = f"at least {low}" if high is None else f"between {low} and {high}"
        raise InvalidRequestError(f"{name!r} must be {bounds}, not {number}.")
    return number
