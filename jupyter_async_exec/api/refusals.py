"""What a request has against the contract, as a sentence for people.

The words of the validator are those of JSON Schema, and of Python: "None is not
valid under any of the given schemas".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jsonschema.exceptions import ValidationError

#: Of a value so many characters are quoted; it may be a whole notebook.
LONGEST_QUOTE = 60
#: More names than these are not listed.
MOST_NAMES = 20

_KINDS = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}
_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}
#: Keyword to which bound it is, and of what.
_LENGTHS = {
    "minLength": ("at least", "character"),
    "maxLength": ("at most", "character"),
    "minItems": ("at least", "entry"),
    "maxItems": ("at most", "entry"),
    "minProperties": ("at least", "field"),
    "maxProperties": ("at most", "field"),
}
_PLURALS = {"entry": "entries"}


def refusal(error: ValidationError) -> InvalidRequestError:
    """Return what is to be raised for the validator's `error`."""
    error = _inner(error)
    place = ".".join(str(part) for part in error.absolute_path)
    where = f"The field {_short(place)!r}" if place else "The request"
    return InvalidRequestError(f"{where} {_complaint(error)}.", {"field": place})


def _inner(error: ValidationError) -> ValidationError:
    """Return what is wrong with the one alternative that is of the right type, if there is one."""
    while error.context:
        wrong = {each.schema_path[0] for each in error.context if _is_of_wrong_type(each)}
        fitting = [each for each in error.context if each.schema_path[0] not in wrong]
        if len({each.schema_path[0] for each in fitting}) != 1:
            break
        error = fitting[0]
    return error


def _is_of_wrong_type(error: ValidationError) -> bool:
    return error.validator == "type" and not error.path


def _complaint(error: ValidationError) -> str:
    keyword = str(error.validator)
    wanted: Any = error.validator_value
    given: Any = error.instance
    match keyword:
        case "type" | "anyOf" | "oneOf":
            return f"must be {_one_of(_alternatives(error))}, not {_quoted(given)}"
        case "enum":
            return f"must be {_one_of(map(_quoted, wanted))}, not {_quoted(given)}"
        case "required":
            missing = [name for name in wanted if name not in given]
            return f"lacks {_listed(missing)}"
        case "additionalProperties":
            return _unknown(error)
        case _ if keyword in _BOUNDS:
            return f"must be {_BOUNDS[keyword]} {wanted:,}, not {_quoted(given)}"
        case _ if keyword in _LENGTHS:
            bound, what = _LENGTHS[keyword]
            if not given:
                return "must not be empty"
            return f"must have {bound} {_count(wanted, what)}, and has {_count(len(given), what)}"
    # A keyword that the contract did not have when this was written.
    return f"does not fit: {_quoted(given)}"


def _alternatives(error: ValidationError) -> list[str]:
    """Return what would have been right, in words, each once."""
    alternatives = [each for each in error.context or () if not each.path]
    schemas = [each.schema for each in alternatives or (error,)]
    return list(dict.fromkeys(word for schema in schemas for word in _kinds(schema)))


def _kinds(schema: Any) -> list[str]:
    if "enum" in schema:
        return [_quoted(value) for value in schema["enum"]]
    if "required" in schema:
        return [f"an object with {_listed(schema['required'])}"]
    types = schema.get("type", [])
    return [_KINDS[each] for each in ([types] if isinstance(types, str) else types)]


def _unknown(error: ValidationError) -> str:
    schema: Any = error.schema
    given: Any = error.instance
    known = sorted(schema.get("properties", ()))
    unknown = sorted(set(given) - set(known))
    what = "an unknown field" if len(unknown) == 1 else "unknown fields"
    return f"has {what}, {_listed(unknown)}; it may have {_listed(known)}"


def _listed(names: Iterable[str]) -> str:
    quoted = [repr(_short(name)) for name in names]
    rest = len(quoted) - MOST_NAMES
    return ", ".join(quoted[:MOST_NAMES]) + (f" and {rest:,} more" if rest > 0 else "")


def _one_of(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _count(n: int, what: str) -> str:
    return f"{n:,} {what if n == 1 else _PLURALS.get(what, f'{what}s')}"


def _quoted(value: object) -> str:
    """Return a value as JSON, only its beginning if it is long."""
    if isinstance(value, dict):
        return f"an object of {_count(len(value), 'field')}"
    if isinstance(value, list):
        return f"a list of {_count(len(value), 'entry')}"
    # Half a character cannot be sent as it is.
    return _short(json.dumps(value, ensure_ascii=isinstance(value, str) and not _is_whole(value)))


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 1]}…"
