"""Which parameters are secrets, and what stands in their place in everything that is kept."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import InvalidParametersError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jupyter_async_exec.core.json_types import JSONValue

#: What is shown in place of a secret of which not even a fingerprint may be told.
HIDDEN = "***"
#: What a name is made of: `dbPassword` and `DB_PASSWORD` are both "db" and "password".
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
#: One of these in a name makes any text or number a secret.
_STRONG = frozenset({"password", "passwd", "passphrase", "passcode", "pwd", "secret", "secrets"})
#: One of these makes a text a secret; `token_limit = 5` is none.
_WEAK = frozenset({"token", "apikey", "credential", "credentials", "accesskey", "privatekey"})
_KEY_KINDS = frozenset({"access", "account", "api", "auth", "encryption", "private", "signing"})
#: At the start of a parameter's comment; "not secret" and "secret: false" mean that it is none.
_MARKED = re.compile(r"secret\s*(?:[:=]\s*(?:true|yes)\b|$|[,.;:(\u2013\u2014-])", re.IGNORECASE)
_UNMARKED = re.compile(r"(?:not|no) (?:a )?secret\b|secret\s*[:=]\s*(?:false|no)\b", re.IGNORECASE)
_HIDDEN = re.compile(rf"{re.escape(HIDDEN)} [0-9a-f]{{8}}")
#: Shorter texts are not looked for in outputs: they stand there by chance.
REDACTED_CHARACTERS = 8


def is_secret(name: str, value: object, comment: str = "") -> bool:
    """Tell whether a parameter's value must not be kept.

    Parameters
    ----------
    name
        The parameter's name.
    value
        What it is given; nothing, true and false, and an empty text are no secrets.
    comment
        What the notebook says of it: ``# secret`` and ``# not secret`` decide.
    """
    if value is None or isinstance(value, bool) or value in ("", [], {}):
        return False
    if _UNMARKED.match(comment):
        return False
    return _MARKED.match(comment) is not None or _is_secret_name(name, value)


def is_hidden(value: object) -> bool:
    """Tell whether this is what stands in a record in place of a secret."""
    return isinstance(value, str) and _HIDDEN.fullmatch(value) is not None


def hidden_names(parameters: Mapping[str, object]) -> list[str]:
    """Return which parameters are secrets whose values stand elsewhere, or nowhere any more."""
    return [name for name, value in parameters.items() if is_hidden(value)]


def hide(fingerprint: str) -> str:
    """Return what stands in place of a secret with a fingerprint of 8 hexadecimal digits."""
    return f"{HIDDEN} {fingerprint}"


def missing_secrets(names: Sequence[str]) -> InvalidParametersError:
    """Return the refusal of a run that lacks secrets which were not kept."""
    fields = {
        name: f"`{name}` is a secret, and secrets are not kept: give its value again."
        for name in names
    }
    return InvalidParametersError(" ".join(fields.values()), {"fields": fields})


def texts_in(value: JSONValue) -> Iterator[str]:
    """Give the texts in a secret that are long enough to be looked for in outputs."""
    if isinstance(value, dict):
        for item in value.values():
            yield from texts_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_in(item)
    elif value is not None and not isinstance(value, bool):
        text = str(value)
        if len(text) >= REDACTED_CHARACTERS:
            yield text


def _is_secret_name(name: str, value: object) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    if _STRONG.intersection(words):
        return True
    if isinstance(value, int | float):
        return False
    pairs = itertools.pairwise(words)
    is_key = any(kind in _KEY_KINDS and word in {"key", "keys"} for kind, word in pairs)
    return is_key or not _WEAK.isdisjoint(words)
