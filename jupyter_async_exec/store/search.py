"""What free-text search finds: the words of an execution, and the words of a question.

One full-text row per execution outside the trash holds a bag of tokens:

* *words*: runs of letters and digits of title, path, note, tags, parameters
  and what went wrong, case and accents folded, found by their beginning
  (`rat` finds `learning_rate`); also decimal numbers and ``name=value``;
* *facets*: one hidden token per owner, notebook, final status, tag, sweep, star and number,
  so that a search and any mixture of filters is one intersection of sorted
  lists, newest first, and stays quick however long the history is.

Characters of questions reach the full-text engine only as such tokens, each
quoted, so that no question is ever syntax.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jupyter_async_exec.core.execution import Execution

#: Longer words are found by so many first characters. The full-text table has
#: an index for each shorter beginning, so that none has to be put together.
MAX_WORD_LENGTH = 20
#: Words beyond are not searched.
MAX_QUESTION_WORDS = 16
#: Only so much of a text is searched, from its start.
MAX_TEXT_LENGTH = 4_000
MAX_WORDS = 600
MAX_VALUE_LENGTH = 60

# Private-use characters: the tokens of users never hold one.
NOTEBOOK, STATUS, TAG, SWEEP, STARRED, NUMBER, OWNER = "\ue000\ue001\ue002\ue003\ue004\ue005\ue006"
#: In place of a status that is not final: so words stay the same while an execution lives.
OPEN = "open"

#: A token in what `question` returns, and whether it is found by its beginning.
TOKEN = re.compile(r'"([^"]+)"(\*?)')

#: How a word of a question begins that names an owner.
OWNED_BY = "owner:"

_RUN = re.compile(r"[^\W_]+")
_DECIMAL = re.compile(r"[-+]?\d*\.?\d+(?:e[-+]?\d+)?")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NUMBER = re.compile(r"#\d{1,18}")
# Scripts that put no spaces between words: every character counts.
_SPACELESS = re.compile("[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def facet(kind: str, value: str) -> str:
    """Return the hidden token for `value`; equal values only, nearly surely.

    Notes
    -----
    42 bits in three characters: short, because every beginning of a token
    is indexed. Callers compare the rows themselves too.
    """
    digest = int.from_bytes(hashlib.blake2b(_bytes(value), digest_size=8).digest())
    return kind + "".join(chr(0x4E00 + (digest >> shift & 0x3FFF)) for shift in (0, 14, 28))


def words(execution: Execution) -> str:
    """Return the tokens of `execution`, separated by spaces."""
    found = dict.fromkeys(_facets(execution))
    for text in _texts(execution):
        if len(found) > MAX_WORDS:
            break
        found.update(dict.fromkeys(_tokens(text[:MAX_TEXT_LENGTH])))
    return " ".join(found)


def question(text: str) -> str | None:
    """Return the full-text expression for what a person typed, None when it can find nothing."""
    terms: list[str] = []
    for part in text[:MAX_TEXT_LENGTH].split()[:MAX_QUESTION_WORDS]:
        if part == "#":
            continue
        terms.extend(_terms(part))
    return " AND ".join(terms) if terms else None


def take_owner(text: str) -> tuple[str, str | None]:
    """Part ``owner:name`` from the rest of a question; None when there is none."""
    parts = text.split()
    named = [part for part in parts if part.startswith(OWNED_BY) and part != OWNED_BY]
    if not named:
        return text, None
    rest = " ".join(part for part in parts if part not in named)
    return rest, named[-1].removeprefix(OWNED_BY)


def any_of(tokens: Iterable[str]) -> str:
    """Return the expression that finds what holds one of `tokens`."""
    return "(" + " OR ".join(f'"{token}"' for token in tokens) + ")"


def _terms(part: str) -> Iterator[str]:
    if _NUMBER.fullmatch(part):
        yield any_of([facet(NUMBER, str(int(part[1:])))])
        return
    folded = _fold(part)
    name, equals, value = folded.partition("=")
    if equals and name and value:
        if token := _pair(name, value):
            yield _beginning(token)
            return
    elif _DECIMAL.fullmatch(folded) and not folded.isdecimal():
        yield _beginning(_cut(folded.lstrip("+-")))
        return
    for token in _split(folded):
        if part.isdecimal() and len(part) <= 18:  # noqa: PLR2004  what SQLite can number
            yield f"({_beginning(token)} OR {any_of([facet(NUMBER, str(int(part)))])})"
        else:
            yield _beginning(token)


def _beginning(token: str) -> str:
    # A token of full length stands for all that begin so, and is exact.
    return f'"{token}"' if len(token) == MAX_WORD_LENGTH else f'"{token}"*'


def _facets(execution: Execution) -> Iterator[str]:
    yield facet(NUMBER, str(execution.number))
    yield facet(OWNER, execution.submitted_by)
    yield facet(STATUS, execution.status.value if execution.is_final else OPEN)
    yield facet(NOTEBOOK, execution.notebook_path)
    if execution.sweep_id is not None:
        yield facet(SWEEP, execution.sweep_id)
    if execution.starred:
        yield facet(STARRED, "")
    for tag in execution.tags:
        yield facet(TAG, tag)


def _texts(execution: Execution) -> Iterator[str]:
    yield execution.title
    yield execution.notebook_path
    yield from execution.tags
    if execution.error is not None:
        yield execution.error.ename
        yield execution.error.evalue
    if execution.message is not None:
        yield execution.message
    handed = None if execution.collect is None else execution.collect.parameter
    for name, value in execution.parameters.items():
        if name == handed:
            continue  # Nobody would find anything by the words of hundreds.
        text = value if isinstance(value, str) else repr(value)
        yield f"{name}={text}"
    yield execution.note


def _tokens(text: str) -> Iterator[str]:
    for part in text.split():
        folded = _fold(part)
        name, equals, value = folded.partition("=")
        if equals and (token := _pair(name, value)):
            yield token
        yield from _split(folded)
        for decimal in _DECIMAL.findall(folded):
            yield _cut(decimal.lstrip("+-"))
        # KeyError is found by `error` too.
        yield from (hump for run in _HUMP.split(part) for hump in _split(_fold(run)))


def _pair(name: str, value: str) -> str | None:
    name, value = "".join(_RUN.findall(name)), value[:MAX_VALUE_LENGTH]
    value = "".join(char for char in value if char.isalnum() or char in ".+-")
    return _cut(f"{name}={value}") if name and value else None


def _split(folded: str) -> Iterator[str]:
    for run in _RUN.findall(folded):
        rest = _SPACELESS.sub(" ", run)
        yield from _SPACELESS.findall(run)
        yield from (_cut(word) for word in rest.split())


def _cut(token: str) -> str:
    return token[:MAX_WORD_LENGTH]


def _fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(
        char
        for char in decomposed
        if not unicodedata.combining(char) and unicodedata.category(char) != "Co"
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
