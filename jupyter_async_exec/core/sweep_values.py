"""Several values for one parameter, as people write them: `0.1, 0.01`, `1..5`, `linspace(0, 1, 5)`.

Nothing is expanded that was not counted first, so that a slip of the finger
(`1..1000000000`) costs nothing.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, TypeAlias

from jupyter_async_exec.core.parameters import ParameterType

if TYPE_CHECKING:
    from jupyter_async_exec.core.json_types import JSONValue

#: One submission never becomes more executions than this.
MAX_TRIALS = 10_000
#: What begins with this names files, see `datum_pattern`.
FILES_PREFIX = "glob:"
#: Longer texts are no list of values that a person wrote.
MAX_TEXT_LENGTH = 1_000_000
#: Digits before and after the point that a number in a range may have.
MAX_EXPONENT = 300

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,4})?"
#: `1..5`, or with a step `0.1..0.5..0.1`.
RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?:\.\.({_NUMBER}))?")
#: What only an adaptive sweep understands, see `core.search_space`.
SEARCHED = re.compile(r"(int|float|log)\s*\((.*)\)", re.DOTALL)
_CALL = re.compile(r"(linspace|logspace|geomspace|random)\s*\((.*)\)", re.DOTALL)
_OPENING, _CLOSING = "([{", ")]}"
_WORDS: dict[str, JSONValue] = {
    "true": True,
    "false": False,
    "null": None,
    "True": True,
    "False": False,
    "None": None,
}

Number: TypeAlias = int | float


class ValuesError(Exception):
    """The values of one parameter cannot be taken; the text is the sentence."""


@dataclass(frozen=True, slots=True)
class Values:
    """The values of one parameter, not yet made."""

    #: How many there are (>= 1).
    n: int
    #: Gives the value at a position from 0 to `n` - 1.
    at: Callable[[int], JSONValue]


def read_values(name: str, given: object, kind: ParameterType) -> Values:
    """Return what `given` stands for.

    Parameters
    ----------
    name
        Of the parameter, for sentences.
    given
        A text in the syntax of this module, or a list of JSON values, which
        are taken as they are.
    kind
        What the notebook declares. In the values of a `str`, `..` and function
        names are only text; where nothing is declared, each piece is read as
        JSON, or else as text.

    Raises
    ------
    ValuesError
        With a sentence.
    """
    if isinstance(given, str):
        return _read_text(name, given, kind)
    if not isinstance(given, Sequence):
        raise ValuesError(f"The values of `{name}` must be a list or a text such as `0.1, 0.01`.")
    if not given:
        raise ValuesError(f"`{name}` has no values; give it at least one.")
    listed = list(given)
    return Values(len(listed), listed.__getitem__)


def datum_pattern(given: object) -> str | None:
    """Return the pattern of files that `given` names (`glob:data/*.csv`), None if it names none."""
    if isinstance(given, str) and given.strip().startswith(FILES_PREFIX):
        return given.strip().removeprefix(FILES_PREFIX).strip()
    return None


def check_one_kind(name: str, values: Sequence[JSONValue]) -> None:
    """Refuse numbers beside texts, and the like; None goes with everything.

    Raises
    ------
    ValuesError
        The sentence names two values that do not go together.
    """
    first: dict[str, JSONValue] = {}
    for value in values:
        if value is not None:
            first.setdefault(_kind_of(value), value)
    if len(first) > 1:
        (one, this), (other, that) = list(first.items())[:2]
        raise ValuesError(
            f"The values of `{name}` mix {one} and {other}: {_shown(this)} and {_shown(that)}. "
            "Give values of one kind; a text that looks like a number goes in quotes."
        )


def _kind_of(value: JSONValue) -> str:
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "numbers"
        case str():
            return "texts"
        case list():
            return "lists"
        case _:
            return "objects"


def _shown(value: JSONValue) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:39] + "…"  # noqa: PLR2004  twice 40


def _read_text(name: str, text: str, kind: ParameterType) -> Values:
    if len(text) > MAX_TEXT_LENGTH:
        raise ValuesError(f"The values of `{name}` are too long to be read.")
    stripped = text.strip()
    if not stripped:
        raise ValuesError(f"`{name}` has no values; give it at least one.")
    if kind is not ParameterType.STR:
        if call := _CALL.fullmatch(stripped):
            return _called(name, call[1], call[2], kind)
        if searched := SEARCHED.fullmatch(stripped):
            raise ValuesError(
                f"`{name}`: {searched[1]}(…) is a range to be searched, which needs an objective: "
                "a metric to maximise or to minimise."
            )
        if whole := RANGE.fullmatch(stripped):
            return _range(name, whole[1], whole[2], whole[3])
    pieces: list[JSONValue] = []
    for piece in _split(name, stripped):
        if not piece:
            raise ValuesError(f"Between two commas of `{name}` there is no value.")
        pieces += _piece(name, piece, kind)
        if len(pieces) > MAX_TRIALS:
            raise ValuesError(f"`{name}` has more than {MAX_TRIALS:,} values.")
    return Values(len(pieces), pieces.__getitem__)


def _piece(name: str, piece: str, kind: ParameterType) -> list[JSONValue]:
    """Return the values of what stands between two commas: one, or those of a range."""
    if kind is ParameterType.STR:
        return [_unquoted(piece)]
    if part := RANGE.fullmatch(piece):
        values = _range(name, part[1], part[2], part[3])
        if values.n > MAX_TRIALS:
            raise ValuesError(f"`{name}` has more than {MAX_TRIALS:,} values.")
        return [values.at(index) for index in range(values.n)]
    if kind in {ParameterType.ANY, ParameterType.NONE}:
        return [guess(piece)]
    # Read as the declared type later, with the sentences that forms have too.
    return [piece]


def _split(name: str, text: str) -> list[str]:  # noqa: C901  a scanner, one case a character
    """Split at the commas outside of quotes and brackets."""
    pieces, start, depth, quote, escaped = [], 0, 0, "", False
    for position, character in enumerate(text):
        if escaped:
            escaped = False
        elif quote:
            if character == "\\":
                escaped = True
            elif character == quote:
                quote = ""
        elif character in "\"'" and (depth or not text[start:position].strip()):
            quote = character
        elif character in _OPENING:
            depth += 1
        elif character in _CLOSING:
            depth -= 1
        elif character == "," and depth <= 0:
            pieces.append(text[start:position].strip())
            start = position + 1
    if quote or depth > 0:
        what = f"a quote {quote}" if quote else "a bracket"
        raise ValuesError(f"In the values of `{name}`, {what} is opened and never closed.")
    return [*pieces, text[start:].strip()]


def _unquoted(piece: str) -> str:
    if len(piece) >= 2 and piece[0] == piece[-1] and piece[0] in "\"'":  # noqa: PLR2004  both quotes
        if piece[0] == '"':
            try:
                read = json.loads(piece)
            except ValueError:
                read = None
            if isinstance(read, str):
                return read
        return piece[1:-1]
    return piece


def guess(piece: str) -> JSONValue:
    """Return what a text means where nothing is declared: JSON, Python's words, or else text."""
    if piece in _WORDS:
        return _WORDS[piece]
    try:
        value: JSONValue = json.loads(piece)
    except (ValueError, RecursionError):
        return _unquoted(piece)
    return value


def _range(name: str, first: str, last: str, step: str | None) -> Values:
    written = f"`{first}..{last}{'' if step is None else '..' + step}`"
    start, stop = _decimal(name, first), _decimal(name, last)
    are_whole = all(text is None or text.lstrip("+-").isdecimal() for text in (first, last, step))
    if step is None and not are_whole:
        raise ValuesError(
            f"The range {written} of `{name}` needs a step, such as `{first}..{last}..0.1`."
        )
    stride = abs(_decimal(name, step or "1"))
    if not stride:
        raise ValuesError(f"The step of the range {written} of `{name}` is 0.")
    # In decimals: 0.1..0.3..0.1 ends with 0.3, and no value is 0.30000000000000004.
    n = int(abs(stop - start) / stride) + 1
    signed = stride if stop >= start else -stride

    def at(index: int) -> JSONValue:
        value = start + index * signed
        return int(value) if are_whole else float(value)

    return Values(n, at)


def _decimal(name: str, text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number.adjusted()) > MAX_EXPONENT:
        raise ValuesError(f"In the values of `{name}`, {text[:40]!r} is no number to count with.")
    return number


def _called(name: str, function: str, inside: str, kind: ParameterType) -> Values:
    arguments = [piece.strip() for piece in inside.split(",")]
    n_wanted, usage = (4, "(low, high, n, seed)") if function == "random" else (3, "(a, b, n)")
    if len(arguments) != n_wanted:
        raise ValuesError(f"`{name}`: write {function}{usage}, such as {_EXAMPLES[function]}.")
    low, high = (read_number(name, function, text) for text in arguments[:2])
    n = _count(name, function, arguments[2])
    if function == "random":
        seed = _count(name, function, arguments[3], least=0)
        are_whole = isinstance(low, int) and isinstance(high, int)
        is_whole = kind is ParameterType.INT or (are_whole and kind is not ParameterType.FLOAT)
        drawn = _draw(low, high, n, seed, is_whole=is_whole)
        return Values(n, drawn.__getitem__)
    return Values(n, _spaced(name, function, low, high, n))


_EXAMPLES = {
    "linspace": "linspace(0, 1, 5)",
    "logspace": "logspace(-4, -1, 4) for 0.0001 to 0.1",
    "geomspace": "geomspace(0.0001, 0.1, 4)",
    "random": "random(0, 1, 20, 7)",
}


def read_number(name: str, function: str, text: str) -> Number:
    """Return a number that a person wrote as an argument of `function`.

    Raises
    ------
    ValuesError
        It is none.
    """
    if not re.fullmatch(_NUMBER, text) or not math.isfinite(float(text)):
        raise ValuesError(
            f"`{name}`: {text[:40]!r} in {function}(…) is no number; "
            f"write it like {_EXAMPLES.get(function, '1e-4')}."
        )
    return int(text) if text.lstrip("+-").isdecimal() else float(text)


def _count(name: str, function: str, text: str, *, least: int = 1) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18 and int(text) >= least):  # noqa: PLR2004  64 bits
        raise ValuesError(
            f"`{name}`: {text[:40]!r} in {function}(…) must be a whole number of at least {least}."
        )
    number = int(text)
    if least and number > MAX_TRIALS:
        raise ValuesError(f"`{name}` has {number:,} values; at most {MAX_TRIALS:,} are taken.")
    return number


def _spaced(
    name: str, function: str, low: Number, high: Number, n: int
) -> Callable[[int], JSONValue]:
    """Return what gives the values that numpy's function of that name has."""
    last = max(n - 1, 1)
    if function == "geomspace" and (low == 0 or high == 0 or (low < 0) != (high < 0)):
        raise ValuesError(f"`{name}`: both ends of geomspace(…) must be above 0, or both below.")

    def at(index: int) -> JSONValue:
        share = index / last
        if function == "geomspace":
            between = _tidy(low * (high / low) ** share)
        else:
            between = _tidy(low + (high - low) * share)
        # The ends are exact, whatever is rounded between them.
        exact = {0: float(low), last: float(high)}.get(index, between)
        return _power_of_ten(exact) if function == "logspace" else exact

    if function == "logspace":
        for end in (low, high):
            if abs(end) > MAX_EXPONENT:
                raise ValuesError(
                    f"`{name}`: logspace(…) takes exponents, such as {_EXAMPLES['logspace']}."
                )
    return at


def _power_of_ten(exponent: float) -> float:
    # Read as text, a whole exponent gives exactly what a person would write.
    return float(f"1e{int(exponent)}") if exponent.is_integer() else _tidy(10.0**exponent)


def _tidy(number: float) -> float:
    """Return it with 15 digits, all that decimals keep: 0.3 for 0.30000000000000004."""
    return float(f"{number:.15g}")


def _draw(low: Number, high: Number, n: int, seed: int, *, is_whole: bool) -> list[JSONValue]:
    # `random()` is the one method that gives the same numbers in every release
    # of Python; source: docs.python.org/3/library/random.html, "Notes on Reproducibility".
    generator = random.Random(seed)  # noqa: S311  no secret
    if is_whole:
        bottom, top = math.ceil(min(low, high)), math.floor(max(low, high))
        width = max(top - bottom, 0) + 1
        return [bottom + int(generator.random() * width) for _ in range(n)]
    return [low + (high - low) * generator.random() for _ in range(n)]
