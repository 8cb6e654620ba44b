"""What a patch is about, in a few words: for tables in which a whole one has no place."""

from __future__ import annotations

from hashlib import sha256

#: As many as git shows of a commit.
_ID_LETTERS = 7


def patch_label(patch: str) -> str:
    """Return a short name of a patch: ``3f9a2c1 (helper.py, +2 -1)``.

    Equal for equal patches only, as it begins with the start of their SHA-256.

    Parameters
    ----------
    patch
        As ``git diff`` writes it; not empty.
    """
    paths: list[str] = []
    n_added = n_removed = 0
    is_in_hunk = False
    for line in patch.splitlines():
        # Within a hunk each line begins with a sign of its own.
        if line.startswith("diff --git "):
            paths.append(line.rpartition(" b/")[2])
            is_in_hunk = False
        elif line.startswith("@@ "):
            is_in_hunk = True
        elif is_in_hunk:
            n_added += line.startswith("+")
            n_removed += line.startswith("-")
    about = paths[0] if len(paths) == 1 else f"{len(paths)} files"
    short_id = sha256(patch.encode()).hexdigest()[:_ID_LETTERS]
    return f"{short_id} ({about}, +{n_added} -{n_removed})"
