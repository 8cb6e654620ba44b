"""What a Python expression says of the parameter it is assigned to, read and never evaluated."""

from __future__ import annotations

import ast
import math
import re
from typing import TYPE_CHECKING

from jupyter_async_exec.core.parameters import DEPTH, INTEGER_BITS, Parameter, ParameterType
from jupyter_async_exec.snapshots.annotations import TYPE_NAMES, path_class

if TYPE_CHECKING:
    from jupyter_async_exec.core.json_types import JSONValue


class _NotLiteralError(Exception):
    """A default has to be computed."""


def valued(name: str, value: ast.expr, source: str, comment: str) -> Parameter:
    """Return the parameter to which `value` is assigned in `source`."""
    text = _source_text(value, source)
    constructor, path = _path_of(value, DEPTH)
    if constructor is not None:
        return Parameter(
            name=name,
            type=ParameterType.STR,
            default=path,
            computed=path is None,
            default_source=text,
            comment=comment,
            is_path=True,
            constructor=constructor,
        )
    try:
        default = _literal(value, DEPTH)
    except _NotLiteralError:
        return Parameter(name=name, computed=True, default_source=text, comment=comment)
    kind = _type_of(default)
    return Parameter(
        name=name,
        type=kind,
        default=default,
        default_source=text,
        comment=comment,
        nullable=default is None,
    )


def _path_of(value: ast.expr, depth: int) -> tuple[str | None, str | None]:
    """Return the class that makes a path (`Path`), and the path's text unless it is computed."""
    match value:
        case ast.Call(func=func, args=[ast.Constant(value=str(text))], keywords=[]) if (
            found := path_class(func)
        ):
            is_plain = isinstance(_constant_or_none(text), str)
            return found, text if is_plain else None
        case ast.Call(func=ast.Attribute(value=made_of, attr="home" | "cwd")):
            return path_class(made_of), None
        case ast.Call(func=func):
            return path_class(func), None
        case ast.BinOp(left=left, op=ast.Div()) if depth:
            return _path_of(left, depth - 1)[0], None
        case _:
            return None, None


def _constant_or_none(value: object) -> JSONValue:
    try:
        return _constant(value)
    except _NotLiteralError:
        return None


def _source_text(value: ast.expr, source: str) -> str | None:
    if isinstance(value, ast.Name) and value.id == "__magic__":
        # Its place in the source is taken by an IPython magic.
        return source.split("\n")[value.lineno - 1].partition("=")[2].strip()
    return ast.get_source_segment(source, value)


def _literal(node: ast.expr, depth: int) -> JSONValue:
    """Return the value of a literal that JSON can carry."""
    if not depth:
        raise _NotLiteralError
    match node:
        case ast.Constant(value=value):
            return _constant(value)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=ast.Constant(value=value)):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise _NotLiteralError
            number = _constant(value)
            assert isinstance(number, int | float)
            return -number if isinstance(sign, ast.USub) else number
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_literal(item, depth - 1) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {
                _key(key): _literal(value, depth - 1)
                for key, value in zip(keys, values, strict=True)
            }
        case _:
            raise _NotLiteralError


def _constant(value: object) -> JSONValue:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and value.bit_length() <= INTEGER_BITS:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, str) and "\0" not in value and not re.search("[\ud800-\udfff]", value):
        return value
    raise _NotLiteralError


def _key(node: ast.expr | None) -> str:
    key = _literal(node, 1) if isinstance(node, ast.Constant) else None
    if not isinstance(key, str):
        raise _NotLiteralError
    return key


def _type_of(value: JSONValue) -> ParameterType:
    if value is None:
        return ParameterType.NONE
    return TYPE_NAMES[type(value).__name__]
