"""Choices and ranges in the comment behind a parameter, in a grammar that plain words do not meet.

::

    activation = "relu"   # choices: relu, tanh
    dropout = 0.1         # share of units; range: 0..1
    learning_rate = 0.01  # 0 < learning_rate <= 1
    epochs = 20           # how many (> 0)
    seed = 1              # min: 0, max: 99
    data = "train.csv"    # path

What is not written so is no rule: a comment that says something else must never
refuse a value.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jupyter_async_exec.core.parameter_rules import ValueRule
from jupyter_async_exec.core.parameters import Parameter, ParameterType, coerce_parameters
from jupyter_async_exec.errors import InvalidParametersError

if TYPE_CHECKING:
    from jupyter_async_exec.core.json_types import JSONValue

#: A comment longer than this is prose.
LONGEST_COMMENT = 2_000
#: More than this is no list of choices.
MAX_CHOICES = 200

_NUMBER = r"[-+]?(?:[0-9]+(?:_[0-9]+)*(?:\.(?!\.)[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?"
_CHOICES = re.compile(r"\bchoices\s*[:=]\s*(?P<list>[^;]*)", re.IGNORECASE)
_CHOICE = re.compile(r"""\s*(?P<item>"[^"]*"|'[^']*'|[^,"']*)\s*(?:,|$)""")
_RANGE = re.compile(
    rf"\brange\s*[:=]\s*(?P<low>{_NUMBER})?\s*\.\.\s*(?P<high>{_NUMBER})?\s*(?=$|[;,.)])",
    re.IGNORECASE,
)
_BOUND = re.compile(
    rf"(?P<which>min|max|minimum|maximum)\s*[:=]\s*(?P<number>{_NUMBER})", re.IGNORECASE
)
_CHAIN = re.compile(
    rf"(?P<low>{_NUMBER})\s*(?P<first><=?)\s*(?P<name>[^\W\d]\w*)\s*(?P<second><=?)\s*(?P<high>{_NUMBER})"
)
_HALF = re.compile(rf"(?P<name>[^\W\d]\w*)?\s*(?P<sign><=?|>=?)\s*(?P<number>{_NUMBER})")
_TURNED = re.compile(rf"(?P<number>{_NUMBER})\s*(?P<sign><=?|>=?)\s*(?P<name>[^\W\d]\w*)")
_PIECES = re.compile(r"[;,()]")
#: What stands for the parameter, besides its own name.
_ITSELF = "x"
#: Types that numbers, and those that choices, can be said of.
_BOUNDED = {ParameterType.INT, ParameterType.FLOAT, ParameterType.NONE, ParameterType.ANY}
_CHOSEN = _BOUNDED | {ParameterType.STR}


@dataclass(frozen=True, slots=True, kw_only=True)
class _CommentRule:
    """What a comment says of a parameter's values."""

    #: As written; one in quotes is a text whatever it looks like.
    choices: tuple[str, ...] = ()
    #: Bounds; None where there are none that any number can meet.
    bounds: ValueRule | None = None
    is_path: bool = False


def with_comment_rules(parameter: Parameter) -> Parameter:
    """Add the choices or the range that the comment tells; an annotation's own win."""
    said = _read_comment(parameter.comment, parameter.name)
    if said.is_path and parameter.type is ParameterType.STR:
        parameter = replace(parameter, is_path=True)
    if parameter.rule is not None:
        return parameter
    if said.choices and parameter.type in _CHOSEN:
        return _with_choices(parameter, said.choices)
    if said.bounds is not None and parameter.type in _BOUNDED:
        return replace(parameter, rule=said.bounds)
    return parameter


def _read_comment(comment: str, name: str) -> _CommentRule:
    """Return what the comment behind the parameter `name` says of its values."""
    if len(comment) > LONGEST_COMMENT:
        return _CommentRule()
    choices: tuple[str, ...] = ()
    if found := _CHOICES.search(comment):
        choices = tuple(dict.fromkeys(_split(found["list"])))
        comment = comment[: found.start()] + comment[found.end() :]
    bounds = ValueRule()
    if found := _RANGE.search(comment):
        bounds = replace(bounds, minimum=_number(found["low"]), maximum=_number(found["high"]))
    is_path = False
    for piece in _PIECES.split(comment):
        text = piece.strip().removesuffix(".")
        bounds = _with_piece(bounds, text, name)
        is_path = is_path or text.lower() == "path"
    is_said = bounds != ValueRule() and bounds.is_sensible
    return _CommentRule(
        choices=choices if len(choices) <= MAX_CHOICES else (),
        bounds=bounds if is_said else None,
        is_path=is_path,
    )


def _with_choices(parameter: Parameter, written: tuple[str, ...]) -> Parameter:
    """Read choices in the parameter's type; were one of another type, they are only words."""
    nullable = parameter.nullable or "None" in written
    plain = replace(parameter, rule=None, nullable=nullable)
    choices: list[JSONValue] = []
    for item in written:
        if item == "None":
            continue
        quoted = _choice_in_quotes(item)
        value = _json_or_text(item) if quoted is None else quoted
        if quoted is None and parameter.type is ParameterType.STR:
            value = item
        try:
            choices.append(coerce_parameters({plain.name: value}, [plain], typed=True)[plain.name])
        except InvalidParametersError:
            return parameter
    return replace(plain, rule=ValueRule(choices=tuple(choices))) if choices else parameter


def _choice_in_quotes(item: str) -> str | None:
    is_quoted = len(item) > 1 and item[0] == item[-1] and item[0] in "\"'"
    return item[1:-1] if is_quoted else None


def _json_or_text(item: str) -> JSONValue:
    if item in {"True", "False"}:
        return item == "True"
    try:
        value: JSONValue = json.loads(item)
    except (ValueError, RecursionError):
        return item
    return value


def _with_piece(bounds: ValueRule, piece: str, name: str) -> ValueRule:
    names = {name, _ITSELF}
    if found := _BOUND.fullmatch(piece):
        number = _number(found["number"])
        if found["which"].lower().startswith("min"):
            return replace(bounds, minimum=number)
        return replace(bounds, maximum=number)
    if (found := _CHAIN.fullmatch(piece)) and found["name"] in names:
        return replace(
            bounds,
            minimum=_number(found["low"]),
            exclusive_minimum=found["first"] == "<",
            maximum=_number(found["high"]),
            exclusive_maximum=found["second"] == "<",
        )
    turned = _TURNED.fullmatch(piece)
    found = turned or _HALF.fullmatch(piece)
    if found and found["name"] in {None, *names}:
        number, is_open = _number(found["number"]), len(found["sign"]) == 1
        if found["sign"].startswith("<" if turned else ">"):
            return replace(bounds, minimum=number, exclusive_minimum=is_open)
        return replace(bounds, maximum=number, exclusive_maximum=is_open)
    return bounds


def _number(text: str | None) -> int | float | None:
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        number = float(text)
        return number if math.isfinite(number) else None


def _split(text: str) -> list[str]:
    """Return the choices of a list: commas part them, quotes keep what is inside together."""
    text = text.strip().removesuffix(".")
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    items: list[str] = []
    at = 0
    while at < len(text):
        found = _CHOICE.match(text, at)
        if found is None:
            return []  # Half a quotation is no list.
        at = max(found.end(), at + 1)
        items.append(found["item"].strip())
    return [item for item in items if item]
