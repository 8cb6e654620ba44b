"""Accepting what was sealed: once for each request, and secrets only with what they are for."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jupyter_async_exec.errors import AsyncExecError, OutcomeUnknownError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_async_exec.core.execution import Execution, Submission
    from jupyter_async_exec.service.admission import Admission
    from jupyter_async_exec.service.places import Places
    from jupyter_async_exec.service.submission import Sealer
    from jupyter_async_exec.store import ExecutionStore

LOGGER = logging.getLogger("jupyter_async_exec.service")


class Acceptance:
    """Accepts single executions; synchronous and thread-safe.

    Parameters
    ----------
    store
        Where they are recorded.
    admission
        Refuses what there is no room for.
    sealer
        Keeps secrets.
    places
        Says why they wait.
    """

    def __init__(
        self, store: ExecutionStore, admission: Admission, sealer: Sealer, places: Places
    ) -> None:
        self._store = store
        self._admission = admission
        self._sealer = sealer
        self._places = places

    def accept(
        self,
        request_id: str | None,
        seal: Callable[[], Submission],
        *,
        find_known: Callable[[Submission], Execution | None],
    ) -> Execution:
        """Accept what `seal` makes, or return what is known in its place.

        Raises
        ------
        AsyncExecError
            It was refused, or could not be stored; nothing was accepted.
        """
        try:
            self._admission.check()
            submission = seal()
        except AsyncExecError:
            # Who asks again for what was accepted asks neither for more room,
            # nor for what would be refused by now.
            earlier = request_id and self._store.find_request(request_id)
            if not earlier:
                raise
            return earlier
        with forgetting_unless_accepted(lambda: self._sealer.forget(submission.id)):
            execution = find_known(submission) or self._store.accept(submission)[0]
        if execution.id != submission.id:
            # It had been accepted before, with secrets of its own.
            self._sealer.forget(submission.id)
        try:
            # Whoever submitted asks for it next.
            self._places.find_reasons()
        except Exception:
            # It is accepted; whoever heard of an error would submit it again.
            LOGGER.exception("Why #%d waits is not known yet.", execution.number)
        return execution


@contextmanager
def forgetting_unless_accepted(forget: Callable[[], None]) -> Iterator[None]:
    """Let `forget` remove the secrets of what was not accepted in this block."""
    try:
        yield
    except OutcomeUnknownError:
        raise  # It may have been accepted, and needs its secrets then.
    except BaseException:
        forget()
        raise
