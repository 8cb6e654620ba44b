"""What a notebook's parameters are, and how given values become theirs."""

from __future__ import annotations

import difflib
import json
import keyword
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from jupyter_async_exec.core.json_types import JSONValue
from jupyter_async_exec.core.parameter_rules import ValueRule, is_same
from jupyter_async_exec.core.secret_names import is_hidden
from jupyter_async_exec.errors import InvalidParametersError

NAME_CHARACTERS = 128
DEPTH = 20
VALUE_BYTES = 1_000_000
#: Larger integers cannot be written down by Python's own `str`.
INTEGER_BITS = 4_096


class ParameterType(StrEnum):
    """What a parameter holds, as far as its default or annotation says."""

    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    STR = "str"
    LIST = "list"
    DICT = "dict"
    #: The default is `None` and nothing else is known.
    NONE = "none"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One name in the cell tagged `parameters`."""

    name: str
    type: ParameterType = ParameterType.ANY
    #: `None` too when there is none or it is computed.
    default: JSONValue = None
    #: Declared by an annotation only, without a value.
    required: bool = False
    #: The default is an expression, which is never evaluated.
    computed: bool = False
    #: The default as written.
    default_source: str | None = None
    comment: str = ""
    #: The annotation as written.
    annotation: str | None = None
    #: `None` is allowed as well.
    nullable: bool = False
    #: Which values are taken besides; the default is, whatever the rule says.
    rule: ValueRule | None = None
    #: A text that names a file or folder.
    is_path: bool = False
    #: What makes the default of its text, such as `Path`, and a given value likewise.
    constructor: str | None = None


class _UnfitError(Exception):
    """A value cannot be taken; the text says why and continues "`name` …"."""


def coerce_parameters(
    values: Mapping[str, object], declared: Sequence[Parameter], *, typed: bool
) -> dict[str, JSONValue]:
    """Return `values` in the types that the notebook declares.

    A text is read as the declared type (``"7"`` is 7 for an `int`, JSON for a
    `list` or `dict`); nothing is ever cut or guessed (1.5 is no `int`, `True`
    is no number, a number is no `str`). A value that the notebook's own rule
    excludes is refused; its default never is.

    Parameters
    ----------
    values
        Name to value, as they came from a form, a file or a command line.
    declared
        What the notebook declares; empty when it has no such cell.
    typed
        Whether `declared` is complete and its types are known: a Python
        notebook. Otherwise any valid name with any JSON value is taken.

    Returns
    -------
    dict
        Only the names that were given, in their order.

    Raises
    ------
    InvalidParametersError
        `details["fields"]` maps every name in question to a sentence.

    Notes
    -----
    Names and values become code in the notebook's language; the rules for
    them are: identifiers only, JSON only.
    """
    ruled = {parameter.name: parameter for parameter in declared if parameter.rule}
    known = {parameter.name: parameter for parameter in declared} if typed else {}
    coerced: dict[str, JSONValue] = {}
    fields: dict[str, str] = {}
    for name, value in values.items():
        try:
            _check_name(name, known)
            plain = _plain(value)
            if not is_hidden(plain):
                plain = _coerced(plain, known[name]) if name in known else plain
                plain = _ruled(plain, ruled[name]) if name in ruled else plain
            coerced[name] = plain
        except _UnfitError as error:
            fields[_shown(name)] = str(error)
    for parameter in known.values():
        if parameter.required and parameter.name not in values:
            fields[parameter.name] = f"`{parameter.name}` has no default; give it a value."
    if not fields and _json_bytes(coerced) > VALUE_BYTES:
        fields = dict.fromkeys(coerced, "All values together are larger than 1 MB.")
    if fields:
        raise InvalidParametersError(" ".join(fields.values()), {"fields": fields})
    return coerced


def wanted(parameter: Parameter) -> str:
    """Return what a parameter takes, to go on from "must be", such as "a number above 0"."""
    kind = _WANTED.get(parameter.type, "a value")
    if parameter.rule is None:
        return kind
    return parameter.rule.wanted(kind if parameter.type in _NUMBERS else "a number")


def is_parameter_name(name: object) -> bool:
    """Tell whether `name` may be a parameter, in any language."""
    return (
        isinstance(name, str)
        and len(name) <= NAME_CHARACTERS
        and name.isidentifier()
        and not keyword.iskeyword(name)
        and not (name.startswith("__") and name.endswith("__"))
    )


def _check_name(name: object, known: Mapping[str, Parameter]) -> None:
    if not is_parameter_name(name):
        raise _UnfitError(
            f"`{_shown(name)}` cannot be a parameter's name: "
            f"use letters, digits and _, at most {NAME_CHARACTERS}, and no keyword."
        )
    if known and name not in known:
        close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
        hint = f"did you mean `{close[0]}`?" if close else f"it has {_listed(list(known))}."
        raise _UnfitError(f"The notebook has no parameter `{name}`; {hint}")


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:8])
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown  # noqa: PLR2004  twice 8


def _shown(name: object) -> str:
    text = name if isinstance(name, str) else f"{name!r}"
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")[:NAME_CHARACTERS]


def _plain(value: object) -> JSONValue:
    """Return a fresh copy of `value` made of JSON's own types only."""
    plain = _Copier().copy(value, DEPTH)
    if _json_bytes(plain) > VALUE_BYTES:
        raise _UnfitError("The value is larger than 1 MB.")
    return plain


class _Copier:
    """Copies a value, and gives up on one that unfolds without end (YAML's aliases can)."""

    def __init__(self) -> None:
        self._left = VALUE_BYTES

    def copy(self, value: object, depth: int) -> JSONValue:
        self._left -= 1
        if not self._left:
            raise _UnfitError("The value is larger than 1 MB.")
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return _checked_integer(int(value))
        if isinstance(value, float):
            return _checked_float(float(value))
        if isinstance(value, str):
            return _checked_text(str(value))
        if not depth and isinstance(value, (list, tuple, Mapping)):
            raise _UnfitError(f"The value is nested more than {DEPTH} levels deep.")
        if isinstance(value, (list, tuple)):
            return [self.copy(item, depth - 1) for item in value]
        if isinstance(value, Mapping):
            return {_checked_key(key): self.copy(item, depth - 1) for key, item in value.items()}
        raise _UnfitError(f"A value of type {type(value).__name__} cannot be written as JSON.")


def _checked_integer(value: int) -> int:
    if value.bit_length() > INTEGER_BITS:
        raise _UnfitError("The number is too large.")
    return value


def _checked_float(value: float) -> float:
    if not math.isfinite(value):
        raise _UnfitError("NaN and infinity cannot be parameters: JSON has no such numbers.")
    return value


def _checked_text(value: str) -> str:
    if "\0" in value:
        raise _UnfitError("The text holds a NUL character.")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise _UnfitError("The text holds half of a character (a lone surrogate).") from None
    return value


def _checked_key(key: object) -> str:
    if not isinstance(key, str):
        raise _UnfitError(f"The key {key!r:.50} is not a text, which JSON demands.")
    return _checked_text(str(key))


def _json_bytes(value: JSONValue | dict[str, JSONValue]) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8"))


_Reader: TypeAlias = Callable[[JSONValue], JSONValue]


def _coerced(value: JSONValue, parameter: Parameter) -> JSONValue:
    reader = _READERS.get(parameter.type)
    if reader is None:
        return value
    is_null_text = (
        isinstance(value, str)
        and value.strip() in {"null", "None"}
        and (parameter.type is not ParameterType.STR or _has_choices_without(parameter, value))
    )
    if value is None or (is_null_text and parameter.nullable):
        if parameter.nullable:
            return None
        raise _UnfitError(f"`{parameter.name}` must be {wanted(parameter)}, not null.")
    try:
        return reader(value)
    except (ValueError, OverflowError, RecursionError):
        raise _unfit(parameter, value) from None


def _has_choices_without(parameter: Parameter, text: str) -> bool:
    """Whether a text such as "None" is none of the choices, so can mean nothing else."""
    rule = parameter.rule
    return rule is not None and bool(rule.choices) and text not in rule.choices


def _ruled(value: JSONValue, parameter: Parameter) -> JSONValue:
    rule = parameter.rule
    if rule is None or (value is None and parameter.nullable):
        return value
    has_default = not parameter.required and not parameter.computed
    if has_default and is_same(value, parameter.default):
        return value
    try:
        return rule.fit(value)
    except ValueError:
        raise _unfit(parameter, value) from None


def _unfit(parameter: Parameter, value: JSONValue) -> _UnfitError:
    return _UnfitError(f"`{parameter.name}` must be {wanted(parameter)}, not {_excerpt(value)}.")


def _excerpt(value: JSONValue) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:39] + "…"  # noqa: PLR2004  twice 40


def _read_int(value: JSONValue) -> int:
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]+(_[0-9]+)*\s*", value):
        return _checked_integer(int(value))
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError


def _read_float(value: JSONValue) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError  # noqa: TRY004  the caller makes a sentence of it
    number = float(value)
    return _checked_float(number)


def _read_bool(value: JSONValue) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False}[_known_word(value)]
    raise ValueError


def _known_word(text: str) -> str:
    word = text.strip().lower()
    if word not in {"true", "false"}:
        raise ValueError
    return word


def _read_str(value: JSONValue) -> str:
    if isinstance(value, str):
        return value
    raise ValueError


def _read_list(value: JSONValue) -> JSONValue:
    read = _from_json_text(value)
    if isinstance(read, list):
        return read
    raise ValueError


def _read_dict(value: JSONValue) -> JSONValue:
    read = _from_json_text(value)
    if isinstance(read, dict):
        return read
    raise ValueError


def _from_json_text(value: JSONValue) -> JSONValue:
    return _plain(json.loads(value)) if isinstance(value, str) else value


_READERS: dict[ParameterType, _Reader] = {
    ParameterType.INT: _read_int,
    ParameterType.FLOAT: _read_float,
    ParameterType.BOOL: _read_bool,
    ParameterType.STR: _read_str,
    ParameterType.LIST: _read_list,
    ParameterType.DICT: _read_dict,
}
_WANTED = {
    ParameterType.INT: "a whole number",
    ParameterType.FLOAT: "a number",
    ParameterType.BOOL: "true or false",
    ParameterType.STR: "a text",
    ParameterType.LIST: "a list",
    ParameterType.DICT: "an object of names and values",
}
_NUMBERS = {ParameterType.INT, ParameterType.FLOAT}
