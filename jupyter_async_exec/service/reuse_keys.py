"""The keys of executions that are about to be accepted, and the files some are made for."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_async_exec.core.reuse import Ingredients, capture_key, reuse_key
from jupyter_async_exec.core.sweep_values import datum_pattern
from jupyter_async_exec.service.datums import (
    Datum,
    find_files,
    is_as_it_was,
    read_datums,
    tree_paths,
)
from jupyter_async_exec.snapshots.choice import N_LINKED_LISTED
from jupyter_async_exec.snapshots.linked import linked_from_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jupyter_async_exec.core.execution import Execution
    from jupyter_async_exec.core.json_types import JSONObject, JSONValue
    from jupyter_async_exec.core.reuse import ReusePolicy
    from jupyter_async_exec.core.sweeps import SweepDefinition
    from jupyter_async_exec.service.environment_key import EnvironmentKeys
    from jupyter_async_exec.service.ports import KernelCatalog, KernelInfo, NotebookFiles
    from jupyter_async_exec.snapshots.capture import Capture
    from jupyter_async_exec.snapshots.manifest import CapturedFile, LinkedFile, Manifest
    from jupyter_async_exec.snapshots.stat_cache import StatCache

NS_PER_US = 1_000


@dataclass(frozen=True, slots=True)
class KeyMaker:
    """Makes the keys of executions of one capture.

    Parameters
    ----------
    environment
        Fingerprint of what the kernel would run in.
    datums
        By path: files that executions are made for, each its own.
    chosen
        By path: other files whose content counts.
    capture
        Stands for the snapshot without `datums`, and what else is used where it
        lies; None if that is not all known.
    """

    environment: str | None
    datums: Mapping[str, Datum]
    chosen: Mapping[str, Datum]
    capture: str | None

    def to_json(self) -> JSONObject:
        """Return what a `Voucher` and `Files.again` need to know, for the provenance."""
        return {
            "capture_key": self.capture,
            "environment_key": self.environment,
            "reuse_files": [asdict(datum) for datum in self.chosen.values()],
        }

    def key(
        self, parameters: Mapping[str, JSONValue], datum_names: Iterable[str] = ()
    ) -> str | None:
        """Return the key of the execution with these parameters, None if that cannot be told."""
        own = [self.datums.get(str(parameters.get(name))) for name in datum_names]
        known = [datum for datum in (*self.chosen.values(), *own) if datum is not None]
        if len(known) < len(self.chosen) + len(own):
            return None
        return reuse_key(
            Ingredients(
                capture=self.capture,
                parameters=parameters,
                environment=self.environment,
                files={datum.path: datum.sha256 for datum in known},
            )
        )

    def datums_to_json(
        self, parameters: Mapping[str, JSONValue], datum_names: Iterable[str]
    ) -> JSONObject:
        """Return the provenance of the execution with these parameters: its own files."""
        own = {name: self.datums.get(str(parameters.get(name))) for name in datum_names}
        files = {name: asdict(datum) for name, datum in own.items() if datum is not None}
        return {"datums": files} if files else {}


class Files:
    """The files around notebooks, by what they hold.

    Parameters
    ----------
    notebook_files
        Where notebooks lie.
    stat_cache
        Spares reading unchanged files.
    environments
        Knows what kernels run in.
    """

    def __init__(
        self,
        notebook_files: NotebookFiles,
        stat_cache: StatCache | None,
        environments: EnvironmentKeys,
    ) -> None:
        self._notebook_files = notebook_files
        self._stat_cache = stat_cache
        self._environments = environments

    def with_files(
        self, definition: SweepDefinition, notebook_path: str
    ) -> tuple[SweepDefinition, tuple[str, ...]]:
        """Return `definition` with each pattern in the place of its files, and which these were.

        Raises
        ------
        RefusedError
            A pattern matches nothing, too much, or leads outside.
        """
        patterns = {name: datum_pattern(given) for name, given in definition.values.items()}
        found = {
            name: self.find(pattern, notebook_path)
            for name, pattern in patterns.items()
            if pattern is not None
        }
        return replace(definition, values={**definition.values, **found}), tuple(found)

    def find(self, pattern: str, notebook_path: str) -> list[str]:
        """Return the files that a pattern matches, relative to the notebook's folder."""
        return find_files(
            pattern,
            folder=self._notebook_files.local_folder(notebook_path),
            root=self._notebook_files.local_root(),
        )

    def key_maker(
        self,
        notebook_path: str,
        kernel: KernelInfo,
        captured: Capture,
        *,
        policy: ReusePolicy | None,
        datum_paths: Sequence[str] = (),
    ) -> KeyMaker:
        """Return what makes the keys of executions of `captured`.

        Parameters
        ----------
        notebook_path
            Jupyter path.
        kernel, captured
            What will run.
        policy
            Names other files whose content counts; if earlier results are
            wanted, the environment is that of now.
        datum_paths
            Files of which each execution has its own.
        """
        patterns = policy.files if policy else ()
        chosen = [path for pattern in patterns for path in self.find(pattern, notebook_path)]
        folder = self._notebook_files.local_folder(notebook_path)
        datums: dict[str, Datum] = {}
        others: dict[str, Datum] = {}
        own: set[str | None] = set()
        if folder is not None:
            root, files = captured.tree_root, captured.manifest.files
            datums = self._read(datum_paths, folder, root, files)
            others = self._read(chosen, folder, root, files)
            own = set(tree_paths((*datum_paths, *chosen), folder=folder, root=root).values())
        rest = captured.manifest
        if own:
            rest = replace(rest, files=tuple(file for file in rest.files if file.path not in own))
        linked = None
        if len(captured.linked) < N_LINKED_LISTED and not captured.has_unknown:
            linked = tuple(
                (file.path, file.size_bytes, file.mtime_ns)
                for file in captured.linked
                if file.path not in own
            )
        is_asked = policy is not None and policy.wanted
        find = self._environments.now if is_asked else self._environments.lately
        return KeyMaker(
            environment=find(kernel),
            datums=datums,
            chosen=others,
            capture=capture_key(
                code_id=rest.snapshot_id,
                linked=linked,
                places=(str(captured.tree_root), str(self._notebook_files.local_root())),
            ),
        )

    def again(
        self,
        provenance: Mapping[str, Any],
        notebook_path: str,
        kernel: KernelInfo | None,
        manifest: Manifest,
        *,
        datum_paths: Iterable[str],
    ) -> KeyMaker:
        """Return what makes the keys of more executions of an earlier capture.

        The environment, and files that are not captured, are those of now. What
        was linked then is compared when they have ended, see `Voucher`.

        Parameters
        ----------
        provenance
            Of an earlier execution of it.
        notebook_path
            Jupyter path.
        kernel, manifest
            What will run; no keys without a kernel.
        datum_paths
            Files of which each execution has its own; there are no keys for
            those that cannot be read.
        """
        folder = self._notebook_files.local_folder(notebook_path)
        chosen = {each["path"]: Datum(**each) for each in provenance.get("reuse_files", [])}
        root = provenance.get("tree_root")
        known: dict[str, Datum] = {}
        if folder is not None:
            known = self._read(
                {*chosen, *datum_paths},
                folder,
                None if root is None else Path(root),
                manifest.files,
                skip_unreadable=True,
            )
        is_known = folder is not None and kernel is not None and chosen.keys() <= known.keys()
        return KeyMaker(
            environment=self._environments.now(kernel) if kernel and is_known else None,
            datums=known,
            chosen={path: known.get(path, datum) for path, datum in chosen.items()},
            capture=provenance.get("capture_key"),
        )

    def _read(
        self,
        paths: Iterable[str],
        folder: Path,
        root: Path | None,
        files: Iterable[CapturedFile],
        *,
        skip_unreadable: bool = False,
    ) -> dict[str, Datum]:
        return read_datums(
            paths,
            folder=folder,
            root=root,
            captured=files,
            stat_cache=self._stat_cache,
            skip_unreadable=skip_unreadable,
        )


class Voucher:
    """Tells whether what ran is what its key says, however long it had waited in the queue.

    Parameters
    ----------
    kernels
        Those of the process that ran it.
    stat_cache
        Spares reading unchanged files.
    environments
        Knows what kernels run in.
    """

    def __init__(
        self,
        kernels: KernelCatalog,
        stat_cache: StatCache | None,
        environments: EnvironmentKeys,
    ) -> None:
        self._kernels = kernels
        self._stat_cache = stat_cache
        self._environments = environments

    def __call__(self, execution: Execution) -> bool:
        """Return whether environment and files that are not captured are still as in the key."""
        provenance = execution.provenance
        known = provenance.get("environment_key")
        kernel = self._kernels.find().get(execution.kernel_name)
        if known is None or kernel is None or self._environments.now(kernel) != known:
            return False
        root = provenance.get("tree_root")
        linked = linked_from_json(provenance.get("linked", []))
        if linked and (root is None or not all(_is_unchanged(Path(root), each) for each in linked)):
            return False
        files = [*provenance.get("datums", {}).values(), *provenance.get("reuse_files", [])]
        if not files:
            return True
        if provenance.get("server_root") is None:
            return False
        folder = Path(provenance["server_root"], execution.notebook_path).parent
        return all(
            is_as_it_was(Datum(**each), folder=folder, stat_cache=self._stat_cache)
            for each in files
        )


def _is_unchanged(root: Path, file: LinkedFile) -> bool:
    try:
        status = (root / file.path).stat()
    except OSError:
        return False
    # The record keeps microseconds.
    same_time = abs(status.st_mtime_ns - file.mtime_ns) < NS_PER_US
    return same_time and status.st_size == file.size_bytes
