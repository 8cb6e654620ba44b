"""Every planted damage is found by `verify`, and put right or named by `verify --repair`."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_async_exec.core.execution import Execution, Status
from jupyter_async_exec.objects.local import ABANDONED_S
from jupyter_async_exec.service.verification import verify as verify_all
from jupyter_async_exec.snapshots.manifest import load_manifest
from tests.faults.conftest import Kept, verify
from tests.faults.damage import flip

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

Capture = pytest.CaptureFixture[str]


def change(kept: Kept, statement: str, *values: Any) -> None:
    """Change the database behind the program's back."""
    with closing(sqlite3.connect(kept.store_file)) as connection:
        connection.execute(statement, values)
        connection.commit()


def only(found: dict[str, Any]) -> dict[str, Any]:
    """Return the one damage that was found."""
    (damage,) = found["damages"]
    return dict(damage)


def test_what_is_whole_is_said_to_be_and_stays_as_it_is(kept: Kept, capsys: Capture) -> None:
    before = kept.get(1), kept.get(2)

    code, found = verify(kept, capsys, "--repair")

    assert (code, found["damages"], found["n_executions"]) == (0, [], 2)
    assert found["n_objects"] > 5
    assert (kept.get(1), kept.get(2)) == before


# ---------------------------------------------------------------- objects


def test_an_executed_notebook_is_rebuilt_from_its_journal_byte_for_byte(
    kept: Kept, capsys: Capture
) -> None:
    output = kept.get(1).output_object
    assert output is not None
    whole = kept.objects.get(output)
    flip(kept.object_file(output), -3)

    code, found = verify(kept, capsys)
    repaired_code, repaired = verify(kept, capsys, "--repair")

    assert (code, repaired_code) == (1, 0)
    damage = only(found)
    assert (damage["kind"], damage["number"], damage["repair"]) == ("result", 1, None)
    assert damage["message"] == (
        f"#1: the executed notebook is damaged: The stored bytes of object {output} are damaged."
    )
    assert only(repaired)["repair"] == "It was rebuilt from source and journal, byte for byte."
    assert kept.objects.get(output) == whole
    assert verify(kept, capsys)[1]["damages"] == []


def test_a_notebook_without_its_journal_is_marked_as_lost(kept: Kept, capsys: Capture) -> None:
    execution = kept.get(1)
    assert execution.output_object is not None
    assert execution.journal_object is not None
    kept.object_file(execution.output_object).unlink()
    flip(kept.object_file(execution.journal_object), 40)

    code, found = verify(kept, capsys, "--repair")

    assert code == 1
    assert [each["repair"].partition(".")[0] for each in found["damages"]] == [
        "It cannot be repaired and is marked as lost",
        "It cannot be repaired and is marked as lost",
    ]
    marked = kept.get(1)
    assert marked.status is Status.SUCCEEDED
    assert (marked.output_object, marked.journal_object) == (None, None)
    assert marked.log_object == execution.log_object
    assert [remark.message.partition(" on ")[0] for remark in marked.remarks] == [
        "The executed notebook was found damaged",
        "The journal was found damaged",
    ]
    assert (kept.data_dir / "objects" / "damaged" / execution.journal_object).exists()
    assert verify(kept, capsys)[1]["damages"] == []


def test_an_artifact_and_a_log_that_are_gone_are_marked_and_the_rest_is_kept(
    kept: Kept, capsys: Capture
) -> None:
    execution = kept.get(1)
    (artifact,) = execution.artifacts
    assert execution.log_object is not None
    kept.object_file(artifact.object_id).unlink()
    kept.object_file(execution.log_object).write_bytes(b"")

    code, found = verify(kept, capsys, "--repair")

    assert code == 1
    assert [each["message"].partition(" is damaged")[0] for each in found["damages"]] == [
        "#1: the log",
        "#1: the artifact made.txt",
    ]
    assert kept.get(1).artifacts == ()
    assert kept.get(1).output_object == execution.output_object
    assert verify(kept, capsys)[0] == 0


def _manifest_file(kept: Kept, execution: Execution) -> str:
    return execution.snapshot_id


def _source_file(kept: Kept, execution: Execution) -> str:
    return load_manifest(kept.objects, execution.snapshot_id).notebook_object


def _captured_file(kept: Kept, execution: Execution) -> str:
    return load_manifest(kept.objects, execution.snapshot_id).files[0].object_id


@pytest.mark.parametrize("find", [_manifest_file, _source_file, _captured_file])
def test_a_snapshot_is_captured_again_from_files_that_have_not_changed(
    kept: Kept, capsys: Capture, find: Callable[[Kept, Execution], str]
) -> None:
    kept.object_file(find(kept, kept.get(1))).unlink()

    code, found = verify(kept, capsys)
    repaired_code, repaired = verify(kept, capsys, "--repair")

    assert (code, repaired_code) == (1, 0)
    assert {each["kind"] for each in found["damages"]} == {"snapshot"}
    assert {each["repair"] for each in repaired["damages"]} == {
        "It was captured again from your files, which have not changed."
    }
    assert verify(kept, capsys)[0] == 0


def test_a_snapshot_of_a_sweep_is_captured_again(kept: Kept, capsys: Capture) -> None:
    change(
        kept,
        "INSERT INTO sweeps (id, rev, notebook_path, title, snapshot_id, definition, provenance, "
        "submitted_by, created_at) SELECT 'sweep', rev, notebook_path, title, snapshot_id, '{}', "
        "provenance, submitted_by, created_at FROM executions WHERE number = 1",
    )
    change(kept, "UPDATE executions SET sweep_id = 'sweep', provenance = '{}' WHERE number = 1")
    kept.object_file(_source_file(kept, kept.get(1))).unlink()

    _, repaired = verify(kept, capsys, "--repair")

    repairs = {each["repair"] for each in repaired["damages"] if each["kind"] == "snapshot"}
    assert repairs == {"It was captured again from your files, which have not changed."}


def test_a_snapshot_whose_files_have_changed_cannot_be_run_again(
    kept: Kept, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = kept.get(1)
    source = _source_file(kept, execution)
    kept.object_file(source).unlink()
    notebook = kept.work / "good.ipynb"
    saved = notebook.read_text()
    try:
        notebook.write_text(saved.replace("42", "43").replace("value", "other"))
        code, found = verify(kept, capsys, "--repair")
    finally:
        notebook.write_text(saved)

    assert code == 1
    assert only(found)["message"] == (
        f"#1: the source notebook is damaged: There is no object {source}."
    )
    assert only(found)["repair"] == ("It cannot be repaired: #1 cannot be run again or restored.")
    assert kept.get(1).remarks[-1].message == (
        "It cannot be run again: the source notebook is damaged."
    )
    # It stays damaged, and is said to be each time.
    assert verify(kept, capsys)[0] == 1


def test_a_damaged_object_that_nobody_needs_is_set_aside(kept: Kept, capsys: Capture) -> None:
    object_id = kept.objects.put(b"nobody needs this")
    flip(kept.object_file(object_id), 5)

    code, found = verify(kept, capsys, "--repair")

    assert code == 0
    assert only(found)["repair"].startswith("No execution needs it. The damaged bytes are in")
    assert verify(kept, capsys)[1]["damages"] == []


def test_what_a_killed_process_left_half_written_is_removed(kept: Kept, capsys: Capture) -> None:
    leftovers = [
        kept.data_dir / "objects" / ".new-0123456789abcdef",
        next((kept.data_dir / "objects").glob("??")) / ".new-0123456789abcdef",
    ]
    for leftover in leftovers:
        leftover.write_bytes(b"half")
        old_s = leftover.stat().st_mtime - ABANDONED_S - 60
        os.utime(leftover, (old_s, old_s))

    code, found = verify(kept, capsys)
    repaired_code, _ = verify(kept, capsys, "--repair")

    assert (code, repaired_code) == (1, 0)
    assert [each["kind"] for each in found["damages"]] == ["leftover", "leftover"]
    assert not any(leftover.exists() for leftover in leftovers)


def test_a_strange_file_among_the_objects_is_named_and_left_alone(
    kept: Kept, capsys: Capture
) -> None:
    stranger = kept.data_dir / "objects" / "notes.txt"
    stranger.write_text("mine")

    code, found = verify(kept, capsys, "--repair")

    assert code == 1
    assert only(found)["message"] == f"{stranger} is no object."
    assert only(found)["repair"] == "It is not ours and was left alone."
    assert stranger.read_text() == "mine"


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(data=st.data())
def test_every_flipped_byte_of_every_object_is_found(kept: Kept, data: st.DataObject) -> None:
    paths = sorted((kept.data_dir / "objects").glob("??/*"))
    path = data.draw(st.sampled_from(paths))
    at = data.draw(st.integers(0, path.stat().st_size - 1))
    mask = data.draw(st.integers(1, 255))
    store = kept.store

    flip(path, at, mask)
    try:
        damages = verify_all(store, kept.objects).damages
    finally:
        flip(path, at, mask)
        store.close()

    assert any(path.parent.name + path.name in damage.message for damage in damages)


# ---------------------------------------------------------------- the database


def test_search_and_tags_are_made_again(kept: Kept, capsys: Capture) -> None:
    change(kept, "DELETE FROM execution_search WHERE rowid = 1")
    change(kept, "INSERT INTO execution_search (rowid, words) VALUES (77, 'ghost')")
    change(kept, "INSERT INTO execution_tags (tag, number) VALUES ('never', 2)")

    code, found = verify(kept, capsys)
    repaired_code, repaired = verify(kept, capsys, "--repair")

    assert (code, repaired_code) == (1, 0)
    assert only(found)["message"] == "Search or tags are wrong for #1, #2, #77."
    assert only(repaired)["repair"] == "It was made again from 2 executions."
    assert verify(kept, capsys)[1]["damages"] == []


def test_a_damaged_search_index_is_made_again(kept: Kept, capsys: Capture) -> None:
    change(kept, "UPDATE execution_search_data SET block = x'00ff00ff' WHERE id > 10")

    code, found = verify(kept, capsys)
    repaired_code, _ = verify(kept, capsys, "--repair")

    assert (code, repaired_code) == (1, 0)
    assert {each["kind"] for each in found["damages"]} <= {"search_index", "database"}
    assert verify(kept, capsys)[1]["damages"] == []


def test_a_count_of_changes_that_is_behind_catches_up(kept: Kept, capsys: Capture) -> None:
    change(kept, "UPDATE revision SET rev = 1")

    code, found = verify(kept, capsys)
    repaired_code, _ = verify(kept, capsys, "--repair")

    assert (code, repaired_code) == (1, 0)
    assert only(found)["kind"] == "revision"
    with closing(kept.store) as store:
        assert store.edit(1, note="works again").note == "works again"


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE executions SET finished_at = NULL WHERE number = 1", "it is over and has no end"),
        (
            "UPDATE executions SET started_at = '2099-01-01T00:00:00.000000Z' WHERE number = 1",
            "it ended before it began",
        ),
        (
            "UPDATE executions SET parameters = '{' WHERE number = 1",
            "its record cannot be read (JSONDecodeError: Expecting property name enclosed in "
            "double quotes: line 1 column 2 (char 1))",
        ),
        (
            "DELETE FROM history WHERE type = 'execution_finished' AND execution_id = "
            "(SELECT id FROM executions WHERE number = 1)",
            "its history and its status differ about whether it is over",
        ),
    ],
)
def test_a_record_that_cannot_be_true_is_named_and_left_alone(
    kept: Kept, capsys: Capture, statement: str, said: str
) -> None:
    change(kept, statement)

    code, found = verify(kept, capsys)
    repaired_code, repaired = verify(kept, capsys, "--repair")

    assert (code, repaired_code) == (1, 1)
    assert found["damages"][0]["message"] == f"#1: {said}."
    assert not any(each["is_repaired"] for each in repaired["damages"])


def test_an_index_that_disagrees_with_its_table_is_made_again(kept: Kept, capsys: Capture) -> None:
    change(kept, "PRAGMA writable_schema = ON")
    with closing(sqlite3.connect(kept.store_file)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        # The index is taken away, a row changes, and the index comes back as it was.
        (sql, page) = connection.execute(
            "SELECT sql, rootpage FROM sqlite_master WHERE name = 'ix_executions_notebook'"
        ).fetchone()
        connection.execute("DELETE FROM sqlite_master WHERE name = 'ix_executions_notebook'")
        connection.commit()
    with closing(sqlite3.connect(kept.store_file)) as connection:
        connection.execute("UPDATE executions SET notebook_path = 'x' || notebook_path")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "INSERT INTO sqlite_master VALUES ('index', 'ix_executions_notebook', 'executions', "
            "?, ?)",
            (page, sql),
        )
        connection.commit()

    code, found = verify(kept, capsys)
    repaired_code, repaired = verify(kept, capsys, "--repair")

    assert (code, repaired_code) == (1, 0)
    assert found["damages"][0]["kind"] == "database"
    assert repaired["damages"][0]["repair"] == (
        "Its indexes were made again from the rows, which are whole."
    )


def test_a_database_with_a_page_overwritten_is_left_alone_and_the_objects_are_checked(
    kept: Kept, capsys: Capture
) -> None:
    content = bytearray(kept.store_file.read_bytes())
    with closing(sqlite3.connect(kept.store_file)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'executions'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    content[(page - 1) * size : page * size] = os.urandom(size)
    kept.store_file.write_bytes(content)

    code, found = verify(kept, capsys, "--repair")

    assert code == 1
    assert found["n_objects"] > 5
    assert not any(each["is_repaired"] for each in found["damages"])
    assert "restore the store from a backup" in found["damages"][0]["repair"]


# ---------------------------------------------------------------- attempts


def test_an_execution_that_nobody_runs_is_brought_to_its_end(kept: Kept, capsys: Capture) -> None:
    change(
        kept,
        "UPDATE executions SET status = 'running', attempt = 1, finished_at = NULL, "
        "reason = NULL, output_object = NULL WHERE number = 2",
    )
    change(
        kept,
        "DELETE FROM history WHERE type = 'execution_finished' AND execution_id = "
        "(SELECT id FROM executions WHERE number = 2)",
    )
    shutil.rmtree(kept.data_dir / "attempts")

    code, found = verify(kept, capsys)
    repaired_code, repaired = verify(kept, capsys, "--repair")

    assert (code, repaired_code) == (1, 0)
    assert found["damages"][0]["message"] == ("#2 is recorded as running, and nothing of it runs.")
    assert repaired["damages"][0]["repair"].startswith("It is failed now: The runner disappeared")
    assert kept.get(2).status is Status.FAILED


def test_a_folder_left_by_an_attempt_is_removed(kept: Kept, capsys: Capture) -> None:
    folder = kept.data_dir / "attempts" / f"{kept.get(1).id}-7"
    folder.mkdir(parents=True)
    (folder / "journal.jsonl").write_text('{"seq":1,"at"')

    code, found = verify(kept, capsys)
    repaired_code, _ = verify(kept, capsys, "--repair")

    assert (code, repaired_code) == (1, 0)
    assert only(found)["kind"] == "leftover"
    assert not folder.exists()


def test_people_read_sentences_and_what_to_do(kept: Kept, capsys: Capture) -> None:
    from jupyter_async_exec.cli.command import run

    (artifact,) = kept.get(1).artifacts
    kept.object_file(artifact.object_id).unlink()

    run(["verify", "--data-dir", str(kept.data_dir)])

    said = capsys.readouterr().err
    assert "#1: the artifact made.txt is damaged: There is no object" in said
    assert said.endswith("`jupyter async-exec verify --repair` puts right what can be.\n")
