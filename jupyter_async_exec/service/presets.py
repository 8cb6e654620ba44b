"""Presets: parameter values under a name, for the next run of a notebook."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_async_exec.core.parameters import coerce_parameters
from jupyter_async_exec.core.preset import NAME_CHARACTERS, Preset, is_preset_name
from jupyter_async_exec.core.secret_names import is_hidden, is_secret
from jupyter_async_exec.errors import InvalidRequestError, NotFoundError, RefusedError
from jupyter_async_exec.snapshots.parameters import ParameterList

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from jupyter_async_exec.core.clock import Clock
    from jupyter_async_exec.core.json_types import JSONObject
    from jupyter_async_exec.service.ports import SubmitRequest
    from jupyter_async_exec.store.preset_store import PresetStore

#: More are no help to anybody.
MAX_PRESETS = 100
#: Names that a sentence lists.
N_NAMED = 10


class Presets:
    """Keep values under a name, and give them to the next run.

    Parameters
    ----------
    store
        Where they are kept.
    declared
        Reads what a notebook declares, to know its secrets: by path, or as it is in memory.
    clock
        Gives the present moment.
    """

    def __init__(
        self,
        store: PresetStore,
        declared: Callable[[str, JSONObject | None], Awaitable[ParameterList]],
        *,
        clock: Clock,
    ) -> None:
        self._store = store
        self._declared = declared
        self._clock = clock

    async def all(self, path: str) -> list[Preset]:
        """Return the presets of a notebook, by name."""
        return await asyncio.to_thread(self._store.all, path)

    async def get(self, path: str, name: str) -> Preset:
        """Return one preset.

        Raises
        ------
        NotFoundError
            The sentence names those there are.
        """
        found = await self.all(path)
        for preset in found:
            if preset.name == name:
                return preset
        names = ", ".join(repr(preset.name) for preset in found[:N_NAMED])
        hint = f"it has {names}." if names else "it has none."
        raise NotFoundError(f"{path[:100]} has no preset {name[:NAME_CHARACTERS]!r}; {hint}")

    async def put(
        self,
        path: str,
        name: str,
        parameters: Mapping[str, object],
        *,
        notebook: JSONObject | None = None,
    ) -> Preset:
        """Keep values under a name, in place of what it meant before; secrets are left out.

        Parameters
        ----------
        path, name
            Of the notebook and of the preset.
        parameters
            Name to value, not necessarily all of them.
        notebook
            As it is in memory; its comments say what else is a secret.

        Raises
        ------
        InvalidRequestError
            The name is none.
        InvalidParametersError
            A name is unknown, or a value does not fit.
        RefusedError
            There are too many.
        """
        if not is_preset_name(name):
            raise InvalidRequestError(
                f"A preset has a name of 1 to {NAME_CHARACTERS} printable characters."
            )
        found = ParameterList(typed=False)
        with contextlib.suppress(NotFoundError):
            found = await self._declared(path, notebook)
        comments = {each.name: each.comment for each in found.parameters}
        declared = [replace(each, required=False) for each in found.parameters]
        secrets = tuple(
            each
            for each, value in parameters.items()
            if is_hidden(value) or is_secret(each, value, comments.get(each, ""))
        )
        shown = {each: value for each, value in parameters.items() if each not in secrets}
        preset = Preset(
            name=name,
            parameters=coerce_parameters(shown, declared, typed=found.typed),
            secrets=secrets,
            updated_at=self._clock(),
        )
        if not await asyncio.to_thread(self._store.put, path, preset, at_most=MAX_PRESETS):
            raise RefusedError(
                f"{path} has {MAX_PRESETS} presets already, which is as many as are kept; "
                "delete one first."
            )
        return preset

    async def delete(self, path: str, name: str) -> None:
        """Forget a preset; `NotFoundError` if there is none."""
        if not await asyncio.to_thread(self._store.delete, path, name):
            await self.get(path, name)

    async def move(self, old_path: str, new_path: str) -> int:
        """Let presets follow a notebook or a folder; return how many there were."""
        return await asyncio.to_thread(self._store.move, old_path, new_path)

    async def fill(
        self, request: SubmitRequest, name: str | None, *, varied: Collection[str] = ()
    ) -> SubmitRequest:
        """Return the request with the values of a preset where it gives none itself.

        Parameters
        ----------
        request
            What is to be submitted.
        name
            Of the preset; `None` changes nothing.
        varied
            Parameters that a sweep varies, which a preset cannot fix.

        Raises
        ------
        NotFoundError
            The notebook has no such preset.
        """
        if name is None:
            return request
        preset = await self.get(request.path, name)
        kept = {each: value for each, value in preset.parameters.items() if each not in varied}
        return replace(request, parameters={**kept, **request.parameters})
