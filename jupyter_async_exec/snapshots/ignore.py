"""Which files beside a notebook are not part of its snapshot."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import pathspec

from jupyter_async_exec.snapshots.plain_file import read_small

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from pathlib import Path

GITIGNORE = ".gitignore"
OWN_IGNORE = ".asyncexecignore"
IGNORE_FILES = (GITIGNORE, OWN_IGNORE)
IGNORE_FILE_BYTES = 1_000_000
#: No path is longer.
LINE_CHARACTERS = 4_096
#: With 8 stars, each name of 255 characters that does not match takes milliseconds.
N_STARS = 8
#: Names that were judged lately; at each submission most are the same again.
N_NAMES = 16_384
#: Ignore files that were read lately; equal ones are one object, and soon compared.
N_SPECS = 64
_STARS = re.compile(r"\*+")

#: Made by tools and of no use to an execution; neither captured nor linked.
_JUNK_NAMES = frozenset(
    {
        ".DS_Store",
        ".git",
        ".hg",
        ".hypothesis",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".nox",
        ".pytest_cache",
        ".ruff_cache",
        ".svn",
        ".tox",
        ".virtual_documents",
        "Thumbs.db",
        "__pycache__",
    }
)
_JUNK = re.compile(r".*\.py[co]|\.~.*|\..*\.sw[op]")
#: What a folder holds that is a Python environment.
_ENVIRONMENT_MARKS = frozenset({"pyvenv.cfg", "conda-meta"})
#: Not captured unless a `.asyncexecignore` says `!name`; linked, because code reads them.
_SECRET = re.compile(
    r"""\.env(?!\.(?:dist|example|sample|template)$)(?:[.\-_].*)?|\.envrc
    |.*\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk)
    |id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?(?!.*\.pub$)(?:[.\-_].*)?
    |[._]netrc|\.pgpass|\.pypirc|\.npmrc|\.htpasswd|\.git-credentials|\.my\.cnf
    |\.aws|\.azure|\.docker|\.gnupg|\.kube|\.ssh
    |credentials\.json|client_secret.*\.json|secrets\.toml""",
    re.VERBOSE | re.IGNORECASE,
)
#: Installed by tools from a list that is captured; linked.
_INSTALLED_NAMES = frozenset({"node_modules", "site-packages", ".Rproj.user", "renv-cache"})


@lru_cache(N_NAMES)
def is_junk(name: str) -> bool:
    """Tell whether an entry of this name is neither captured nor linked."""
    return name in _JUNK_NAMES or _JUNK.fullmatch(name) is not None


@lru_cache(N_NAMES)
def _is_left_out(name: str) -> bool:
    """Tell whether an entry of this name is not captured unless somebody says so."""
    return name in _INSTALLED_NAMES or _SECRET.fullmatch(name) is not None


def is_secret_file(path: str) -> bool:
    """Tell whether a file, by its name or that of a folder above it, may hold secrets."""
    return any(_SECRET.fullmatch(part) for part in path.split("/"))


def is_environment(names: Iterable[str]) -> bool:
    """Tell whether a folder with these entries is a virtual environment."""
    return not _ENVIRONMENT_MARKS.isdisjoint(names)


@dataclass(frozen=True, slots=True)
class _Layer:
    """One ignore file: how to make a tree path relative to its folder, and what it says."""

    n_cut: int
    prefix: str
    spec: pathspec.GitIgnoreSpec

    def verdict(self, path: str) -> bool | None:
        return self.spec.check_file(self.prefix + path[self.n_cut :]).include


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The rules that hold in one folder of a tree; deeper ignore files win."""

    git_layers: tuple[_Layer, ...] = ()
    own_layers: tuple[_Layer, ...] = ()

    def ignores(self, path: str, *, is_directory: bool) -> bool:
        """Tell whether a path, relative to the tree root, is not to be captured."""
        written = f"{path}/" if is_directory else path
        # Asked for each of thousands of files: mostly there is no layer at all.
        if self.own_layers:
            own = _last_verdict(self.own_layers, written)
            if own is not None:
                return own
        if _is_left_out(path[path.rfind("/") + 1 :]):
            return True
        return bool(self.git_layers and _last_verdict(self.git_layers, written))

    def is_protected(self, path: str) -> bool:
        """Tell whether not even being tracked by git makes a path part of a snapshot."""
        own = _last_verdict(self.own_layers, path)
        return own is not False and _SECRET.fullmatch(path.rpartition("/")[2]) is not None

    def entering(self, folder: Path, path: str, names: Container[str]) -> IgnoreRules:
        """Return the rules inside `folder`, which is at `path` and holds `names`."""
        n_cut = len(path) + 1 if path else 0
        return self._with(folder, names, n_cut=n_cut, prefix="")

    def above(self, folder: Path, prefix: str) -> IgnoreRules:
        """Return the rules with those of `folder`, from where the tree root is at `prefix`."""
        names = {name for name in IGNORE_FILES if (folder / name).is_file()}
        return self._with(folder, names, n_cut=0, prefix=f"{prefix}/")

    def with_exclude_file(self, path: Path, prefix: str) -> IgnoreRules:
        """Return the rules with a repository's own `info/exclude`."""
        spec = _read_spec(path)
        if spec is None:
            return self
        layer = _Layer(0, f"{prefix}/" if prefix else "", spec)
        return IgnoreRules((layer, *self.git_layers), self.own_layers)

    def _with(self, folder: Path, names: Container[str], *, n_cut: int, prefix: str) -> IgnoreRules:
        git_layers, own_layers = self.git_layers, self.own_layers
        if GITIGNORE in names and (spec := _read_spec(folder / GITIGNORE)):
            git_layers = (*git_layers, _Layer(n_cut, prefix, spec))
        if OWN_IGNORE in names and (spec := _read_spec(folder / OWN_IGNORE)):
            own_layers = (*own_layers, _Layer(n_cut, prefix, spec))
        if git_layers is self.git_layers and own_layers is self.own_layers:
            return self
        return IgnoreRules(git_layers, own_layers)


def _last_verdict(layers: tuple[_Layer, ...], path: str) -> bool | None:
    for layer in reversed(layers):
        verdict = layer.verdict(path)
        if verdict is not None:
            return verdict
    return None


def _read_spec(path: Path) -> pathspec.GitIgnoreSpec | None:
    """Read an ignore file; lines that make no sense are passed over, as git does."""
    data = read_small(path, limit_bytes=IGNORE_FILE_BYTES)
    return None if data is None else _spec_of(data)


@lru_cache(N_SPECS)
def _spec_of(data: bytes) -> pathspec.GitIgnoreSpec | None:
    lines = [
        line
        for line in data.decode("utf-8-sig", "surrogateescape").splitlines()
        if line.strip() and not line.startswith("#") and _is_sane(line)
    ]
    if not lines:
        return None
    try:
        return pathspec.GitIgnoreSpec.from_lines(lines)
    except ValueError:
        return pathspec.GitIgnoreSpec.from_lines(line for line in lines if _is_pattern(line))


def _is_sane(line: str) -> bool:
    """Tell whether matching a pattern ends soon; its time grows with a power of its stars."""
    return len(line) <= LINE_CHARACTERS and len(_STARS.findall(line)) <= N_STARS


def _is_pattern(line: str) -> bool:
    try:
        pathspec.GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    else:
        return True
