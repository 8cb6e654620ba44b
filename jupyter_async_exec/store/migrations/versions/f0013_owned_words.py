"""Format 0013: lists of one person's executions among those of many, and fewer changes of words."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

from jupyter_async_exec.store.migrations.both import create_index, is_postgres

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# Written out: what a release wrote never changes, whatever the code becomes.
PREFIX_LENGTHS = " ".join(str(length) for length in range(1, 20))
STATUS, OWNER = "\ue001", "\ue006"


def upgrade() -> None:
    """Add the indexes, the hidden word of each owner, and one for what is not over."""
    single = "sweep_id IS NULL AND deleted_at IS NULL"
    columns = ["submitted_by", "number"]
    create_index("ix_executions_single_owner", "executions", columns, where=single)
    listed = "first_number IS NOT NULL"
    columns = ["submitted_by", "first_number"]
    create_index("ix_sweeps_owner", "sweeps", columns, where=listed)
    if is_postgres():
        op.drop_index("ix_executions_live", "executions")
        trash = "deleted_at IS NOT NULL"
        create_index("ix_executions_live", "executions", ["deleted_at", "number"], where=trash)
    op.execute("CREATE TEMPORARY TABLE owner_words (owner TEXT PRIMARY KEY, word TEXT NOT NULL)")
    found = sa.text("SELECT DISTINCT submitted_by FROM executions WHERE deleted_at IS NULL")
    words = [
        {"owner": owner, "word": _word(OWNER, owner)}
        for owner in op.get_bind().execute(found).scalars()
    ]
    if words:
        insert = sa.text("INSERT INTO owner_words (owner, word) VALUES (:owner, :word)")
        op.get_bind().execute(insert, words)
        if is_postgres():
            _change_on_postgres()
        else:
            _change_on_sqlite()
    op.execute("DROP TABLE owner_words")


def _change_on_postgres() -> None:
    index = op.get_bind().execute(
        sa.text("SELECT pg_get_indexdef('ix_execution_search_words'::regclass)")
    )
    made_by = str(index.scalar_one())
    # Made anew at the end, which is much quicker than to change it word by word.
    op.execute("DROP INDEX ix_execution_search_words")
    op.execute(
        "UPDATE execution_search SET words = words || array_to_tsvector(ARRAY["
        "(execution_search.number >> 12)::text || '|' || owner_words.word]) "
        "FROM executions, owner_words WHERE executions.number = execution_search.number "
        'AND executions.submitted_by = owner_words.owner COLLATE "C"'
    )
    change = sa.text(
        "UPDATE execution_search SET words = array_to_tsvector(array_replace("
        "tsvector_to_array(words), "
        "(execution_search.number >> 12)::text || '|' || :old, "
        "(execution_search.number >> 12)::text || '|' || :new)) "
        "FROM executions WHERE executions.number = execution_search.number "
        "AND executions.deleted_at IS NULL AND executions.status = :status"
    )
    for status in ("queued", "running"):
        changed = {"status": status, "old": _word(STATUS, status), "new": _word(STATUS, "open")}
        op.get_bind().execute(change, changed)
    op.execute(made_by)


def _change_on_sqlite() -> None:
    op.execute("ALTER TABLE execution_search RENAME TO former_search")
    op.execute(
        "CREATE VIRTUAL TABLE execution_search USING fts5(words, detail=none, columnsize=0, "
        f"""tokenize="ascii tokenchars '.=+-'", prefix='{PREFIX_LENGTHS}')"""
    )
    op.get_bind().execute(
        sa.text(
            "INSERT INTO execution_search (rowid, words) "
            "SELECT former_search.rowid, CASE executions.status"
            " WHEN 'queued' THEN replace(former_search.words, :queued, :open)"
            " WHEN 'running' THEN replace(former_search.words, :running, :open)"
            " ELSE former_search.words END || ' ' || owner_words.word "
            "FROM former_search CROSS JOIN executions ON executions.number = former_search.rowid "
            "CROSS JOIN owner_words ON owner_words.owner = executions.submitted_by"
        ),
        {each: _word(STATUS, each) for each in ("queued", "running", "open")},
    )
    op.execute("DROP TABLE former_search")


def _word(kind: str, value: str) -> str:
    """Return the hidden word for a value, as this format has it."""
    content = value.encode("utf-8", "surrogatepass")
    digest = int.from_bytes(hashlib.blake2b(content, digest_size=8).digest())
    return kind + "".join(chr(0x4E00 + (digest >> shift & 0x3FFF)) for shift in (0, 14, 28))
