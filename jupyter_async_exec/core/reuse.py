"""When two executions are the same: all that decides what a notebook computes, as one key."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jupyter_async_exec.core.secret_names import hidden_names
from jupyter_async_exec.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyter_async_exec.core.json_types import JSONValue

#: Changes whenever the meaning of a key does, so that old keys are never found again.
FORMAT = 3

_AGE = re.compile(r"(\d{1,9})\s*([smhd])")
_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReusePolicy:
    """Whether the result of an earlier execution will do."""

    #: Only this decides whether anything is reused at all.
    wanted: bool = False
    #: Results that ended longer ago will not do; None: any age.
    max_age_s: float | None = None
    #: Patterns of files, relative to the notebook's folder, whose content counts too.
    files: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredients:
    """Everything that decides what an execution computes, as far as it can be known."""

    #: What was captured, see `capture_key`; None if not all of it is known.
    capture: str | None
    parameters: Mapping[str, JSONValue]
    #: Fingerprint of the kernel, its interpreter and packages; None if they cannot be told.
    environment: str | None
    #: Path to SHA-256 of files whose content counts.
    files: Mapping[str, str] = field(default_factory=dict)


def capture_key(
    *,
    code_id: str,
    linked: Sequence[tuple[str, int, int]] | None = (),
    places: Sequence[str] = (),
) -> str | None:
    """Return what stands in a key for all that was found beside a notebook, at one moment.

    Parameters
    ----------
    code_id
        Of the snapshot, or of that without the files that are given one by one.
    linked
        Files used where they lie: path, size in bytes, mtime in ns; None if
        not all are known, and then there is no key.
    places
        The folders it is made in: what it reads beside what is captured may
        differ elsewhere.
    """
    if linked is None:
        return None
    return _digest({"code_id": code_id, "linked": sorted(linked), "places": list(places)})


def reuse_key(ingredients: Ingredients) -> str | None:
    """Return the key of an execution: equal only when every ingredient is.

    None when something cannot be known, and for executions with secrets, of
    which only a short fingerprint is.
    """
    if ingredients.environment is None or ingredients.capture is None:
        return None
    if hidden_names(ingredients.parameters):
        return None
    return _digest(
        {
            "format": FORMAT,
            "capture": ingredients.capture,
            "parameters": dict(ingredients.parameters),
            "environment": ingredients.environment,
            "files": dict(ingredients.files),
        }
    )


def _digest(document: Mapping[str, object]) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def read_policy(text: str, files: Sequence[str] = ()) -> ReusePolicy:
    """Return what `never`, `exact` or an age such as `12h` means.

    Raises
    ------
    InvalidRequestError
        It is none of them.
    """
    if text == "never":
        return ReusePolicy()
    if text == "exact":
        return ReusePolicy(wanted=True, files=tuple(files))
    max_age_s = read_span_s(text)
    if max_age_s is None:
        raise InvalidRequestError(
            f"'reuse' is never, exact, or an age such as 30m, 12h or 7d, not {text[:40]!r}."
        )
    return ReusePolicy(wanted=True, max_age_s=max_age_s, files=tuple(files))


def read_span_s(text: str) -> float | None:
    """Return how many seconds `30m`, `12h` or `7d` are, None if the text is no such time."""
    span = _AGE.fullmatch(text.strip())
    return None if span is None else float(int(span[1]) * _UNITS_S[span[2]])
