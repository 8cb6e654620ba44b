"""Values as source code, language by language, so that none can be anything but a value.

papermill has translators for the same languages. They leave Julia and
PowerShell to interpolate what is inside a text, write Bash's nested lists as
arithmetic, R's and MATLAB's characters as other ones, and take every name.
"""

from __future__ import annotations

import keyword
import math
import re
import shlex
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jupyter_async_exec.core.json_types import JSONValue

#: Whole numbers beyond are rounded by languages that know only floating point.
_DOUBLE_BITS = 53
_INT_BITS = 31
_LONG_BITS = 63
_ASCII_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


class UnwritableError(Exception):
    """A name or a value that the language cannot hold; the text continues a sentence."""


class Language(ABC):
    """How a kernel's language writes values."""

    #: As people call it.
    title: ClassVar[str]
    comment: ClassVar[str] = "# {}"
    true, false, null = "true", "false", "null"
    #: What cannot be a variable, or would be more than one.
    reserved: ClassVar[frozenset[str]] = frozenset()

    def codify(
        self,
        parameters: Mapping[str, JSONValue],
        comment: str,
        constructors: Mapping[str, str] | None = None,
    ) -> str:
        """Return source code that assigns `parameters`.

        Parameters
        ----------
        parameters
            Name to value.
        comment
            The first line.
        constructors
            By name what is called with a text to make the value, such as `Path`.

        Raises
        ------
        UnwritableError
            A name is none, or a value cannot be held.
        """
        lines = [self.comment.format(comment)]
        for name, value in parameters.items():
            self.check_name(name)
            constructor = (constructors or {}).get(name)
            if constructor is not None and isinstance(value, str):
                lines.append(f"{name} = {constructor}({self.quote(value)})")
            else:
                lines.append(self.assign(name, value))
        return "\n".join([*lines, ""])

    def check_name(self, name: str) -> None:
        """Refuse what is no variable's name in this language."""
        if not name.isidentifier() or name in self.reserved:
            raise UnwritableError(f"`{name}` cannot be a variable in {self.title}")

    def assign(self, name: str, value: JSONValue) -> str:
        """Return the assignment of one value."""
        return f"{name} = {self.write(value)}"

    def write(self, value: JSONValue) -> str:
        """Return a value as an expression."""
        if value is None:
            return self.null
        if isinstance(value, bool):
            return self.true if value else self.false
        if isinstance(value, int):
            return self.integer(value)
        if isinstance(value, float):
            return self.number(value)
        if isinstance(value, str):
            return self.quote(value)
        if isinstance(value, list | tuple):
            return self.sequence(list(value))
        return self.mapping(value)

    def integer(self, value: int) -> str:
        """Return a whole number."""
        return str(int(value))

    def number(self, value: float) -> str:
        """Return a finite number."""
        if not math.isfinite(value):
            raise UnwritableError(f"{value} cannot be given to {self.title}")
        return repr(float(value))

    @abstractmethod
    def quote(self, text: str) -> str:
        """Return a text."""

    @abstractmethod
    def sequence(self, values: list[JSONValue]) -> str:
        """Return a list."""

    @abstractmethod
    def mapping(self, values: Mapping[str, JSONValue]) -> str:
        """Return names and values."""

    def _pairs(self, values: Mapping[str, JSONValue], between: str) -> Iterable[str]:
        return (f"{self.quote(key)}{between}{self.write(item)}" for key, item in values.items())

    def _joined(self, values: list[JSONValue], separator: str = ", ") -> str:
        return separator.join(map(self.write, values))

    def _within(self, value: int, bits: int) -> int:
        if value.bit_length() > bits:
            raise UnwritableError(f"{value} is too large for {self.title}")
        return int(value)


def _escaped(text: str, special: Mapping[str, str], strange: Callable[[str], str]) -> str:
    """Write a text with `special` for some characters, `strange` for all but plain ASCII."""
    return "".join(
        special.get(character)
        or (character if character.isascii() and character.isprintable() else strange(character))
        for character in text
    )


def _utf16(character: str) -> str:
    r"""Return a character as the `\\u` escapes of its UTF-16 halves."""
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[index : index + 4]}" for index in range(0, len(units), 4))


class Python(Language):
    """As papermill writes it."""

    title = "Python"
    true, false, null = "True", "False", "None"
    reserved = frozenset(keyword.kwlist)

    @override
    def number(self, value: float) -> str:
        return repr(value) if math.isfinite(value) else f"float('{value}')"

    @override
    def quote(self, text: str) -> str:
        escaped = text.encode("unicode_escape").decode("ascii").replace('"', r"\"")
        return f'"{escaped}"'

    @override
    def sequence(self, values: list[JSONValue]) -> str:
        return f"[{self._joined(values)}]"

    @override
    def mapping(self, values: Mapping[str, JSONValue]) -> str:
        return f"{{{', '.join(self._pairs(values, ': '))}}}"


class R(Language):
    """R."""

    title = "R"
    true, false, null = "TRUE", "FALSE", "NULL"
    reserved = _words(
        """
        if else repeat while function for next break TRUE FALSE NULL Inf NaN NA in
        NA_integer_ NA_real_ NA_complex_ NA_character_ T F
        """
    )

    @override
    def check_name(self, name: str) -> None:
        super().check_name(name)
        if name.startswith("_"):
            raise UnwritableError(f"`{name}` cannot be a variable in R, where none begins with _")

    @override
    def integer(self, value: int) -> str:
        return str(self._within(value, _DOUBLE_BITS))

    @override
    def quote(self, text: str) -> str:
        # `\x` would be a byte of an unknown encoding.
        special = {"\\": "\\\\", '"': '\\"'}
        return '"' + _escaped(text, special, lambda one: f"\\U{{{ord(one):x}}}") + '"'

    @override
    def sequence(self, values: list[JSONValue]) -> str:
        return f"list({self._joined(values)})"

    @override
    def mapping(self, values: Mapping[str, JSONValue]) -> str:
        if "" in values:
            raise UnwritableError("An empty name cannot be given to R")
        return f"list({', '.join(self._pairs(values, ' = '))})"


class Julia(Language):
    """Julia, which interpolates `$`."""

    title = "Julia"
    null = "nothing"
    reserved = _words(
        """
        baremodule begin break catch const continue do else elseif end export false finally
        for function global if import let local macro module quote return struct true try
        using while ans
        """
    )

    @override
    def quote(self, text: str) -> str:
        special = {"\\": "\\\\", '"': '\\"', "$": "\\$"}
        special |= {one: one for one in text if one.isprintable() and not one.isascii()}
        return '"' + _escaped(text, special, lambda one: f"\\U{ord(one):08x}") + '"'

    @override
    def sequence(self, values: list[JSONValue]) -> str:
        return f"[{self._joined(values)}]"

    @override
    def mapping(self, values: Mapping[str, JSONValue]) -> str:
        return f"Dict({', '.join(self._pairs(values, ' => '))})"


class Scala(Language):
    """Scala 2 and 3."""

    title = "Scala"
    comment = "// {}"
    null = "None"
    reserved = _words(
        """
        abstract case catch class def do else enum export extends false final finally for
        forSome given if implicit import lazy macro match new null object override package
        private protected return sealed super then this throw trait try true type val var
        while with yield _
        """
    )

    @override
    def assign(self, name: str, value: JSONValue) -> str:
        return f"val {name} = {self.write(value)}"

    @override
    def integer(self, value: int) -> str:
        digits = str(self._within(value, _LONG_BITS))
        return digits if value.bit_length() <= _INT_BITS else f"{digits}L"

    @override
    def quote(self, text: str) -> str:
        # Older Scala turns `\u000a` into a line's end before it reads the text.
        special = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
        pieces = []
        for index, character in enumerate(text):
            pieces.append(_escaped(character, special, _utf16))
            after = text[index + 1 : index + 2]
            if character == "\\" and (
                after == "u" or not (after.isascii() and after.isprintable())
            ):
                # Likewise it reads `\\u` as an escape before it reads the text.
                pieces.append('" + "')
        return '"' + "".join(pieces) + '"'

    @override
    def sequence(self, values: list[JSONValue]) -> str:
        return f"Seq({self._joined(values)})"

    @override
    def mapping(self, values: Mapping[str, JSONValue]) -> str:
        return f"Map({', '.join(self._pairs(values, ' -> '))})"


class Matlab(Language):
    """MATLAB, where a double-quoted text is a string that knows no escapes."""

    title = "MATLAB"
    comment = "% {}"
    null = "NaN"
    reserved = _words(
        """
        break case catch classdef continue else elseif end for function global if otherwise
        parfor persistent return spmd switch try while ans
        """
    )

    @override
    def check_name(self, name: str) -> None:
        super().check_name(name)
        if not _ASCII_NAME.fullmatch(name) or name.startswith("_"):
            raise UnwritableError(f"`{name}` cannot be a variable in {self.title}")

    @override
    def assign(self, name: str, value: JSONValue) -> str:
        return f"{super().assign(name, value)};"

    @override
    def integer(self, value: int) -> str:
        return str(self._within(value, _DOUBLE_BITS))

    @override
    def quote(self, text: str) -> str:
        parts = re.split(r"([\x00-\x1f\x7f\x85\u2028\u2029]+)", text)
        written = [
            " + ".join(f"char({ord(one)})" for one in part)
            if index % 2
            else '"{}"'.format(part.replace('"', '""'))
            for index, part in enumerate(parts)
        ]
        return written[0] if len(written) == 1 else f"({' + '.join(written)})"

    @override
    def sequence(self, values: list[JSONValue]) -> str:
        return f"{{{self._joined(values)}}}"

    @override
    def mapping(self, values: Mapping[str, JSONValue]) -> str:
        if not values:
            return "containers.Map()"
        keys = ", ".join(map(self.key, values))
        return f"containers.Map({{{keys}}}, {{{self._joined(list(values.values()))}}})"

    def key(self, text: str) -> str:
        """Return a text as an array of characters."""
        parts = re.split(r"([\x00-\x1f\x7f\x85\u2028\u2029]+)", text)
        written = [
            " ".join(f"char({ord(one)})" for one in part)
            if index % 2
            else "'{}'".format(part.replace("'", "''"))
            for index, part in enumerate(parts)
        ]
        return written[0] if len(written) == 1 else f"[{' '.join(written)}]"


class Octave(Matlab):
    """Octave, where a double-quoted text knows escapes and a single-quoted one does not."""

    title = "Octave"

    @override
    def quote(self, text: str) -> str:
        return self.key(text)


class _DotNet(Language):
    """What C# and F# have in common."""

    comment = "// {}"

    @override
    def integer(self, value: int) -> str:
        digits = str(self._within(value, _LONG_BITS))
        return digits if value.bit_length() <= _INT_BITS else f"{digits}L"

    @override
    def quote(self, text: str) -> str:
        return '"' + _escaped(text, {"\\": "\\\\", '"': '\\"'}, _utf16) + '"'

    @staticmethod
    def is_uniform(values: list[JSONValue]) -> bool:
        """Tell whether a typed list can hold these."""
        kinds = {type(value) for value in values}
        return len(kinds) == 1 and kinds.isdisjoint({type(None), list, dict})


class CSharp(_DotNet):
    """C#."""

    title = "C#"
    reserved = _words(
        """
        abstract as base bool break byte case catch char checked class const continue
        decimal default delegate do double else enum event explicit extern false finally
        fixed float for foreach goto if implicit in int interface internal is lock long
        namespace new null object operator out override params private protected public
        readonly ref return sbyte sealed short sizeof stackalloc static string struct switch
        this throw true try typeof uint ulong unchecked unsafe ushort using virtual void
        volatile while
        """
    )

    @override
    def assign(self, name: str, value: JSONValue) -> str:
        kind = "object" if value is None else "var"
        return f"{kind} {name} = {self.write(value)};"

    @override
    def sequence(self, values: list[JSONValue]) -> str:
        kind = "new []" if self.is_uniform(values) else "new object[]"
        return f"{kind} {{ {self._joined(values)} }}"

    @override
    def mapping(self, values: Mapping[str, JSONValue]) -> str:
        pairs = ", ".join(f"{{ {pair} }}" for pair in self._pairs(values, " , "))
        return f"new Dictionary<string,Object>{{ {pairs} }}"


class FSharp(_DotNet):
    """F#."""

    title = "F#"
    comment = "(* {} *)"
    null = "None"
    reserved = _words(
        """
        abstract and as asr assert base begin class default delegate do done downcast downto
        elif else end exception extern false finally fixed for fun function global if in
        inherit inline interface internal land lazy let lor lsl lsr lxor match member mod
        module mutable namespace new not null of open or override private public rec return
        select sig static struct then to true try type upcast use val void when while with
        yield const component constraint include parallel process protected pure sealed
        tailcall trait virtual break checked _
        """
    )

    @override
    def assign(self, name: str, value: JSONValue) -> str:
        return f"let {name} = {self.write(value)}"

    @override
    def sequence(self, values: list[JSONValue]) -> str:
        if self.is_uniform(values):
            return f"[ {self._joined(values, '; ')} ]"
        return f"[ {'; '.join(f'box ({self.write(value)})' for value in values)} ]"

    @override
    def mapping(self, values: Mapping[str, JSONValue]) -> str:
        pairs = "; ".join(
            f"({self.quote(key)}, box ({self.write(value)}))" for key, value in values.items()
        )
        return f"[ {pairs} ] |> Map.ofList"


class PowerShell(Language):
    """PowerShell, which interpolates in double quotes and takes five signs for a single one."""

    title = "PowerShell"
    true, false, null = "$True", "$False", "$Null"
    reserved = frozenset({"true", "false", "null", "True", "False", "Null", "_"})
    _QUOTES = re.compile("['\u2018\u2019\u201a\u201b]")

    @override
    def assign(self, name: str, value: JSONValue) -> str:
        return f"${name} = {self.write(value)}"

    @override
    def integer(self, value: int) -> str:
        return str(self._within(value, _LONG_BITS))

    @override
    def quote(self, text: str) -> str:
        return "'" + self._QUOTES.sub(lambda found: found[0] * 2, text) + "'"

    @override
    def sequence(self, values: list[JSONValue]) -> str:
        # A list of one list would be that list.
        comma = "," if len(values) == 1 and isinstance(values[0], list | tuple) else ""
        return f"@({comma}{self._joined(values)})"

    @override
    def mapping(self, values: Mapping[str, JSONValue]) -> str:
        return f"@{{{'; '.join(self._pairs(values, ' = '))}}}"


class Bash(Language):
    """Bash; what it executes or expands by itself cannot be a parameter."""

    title = "Bash"
    null = ""
    reserved = _words(
        """
        BASH BASHOPTS BASHPID BASH_ALIASES BASH_ARGC BASH_ARGV BASH_CMDS BASH_COMMAND
        BASH_ENV BASH_LOADABLES_PATH BASH_REMATCH BASH_SOURCE BASH_XTRACEFD CDPATH
        COMP_WORDS DIRSTACK ENV EPOCHREALTIME EPOCHSECONDS EUID EXECIGNORE FCEDIT FIGNORE
        FUNCNAME GLOBIGNORE GROUPS HISTFILE HISTTIMEFORMAT IFS INPUTRC LD_AUDIT
        LD_LIBRARY_PATH LD_PRELOAD MAILPATH OPTARG OPTIND PATH POSIXLY_CORRECT PPID
        PROMPT_COMMAND PS0 PS1 PS2 PS3 PS4 RANDOM SECONDS SHELL SHELLOPTS SRANDOM TIMEFORMAT
        UID _
        """
    )

    @override
    def check_name(self, name: str) -> None:
        super().check_name(name)
        if not _ASCII_NAME.fullmatch(name):
            raise UnwritableError(f"`{name}` cannot be a variable in Bash")

    @override
    def assign(self, name: str, value: JSONValue) -> str:
        return f"{name}={self.write(value)}"

    @override
    def quote(self, text: str) -> str:
        return shlex.quote(text)

    @override
    def sequence(self, values: list[JSONValue]) -> str:
        if any(isinstance(value, list | tuple | dict) for value in values):
            raise UnwritableError("A list inside a list cannot be given to Bash")
        return "(" + " ".join(self.write(value) or "''" for value in values) + ")"

    @override
    def mapping(self, values: Mapping[str, JSONValue]) -> str:
        raise UnwritableError("Names with values inside a parameter cannot be given to Bash")


_PYTHON, _R, _SCALA = Python(), R(), Scala()
_BY_KERNEL: dict[str, Language] = {
    "pysparkkernel": _PYTHON,
    "sparkkernel": _SCALA,
    "sparkrkernel": _R,
    ".net-csharp": CSharp(),
    ".net-fsharp": FSharp(),
    ".net-powershell": PowerShell(),
}
_BY_LANGUAGE: dict[str, Language] = {
    "python": _PYTHON,
    "r": _R,
    "julia": Julia(),
    "scala": _SCALA,
    "matlab": Matlab(),
    "octave": Octave(),
    "c#": CSharp(),
    "csharp": CSharp(),
    "f#": FSharp(),
    "fsharp": FSharp(),
    "powershell": PowerShell(),
    "pwsh": PowerShell(),
    "bash": Bash(),
}


def find_language(kernel_name: str, language: str) -> Language | None:
    """Return how a kernel writes values; `None` for a language not known here."""
    return _BY_KERNEL.get(kernel_name) or _BY_LANGUAGE.get(language.lower())
