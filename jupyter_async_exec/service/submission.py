"""From what a person asks to run to a submission that can be accepted."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.core.access import NOBODY
from jupyter_async_exec.core.clock import Clock, utc_now
from jupyter_async_exec.core.execution import Limits, Submission, new_id
from jupyter_async_exec.core.parameters import coerce_parameters
from jupyter_async_exec.core.resources import read_resources
from jupyter_async_exec.core.secret_names import is_secret
from jupyter_async_exec.core.secret_parameters import take_secrets
from jupyter_async_exec.errors import (
    InvalidParametersError,
    KernelMissingError,
    NotFoundError,
)
from jupyter_async_exec.runner.parameters import translate
from jupyter_async_exec.service.reuse_keys import Files
from jupyter_async_exec.service.titles import default_title
from jupyter_async_exec.snapshots.capture import capture
from jupyter_async_exec.snapshots.linked import linked_to_json
from jupyter_async_exec.snapshots.manifest import load_manifest
from jupyter_async_exec.snapshots.notebook import kernel_of, normalise
from jupyter_async_exec.snapshots.parameters import find_parameters

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jupyter_async_exec.core.execution import Collect
    from jupyter_async_exec.core.json_types import JSONObject, JSONValue
    from jupyter_async_exec.objects.base import ObjectStore
    from jupyter_async_exec.runner.vault import Vault
    from jupyter_async_exec.service.environment_key import EnvironmentKeys
    from jupyter_async_exec.service.ports import (
        KernelCatalog,
        KernelInfo,
        NotebookFiles,
        SubmitRequest,
    )
    from jupyter_async_exec.service.reuse_keys import KeyMaker
    from jupyter_async_exec.service.titles import Titles
    from jupyter_async_exec.snapshots.capture import Capture
    from jupyter_async_exec.snapshots.choice import CaptureLimits
    from jupyter_async_exec.snapshots.parameters import ParameterList
    from jupyter_async_exec.snapshots.stat_cache import StatCache

#: What a notebook is handed of one execution, to see whether its language can say it.
EXAMPLE: JSONObject = {
    "number": 1,
    "id": "0" * 32,
    "status": "succeeded",
    "parameters": {"x": [1, None]},
    "metrics": {"y": 0.5},
    "notebook": "a.ipynb",
    "artifacts": {"b.csv": "b.csv"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A notebook that was read for submission."""

    #: Normalised.
    source: JSONObject
    kernel: KernelInfo
    declared: ParameterList
    #: As they came, with something harmless in place of each secret.
    parameters: dict[str, object]
    secrets: dict[str, JSONValue]


class Sealer:
    """Turn requests into submissions: everything that is fixed at acceptance.

    Synchronous and thread-safe; reads the user's files and writes objects.

    Parameters
    ----------
    objects
        Where the bytes go.
    kernels, notebook_files
        What is installed, and where notebooks lie.
    limits
        How much may be captured.
    default_limits
        What an execution may use unless its request says otherwise.
    vault
        Where secret parameters wait.
    titles
        Names what nobody named.
    owner
        Whose executions are that are submitted without saying whose.
    stat_cache
        Remembers unchanged files, so that they are not read again.
    """

    def __init__(
        self,
        *,
        objects: ObjectStore,
        kernels: KernelCatalog,
        notebook_files: NotebookFiles,
        limits: CaptureLimits,
        default_limits: Limits | None = None,
        vault: Vault,
        environments: EnvironmentKeys,
        titles: Titles,
        owner: str = NOBODY,
        stat_cache: StatCache | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._objects = objects
        self._kernels = kernels
        self._notebook_files = notebook_files
        self._limits = limits
        self._default_limits = default_limits or Limits()
        self._vault = vault
        self._titles = titles
        #: Of what is submitted without saying whose it is.
        self.owner = owner
        self._stat_cache = stat_cache
        self._clock = clock
        #: Finds and reads files around notebooks.
        self.files = Files(notebook_files, stat_cache, environments)

    def seal(self, request: SubmitRequest, notebook: JSONObject) -> Submission:
        """Capture `notebook` and the files beside it as they are now.

        Raises
        ------
        InvalidRequestError, KernelMissingError, InvalidParametersError, SnapshotTooBigError
            It cannot be run as it is.
        """
        opened, sealed = self._seal(request, notebook)
        if not request.title:
            title = self._titles.of_new(
                request.path, sealed.parameters, sealed.snapshot_id, owner=sealed.submitted_by
            )
            sealed = replace(sealed, title=title)
        self.keep(sealed.id, opened.secrets)
        return sealed

    def find_key(self, request: SubmitRequest, notebook: JSONObject) -> str | None:
        """Return the key for reuse that `seal` would give; neither secret nor title is made.

        Raises
        ------
        InvalidRequestError, KernelMissingError, InvalidParametersError, SnapshotTooBigError
            It cannot be run as it is.
        """
        return self._seal(request, notebook, is_kept=False)[1].reuse_key

    def _seal(
        self, request: SubmitRequest, notebook: JSONObject, *, is_kept: bool = True
    ) -> tuple[Opened, Submission]:
        opened = self.open(request, notebook)
        parameters = self.choose(opened, request.collect)
        sealed, captured = self.capture(request, opened, parameters, is_kept=is_kept)
        if request.after or request.collect is not None:
            # What it will be handed, or find, is not known yet: it is the same as nothing.
            return opened, replace(
                sealed,
                after=request.after,
                collect=request.collect,
                provenance={**sealed.provenance, "environment_key": None},
            )
        maker = self.files.key_maker(request.path, opened.kernel, captured, policy=request.reuse)
        sealed = replace(
            sealed,
            reuse_key=maker.key(parameters),
            provenance={**sealed.provenance, **maker.to_json()},
        )
        return opened, sealed

    def choose(self, opened: Opened, collect: Collect | None) -> dict[str, JSONValue]:
        """Return what an execution is given, besides what it will be handed.

        Raises
        ------
        InvalidParametersError
            The notebook takes something else.
        """
        if collect is not None:
            return self._beside_collected(opened, collect)
        declared = opened.declared
        return coerce_parameters(opened.parameters, declared.parameters, typed=declared.typed)

    def _beside_collected(self, opened: Opened, collect: Collect) -> dict[str, JSONValue]:
        """Return the parameters besides the one that takes what is collected.

        Raises
        ------
        InvalidParametersError
            The notebook has no such parameter, or it takes something else.
        """
        name, declared = collect.parameter, opened.declared
        if name in opened.parameters:
            raise _not_yours(name)
        if is_secret(name, "text"):
            raise _unfit(name, f"`{name}` is the name of a secret, and cannot take executions.")
        if declared.typed and name not in {each.name for each in declared.parameters}:
            sentence = (
                f"The notebook has no parameter `{name}` to take the executions: "
                "declare it in the cell tagged `parameters`, or name another."
            )
            raise _unfit(name, sentence)
        parameters = coerce_parameters(
            {**opened.parameters, name: []}, declared.parameters, typed=declared.typed
        )
        del parameters[name]
        self.check_translation(opened, {**parameters, name: [EXAMPLE]})
        return parameters

    def open(self, request: SubmitRequest, notebook: JSONObject) -> Opened:
        """Read what `notebook` is and declares; nothing is captured.

        Raises
        ------
        InvalidRequestError, KernelMissingError, InvalidParametersError
            It cannot be run as it is.
        """
        return self.open_normal(normalise(notebook), request.parameters, request.kernel_name)

    def open_normal(
        self, source: JSONObject, parameters: Mapping[str, object], kernel_name: str | None
    ) -> Opened:
        """Read what a notebook is and declares that is normalised already.

        Raises
        ------
        KernelMissingError, InvalidParametersError
            It cannot be run as it is.
        """
        kernel = self.kernel_for(source, kernel_name)
        declared = find_parameters(source)
        # Part the secrets from the rest, before anything is made of either.
        shown, secrets = take_secrets(
            parameters,
            declared.parameters,
            typed=declared.typed,
            fingerprint=self._vault.fingerprint,
        )
        return Opened(
            source=source, kernel=kernel, declared=declared, parameters=shown, secrets=secrets
        )

    def capture(
        self,
        request: SubmitRequest,
        opened: Opened,
        parameters: dict[str, JSONValue],
        *,
        is_kept: bool = True,
    ) -> tuple[Submission, Capture]:
        """Capture what was opened and the files beside it as they are now.

        Unless `is_kept`, only the keys of what is returned may be used.

        Raises
        ------
        InvalidRequestError, InvalidParametersError, SnapshotTooBigError
            It cannot be run as it is.
        """
        self.check_translation(opened, parameters)
        captured = capture(
            opened.source,
            notebook_path=request.path,
            folder=self._notebook_files.local_folder(request.path),
            server_root=self._notebook_files.local_root(),
            kernel_name=opened.kernel.name,
            language=opened.kernel.language,
            objects=self._objects,
            stat_cache=self._stat_cache,
            limits=self._limits,
            is_normal=True,
            is_kept=is_kept,
        )
        sealed = Submission(
            id=new_id(),
            request_id=request.request_id,
            notebook_path=request.path,
            title=request.title or default_title(request.path, parameters),
            parameters=parameters,
            kernel_name=opened.kernel.name,
            backend=request.backend,
            resources=read_resources(request.resources),
            snapshot_id=captured.snapshot_id,
            tags=request.tags,
            submitted_by=request.submitted_by or self.owner,
            limits=replace(self._default_limits, **request.limits),
            provenance=self._provenance(captured, opened.kernel),
            created_at=self._clock(),
        )
        return sealed, captured

    def check_translation(self, opened: Opened, parameters: dict[str, JSONValue]) -> None:
        """Refuse now, rather than when it runs, what the kernel's language cannot say.

        Raises
        ------
        InvalidParametersError
            A value has no equivalent in that language.
        """
        translate(
            parameters | opened.secrets,
            kernel_name=opened.kernel.name,
            language=opened.kernel.language,
        )

    def source_of(self, snapshot_id: str) -> JSONObject:
        """Return the notebook of a snapshot."""
        manifest = load_manifest(self._objects, snapshot_id)
        source: JSONObject = json.loads(self._objects.get(manifest.notebook_object))
        return source

    def key_maker_again(
        self,
        provenance: Mapping[str, Any],
        notebook_path: str,
        kernel_name: str,
        snapshot_id: str,
        *,
        datum_paths: Iterable[str],
    ) -> KeyMaker:
        """Return what makes the keys of more executions of a snapshot, see `Files.again`."""
        return self.files.again(
            provenance,
            notebook_path,
            self._kernels.find().get(kernel_name),
            load_manifest(self._objects, snapshot_id),
            datum_paths=datum_paths,
        )

    def refresh(self, snapshot_id: str) -> None:
        """Let everything in a snapshot count as new, so that it stays until it is referred to.

        Raises
        ------
        NotFoundError
            It is not whole any more.
        """
        manifest = load_manifest(self._objects, snapshot_id)
        files = (file.object_id for file in manifest.files)
        ids = {snapshot_id, manifest.notebook_object, *files}
        if self._objects.touch_all(ids) != ids:
            raise NotFoundError(
                "The snapshot to be run again is not whole any more; submit the notebook anew."
            )

    def keep(self, execution_id: str, secrets: dict[str, JSONValue]) -> None:
        """Let the secrets of an execution wait for its runner, if it has any."""
        if secrets:
            self._vault.put(execution_id, secrets)

    def forget(self, execution_id: str) -> None:
        """Forget the secrets of an execution that was not accepted."""
        self._vault.discard(execution_id)

    def kernel_for(self, source: JSONObject, wanted: str | None) -> KernelInfo:
        """Return the kernel that `wanted`, or else the notebook, names.

        Raises
        ------
        KernelMissingError
            It is not installed here.
        """
        installed = self._kernels.find()
        name = wanted or kernel_of(source)[0] or self._kernels.default_name()
        kernel = installed.get(name)
        if kernel is None:
            names = sorted(installed)
            choice = f"choose one of: {', '.join(names)}" if names else "install one first"
            raise KernelMissingError(
                f"The kernel {name[:100]!r} is not installed here; {choice}.",
                {"kernel_name": name, "installed": names},
            )
        return kernel

    def _provenance(self, captured: Capture, kernel: KernelInfo) -> JSONObject:
        root = self._notebook_files.local_root()
        git = captured.git
        return {
            "root_path": captured.root_path,
            "tree_root": str(captured.tree_root) if captured.tree_root else None,
            "server_root": str(root) if root else None,
            "linked": linked_to_json(captured.linked),
            "git": {
                "commit": git.commit,
                "branch": git.branch,
                "dirty": git.dirty,
                "diff": git.diff,
                "diff_cut": git.is_diff_cut,
            }
            if git
            else None,
            "kernel": {
                "name": kernel.name,
                "display_name": kernel.display_name,
                "language": kernel.language,
            },
            "notes": list(captured.notes),
        }


def _not_yours(name: str) -> InvalidParametersError:
    return _unfit(name, f"`{name}` takes what is collected; leave its value out.")


def _unfit(name: str, sentence: str) -> InvalidParametersError:
    return InvalidParametersError(sentence, {"fields": {name: sentence}})
