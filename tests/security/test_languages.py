"""No value becomes code, in any language: what is written is read back by that language's rules.

The readers here know only what the language says of its literals. They stop
where it would: at the quote that ends a text, or at what it would interpolate.
"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_async_exec.errors import InvalidParametersError
from jupyter_async_exec.runner.languages import find_language
from jupyter_async_exec.runner.parameters import translate

if TYPE_CHECKING:
    from collections.abc import Callable

#: Everything that ends a text, escapes, interpolates or comments somewhere.
HOSTILE = st.text(
    st.one_of(
        st.sampled_from("\"'`\\$(){}[];#%@&|<>!~^*\n\r\t u0x\u2018\u2019\u201a\u201b\u201c\u201d"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    ),
    max_size=30,
)
PAYLOADS = [
    '"; import os; os.system("id"); "',
    "'; system('id'); '",
    "$(id)",
    "`id`",
    "${jndi:x}",
    "$(run(`id`))",
    '\\"); system("id"); ("',
    "\\",
    '\\"',
    "a\\u0022; id",
    "\\\\u0022 id",
    "\u2019; Remove-Item x; \u2019",
    "x\nid\n",
    "%s%n",
    "*)id(*",
    "\u0085id\u2028id",
    "\U0001f40d \\\U0001f40d",
    "-e id",
    "x[$(id)]",
]


class NotOneTextError(Exception):
    """The language would read something else than one text."""


def with_escapes(code: str, *, interpolates: str = "", early: bool = False) -> str:
    """Read ``"…"`` as C and its children do; `early` as Scala 2 does before all else."""
    if early:
        code = re.sub(
            r"((?<!\\)(?:\\\\)*)\\u+([0-9a-f]{4})", lambda m: m[1] + chr(int(m[2], 16)), code
        )
        assert '"' not in code.replace('\\"', "")[1:-1].replace('" + "', ""), code
    if len(code) < 2 or code[0] != '"':
        raise NotOneTextError(code)
    simple = {"\\": "\\", '"': '"', "n": "\n", "t": "\t", "r": "\r", "$": "$"}
    read: list[str] = []
    at = 1
    while code[at] != '"':
        one = code[at]
        if one in interpolates or one in "\n\r":
            raise NotOneTextError(code)
        if one != "\\":
            read.append(one)
            at += 1
        elif found := re.compile(r"\\U\{([0-9a-f]{1,8})\}|\\U([0-9a-f]{8})|\\u([0-9a-f]{4})").match(
            code, at
        ):
            read.append(chr(int(found[1] or found[2] or found[3], 16)))
            at = found.end()
        else:
            read.append(simple[code[at + 1]])
            at += 2
    if at != len(code) - 1:
        raise NotOneTextError(code)
    return "".join(read).encode("utf-16", "surrogatepass").decode("utf-16")


def in_pieces(code: str) -> str:
    """Read ``"…" + "…"``; inside a text each of its quotes would have a backslash before it."""
    parts = code[1:-1].split('" + "')
    return "".join(with_escapes(f'"{part}"', early=True) for part in parts)


def with_doubling(code: str, quotes: str) -> str:
    """Read a text in which only the quote itself is special, and is written twice."""
    if code[0] != quotes[0] or code[-1] != quotes[0]:
        raise NotOneTextError(code)
    inside = code[1:-1]
    rest = re.sub(f"([{quotes}])[{quotes}]", "", inside)
    if any(quote in rest for quote in quotes):
        raise NotOneTextError(code)
    return re.sub(f"([{quotes}])[{quotes}]", r"\1", inside)


def powershell(code: str) -> str:
    return with_doubling(code, "'\u2018\u2019\u201a\u201b")


def in_matlab(code: str, quote: str) -> str:
    """Read texts and `char(n)` put together."""
    inside = code[1:-1] if code[0] in "([" else code
    read = []
    while inside:
        if found := re.match(r"char\((\d+)\)", inside):
            read.append(chr(int(found[1])))
        else:
            found = re.match(f"{quote}(?:[^{quote}\n\r]|{quote}{quote})*{quote}(?!{quote})", inside)
            if found is None:
                raise NotOneTextError(code)
            read.append(with_doubling(found[0], quote))
        inside = inside[found.end() :]
        inside = re.sub(r"^(?: \+)? ", "", inside) if inside else inside
    return "".join(read)


READERS: dict[str, tuple[str, str, Callable[[str], str]]] = {
    "r": ("x = ", "", with_escapes),
    "julia": ("x = ", "", lambda code: with_escapes(code, interpolates="$")),
    "scala": ("val x = ", "", in_pieces),
    "csharp": ("var x = ", ";", with_escapes),
    "fsharp": ("let x = ", "", with_escapes),
    "powershell": ("$x = ", "", powershell),
    "matlab": ("x = ", ";", lambda code: in_matlab(code, '"')),
    "octave": ("x = ", ";", lambda code: in_matlab(code, "'")),
}


def written(text: str, language: str) -> str:
    before, after, _ = READERS[language]
    code = translate({"x": text}, kernel_name="k", language=language).split("\n", 1)[1]
    assert code.startswith(before)
    assert code.endswith(f"{after}\n")
    return code[len(before) : len(code) - len(after) - 1]


@pytest.mark.parametrize("language", READERS)
@settings(max_examples=150, deadline=None)
@given(text=HOSTILE)
def test_a_text_is_read_back_as_it_was(language: str, text: str) -> None:
    assert READERS[language][2](written(text, language)) == text


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("language", READERS)
def test_a_known_attack_is_only_a_text(language: str, payload: str) -> None:
    assert READERS[language][2](written(payload, language)) == payload


def test_bash_itself_reads_every_attack_as_a_text() -> None:
    texts = {f"x{index}": payload for index, payload in enumerate(PAYLOADS)}
    script = translate(texts, kernel_name="bash", language="bash")
    script += "".join(f"printf '%s\\0' \"${name}\"\n" for name in texts)

    done = subprocess.run(
        ["bash", "--norc"], input=script.encode(), capture_output=True, timeout=30, check=True
    )

    assert done.stdout.decode().split("\0")[:-1] == PAYLOADS
    assert done.stderr == b""


def test_python_itself_reads_every_attack_as_a_text() -> None:
    namespace: dict[str, Any] = {}

    exec(translate({"x": PAYLOADS}, kernel_name="python3", language="python"), namespace)

    assert namespace["x"] == PAYLOADS


@pytest.mark.parametrize("language", [*READERS, "python", "bash"])
@pytest.mark.parametrize(
    "name", ["", "x;id", "x\nid", "x = 1", "$x", "x'", "x`", "1x", "x-y", "x y"]
)
def test_a_name_that_is_more_than_a_name_is_refused(language: str, name: str) -> None:
    with pytest.raises(InvalidParametersError):
        translate({name: 1}, kernel_name="k", language=language)


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("bash", "PROMPT_COMMAND"),
        ("bash", "PS4"),
        ("bash", "BASH_ENV"),
        ("bash", "LD_PRELOAD"),
        ("bash", "\u00e9t\u00e9"),
        ("r", "_x"),
        ("r", "function"),
        ("julia", "begin"),
        ("matlab", "\u00e9t\u00e9"),
        ("csharp", "class"),
        ("fsharp", "let"),
        ("scala", "val"),
        ("powershell", "true"),
        ("python", "import"),
    ],
)
def test_a_name_with_a_meaning_of_its_own_is_refused(language: str, name: str) -> None:
    with pytest.raises(InvalidParametersError, match="cannot be a variable"):
        translate({name: "id"}, kernel_name="k", language=language)


@pytest.mark.parametrize(
    ("language", "value"),
    [
        ("bash", [[1, 2], 3]),
        ("bash", {"a": 1}),
        ("r", 2**60),
        ("matlab", 2**60),
        ("csharp", 2**70),
        ("r", {"": 1}),
        ("julia", float("nan")),
    ],
)
def test_a_value_that_a_language_cannot_hold_is_refused_and_not_changed(
    language: str, value: Any
) -> None:
    with pytest.raises(InvalidParametersError, match=r"cannot be given to|too large for"):
        translate({"x": value}, kernel_name="k", language=language)


@pytest.mark.parametrize("language", ["cobol", "", "sas", "c++"])
def test_a_language_that_is_not_known_gets_no_parameters(language: str) -> None:
    with pytest.raises(InvalidParametersError, match="is not known"):
        translate({"x": 1}, kernel_name="k", language=language)


def test_every_language_that_papermill_knows_is_known_here() -> None:
    translators = pytest.importorskip("papermill.translators").papermill_translators

    unknown = [name for name in translators._translators if find_language(name, name) is None]

    assert unknown == []
