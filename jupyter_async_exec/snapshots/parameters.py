"""Finds a notebook's parameters by reading its code; nothing is ever executed."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.core.parameter_rules import ValueRule
from jupyter_async_exec.core.parameters import Parameter, ParameterType, is_parameter_name
from jupyter_async_exec.snapshots.annotations import read_annotation
from jupyter_async_exec.snapshots.notebook import kernel_of
from jupyter_async_exec.snapshots.parameter_comments import with_comment_rules
from jupyter_async_exec.snapshots.parameter_defaults import valued

if TYPE_CHECKING:
    from collections.abc import Iterator

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
            yield with_comment_rules(_with_annotation(bare, annotation))
        case ast.AnnAssign(
            target=ast.Name(id=name), annotation=annotation, value=ast.expr() as value
        ):
            plain = valued(name, value, source, comment)
            yield with_comment_rules(_with_annotation(plain, annotation))
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                for name, part in _pairs(target, value):
                    plain = valued(name, part, source, comment)
                    yield with_comment_rules(_with_type_comment(plain))
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
        found[assignment["name"]] = with_comment_rules(
            Parameter(
                name=assignment["name"],
                computed=True,
                default_source=value.strip(),
                comment=comment.strip(),
            )
        )
    return tuple(found.values())
