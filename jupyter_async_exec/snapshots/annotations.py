"""What a Python annotation says of a parameter, read from its syntax and never evaluated."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_async_exec.core.parameters import DEPTH, ParameterType

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Types by the names that Python has for them.
TYPE_NAMES = {
    "int": ParameterType.INT,
    "float": ParameterType.FLOAT,
    "bool": ParameterType.BOOL,
    "str": ParameterType.STR,
    "list": ParameterType.LIST,
    "List": ParameterType.LIST,
    "tuple": ParameterType.LIST,
    "Tuple": ParameterType.LIST,
    "Sequence": ParameterType.LIST,
    "dict": ParameterType.DICT,
    "Dict": ParameterType.DICT,
    "Mapping": ParameterType.DICT,
    "None": ParameterType.NONE,
}
#: Classes that hold a path and are made of a text.
PATH_NAMES = frozenset(
    {"Path", "PurePath", "PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath", "UPath"}
)
_WRAPPERS = {"Annotated", "Final", "ClassVar"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """What an annotation says."""

    type: ParameterType
    #: `None` is allowed as well.
    nullable: bool
    #: As written.
    text: str
    #: What `Literal` lists, without `None`; empty where anything else is allowed too.
    choices: tuple[int | str, ...] = ()
    #: The class of paths it names, as written.
    path_class: str | None = None


def read_annotation(annotation: ast.expr) -> Annotation:
    """Return what an annotation says; what it does not say is `ParameterType.ANY`."""
    parts = list(_parts(annotation, DEPTH))
    kinds = {_kind(part) for part in parts}
    named = kinds - {ParameterType.NONE}
    kind = ParameterType.ANY if named else ParameterType.NONE
    if named == {ParameterType.INT, ParameterType.FLOAT}:
        kind = ParameterType.FLOAT
    elif len(named) == 1:
        kind = next(iter(named))
    paths = [each for part in parts if (each := path_class(part)) is not None]
    is_path = bool(paths) and named <= {ParameterType.STR}
    return Annotation(
        type=kind,
        nullable=bool(kinds & {ParameterType.NONE, ParameterType.ANY}),
        text=_text(annotation),
        choices=_choices(parts),
        path_class=paths[0] if is_path and not _is_quoted(annotation) else None,
    )


def path_class(node: ast.expr | ParameterType | _Choice) -> str | None:
    """Return `Path` or `pathlib.Path` as written, `None` for what names no class of paths."""
    match node:
        case ast.Name(id=name):
            return name if name in PATH_NAMES else None
        case ast.Attribute(value=ast.Name(id=module), attr=name):
            return f"{module}.{name}" if name in PATH_NAMES else None
        case _:
            return None


@dataclass(frozen=True, slots=True)
class _Choice:
    """One of what `Literal` lists."""

    value: object


def _parts(node: ast.expr, depth: int) -> Iterator[ast.expr | ParameterType | _Choice]:
    """Give what is allowed, one after the other: unions are unfolded."""
    if not depth:
        yield ParameterType.ANY
        return
    match node:
        case ast.Constant(value=None):
            yield ParameterType.NONE
        case ast.Constant(value=str(quoted)):
            try:
                inside = ast.parse(quoted.strip(), mode="eval").body
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                yield ParameterType.ANY
            else:
                yield from _parts(inside, depth - 1)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            yield from _parts(left, depth - 1)
            yield from _parts(right, depth - 1)
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inside):
            yield from _generic_parts(name, inside, depth)
        case _:
            yield node


def _generic_parts(
    name: str, inside: ast.expr, depth: int
) -> Iterator[ast.expr | ParameterType | _Choice]:
    parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
    if name in _WRAPPERS:
        yield from _parts(parts[0], depth - 1) if parts else (ParameterType.ANY,)
    elif name in {"Optional", "Union"}:
        if name == "Optional":
            yield ParameterType.NONE
        for part in parts:
            yield from _parts(part, depth - 1)
    elif name == "Literal":
        yield from map(_literal_part, parts)
    else:
        yield TYPE_NAMES.get(name, ParameterType.ANY)


def _literal_part(node: ast.expr) -> ParameterType | _Choice:
    match node:
        case ast.Constant(value=None):
            return ParameterType.NONE
        case ast.Constant(value=value):
            return _Choice(value)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(number))):
            return _Choice(-number)
        case _:
            return ParameterType.ANY


def _kind(part: ast.expr | ParameterType | _Choice) -> ParameterType:
    match part:
        case ParameterType():
            return part
        case _Choice(value=value):
            return TYPE_NAMES.get(type(value).__name__, ParameterType.ANY)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            if name in PATH_NAMES:
                return ParameterType.STR
            return TYPE_NAMES.get(name, ParameterType.ANY)
        case _:
            return ParameterType.ANY


def _choices(parts: list[ast.expr | ParameterType | _Choice]) -> tuple[int | str, ...]:
    values: list[int | str] = []
    for part in parts:
        match part:
            case ParameterType.NONE:
                pass
            case _Choice(value=bool() | bytes()):
                return ()
            case _Choice(value=int(value) | str(value)):
                values.append(value)
            case _:
                return ()
    return tuple(dict.fromkeys(values))


def _text(annotation: ast.expr) -> str:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation.value
    return ast.unparse(annotation)


def _is_quoted(annotation: ast.expr) -> bool:
    """Whether some of it is a text, whose names need not be there when it is read."""
    return any(
        isinstance(node, ast.Constant) and isinstance(node.value, str)
        for node in ast.walk(annotation)
    )
