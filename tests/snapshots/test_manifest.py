"""The manifest: canonical, strict, and never a way out of its folder."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_async_exec.errors import (
    AsyncExecError,
    CorruptObjectError,
    InvalidRequestError,
    NewerStoreError,
    NotFoundError,
)
from jupyter_async_exec.objects.local import LocalObjectStore
from jupyter_async_exec.snapshots.manifest import CapturedFile, Manifest, load_manifest

if TYPE_CHECKING:
    from pathlib import Path

ID = hashlib.sha256(b"").hexdigest()
names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1
).filter(lambda name: name not in {".", ".."})
files = st.lists(
    st.builds(
        CapturedFile,
        path=names.map(lambda name: f"folder/{name}"),
        object_id=st.binary(min_size=32, max_size=32).map(bytes.hex),
        size_bytes=st.integers(0, 2**60),
        executable=st.booleans(),
    ),
    unique_by=lambda file: file.path,
    max_size=8,
)


def make_manifest(*captured: CapturedFile, **changes: Any) -> Manifest:
    fields = {"notebook_path": "nb.ipynb", "notebook_object": ID, "kernel_name": "python3"}
    return Manifest(files=captured, **{**fields, "language": "python", **changes})


def make_file(path: str) -> CapturedFile:
    return CapturedFile(path=path, object_id=ID, size_bytes=0)


@given(captured=files, notebook_path=names)
def test_a_manifest_comes_back_as_it_was(captured: list[CapturedFile], notebook_path: str) -> None:
    manifest = make_manifest(*captured, notebook_path=f"top {notebook_path}")

    again = Manifest.from_json(json.loads(manifest.canonical))

    assert again == manifest
    assert again.snapshot_id == manifest.snapshot_id


@given(captured=files, data=st.data())
def test_the_order_of_files_changes_nothing(
    captured: list[CapturedFile], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(captured))

    assert make_manifest(*shuffled).canonical == make_manifest(*captured).canonical


@given(captured=files)
def test_every_file_and_field_is_part_of_the_identity(captured: list[CapturedFile]) -> None:
    manifest = make_manifest(*captured)
    others = [
        replace(manifest, kernel_name="other"),
        replace(manifest, language="r"),
        replace(manifest, notebook_path="other.ipynb"),
        replace(manifest, notebook_object="0" * 64),
        replace(manifest, files=(*captured, make_file("one more"))),
    ]
    for index, file in enumerate(captured):
        changed = replace(file, executable=not file.executable)
        others.append(replace(manifest, files=(*captured[:index], changed, *captured[index + 1 :])))

    ids = {manifest.snapshot_id, *(other.snapshot_id for other in others)}

    assert len(ids) == len(others) + 1


def test_the_canonical_form_is_pinned() -> None:
    manifest = make_manifest(replace(make_file("dätä/x.csv"), size_bytes=3, executable=True))

    assert manifest.canonical.decode() == (
        '{"files":[{"executable":true,"object_id":"'
        + ID
        + '","path":"dätä/x.csv","size_bytes":3}],'
        '"format":1,"kernel_name":"python3","language":"python",'
        '"notebook_object":"' + ID + '","notebook_path":"nb.ipynb"}'
    )


HOSTILE = [
    "",
    ".",
    "..",
    "/etc/passwd",
    "../x",
    "a/../../x",
    "a//b",
    "a/",
    "./a",
    "a/./b",
    "a\0b",
    "\ud800",
    None,
    7,
]


@pytest.mark.parametrize("path", HOSTILE)
def test_a_hostile_path_is_refused(path: Any) -> None:
    good = make_manifest(make_file("a")).to_json()
    for bad in (
        {**good, "notebook_path": path},
        {**good, "files": [{**good["files"][0], "path": path}]},
    ):
        with pytest.raises(InvalidRequestError):
            Manifest.from_json(bad)


@pytest.mark.parametrize(
    "paths", [["a", "a"], ["a", "a/b"], ["nb.ipynb"], ["nb.ipynb/x"], ["a/b/c", "a/b"]]
)
def test_a_path_is_listed_once_and_is_not_a_folder_too(paths: list[str]) -> None:
    with pytest.raises(InvalidRequestError):
        make_manifest(*(make_file(path) for path in paths))


@pytest.mark.parametrize(
    "change",
    [
        {"format": 0},
        {"format": True},
        {"format": "1"},
        {"files": {}},
        {"files": [7]},
        {"files": [{"path": "a"}]},
        {"files": [{"path": "a", "object_id": ID, "size_bytes": True, "executable": False}]},
        {"files": [{"path": "a", "object_id": ID, "size_bytes": -1, "executable": False}]},
        {"files": [{"path": "a", "object_id": "x", "size_bytes": 1, "executable": False}]},
        {"notebook_object": "../x"},
        {"kernel_name": None},
        {"surprise": 1},
    ],
)
def test_what_is_not_format_1_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        Manifest.from_json({**make_manifest().to_json(), **change})


def test_a_younger_format_asks_for_an_upgrade() -> None:
    with pytest.raises(NewerStoreError, match="Upgrade"):
        Manifest.from_json({**make_manifest().to_json(), "format": 2, "new": 1})


@given(
    data=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_only_our_errors_leave(data: Any) -> None:
    with pytest.raises(AsyncExecError):
        Manifest.from_json(data)


def test_a_manifest_is_loaded_and_checked(tmp_path: Path) -> None:
    objects = LocalObjectStore(tmp_path)
    manifest = make_manifest(make_file("a"))
    loose = objects.put(json.dumps(manifest.to_json(), indent=1).encode())

    assert load_manifest(objects, objects.put(manifest.canonical)) == manifest
    with pytest.raises(CorruptObjectError, match="canonical"):
        load_manifest(objects, loose)
    with pytest.raises(CorruptObjectError):
        load_manifest(objects, objects.put(b"no json"))
    with pytest.raises(CorruptObjectError):
        load_manifest(objects, objects.put(b"[" * 100_000))
    with pytest.raises(NotFoundError):
        load_manifest(objects, "0" * 64)
