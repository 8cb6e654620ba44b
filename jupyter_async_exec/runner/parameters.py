"""Parameters as code of the kernel's language: values are data and stay data.

papermill translates; Python, which needs no more than `repr` with care, is
translated here to the same text, because importing papermill takes 1.2 s.
Julia and PowerShell interpolate `$` inside double quotes, which papermill
leaves open; their strings are written here.
"""

from __future__ import annotations

import keyword
import math
import re
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.errors import InvalidParametersError
from jupyter_async_exec.runner.rebuild import INJECTED_TAG, tags_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_async_exec.core.json_types import JSONObject

_COMMENT = "Parameters"
#: All that PowerShell takes for a single quote.
_POWERSHELL_QUOTE = re.compile("['\u2018\u2019\u201a\u201b]")


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
        "source": translate(parameters, kernel_name=kernel_name, language=language),
    }


def translate(parameters: Mapping[str, Any], *, kernel_name: str, language: str) -> str:
    """Return source code that assigns `parameters`, the same that papermill injects.

    Raises
    ------
    InvalidParametersError
        A name is none in this language, or a value cannot be written in it.
    """
    for name in parameters:
        if not name.isidentifier() or (language == "python" and keyword.iskeyword(name)):
            raise InvalidParametersError(
                f"{name!r} cannot be the name of a parameter.", {"fields": {name: "not a name"}}
            )
    if language == "python" and kernel_name not in ("sparkkernel", "sparkrkernel"):
        lines = [f"{name} = {_python(value)}" for name, value in parameters.items()]
        return "\n".join([f"# {_COMMENT}", *lines, ""])
    return _translate_with_papermill(dict(parameters), kernel_name, language)


def _python(value: Any) -> str:
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    if isinstance(value, dict):
        inside = (f"{_quote(str(key))}: {_python(item)}" for key, item in value.items())
        return f"{{{', '.join(inside)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_python, value))}]"
    return repr(value)


def _quote(text: str) -> str:
    escaped = text.encode("unicode_escape").decode("ascii").replace('"', r"\"")
    return f'"{escaped}"'


def _translate_with_papermill(parameters: dict[str, Any], kernel_name: str, language: str) -> str:
    from papermill.exceptions import PapermillException
    from papermill.translators import (
        JuliaTranslator,
        PowershellTranslator,
        papermill_translators,
    )

    class SafeJulia(JuliaTranslator):  # type: ignore[misc]  # papermill ships no types
        @classmethod
        def translate_escaped_str(cls, str_val: Any) -> str:
            return _quote_julia(str(str_val))

    class SafePowershell(PowershellTranslator):  # type: ignore[misc]  # likewise
        @classmethod
        def translate_escaped_str(cls, str_val: Any) -> str:
            return "'" + _POWERSHELL_QUOTE.sub(lambda found: found[0] * 2, str(str_val)) + "'"

    try:
        translator = papermill_translators.find_translator(kernel_name, language)
        if issubclass(translator, JuliaTranslator):
            translator = SafeJulia
        elif issubclass(translator, PowershellTranslator):
            translator = SafePowershell
        return str(translator.codify(parameters, _COMMENT))
    except (PapermillException, NotImplementedError) as error:
        raise InvalidParametersError(
            f"These parameters cannot be given to a {language or kernel_name} kernel: {error}"
        ) from error


def _quote_julia(text: str) -> str:
    written = []
    for character in text:
        if character in '"\\$':
            written.append("\\" + character)
        elif character.isprintable():
            written.append(character)
        else:
            written.append(f"\\U{ord(character):08x}")
    return '"' + "".join(written) + '"'


def _find_tagged(cells: list[JSONObject], tag: str) -> int | None:
    return next((index for index, cell in enumerate(cells) if tag in tags_of(cell)), None)
