"""Finds a notebook's parameters by reading its code; nothing is ever executed."""

from __future__ import annotations

import ast
import io
import json
import math
import re
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.core.parameter_rules import ValueRule
from jupyter_async_exec.core.parameters import (
    DEPTH,
    INTEGER_BITS,
    Parameter,
    ParameterType,
    coerce_parameters,
    is_parameter_name,
)
from jupyter_async_exec.errors import InvalidParametersError
from jupyter_async_exec.snapshots.annotations import TYPE_NAMES, path_class, read_annotation
from jupyter_async_exec.snapshots.notebook import kernel_of
from jupyter_async_exec.snapshots.parameter_comments import read_comment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_async_exec.core.json_types import JSONValue

TAG = "parameters"
#: Source larger than this is no list of parameters.
SOURCE_CHARACTERS = 200_000

_MAGIC_LINE = re.compile(r"^\s*(?:[%!?]|\w[\w.]*\?{1,2}\s*$)")
_MAGIC_VALUE = re.compile(r"^(?P<head>\s*\w+\s*=\s*)[%!]")
_TYPE_COMMENT = re.compile(r"type:\s*(?P<type>\S+)\s*(?P<rest>.*)")
#: `name <- value`, `name = value`, `NAME=value` at the start of a line.
_ASSIGNMENTS = {
    "r": re.compile(r"(?P<name>[^\W\d]\w*)\s*(?:<-|=(?!=))\s*(?P<value>.+)"),
    "bash": re.compile(r"(?:export\s+)?(?P<name>[^\W\d]\w*)=(?P<value>.*)"),
    "default": re.compile(
        r"(?:(?:let|var|val|const)\s+)?(?P<name>[^\W\d]\w*)\s*=(?!=)\s*(?P<value>.+)"
    ),
}
_COMMENT_MARKS = {"r": "#", "bash": "#", "julia": "#", "perl": "#", "ruby": "#"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterList:
    """What a notebook says about its parameters."""

    parameters: tuple[Parameter, ...] = ()
    language: str | None = None
    #: Whether types are known: a Python notebook.
    typed: bool = True
    #: 0-based position of the cell tagged `parameters`.
    cell_index: int | None = None
    #: Why the cell could not be read, in one sentence.
    problem: str | None = None

    @property
    def typed_names(self) -> frozenset[str]:
        """Those whose type is known, so that a text can be read as it."""
        unknown = {ParameterType.ANY, ParameterType.NONE}
        return frozenset(
            each.name for each in self.parameters if self.typed and each.type not in unknown
        )


class _NotLiteralError(Exception):
    """A default has to be computed."""


def find_parameters(notebook: Mapping[str, Any]) -> ParameterList:
    """Read the parameters from the first code cell tagged `parameters`.

    Python is parsed, never run: a default is a literal or is shown as source.
    Of other languages only names are found.

    Parameters
    ----------
    notebook
        Any notebook; what is strange about it is passed over.

    Returns
    -------
    ParameterList
        Empty when no cell is tagged; with a `problem` when it cannot be read.
    """
    kernel_name, language = kernel_of(notebook)
    if language is None and kernel_name is not None and kernel_name.startswith("python"):
        language = "python"
    # A notebook that names no language will be run by the default kernel: Python.
    typed = language is None or language.lower().startswith(("python", "ipython"))
    found = ParameterList(language=language, typed=typed)
    cell_index, source = _tagged_cell(notebook)
    if cell_index is None:
        return found
    found = replace(found, cell_index=cell_index)
    if len(source) > SOURCE_CHARACTERS:
        return replace(found, problem="The parameters cell is too long to be read.")
    if not typed:
        return replace(found, parameters=_assigned_names(source, str(language)))
    return _read_python(source, found)


def _tagged_cell(notebook: Mapping[str, Any]) -> tuple[int | None, str]:
    cells = notebook.get("cells")
    for index, cell in enumerate(cells if isinstance(cells, list) else []):
        if not isinstance(cell, Mapping) or cell.get("cell_type") != "code":
            continue
        metadata = cell.get("metadata")
        tags = metadata.get("tags") if isinstance(metadata, Mapping) else None
        if isinstance(tags, list) and TAG in tags:
            source = cell.get("source")
            if isinstance(source, list):
                source = "".join(line for line in source if isinstance(line, str))
            return index, source if isinstance(source, str) else ""
    return None, ""


def _read_python(source: str, found: ParameterList) -> ParameterList:
    # The parser counts lines so; positions are looked up by its numbers.
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    if source.lstrip().startswith("%%"):
        magic = source.split(maxsplit=1)[0]
        return replace(found, problem=f"The parameters cell starts with {magic}, so is not read.")
    try:
        tree, plain = _parse(source)
        parameters = _read_statements(tree, source, _comments(plain))
    except SyntaxError as error:
        where = f" in line {error.lineno}" if error.lineno else ""
        return replace(
            found, problem=f"The parameters cell has a syntax error{where}: {error.msg}."
        )
    except (ValueError, RecursionError, MemoryError):
        return replace(found, problem="The parameters cell cannot be read as Python.")
    return replace(found, parameters=parameters)


def _read_statements(
    tree: ast.Module, source: str, comments: Mapping[int, str]
) -> tuple[Parameter, ...]:
    parameters: dict[str, Parameter] = {}
    for statement in tree.body:
        comment = _comment_of(statement, comments)
        for parameter in _declared(statement, source, comment):
            if is_parameter_name(parameter.name):
                parameters[parameter.name] = parameter
    return tuple(parameters.values())


def _parse(source: str) -> tuple[ast.Module, str]:
    """Parse; where that fails, once more with IPython's magics put aside."""
    try:
        return ast.parse(source), source
    except SyntaxError:
        plain = "\n".join(_without_magic(line) for line in source.split("\n"))
        if plain == source:
            raise
        return ast.parse(plain), plain


def _without_magic(line: str) -> str:
    if value := _MAGIC_VALUE.match(line):
        return f"{value['head']}__magic__"
    if _MAGIC_LINE.match(line):
        return f"{line[: len(line) - len(line.lstrip())]}pass"
    return line


def _comments(source: str) -> dict[int, str]:
    """Return line number to comment, without its mark."""
    comments: dict[int, str] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                comments[token.start[0]] = token.string.lstrip("#").strip()
    except (tokenize.TokenError, SyntaxError):
        pass  # What was read so far will do: comments are a courtesy.
    return comments


def _comment_of(statement: ast.stmt, comments: Mapping[int, str]) -> str:
    last = statement.end_lineno or statement.lineno
    return " ".join(
        comments[line] for line in range(statement.lineno, last + 1) if comments.get(line)
    )


def _declared(statement: ast.stmt, source: str, comment: str) -> Iterator[Parameter]:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=None):
            bare = Parameter(name=name, required=True, comment=comment)
            yield _with_comment_rules(_with_annotation(bare, annotation))
        case ast.AnnAssign(
            target=ast.Name(id=name), annotation=annotation, value=ast.expr() as value
        ):
            valued = _valued(name, value, source, comment)
            yield _with_comment_rules(_with_annotation(valued, annotation))
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                for name, part in _pairs(target, value):
                    valued = _with_type_comment(_valued(name, part, source, comment))
                    yield _with_comment_rules(valued)
        case _:
            return


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    match target, value:
        case ast.Name(id=name), _:
            yield name, value
        case ((ast.Tuple(elts=names) | ast.List(elts=names)), _):
            parts = value.elts if isinstance(value, ast.Tuple | ast.List) else []
            matched = len(parts) == len(names) and not any(
                isinstance(node, ast.Starred) for node in (*names, *parts)
            )
            for index, name_node in enumerate(names):
                if isinstance(name_node, ast.Name):
                    yield name_node.id, parts[index] if matched else value
        case _:
            return


def _valued(name: str, value: ast.expr, source: str, comment: str) -> Parameter:
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


def _with_annotation(parameter: Parameter, annotation: ast.expr) -> Parameter:
    said = read_annotation(annotation)
    is_null = not parameter.computed and parameter.default is None and not parameter.required
    is_path = parameter.is_path or said.path_class is not None
    return replace(
        parameter,
        # A path is given as a text, whatever class the notebook makes of it.
        type=ParameterType.STR if is_path else said.type,
        annotation=said.text,
        nullable=said.nullable or is_null,
        rule=ValueRule(choices=said.choices) if said.choices else None,
        is_path=is_path,
        constructor=said.path_class
        if parameter.constructor is None and (parameter.required or parameter.computed)
        else parameter.constructor,
    )


def _with_type_comment(parameter: Parameter) -> Parameter:
    """Take papermill's ``# type: int what it means`` for an annotation."""
    written = _TYPE_COMMENT.fullmatch(parameter.comment)
    if written is None:
        return parameter
    try:
        annotation = ast.parse(written["type"], mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return parameter
    return _with_annotation(replace(parameter, comment=written["rest"]), annotation)


def _with_comment_rules(parameter: Parameter) -> Parameter:
    """Add the choices or the range that the comment tells; an annotation's own win."""
    said = read_comment(parameter.comment, parameter.name)
    if said.is_path and parameter.type is ParameterType.STR:
        parameter = replace(parameter, is_path=True)
    if parameter.rule is not None:
        return parameter
    if said.choices and parameter.type in _CHOSEN:
        return _with_choices(parameter, said.choices)
    if said.bounds is not None and parameter.type in _BOUNDED:
        return replace(parameter, rule=said.bounds)
    return parameter


_BOUNDED = {ParameterType.INT, ParameterType.FLOAT, ParameterType.NONE, ParameterType.ANY}
_CHOSEN = _BOUNDED | {ParameterType.STR}


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


def _assigned_names(source: str, language: str) -> tuple[Parameter, ...]:
    """Find names assigned at the start of a line in a language that we do not parse."""
    pattern = _ASSIGNMENTS.get(language.lower(), _ASSIGNMENTS["default"])
    mark = _COMMENT_MARKS.get(language.lower())
    found: dict[str, Parameter] = {}
    for line in source.splitlines():
        assignment = pattern.fullmatch(line.rstrip().removesuffix(";"))
        if assignment is None or not is_parameter_name(assignment["name"]):
            continue
        value, comment = assignment["value"], ""
        # A mark inside quotes is no comment; then the whole is shown as the value.
        if mark and f" {mark}" in value and not re.search("[\"']", value):
            value, _, comment = value.partition(f" {mark}")
        found[assignment["name"]] = _with_comment_rules(
            Parameter(
                name=assignment["name"],
                computed=True,
                default_source=value.strip(),
                comment=comment.strip(),
            )
        )
    return tuple(found.values())
