"""What is said where tornado or Jupyter Server refuses, in the words of our own refusals."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

from tornado import web

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tornado.web import HTTPError, RequestHandler

#: Of what tornado quotes, so many characters are repeated.
LONGEST_QUOTE = 200


def reason_of(status_code: int) -> str:
    """Return the word for a status, such as ``method_not_allowed``."""
    return http.client.responses.get(status_code, "error").lower().replace(" ", "_")


def sentence_of(error: HTTPError, handler: RequestHandler) -> str:
    """Return what `error` means for whoever asked."""
    said = str(error.log_message or "")
    match error.status_code:
        case 400 if said:
            return f"The request cannot be read: {said[:LONGEST_QUOTE].rstrip('.')}."
        case 403 if "xsrf" in said.lower():
            return (
                "The request has neither the server's token nor the `_xsrf` by which a page of "
                "this server is known."
            )
        case 403 if said.startswith("Blocking"):
            return "Pages of other servers may not ask here."
        case 403:
            return "Log in first, or send the server's token; if you did, you may not do this."
        case 404:
            return "There is nothing here for pages of other servers."
        case 405:
            possible = ", ".join(verbs_of(type(handler)))
            return f"Nothing can be done with {handler.request.method} here, only with {possible}."
    phrase = said[:LONGEST_QUOTE].rstrip(".") or http.client.responses.get(error.status_code, "")
    return f"The server answers {error.status_code}: {phrase}."


def verbs_of(handler: type[RequestHandler]) -> Sequence[str]:
    """Return the verbs that a handler understands, such as ``GET``."""
    base = web.RequestHandler
    # What cannot be done is the base's own `_unimplemented_method` under each name.
    return [
        verb
        for verb in handler.SUPPORTED_METHODS
        if getattr(handler, verb.lower()) is not getattr(base, verb.lower()) and verb != "OPTIONS"
    ]
